//! The log lines of exporters. Every line of this crate is written here, on an exporter's thread.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use crate::count::notes;
use crate::exposition::thread::worker::start_detached;
use crate::model::printable::Printable;

/// The target of every line that this crate logs.
const LOG_TARGET: &str = "dataclay_metrics";

/// Makes a new thread write the lines that cannot be logged where they arise. For language
/// bindings; an exporter does it at its start.
#[doc(hidden)]
pub fn write_notes_on_a_thread() {
    // A refused thread leaves them for the next gather of an exporter.
    notes::write_with(|| drop(start_detached("dcm-log", write_notes)));
    notes::deliver();
}

/// Logs a line on a thread of this crate. For language bindings, where the caller may hold a lock.
#[doc(hidden)]
pub fn warn_later(line: String) {
    notes::add(line);
    notes::deliver();
}

/// Writes them here, on a thread of this crate.
pub(crate) fn write_notes() {
    for line in notes::take() {
        warn(format_args!("{line}"));
        notes::count_written();
    }
}

/// Writes what waits here, and waits for the threads that write, for `limit` at most. For language
/// bindings, at the end of a process.
#[doc(hidden)]
pub fn write_last_notes(limit: Duration) {
    let give_up = Instant::now() + limit;
    write_notes();
    while notes::are_unwritten() && Instant::now() < give_up {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Logs a failure that costs numbers, or its end.
pub(crate) fn warn(line: fmt::Arguments<'_>) {
    log::warn!(target: LOG_TARGET, "{}", Printable(line));
}
