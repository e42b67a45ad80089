//! The version of the loaded library. A program may have been compiled with the header of another
//! version.

use std::ffi::{CStr, c_char};

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

export! {
    fn dcm_version() -> *const c_char {
        VERSION.as_ptr()
    }

    #[cfg(feature = "test-panic")]
    fn dcm_test_panic() -> Result<(), crate::status::Failure> {
        panic!("forced by a test")
    }
}
