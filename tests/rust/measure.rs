//! Measurements of the process of a test: its threads, its descriptors and its memory.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Returns a lock for tests that must not run at the same time, because they measure or fork their
/// process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the threads of this library by their names, because the harness also starts threads.
///
/// A thread takes its name when it first runs, so a thread that was just started is not counted.
///
/// # Panics
///
/// If `/proc` cannot be read.
pub fn library_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("proc");
    // A thread that ends meanwhile has no name.
    let name = |task: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.starts_with("dcm-")).count()
}

/// Counts the descriptors of this process.
///
/// # Panics
///
/// If `/proc` cannot be read.
pub fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Returns the bytes of address space that this process uses.
pub fn address_space_bytes() -> usize {
    statm(0)
}

/// Returns the bytes of RAM that this process uses.
pub fn resident_bytes() -> usize {
    statm(1)
}

/// Returns a field of `/proc/self/statm` in bytes. The file counts pages.
fn statm(field: usize) -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("proc");
    let pages = statm.split(' ').nth(field).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}
