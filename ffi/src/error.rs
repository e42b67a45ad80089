//! Errors in C: the meaning of a status, and the text of the last error.

use std::ffi::{c_char, c_int};

use crate::status::{Status, last_error};

export! {
    fn dcm_status_message(status: c_int) -> *const c_char {
        let known = Status::ALL.into_iter().find(|known| *known as c_int == status);
        known.map_or(c"not a status of this version", Status::message).as_ptr()
    }

    fn dcm_error_last() -> *const c_char {
        last_error()
    }
}
