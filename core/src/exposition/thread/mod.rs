//! The threads of exporters: started, stopped, paused for a fork.
//!
//! `worker` is one thread, `service` the life of an exporter's thread across forks, `gatherer` the
//! threads that call the application's functions under a deadline.

pub(crate) mod gatherer;
pub(crate) mod service;
pub(crate) mod worker;
