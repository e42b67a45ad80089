//! The door from threads of ours into the interpreter, which is closed when that ends.
//!
//! While CPython before 3.14 is being finalized it ends any other thread that wants its lock, by
//! `pthread_exit`. That unwinds the thread's stack, and one with Rust in it aborts the process. So
//! nothing of ours is in the interpreter by then: the last exit function closes the door and waits
//! for those inside, with a bound. Who returns later is parked, and who never returns is caught
//! (`guarded.rs`).

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::interpreter::guarded;

/// What closing waits for calls that have not returned.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

static CLOSED: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Who waits for `INSIDE` to become 0.
static CLOSING: OnceLock<Thread> = OnceLock::new();

thread_local! {
    /// Whether this thread is one of `INSIDE`.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` in the interpreter. `None` if that is going down, or to a thread of ours when the
/// door is closed.
pub(crate) fn attach<R>(body: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    if guarded::is_known_to_python() {
        return Python::try_attach(body);
    }
    INSIDE.fetch_add(1, Ordering::SeqCst);
    IS_INSIDE.set(true);
    let result = if CLOSED.load(Ordering::SeqCst) { None } else { Python::try_attach(body) };
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

/// Leaves for good if this is a thread of ours that comes back too late. The caller parks it.
pub(crate) fn is_too_late() -> bool {
    let late = IS_INSIDE.get() && CLOSED.load(Ordering::SeqCst);
    if late {
        leave();
    }
    late
}

/// At exit, when nothing is exported any more: no thread of ours enters the interpreter from now
/// on. Waits for those inside, half a second at the most.
#[pyfunction]
pub(crate) fn close_to_threads(py: Python<'_>) {
    py.detach(|| {
        let give_up = Instant::now() + CLOSE_LIMIT;
        // Set already: a second call, which has nobody to wait for.
        let _ = CLOSING.set(thread::current());
        CLOSED.store(true, Ordering::SeqCst);
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < give_up {
            thread::park_timeout(give_up.saturating_duration_since(Instant::now()));
        }
    });
}

/// In a forked child no other thread is inside.
pub(crate) fn after_fork_in_child() {
    INSIDE.store(usize::from(IS_INSIDE.get()), Ordering::SeqCst);
}
