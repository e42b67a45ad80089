//! Handles forks: in the child no lock is locked, counts start at zero, and exporters run.
//!
//! `pthread_atfork` registers the handlers, so they run for every `fork` of the process:
//!
//! | when | what |
//! |---|---|
//! | before | the exporters' threads end and their state is kept; then no thread is in a section |
//! | after, in the parent | the exporters continue where they were |
//! | after, in the child | all counters are zero, and blocks of other threads are free |
//! | | inherited sockets are closed, and the exporters start under the child's identity |
//!
//! A thread is in a section while it holds a lock of this crate (`sync/gate.rs`).
//!
//! One lock we cannot cover: std briefly takes an internal lock whenever a thread exits. In a Rust
//! program, std also takes that lock whenever a thread starts. Under Python or C, a starting thread
//! does not take it, because std does not register the stacks there. The exporters' threads have
//! ended before a fork, but another Rust thread may hold that lock. That thread may belong to the
//! application, to a function that took too long, or to the look-up of a name. The lock then stays
//! locked in the child. Counters still work in
//! that child. Exporters work under Python and C, because nobody waits for the end of their threads
//! (`worker.rs`). In a Rust program they cannot start.
//!
//! [`pause`] and [`resume`] stop and start the exporters earlier and later than the fork handlers
//! do. Python 3.12 and newer need that, because they warn if the process has a second thread just
//! before or after a fork.

pub(crate) mod exporters;
pub(crate) mod handlers;
pub(crate) mod section;

pub use exporters::{pause, resume};
pub use section::section;
