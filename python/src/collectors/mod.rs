//! Collectors of the process and of the interpreter.

pub(crate) mod garbage;
pub(crate) mod platform;
pub(crate) mod process;
