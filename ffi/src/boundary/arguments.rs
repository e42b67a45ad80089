//! The arguments that C functions receive: handles, strings, arrays, times.
#![expect(unsafe_code, reason = "the C program promises that its pointers are valid")]

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::slice_from_raw_parts;
use std::time::Duration;

use dataclay_metrics_core::Labels;
use dataclay_metrics_core::exposition::LONGEST;

use crate::status::Failure;

/// Returns an argument that must not be NULL.
pub(crate) fn required<T>(argument: &'static str, value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::Null(argument.into()))
}

/// A `const char *` argument: NULL, or the start of a string that ends in NUL.
#[repr(transparent)]
pub(crate) struct Text<'a>(*const c_char, PhantomData<&'a c_char>);

impl<'a> Text<'a> {
    /// Returns the string, which must not be NULL and must be UTF-8.
    pub(crate) fn required(&self, argument: &'static str) -> Result<&'a str, Failure> {
        if self.0.is_null() {
            return Err(Failure::Null(argument.into()));
        }
        // SAFETY: not NULL. The header requires that it ends in NUL and that no thread changes it
        // during the call. No export keeps a reference with the lifetime 'a after the call.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str()
            .map_err(|_| Failure::Utf8(argument.into(), text.to_string_lossy().into_owned()))
    }

    /// Returns the string, or `None` for NULL. It must be UTF-8.
    pub(crate) fn optional(&self, argument: &'static str) -> Result<Option<&'a str>, Failure> {
        if self.0.is_null() { Ok(None) } else { self.required(argument).map(Some) }
    }

    /// Returns a required string, which no error message may show.
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
    /// Returns whether the pointer is NULL, so that the option is not set.
    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Returns the elements. The pointer may be NULL if there are none.
    pub(crate) fn slice(&self, argument: &'static str, count: usize) -> Result<&'a [T], Failure> {
        if count == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(Failure::Null(argument.into()));
        }
        if count > isize::MAX as usize / size_of::<T>() {
            let rule = "must be the number of elements";
            return Err(Failure::argument("count", count, rule).within(argument));
        }
        // SAFETY: not NULL, and the size fits an isize. The header requires `count` elements there,
        // which no thread changes during the call. Exports pass the count that belongs to the
        // array.
        Ok(unsafe { &*slice_from_raw_parts(self.0, count) })
    }
}

/// A `const T *` field of options that points to one element, or is NULL if it is not set.
#[repr(transparent)]
pub(crate) struct Optional<'a, T>(Items<'a, T>);

impl<'a, T> Optional<'a, T> {
    pub(crate) fn get(&self) -> Option<&'a T> {
        let count = usize::from(!self.0.0.is_null());
        self.0.slice("", count).ok()?.first()
    }
}

/// `dcm_label`.
#[repr(C)]
pub(crate) struct Label<'a> {
    name: Text<'a>,
    value: Text<'a>,
}

/// Returns the strings of an array of `const char *`.
pub(crate) fn texts<'a>(
    argument: &'static str,
    array: &Items<'a, Text<'a>>,
    count: usize,
) -> Result<Vec<&'a str>, Failure> {
    array.slice(argument, count)?.iter().map(|text| text.required(argument)).collect()
}

/// Calls `take` with the strings of an array of `const char *`. A few of them allocate nothing.
pub(crate) fn with_texts<'a, R>(
    argument: &'static str,
    array: &Items<'a, Text<'a>>,
    count: usize,
    take: impl FnOnce(&[&'a str]) -> Result<R, Failure>,
) -> Result<R, Failure> {
    /// Enough for most families.
    const FEW: usize = 4;
    let mut few = [""; FEW];
    let many;
    let texts = if let Some(few) = few.get_mut(..count) {
        for (place, text) in few.iter_mut().zip(array.slice(argument, count)?) {
            *place = text.required(argument)?;
        }
        &*few
    } else {
        many = texts(argument, array, count)?;
        &*many
    };
    take(texts)
}

/// Returns the pairs of an array of `dcm_label`.
pub(crate) fn pairs<'a>(
    argument: &'static str,
    labels: &Items<'a, Label<'a>>,
    count: usize,
) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let pair =
        |label: &Label<'a>| Ok((label.name.required("name")?, label.value.required("value")?));
    let pairs: Result<_, Failure> = labels.slice(argument, count)?.iter().map(pair).collect();
    pairs.map_err(|failure| failure.within(&format!("{argument}[]")))
}

/// Returns the checked set of labels of an array of `dcm_label`.
pub(crate) fn labels<'a>(
    argument: &'static str,
    labels: &Items<'a, Label<'a>>,
    count: usize,
) -> Result<Labels, Failure> {
    Ok(Labels::new(pairs(argument, labels, count)?)?)
}

/// The pointer that a C callback receives.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct UserData(pub(crate) *mut c_void);

// SAFETY: this crate never dereferences it, and the header says that callbacks run on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// Returns a time in seconds as a duration, which is at most a year.
pub(crate) fn seconds(argument: &'static str, value: f64) -> Result<Duration, Failure> {
    if (0.0..=LONGEST.as_secs_f64()).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        let rule = "must be a number of seconds from 0 to 31536000";
        // Formatted as Debug, so that 1e300 does not have 301 digits.
        Err(Failure::argument(argument, format!("{value:?}"), rule))
    }
}
