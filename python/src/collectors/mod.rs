//! Collectors of the process and of the interpreter.

pub(crate) mod platform_and_garbage;
pub(crate) mod process;
