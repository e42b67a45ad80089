//! Registries, and what is registered in them.

pub(crate) mod arguments;
pub(crate) mod collector_registry;
pub(crate) mod created;
pub(crate) mod custom;
pub(crate) mod definition;
pub(crate) mod exemplars;
pub(crate) mod families;
pub(crate) mod multiproc;
pub(crate) mod names;
pub(crate) mod registrable;
pub(crate) mod registration;
pub(crate) mod timestamps;
pub(crate) mod yielded;
