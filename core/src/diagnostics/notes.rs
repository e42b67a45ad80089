//! Log lines that are written later, because their caller may hold a lock of the application, or be
//! inside a fork.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// The maximum number of waiting lines. Each is written once per process, so there are few.
const MAX_LINES: usize = 64;

static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Whether a line is waiting. A check costs one load.
static WAITING: AtomicBool = AtomicBool::new(false);
/// The number of lines that were added and are not written yet.
static UNWRITTEN: AtomicUsize = AtomicUsize::new(0);
/// The function that starts to write the lines, on a thread of this crate.
static WRITER: OnceLock<fn()> = OnceLock::new();

/// Adds a line for the log. It is written later, by [`deliver`].
pub(crate) fn add(line: String) {
    let mut notes = NOTES.lock();
    if notes.len() < MAX_LINES {
        notes.push(line);
        UNWRITTEN.fetch_add(1, Ordering::Relaxed);
    }
    WAITING.store(true, Ordering::Release);
}

/// Adds a line for this name, unless the name already had one, and starts to write it.
#[cold]
pub(crate) fn add_once(name: &str, line: impl FnOnce() -> String) {
    static LOGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // A collector may yield new names each time, so only some are remembered.
    let mut logged = LOGGED.lock();
    if logged.len() < MAX_LINES && logged.insert(name.to_owned()) {
        add(line());
        deliver();
    }
}

/// Starts to write the waiting lines, on another thread. Nothing waits for that.
pub(crate) fn deliver() {
    if !WAITING.load(Ordering::Acquire) {
        return;
    }
    if let Some(write) = WRITER.get() {
        write();
    }
}

/// Takes the waiting lines.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "nothing logs"))]
pub(crate) fn take() -> Vec<String> {
    if !WAITING.load(Ordering::Acquire) {
        return Vec::new();
    }
    let mut notes = NOTES.lock();
    WAITING.store(false, Ordering::Release);
    std::mem::take(&mut *notes)
}

/// Records that a line, which was taken before, is written.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "nothing logs"))]
pub(crate) fn count_written() {
    UNWRITTEN.fetch_sub(1, Ordering::Relaxed);
}

/// Returns whether lines wait, or are being written.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "nothing logs"))]
pub(crate) fn are_unwritten() -> bool {
    UNWRITTEN.load(Ordering::Relaxed) > 0
}

/// Sets what writes. Only the first call has an effect.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "nothing logs"))]
pub(crate) fn write_with(write: fn()) {
    // Fails in a second call, which would set the same function.
    let _ = WRITER.set(write);
}

/// Drops the waiting lines in a forked child, because the parent writes them.
pub(crate) fn restart() {
    NOTES.lock().clear();
    UNWRITTEN.store(0, Ordering::Relaxed);
    WAITING.store(false, Ordering::Release);
}
