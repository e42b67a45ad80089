//! `dcm_status`, the result of a call as a number, and the last error of each thread as text.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::fmt;

use dataclay_metrics_core::Error;

/// The numbers of `dcm_status`. A number never changes its meaning; a new one is added at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) enum Status {
    Ok = 0,
    Null = 1,
    Utf8 = 2,
    Argument = 3,
    MetricName = 4,
    Label = 5,
    Amount = 6,
    Duplicate = 7,
    NotRegistered = 8,
    TooManyCounters = 9,
    Setting = 10,
    Listen = 11,
    Push = 12,
    System = 13,
    BufferTooSmall = 14,
    Absent = 15,
    Timeout = 16,
    Panic = 17,
    Other = 18,
}

impl Status {
    pub(crate) const ALL: [Status; 19] = [
        Status::Ok,
        Status::Null,
        Status::Utf8,
        Status::Argument,
        Status::MetricName,
        Status::Label,
        Status::Amount,
        Status::Duplicate,
        Status::NotRegistered,
        Status::TooManyCounters,
        Status::Setting,
        Status::Listen,
        Status::Push,
        Status::System,
        Status::BufferTooSmall,
        Status::Absent,
        Status::Timeout,
        Status::Panic,
        Status::Other,
    ];

    pub(crate) fn message(self) -> &'static CStr {
        match self {
            Status::Ok => c"success",
            Status::Null => c"a required argument is NULL",
            Status::Utf8 => c"a string is not UTF-8",
            Status::Argument => c"an argument is out of its range",
            Status::MetricName => c"a metric name is not valid",
            Status::Label => c"a label or a set of labels is not valid",
            Status::Amount => c"a counter cannot hold that amount",
            Status::Duplicate => c"the registry has a metric of that name",
            Status::NotRegistered => c"the registry does not have that metric",
            Status::TooManyCounters => c"2^26 counters are alive",
            Status::Setting => c"a setting has a wrong value",
            Status::Listen => c"cannot listen on that address",
            Status::Push => c"the push failed",
            Status::System => c"the operating system refused a thread or a descriptor",
            Status::BufferTooSmall => c"the buffer is too small",
            Status::Absent => c"the requested value or object does not exist",
            Status::Timeout => c"the exporter did not end in time",
            Status::Panic => c"a defect of this library, which still works",
            Status::Other => c"any other error",
        }
    }
}

/// The reason why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The argument is NULL.
    Null(Cow<'static, str>),
    /// The argument is not UTF-8; its value, with replacement characters.
    Utf8(Cow<'static, str>, String),
    /// The argument, its value and its rule.
    Argument(Cow<'static, str>, String, &'static str),
    /// The capacity that the text needs, and the one that the buffer has.
    BufferTooSmall { needed: usize, capacity: usize },
    /// The reason why the result does not exist.
    Absent(&'static str),
    /// The panic's message.
    Panic(String),
    /// An error of core.
    Core(Error),
}

impl Failure {
    pub(crate) fn argument(
        argument: &'static str,
        value: impl fmt::Display,
        rule: &'static str,
    ) -> Failure {
        Failure::Argument(argument.into(), value.to_string(), rule)
    }

    /// Adds the argument's name to a failure of one of its parts: `options.name`.
    pub(crate) fn within(self, argument: &str) -> Failure {
        let named = |part: Cow<'static, str>| format!("{argument}.{part}").into();
        match self {
            Failure::Null(part) => Failure::Null(named(part)),
            Failure::Utf8(part, value) => Failure::Utf8(named(part), value),
            Failure::Argument(part, value, rule) => Failure::Argument(named(part), value, rule),
            other => other,
        }
    }

    pub(crate) fn status(&self) -> Status {
        match self {
            Failure::Null(_) => Status::Null,
            Failure::Utf8(..) => Status::Utf8,
            Failure::Argument(..) => Status::Argument,
            Failure::BufferTooSmall { .. } => Status::BufferTooSmall,
            Failure::Absent(_) => Status::Absent,
            Failure::Panic(_) => Status::Panic,
            Failure::Core(error) => match error {
                Error::MetricName { .. } => Status::MetricName,
                Error::Label { .. } => Status::Label,
                Error::Amount { .. } => Status::Amount,
                Error::Duplicate { .. } => Status::Duplicate,
                Error::NotRegistered { .. } => Status::NotRegistered,
                Error::TooManyCounters => Status::TooManyCounters,
                Error::Setting { .. } => Status::Setting,
                Error::Listen { .. } => Status::Listen,
                Error::Push { .. } => Status::Push,
                Error::System { .. } => Status::System,
                Error::Timeout { .. } => Status::Timeout,
                _ => Status::Other,
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Core(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Null(argument) => write!(f, "{argument}=NULL: must not be NULL"),
            Failure::Utf8(argument, value) => write!(f, "{argument}={value:?}: must be UTF-8"),
            Failure::Argument(argument, value, rule) => write!(f, "{argument}={value}: {rule}"),
            Failure::BufferTooSmall { needed, capacity } => {
                write!(f, "capacity={capacity}: must be at least {needed} for this text")
            }
            Failure::Absent(why) => f.write_str(why),
            Failure::Panic(what) => write!(f, "a defect of this library: {what}"),
            Failure::Core(error) => error.fmt(f),
        }
    }
}

/// The size of each thread's last error in bytes, including the NUL. A longer text is truncated.
const ROOM: usize = 1024;

thread_local! {
    /// Boxed, so that a pointer to it is valid as long as the thread lives.
    static LAST: Box<[Cell<u8>; ROOM]> = Box::new([const { Cell::new(0) }; ROOM]);
}

/// Keeps the failure as the calling thread's last error.
pub(crate) fn remember(failure: &Failure) {
    // A C string contains no NUL. If the text has one, C programs see its end there.
    let text = failure.to_string();
    let ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
    let text = &text[..ends.take_while(|end| *end < ROOM).last().unwrap_or(0)];
    // An error means that the thread is ending and its storage was freed, so no code can read it.
    let _storage_is_gone = LAST.try_with(|last| {
        last.iter().zip(text.bytes().chain([0])).for_each(|(place, byte)| place.set(byte));
    });
}

/// Returns the calling thread's last error, which is valid as long as the thread lives.
pub(crate) fn last_error() -> *const c_char {
    LAST.try_with(|last| last.as_ptr().cast()).unwrap_or(c"".as_ptr())
}
