//! The macro that exports functions, and the panic guard.
#![expect(unsafe_code, reason = "the section that runs code when the library is loaded")]

use std::any::Any;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dataclay_metrics_core::{Uncancelled, fork};

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
/// No thread is cancelled during a call, because unwinding through this library would abort the
/// process. `hot:` marks functions in which no thread can be cancelled, because they call nothing
/// that POSIX lists as a cancellation point. If they call a function of the application, they do so
/// through [`uncancelled`].
macro_rules! export {
    (hot: $($functions:tt)*) => { export!(@by guard, $($functions)*); };
    (@by $guard:ident, $($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?)
        -> $answer:ty $body:block)*) => {$(
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "an exported name; no other library uses the prefix dcm_")]
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*)
            -> <$answer as $crate::boundary::export::Answer>::C {
            $crate::boundary::export::$guard(move || -> $answer { $body })
        }
    )*};
    ($($functions:tt)*) => { export!(@by guard_uncancelled, $($functions)*); };
}

/// Runs the body of an export and catches a panic. The panic becomes the last error and, if the
/// function returns a status, a status.
#[inline]
pub(crate) fn guard<A: Answer>(body: impl FnOnce() -> A) -> A::C {
    catch_unwind(AssertUnwindSafe(|| body().into_c())).unwrap_or_else(|panic| {
        remember_panic(panic);
        A::after_panic()
    })
}

/// Runs the body of an export like [`guard`]. A request to cancel the thread waits until the call
/// has returned.
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
