//! Another Rust static library for the same program. It has its own copy of Rust's standard
//! library, starts threads, and panics.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::thread;

thread_local!(static OWN: Cell<u32> = const { Cell::new(1) });

#[unsafe(no_mangle)]
pub extern "C" fn other_adds_on_a_thread(number: u32) -> u32 {
    let add = move || OWN.replace(0) + format!("{number}").parse::<u32>().unwrap_or(0);
    thread::spawn(add).join().unwrap_or(0)
}

/// Returns 1 if a panic unwinds to here.
#[unsafe(no_mangle)]
pub extern "C" fn other_panics() -> u32 {
    u32::from(catch_unwind(|| panic!("forced by a test")).is_err())
}
