//! The threads of exporters: started, stopped, paused for a fork.
//!
//! `worker` is one thread, `service` the life of an exporter's thread across forks, `gatherer` the
//! threads that call the application's functions under a deadline, `system` the signals and the
//! stack of each of these threads.

pub(crate) mod gatherer;
pub(crate) mod pool;
pub(crate) mod service;
#[cfg(unix)]
mod system;
pub(crate) mod worker;
