//! The door from this library's threads into the interpreter. It is closed before the interpreter
//! ends.
//!
//! CPython before 3.14 ends any other thread that wants its lock during finalization, by
//! `pthread_exit`. That unwinds the thread's stack, and a stack with Rust in it aborts the process.
//! So the last exit function closes the door and waits, with a bound, for the threads inside.
//! `guarded.rs` parks a thread that returns later, and stops the unwinding of one that never does.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::write_last_notes;
use pyo3::prelude::*;

use crate::interpreter::run;

/// The time that closing waits for calls that have not returned.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

static CLOSED: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// The thread that waits for `INSIDE` to become 0.
static CLOSING: OnceLock<Thread> = OnceLock::new();

thread_local! {
    /// Whether `INSIDE` counts this thread.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Enters, runs `body` and leaves. Returns `None` if the door is closed.
pub(crate) fn through<R>(body: impl FnOnce() -> Option<R>) -> Option<R> {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    IS_INSIDE.set(true);
    let result = if CLOSED.load(Ordering::SeqCst) { None } else { body() };
    leave();
    result
}

fn leave() {
    IS_INSIDE.set(false);
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    if let Some(closing) = CLOSING.get() {
        closing.unpark();
    }
}

/// Leaves for good, and returns true, if this thread is inside and the door is closed. The caller
/// must then park it.
pub(crate) fn is_too_late() -> bool {
    let late = IS_INSIDE.get() && CLOSED.load(Ordering::SeqCst);
    if late {
        leave();
    }
    late
}

/// Closes the interpreter to this library's threads, at exit, when every exporter has stopped.
///
/// Writes waiting log lines first. Waits at most half a second for them, and as long for the
/// threads that are inside.
#[pyfunction]
pub(crate) fn close_to_threads(py: Python<'_>) {
    py.detach(|| {
        write_last_notes(CLOSE_LIMIT);
        let give_up = Instant::now() + CLOSE_LIMIT;
        // Fails only in a second call, which has no thread to wait for.
        let _ = CLOSING.set(thread::current());
        CLOSED.store(true, Ordering::SeqCst);
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < give_up {
            thread::park_timeout(give_up.saturating_duration_since(Instant::now()));
        }
    });
}

/// Opens the interpreter to threads, when the module is loaded. If it was closed before, this is a
/// new run of the interpreter.
pub(crate) fn open() {
    if CLOSED.swap(false, Ordering::SeqCst) {
        run::begin();
    }
}

/// Resets the count of threads inside in a forked child, where they do not exist.
pub(crate) fn after_fork_in_child() {
    INSIDE.store(usize::from(IS_INSIDE.get()), Ordering::SeqCst);
}
