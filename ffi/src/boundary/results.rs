//! The places to which C functions write their results.
#![expect(unsafe_code, reason = "the C program promises that its pointers are valid")]

use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, slice_from_raw_parts_mut};

use crate::boundary::arguments::required;
use crate::status::Failure;

/// The place of a result. It is not read, and it is written only on success.
pub(crate) type Out<'a, T> = Option<&'a mut MaybeUninit<T>>;

/// Writes a result. `make` runs only if there is a place for its result.
pub(crate) fn put<T>(
    argument: &'static str,
    out: Out<'_, T>,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    required(argument, out)?.write(make()?);
    Ok(())
}

/// Returns a new handle of the result of `make`. It allocates first. Otherwise the metric would be
/// on the stack meanwhile, and copied by one wide load, which waits for the stores before it.
#[inline]
pub(crate) fn boxed<T>(make: impl FnOnce() -> Result<T, Failure>) -> Result<Box<T>, Failure> {
    let mut room = Box::new_uninit();
    room.write(make()?);
    // SAFETY: the line above has written it. `docs/decisions/12-c-exports-are-one-macro.md` has
    // the price of `Box::new`.
    Ok(unsafe { room.assume_init() })
}

/// A `char *` argument whose capacity is another argument.
#[repr(transparent)]
pub(crate) struct Buffer<'a>(Option<NonNull<u8>>, PhantomData<&'a mut u8>);

impl Buffer<'_> {
    /// Returns whether the pointer is NULL.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// Writes the bytes and a NUL. Writes nothing, and returns false, if they do not fit.
    pub(crate) fn fill(self, capacity: usize, bytes: &[u8]) -> bool {
        let (Some(buffer), true) = (self.0, bytes.len() < capacity) else { return false };
        // SAFETY: not NULL. The header requires room for `capacity` bytes, which no other thread
        // uses during the call. Only the first `bytes.len() + 1` are used. The bytes may be
        // uninitialised.
        let room = unsafe {
            &mut *slice_from_raw_parts_mut(
                buffer.as_ptr().cast::<MaybeUninit<u8>>(),
                bytes.len() + 1,
            )
        };
        for (place, byte) in room.iter_mut().zip(bytes.iter().copied().chain([0])) {
            place.write(byte);
        }
        true
    }
}

/// A `char *` that the C program owns until it frees it with `dcm_string_free`.
#[repr(transparent)]
pub(crate) struct OwnedText(*mut c_char);

impl OwnedText {
    /// Fails if the text contains a NUL, which would end it for a C program.
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Result<OwnedText, Failure> {
        let text = CString::new(text).map_err(|_| Failure::Absent("the text holds a NUL"))?;
        Ok(OwnedText(text.into_raw()))
    }

    pub(crate) fn free(self) {
        if !self.0.is_null() {
            // SAFETY: the header requires a string of this library, which `into_raw` made, and that
            // the program frees it once.
            drop(unsafe { CString::from_raw(self.0) });
        }
    }
}
