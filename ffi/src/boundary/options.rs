//! The structs of options, which later versions of the header can extend.
#![expect(unsafe_code, reason = "the C program promises that its pointers are valid")]

use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::slice_from_raw_parts;

use crate::boundary::arguments::{Items, Label, Optional, Text};
use crate::status::Failure;

/// A struct of the header that starts with its own size, so that later versions can add fields.
///
/// # Safety
///
/// * The struct is `repr(C)`, and its first field is a `usize` with its size.
/// * Each field is as large as a `usize`, so that there is no padding.
/// * All bytes zero is a valid value. It means that no field is set.
pub(crate) unsafe trait Extensible: Sized {
    /// The minimum size, which includes the fields that must be set.
    const SMALLEST: usize;
}

/// A `const T *` argument to an [`Extensible`] struct of any version of the header.
#[repr(transparent)]
pub(crate) struct Struct<'a, T>(*const T, PhantomData<&'a T>);

impl<T: Extensible> Struct<'_, T> {
    /// A larger size is a mistake, such as a struct that was never initialised.
    const LARGEST: usize = 4096;

    /// Returns a copy of the struct. A field that the caller's header did not have is not set. A
    /// field that this library does not have must not be set.
    pub(crate) fn read(&self, argument: &'static str) -> Result<T, Failure> {
        if self.0.is_null() {
            return Err(Failure::Null(argument.into()));
        }
        let words = self.0.cast::<usize>();
        // SAFETY: not NULL, and the header requires a struct there whose first field is its size.
        let size = unsafe { words.read() };
        if !(T::SMALLEST..=Self::LARGEST).contains(&size) || size % size_of::<usize>() != 0 {
            let rule = "must be the size of the struct; initialise it with the header's macro";
            return Err(Failure::argument("size", size, rule).within(argument));
        }
        // SAFETY: the header requires `size` initialised bytes there, without padding, which no
        // thread changes during the call.
        let words = unsafe { &*slice_from_raw_parts(words, size / size_of::<usize>()) };
        let known = words.len().min(size_of::<T>() / size_of::<usize>());
        if words[known..].iter().any(|word| *word != 0) {
            let rule = "has a field set that this version of the library does not have";
            return Err(Failure::argument("size", size, rule).within(argument));
        }
        let mut copy = MaybeUninit::<T>::zeroed();
        // SAFETY: both places have `known` words. The copy is valid: its bytes are zero, which the
        // trait allows, or are fields as the header declares them.
        unsafe {
            self.0
                .cast::<u8>()
                .copy_to_nonoverlapping(copy.as_mut_ptr().cast::<u8>(), known * size_of::<usize>());
            Ok(copy.assume_init())
        }
    }
}

/// `dcm_options`.
#[repr(C)]
pub(crate) struct Options<'a> {
    size: usize,
    pub(crate) name: Text<'a>,
    pub(crate) help: Text<'a>,
    pub(crate) unit: Text<'a>,
    pub(crate) const_labels: Items<'a, Label<'a>>,
    pub(crate) const_label_count: usize,
    pub(crate) label_names: Items<'a, Text<'a>>,
    pub(crate) label_name_count: usize,
    pub(crate) max_children: usize,
    pub(crate) buckets: Items<'a, f64>,
    pub(crate) bucket_count: usize,
    pub(crate) states: Items<'a, Text<'a>>,
    pub(crate) state_count: usize,
    pub(crate) native_buckets: Optional<'a, NativeBuckets>,
    pub(crate) gauge_merge: usize,
}

impl Options<'_> {
    /// Returns the options that only one metric type has. Each has its name, its value in words if
    /// it is set, and the type in the plural. The pattern names every field, so a new field does
    /// not compile until it is listed here.
    pub(crate) fn own(&self) -> [(&'static str, Option<String>, &'static str); 4] {
        let Options {
            size: _,
            name: _,
            help: _,
            unit: _,
            const_labels: _,
            const_label_count: _,
            label_names: _,
            label_name_count: _,
            max_children: _,
            buckets,
            bucket_count,
            states,
            state_count,
            native_buckets,
            gauge_merge,
        } = self;
        let array = |is_null: bool, count: usize, what| {
            (!is_null || count > 0).then(|| format!("{count} {what}"))
        };
        let native = native_buckets.get().map(|native| format!("schema {}", native.schema));
        let merge = (*gauge_merge > 0).then(|| gauge_merge.to_string());
        [
            ("buckets", array(buckets.is_null(), *bucket_count, "bounds"), "histograms"),
            ("states", array(states.is_null(), *state_count, "states"), "state sets"),
            ("native_buckets", native, "histograms"),
            ("gauge_merge", merge, "gauges"),
        ]
    }
}

// SAFETY: repr(C), `size` is first, each field is a pointer or a usize, and NULL and 0 are valid.
unsafe impl Extensible for Options<'_> {
    const SMALLEST: usize = std::mem::offset_of!(Options<'_>, unit);
}

/// `dcm_http_options`.
#[repr(C)]
pub(crate) struct HttpOptions<'a> {
    size: usize,
    pub(crate) host: Text<'a>,
    pub(crate) port: usize,
    pub(crate) port_count: usize,
    pub(crate) directory: Text<'a>,
    pub(crate) job: Text<'a>,
    pub(crate) instance: Text<'a>,
}

// SAFETY: as for `Options`.
unsafe impl Extensible for HttpOptions<'_> {
    const SMALLEST: usize = std::mem::offset_of!(HttpOptions<'_>, port_count);
}

/// `dcm_native_buckets`. Any bytes are valid.
#[repr(C)]
pub(crate) struct NativeBuckets {
    pub(crate) schema: c_int,
    pub(crate) zero_threshold: f64,
    pub(crate) largest: f64,
    pub(crate) max_buckets: usize,
    pub(crate) has_negative: usize,
}
