//! The error type, which has the refused value and the rule that it breaks.

use std::fmt;

use crate::model::printable::Printable;

/// An error of this crate. Each message is one line with the refused value and the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A metric name breaks the rule.
    MetricName {
        /// The refused name.
        name: String,
        /// The rule for names.
        rule: &'static str,
    },
    /// A label name or a set of labels breaks the rule.
    Label {
        /// The refused label name.
        name: String,
        /// The rule for labels.
        rule: &'static str,
    },
    /// An amount breaks the rule of its counter.
    Amount {
        /// The refused amount, as written.
        value: String,
        /// The rule for amounts.
        rule: &'static str,
    },
    /// Two metrics cannot be in one registry.
    Duplicate {
        /// The name of the refused metric.
        name: String,
        /// The refused metric, in words.
        new: String,
        /// The registered metric, in words.
        existing: String,
    },
    /// The metric to be unregistered is not in the registry.
    NotRegistered {
        /// The metric, in words.
        metric: String,
    },
    /// The process has too many live counters (2^26).
    TooManyCounters,
    /// A setting has a value that the rule forbids.
    Setting {
        /// The variable or parameter.
        name: String,
        /// Its value.
        value: String,
        /// The rule for values.
        rule: String,
    },
    /// The scrape endpoint could not listen.
    Listen {
        /// The address.
        address: String,
        /// The operating system's error number (`errno`), if there is one.
        os_error: Option<i32>,
        /// The reason.
        reason: String,
    },
    /// A push to, or a delete on, a Pushgateway failed.
    Push {
        /// The URL, without credentials.
        url: String,
        /// The status of the gateway's response, if there was one.
        status: Option<u16>,
        /// Whether the whole request was sent without a response. The server may have accepted it.
        is_unanswered: bool,
        /// The gateway's response, or the failure before a response.
        reason: String,
    },
    /// Something did not end in time.
    Timeout {
        /// The operation.
        what: &'static str,
    },
    /// The operating system refused a thread or a descriptor.
    System {
        /// The operation.
        what: &'static str,
        /// The reason.
        reason: String,
    },
}

impl fmt::Display for Error {
    /// Writes one line. Control characters in the values are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(Unescaped(self)).fmt(f)
    }
}

/// The end of the message of an unanswered push.
const SENT: &str = "; the request was sent, so the server may have accepted it";

/// Writes the values of an error without escaping.
struct Unescaped<'a>(&'a Error);

impl fmt::Display for Unescaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::MetricName { name, rule } => write!(f, "metric name {name:?}: {rule}"),
            Error::Label { name, rule } => write!(f, "label {name:?}: {rule}"),
            Error::Amount { value, rule } => write!(f, "amount {value}: {rule}"),
            Error::Duplicate { new, existing, .. } => {
                write!(f, "{new} conflicts with the registered {existing}")
            }
            Error::NotRegistered { metric } => write!(f, "{metric} is not registered here"),
            Error::TooManyCounters => {
                write!(f, "no room for another counter: at most 2^26 may be alive in a process")
            }
            Error::Setting { name, value, rule } => write!(f, "{name}={value:?}: {rule}"),
            Error::Listen { address, reason, .. } => {
                write!(f, "cannot listen on {address}: {reason}")
            }
            Error::Push { url, reason, is_unanswered, .. } => {
                let sent = if *is_unanswered { SENT } else { "" };
                write!(f, "push to {url} failed: {reason}{sent}")
            }
            Error::Timeout { what } => write!(f, "{what} did not end in time"),
            Error::System { what, reason } => write!(f, "cannot {what}: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_in_every_error() {
        let text = || "a\r\n\x1b[31mCRITICAL\0".to_owned();
        for error in [
            Error::MetricName { name: text(), rule: "rule" },
            Error::Label { name: text(), rule: "rule" },
            Error::Amount { value: text(), rule: "rule" },
            Error::Duplicate { name: text(), new: text(), existing: text() },
            Error::NotRegistered { metric: text() },
            Error::Setting { name: text(), value: text(), rule: text() },
            Error::Listen { address: text(), os_error: None, reason: text() },
            Error::Push { url: text(), status: None, is_unanswered: true, reason: text() },
            Error::System { what: "start a thread", reason: text() },
        ] {
            let line = error.to_string();
            assert!(line.contains("CRITICAL") && !line.contains(char::is_control), "{line:?}");
        }
    }
}
