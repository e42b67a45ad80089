//! The ways in which metrics leave the process, for Python.

pub(crate) mod exporters;
pub(crate) mod gateway;
pub(crate) mod settings;
pub(crate) mod text;
