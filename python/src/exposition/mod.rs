//! Exporters, pushes and text for Python.

pub(crate) mod exporter;
pub(crate) mod gateway;
pub(crate) mod http_exporter;
pub(crate) mod multiprocess;
pub(crate) mod program;
pub(crate) mod push_exporter;
pub(crate) mod segments;
pub(crate) mod settings;
pub(crate) mod shared_directory;
pub(crate) mod text;
pub(crate) mod tls;

use crate::registry::registrable::Class;

/// The classes whose objects registries accept.
pub(crate) const CLASSES: &[Class] = &[Class::of::<multiprocess::MultiProcessCollector>()];
