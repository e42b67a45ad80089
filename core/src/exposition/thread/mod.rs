//! The threads of exporters: started, stopped, paused for a fork.

pub(crate) mod gatherer;
pub(crate) mod service;
pub(crate) mod worker;
