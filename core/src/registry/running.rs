//! The functions of the application that run now. If such a function reads its own metric, the
//! read gets no value. Otherwise the function would call itself until the stack is full.

use std::cell::RefCell;
use std::sync::OnceLock;

/// Returns the fiber that runs on this thread, or 0 if the thread has none.
static CURRENT_FIBER: OnceLock<fn() -> usize> = OnceLock::new();

thread_local! {
    /// The functions that run on this thread.
    static RUNNING: RefCell<Vec<Running>> = const { RefCell::new(Vec::new()) };
}

/// A function that runs, until it is dropped. Functions on one thread may run on several fibers:
/// they overlap, and end in any order.
pub(crate) struct Guard(Running);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Running {
    fiber: usize,
    /// The address of the callback.
    callback: usize,
}

/// Distinguishes the fibers of a thread in all later calls: `current` returns the running one, or 0
/// if the thread has none. Only the first `current` counts.
#[doc(hidden)]
pub fn follow_fibers(current: fn() -> usize) {
    CURRENT_FIBER.get_or_init(|| current);
}

/// Notes that the function of `callback` runs. Returns `None` if it runs already, on this thread
/// and fiber.
pub(crate) fn enter<C>(callback: &C) -> Option<Guard> {
    let fiber = CURRENT_FIBER.get().map_or(0, |current| current());
    let entry = Running { fiber, callback: std::ptr::from_ref(callback).addr() };
    let enter = |running: &RefCell<Vec<Running>>| {
        let mut running = running.borrow_mut();
        if running.contains(&entry) {
            return None;
        }
        running.push(entry);
        Some(Guard(entry))
    };
    // An error means that the thread is past its teardown.
    RUNNING.try_with(enter).unwrap_or_else(|_| Some(Guard(entry)))
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = RUNNING.try_with(|running| running.borrow_mut().retain(|entry| *entry != self.0));
    }
}
