//! The log lines of this crate. They are written on an exporter's thread, on the thread `dcm-log`,
//! or on the thread that calls [`write_last_notes`] at the end of a process.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use crate::diagnostics::notes;
use crate::exposition::thread::worker::start_detached;
use crate::model::printable::Printable;

/// The target of every line that this crate logs.
const LOG_TARGET: &str = "dataclay_metrics";

/// Makes a new thread write the lines that cannot be logged at their origin. Language bindings call
/// this; an exporter does the same when it starts.
#[doc(hidden)]
pub fn write_notes_on_a_thread() {
    // If the thread is refused, the next gather of an exporter writes them.
    notes::write_with(|| drop(start_detached("dcm-log", write_notes)));
    notes::deliver();
}

/// Logs a line on a thread of this crate, because the caller may hold a lock. Language bindings use
/// this.
#[doc(hidden)]
pub fn warn_later(line: String) {
    notes::add(line);
    notes::deliver();
}

/// Writes the waiting lines on this thread, which is one of this crate.
pub(crate) fn write_notes() {
    for line in notes::take() {
        warn(format_args!("{line}"));
        notes::count_written();
    }
}

/// Writes the waiting lines, and waits for threads that write lines, for at most `limit`. Language
/// bindings call this at the end of a process.
#[doc(hidden)]
pub fn write_last_notes(limit: Duration) {
    let give_up = Instant::now() + limit;
    write_notes();
    while notes::are_unwritten() && Instant::now() < give_up {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Logs a failure that loses samples, or the end of such a failure.
pub(crate) fn warn(line: fmt::Arguments<'_>) {
    log::warn!(target: LOG_TARGET, "{}", Printable(line));
}
