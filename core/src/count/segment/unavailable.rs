//! The reasons why a process cannot use a segment.

use std::fmt;
use std::io;

/// The reason why a process cannot use a segment. It then counts in private memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable {
    /// The step that failed, as a clause: `cannot open the directory`.
    pub(crate) what: &'static str,
    /// The reason, and the rule if one was broken.
    pub(crate) reason: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

pub(crate) fn failed(what: &'static str) -> impl Fn(io::Error) -> Unavailable {
    move |error| Unavailable { what, reason: error.to_string() }
}

pub(crate) fn refused(what: &'static str, rule: &str) -> Unavailable {
    Unavailable { what, reason: rule.to_owned() }
}
