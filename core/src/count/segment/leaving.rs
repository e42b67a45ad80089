//! Reads a segment for the last push of this process: without its gauges, as if it had ended.

use std::cell::Cell;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the calling thread reads in this way.
pub(crate) fn is_on() -> bool {
    IS_ON.get()
}

/// Calls `read`, whose reads on this thread leave out the gauges of this process.
#[cfg_attr(not(feature = "push"), expect(dead_code, reason = "pushes use it"))]
pub(crate) fn reading<R>(read: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_ON.set(self.0);
        }
    }
    let _restore = Restore(IS_ON.replace(true));
    read()
}
