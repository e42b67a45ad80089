//! A Rust program that links the static library, as a `-sys` crate does.

use std::ffi::{CStr, c_char};

unsafe extern "C" {
    fn dcm_version() -> *const c_char;
}

fn main() {
    // SAFETY: the function takes nothing and returns a string of the library.
    let version = unsafe { CStr::from_ptr(dcm_version()) };
    let panics = std::panic::catch_unwind(|| panic!("forced by a test")).is_err();
    println!(
        "{} - {version:?} is linked, and panics unwind",
        if panics { "ok 1" } else { "not ok 1" }
    );
    println!("1..1");
}
