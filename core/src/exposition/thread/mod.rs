//! The threads of exporters: starts and stops them, and pauses them for a fork.
//!
//! `worker` is one thread, `control` its commands, `service` the life of an exporter's thread
//! across forks. `gatherer` waits for the application's functions under a deadline, `pool` is the
//! threads that call them, `queue` their jobs. `logging` writes the log lines of this crate.
//! `system` sets the signals and the stack of each thread.

pub(crate) mod control;
pub(crate) mod gatherer;
pub(crate) mod logging;
pub(crate) mod pool;
pub(crate) mod queue;
pub(crate) mod service;
mod system;
pub(crate) mod worker;
