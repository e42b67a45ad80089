//! Where C meets Rust: the macro that exports, the panic guard, and what pointers from C are here.
#![expect(unsafe_code, reason = "what lies behind a pointer from C is the C program's promise")]

use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, slice_from_raw_parts, slice_from_raw_parts_mut};
use std::time::Duration;

use dataclay_metrics_core::Labels;

use crate::status::{Failure, Status, remember};

/// Exports functions to C, each body behind [`guard`]. Nothing else in this crate exports.
macro_rules! export {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?)
        -> $answer:ty $body:block)*) => {$(
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "an exported name; the prefix dcm_ is ours")]
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) -> <$answer as $crate::boundary::Answer>::C {
            $crate::boundary::guard(move || -> $answer { $body })
        }
    )*};
}

/// Runs the body of an export. A panic ends here: it becomes the last error and, where the function
/// has one, a status.
#[inline]
pub(crate) fn guard<A: Answer>(body: impl FnOnce() -> A) -> A::C {
    catch_unwind(AssertUnwindSafe(|| body().into_c())).unwrap_or_else(|panic| {
        remember_panic(panic);
        A::after_panic()
    })
}

/// Apart, so that each export is as small as its body.
#[cold]
#[inline(never)]
#[expect(clippy::needless_pass_by_value, reason = "it is dropped here")]
fn remember_panic(panic: Box<dyn Any + Send>) {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    remember(&Failure::Panic(text.unwrap_or_default()));
}

/// What the body of an export returns, and what C sees of it.
pub(crate) trait Answer {
    type C;
    fn into_c(self) -> Self::C;
    fn after_panic() -> Self::C;
}

impl Answer for Result<(), Failure> {
    type C = Status;

    fn into_c(self) -> Status {
        match self {
            Ok(()) => Status::Ok,
            Err(failure) => {
                remember(&failure);
                failure.status()
            }
        }
    }

    fn after_panic() -> Status {
        Status::Panic
    }
}

impl Answer for () {
    type C = ();

    fn into_c(self) {}

    fn after_panic() {}
}

impl<T> Answer for Option<&T> {
    type C = Self;

    fn into_c(self) -> Self {
        self
    }

    fn after_panic() -> Self {
        None
    }
}

impl Answer for *const c_char {
    type C = Self;

    fn into_c(self) -> Self {
        self
    }

    fn after_panic() -> Self {
        c"".as_ptr()
    }
}

/// The handle that an argument must be.
pub(crate) fn required<'a, T>(
    argument: &'static str,
    handle: Option<&'a T>,
) -> Result<&'a T, Failure> {
    handle.ok_or(Failure::Null(argument))
}

/// Where a result goes. Not read, and written only on success.
pub(crate) type Out<'a, T> = Option<&'a mut MaybeUninit<T>>;

/// Writes a result. `make` runs only if there is a place for what it makes.
pub(crate) fn put<T>(
    argument: &'static str,
    out: Out<'_, T>,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    let place = out.ok_or(Failure::Null(argument))?;
    place.write(make()?);
    Ok(())
}

/// A `const char *` argument: NULL, or the start of a string that ends in NUL.
#[repr(transparent)]
pub(crate) struct Text<'a>(*const c_char, PhantomData<&'a c_char>);

impl<'a> Text<'a> {
    /// The string, which must be there and be UTF-8.
    pub(crate) fn required(&self, argument: &'static str) -> Result<&'a str, Failure> {
        if self.0.is_null() {
            return Err(Failure::Null(argument));
        }
        // SAFETY: not NULL. The header demands that it ends in NUL and that no thread changes it
        // during the call; no export keeps what it borrows for 'a longer than that.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str().map_err(|_| Failure::Utf8(argument, text.to_string_lossy().into_owned()))
    }

    /// The same for a string that no error may show.
    pub(crate) fn secret(&self, argument: &'static str) -> Result<&'a str, Failure> {
        self.required(argument).map_err(|failure| match failure {
            Failure::Utf8(argument, _) => Failure::Utf8(argument, "***".to_owned()),
            other => other,
        })
    }
}

/// A `const T *` argument whose number of elements is another argument.
#[repr(transparent)]
pub(crate) struct Items<'a, T>(*const T, PhantomData<&'a T>);

impl<'a, T> Items<'a, T> {
    /// The elements. NULL is fine if there are none.
    pub(crate) fn slice(&self, argument: &'static str, count: usize) -> Result<&'a [T], Failure> {
        if count == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(Failure::Null(argument));
        }
        if count > isize::MAX as usize / size_of::<T>() {
            let rule = "must be the number of elements";
            return Err(Failure::argument("count", count, rule));
        }
        // SAFETY: not NULL, and the size fits an isize. The header demands `count` elements there,
        // which no thread changes during the call; exports pass on the count that came with it.
        Ok(unsafe { &*slice_from_raw_parts(self.0, count) })
    }
}

/// `dcm_label`.
#[repr(C)]
pub(crate) struct Label<'a> {
    name: Text<'a>,
    value: Text<'a>,
}

/// The strings of an array of `const char *`.
pub(crate) fn texts<'a>(
    argument: &'static str,
    array: &Items<'a, Text<'a>>,
    count: usize,
) -> Result<Vec<&'a str>, Failure> {
    array.slice(argument, count)?.iter().map(|text| text.required(argument)).collect()
}

/// The pairs of an array of `dcm_label`.
pub(crate) fn pairs<'a>(
    labels: &Items<'a, Label<'a>>,
    count: usize,
) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let pair = |label: &Label<'a>| {
        Ok((label.name.required("labels[].name")?, label.value.required("labels[].value")?))
    };
    labels.slice("labels", count)?.iter().map(pair).collect()
}

/// The checked set of an array of `dcm_label`.
pub(crate) fn labels<'a>(labels: &Items<'a, Label<'a>>, count: usize) -> Result<Labels, Failure> {
    Ok(Labels::new(pairs(labels, count)?)?)
}

/// A `char *` argument whose capacity is another argument.
#[repr(transparent)]
pub(crate) struct Buffer<'a>(Option<NonNull<u8>>, PhantomData<&'a mut u8>);

impl Buffer<'_> {
    /// Writes the text and a NUL. Writes nothing, and returns false, if they do not fit.
    pub(crate) fn fill(self, capacity: usize, text: &str) -> bool {
        let (Some(buffer), true) = (self.0, text.len() < capacity) else { return false };
        // SAFETY: not NULL. The header demands room for `capacity` bytes, of which only the first
        // `text.len() + 1` are touched, and nobody else's hand in it during the call; they may be
        // uninitialised.
        let room = unsafe {
            &mut *slice_from_raw_parts_mut(
                buffer.as_ptr().cast::<MaybeUninit<u8>>(),
                text.len() + 1,
            )
        };
        for (place, byte) in room.iter_mut().zip(text.bytes().chain([0])) {
            place.write(byte);
        }
        true
    }
}

/// A `char *` that the C program owns until it gives it to `dcm_string_free`.
#[repr(transparent)]
pub(crate) struct OwnedText(*mut c_char);

impl OwnedText {
    /// Fails if the text holds a NUL, where a C program would see its end.
    pub(crate) fn new(text: String) -> Result<OwnedText, Failure> {
        let text = CString::new(text).map_err(|_| Failure::Absent("the text holds a NUL"))?;
        Ok(OwnedText(text.into_raw()))
    }

    pub(crate) fn free(self) {
        if !self.0.is_null() {
            // SAFETY: the header demands a string of ours (so `into_raw` made it) that was not
            // freed before.
            drop(unsafe { CString::from_raw(self.0) });
        }
    }
}

/// The pointer that a C callback gets back.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct UserData(pub(crate) *mut c_void);

// SAFETY: this crate never looks behind it, and the header says that callbacks run on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// The longest time that an argument may be: a year.
const MAX_SECONDS: f64 = 365.0 * 86_400.0;

/// A time in seconds.
pub(crate) fn seconds(argument: &'static str, value: f64) -> Result<Duration, Failure> {
    if (0.0..=MAX_SECONDS).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        let rule = "must be a number of seconds from 0 to 31536000";
        // As Debug: 1e300 and not its 301 digits.
        Err(Failure::argument(argument, format!("{value:?}"), rule))
    }
}
