//! Where C meets Rust: the macro that exports, the panic guard, and the types of pointers from C.
#![expect(unsafe_code, reason = "the C program promises what lies behind its pointers")]

use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, slice_from_raw_parts, slice_from_raw_parts_mut};
use std::time::Duration;

use dataclay_metrics_core::{Labels, Uncancelled, fork};

use crate::status::{Failure, Status, remember};

/// Installs the fork handlers when the library is loaded. Before a fork, handlers run in reverse
/// order, so those of this library run last. Other libraries have taken their locks by then. So no
/// thread is about to use this library under such a lock.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = install;

extern "C" fn install() {
    fork::section(|| ());
}

/// Exports functions to C, each body behind [`guard`]. Nothing else in this crate exports.
///
/// No thread is cancelled during a call: unwinding through this library would abort the process.
/// `hot:` is for functions in which no thread can be cancelled anyway: they call nothing that POSIX
/// lists as a cancellation point. If they call a function of the application, then as
/// [`uncancelled`].
macro_rules! export {
    (hot: $($functions:tt)*) => { export!(@by guard, $($functions)*); };
    (@by $guard:ident, $($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?)
        -> $answer:ty $body:block)*) => {$(
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "an exported name; no other library uses the prefix dcm_")]
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) -> <$answer as $crate::boundary::Answer>::C {
            $crate::boundary::$guard(move || -> $answer { $body })
        }
    )*};
    ($($functions:tt)*) => { export!(@by guard_uncancelled, $($functions)*); };
}

/// Runs the body of an export and stops a panic: the panic becomes the last error and, where the
/// function returns one, a status.
#[inline]
pub(crate) fn guard<A: Answer>(body: impl FnOnce() -> A) -> A::C {
    catch_unwind(AssertUnwindSafe(|| body().into_c())).unwrap_or_else(|panic| {
        remember_panic(panic);
        A::after_panic()
    })
}

/// Does what [`guard`] does. A request to cancel the thread waits until the call has returned.
pub(crate) fn guard_uncancelled<A: Answer>(body: impl FnOnce() -> A) -> A::C {
    uncancelled(|| guard(body))
}

/// Calls a function. A request to cancel the thread waits until it has returned.
pub(crate) fn uncancelled<R>(function: impl FnOnce() -> R) -> R {
    let _restore = Uncancelled::new();
    function()
}

/// Keeps the panic's message as the last error. Not inlined, so that exports stay small.
#[cold]
#[inline(never)]
#[expect(clippy::needless_pass_by_value, reason = "this function drops it")]
fn remember_panic(panic: Box<dyn Any + Send>) {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    remember(&Failure::Panic(text.unwrap_or_default()));
}

/// A type that the body of an export returns, and the C type that it becomes.
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

/// Returns an argument that must not be NULL.
pub(crate) fn required<T>(argument: &'static str, value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::Null(argument.into()))
}

/// The place of a result. It is not read, and it is written only on success.
pub(crate) type Out<'a, T> = Option<&'a mut MaybeUninit<T>>;

/// Writes a result. `make` runs only if there is a place for what it makes.
pub(crate) fn put<T>(
    argument: &'static str,
    out: Out<'_, T>,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    required(argument, out)?.write(make()?);
    Ok(())
}

/// Returns a new handle of what `make` returns. Allocates first: a metric that waited on the stack
/// meanwhile would be copied by one wide load, which waits for the stores before it.
#[inline]
pub(crate) fn boxed<T>(make: impl FnOnce() -> Result<T, Failure>) -> Result<Box<T>, Failure> {
    let mut room = Box::new_uninit();
    room.write(make()?);
    // SAFETY: the line above has written it. `Box::new` takes 8 ns more of a look-up's 59.
    Ok(unsafe { room.assume_init() })
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
        // SAFETY: not NULL. The header demands that it ends in NUL and that no thread changes it
        // during the call. No export keeps what it borrows for 'a longer than that.
        let text = unsafe { CStr::from_ptr(self.0) };
        text.to_str()
            .map_err(|_| Failure::Utf8(argument.into(), text.to_string_lossy().into_owned()))
    }

    /// Returns the string, or `None` for NULL. It must be UTF-8.
    pub(crate) fn optional(&self, argument: &'static str) -> Result<Option<&'a str>, Failure> {
        if self.0.is_null() { Ok(None) } else { self.required(argument).map(Some) }
    }

    /// Returns a required string that no error message may show.
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
        // SAFETY: not NULL, and the size fits an isize. The header demands `count` elements there,
        // which no thread changes during the call; exports pass on the count that came with it.
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

/// `dcm_native_buckets`. Any bytes are valid.
#[repr(C)]
pub(crate) struct NativeBuckets {
    pub(crate) schema: c_int,
    pub(crate) zero_threshold: f64,
    pub(crate) largest: f64,
    pub(crate) max_buckets: usize,
    pub(crate) has_negative: usize,
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
    /// More labels than most families have.
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

/// A struct of the header that starts with its own size, so that later versions can add fields.
///
/// # Safety
///
/// * The struct is `repr(C)`, and its first field is the `usize` that holds its size.
/// * Each field is as large as a `usize`, so that there is no padding.
/// * All bytes zero is a valid value. It means that no field is set.
pub(crate) unsafe trait Extensible: Sized {
    /// The smallest size that is accepted: the fields that must be set.
    const SMALLEST: usize;
}

/// A `const T *` argument to an [`Extensible`] struct of any version of the header.
#[repr(transparent)]
pub(crate) struct Struct<'a, T>(*const T, PhantomData<&'a T>);

impl<T: Extensible> Struct<'_, T> {
    /// A larger size is an accident, such as a struct that was never initialised.
    const LARGEST: usize = 4096;

    /// Returns a copy of the struct. A field that the caller's header did not have is not set. A
    /// field that this library does not have must not be set.
    pub(crate) fn read(&self, argument: &'static str) -> Result<T, Failure> {
        if self.0.is_null() {
            return Err(Failure::Null(argument.into()));
        }
        let words = self.0.cast::<usize>();
        // SAFETY: not NULL, and the header demands a struct there, whose first field is its size.
        let size = unsafe { words.read() };
        if !(T::SMALLEST..=Self::LARGEST).contains(&size) || size % size_of::<usize>() != 0 {
            let rule = "must be the size of the struct; initialise it with the header's macro";
            return Err(Failure::argument("size", size, rule).within(argument));
        }
        // SAFETY: the header demands `size` initialised bytes there, without padding, which no
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
    pub(crate) size: usize,
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

/// A `char *` argument whose capacity is another argument.
#[repr(transparent)]
pub(crate) struct Buffer<'a>(Option<NonNull<u8>>, PhantomData<&'a mut u8>);

impl Buffer<'_> {
    /// Writes the bytes and a NUL. Writes nothing, and returns false, if they do not fit.
    pub(crate) fn fill(self, capacity: usize, bytes: &[u8]) -> bool {
        let (Some(buffer), true) = (self.0, bytes.len() < capacity) else { return false };
        // SAFETY: not NULL. The header demands room for `capacity` bytes, of which only the first
        // `bytes.len() + 1` are used, and that no other thread uses it during the call. The bytes
        // may be uninitialised.
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
    /// Fails if the text holds a NUL, which would end it for a C program.
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Result<OwnedText, Failure> {
        let text = CString::new(text).map_err(|_| Failure::Absent("the text holds a NUL"))?;
        Ok(OwnedText(text.into_raw()))
    }

    pub(crate) fn free(self) {
        if !self.0.is_null() {
            // SAFETY: the header demands a string of this library, so `into_raw` made it, and that
            // the program frees it once.
            drop(unsafe { CString::from_raw(self.0) });
        }
    }
}

/// The pointer that a C callback receives.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct UserData(pub(crate) *mut c_void);

// SAFETY: this crate never reads through it, and by the header callbacks run on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// The longest time that an argument may be: a year.
const MAX_SECONDS: f64 = 365.0 * 86_400.0;

/// Returns a time in seconds as a duration.
pub(crate) fn seconds(argument: &'static str, value: f64) -> Result<Duration, Failure> {
    if (0.0..=MAX_SECONDS).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        let rule = "must be a number of seconds from 0 to 31536000";
        // As Debug: 1e300 and not its 301 digits.
        Err(Failure::argument(argument, format!("{value:?}"), rule))
    }
}
