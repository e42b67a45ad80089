//! Writes names that are not legacy names, by the escaping schemes of Prometheus 3.

use std::borrow::Cow;
use std::fmt::Write;

use crate::model::labels::Labels;
use crate::model::names::{is_legacy_label_name, is_legacy_metric_name};

/// The way in which an exposition writes a name that Prometheus did not accept before version 3,
/// such as `http.requests`: <https://prometheus.io/docs/instrumenting/escaping_schemes/>
///
/// If a scheme maps two names to one, the second is written by [`Escaping::Values`].
///
/// ```
/// use dataclay_metrics_core::encode::{Escaping, Format, Options};
/// use dataclay_metrics_core::{Gauge, Registry};
///
/// let registry = Registry::new();
/// registry.register(&Gauge::new("queue.length", "Jobs that wait")?)?;
/// let text = |escaping| {
///     let text = registry.encode_with(Options::new(Format::Text).escaping(escaping));
///     String::from_utf8(text).expect("a text").lines().last().map(str::to_owned)
/// };
/// assert_eq!(text(Escaping::AllowUtf8).as_deref(), Some("{\"queue.length\"} 0"));
/// assert_eq!(text(Escaping::Underscores).as_deref(), Some("queue_length 0"));
/// assert_eq!(text(Escaping::Dots).as_deref(), Some("queue_dot_length 0"));
/// assert_eq!(text(Escaping::Values).as_deref(), Some("U__queue_2e_length 0"));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escaping {
    /// Unchanged, and in quotes in a text format.
    AllowUtf8,
    /// With an underscore for each character that is not allowed. Every server accepts this.
    #[default]
    Underscores,
    /// With `_dot_` for a dot, and `__` for an underscore or any other character that is not
    /// allowed.
    Dots,
    /// With the prefix `U__`, and for each such character its code point between underscores. No
    /// two names have the same form.
    Values,
}

impl Escaping {
    /// All schemes.
    pub const ALL: [Escaping; 4] =
        [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values];

    /// Returns the name in the parameter `escaping` of the headers Accept and Content-Type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Escaping::AllowUtf8 => "allow-utf-8",
            Escaping::Underscores => "underscores",
            Escaping::Dots => "dots",
            Escaping::Values => "values",
        }
    }

    /// Returns the scheme of that name, which must match exactly.
    pub fn from_name(name: &str) -> Option<Escaping> {
        Escaping::ALL.into_iter().find(|scheme| scheme.as_str() == name)
    }

    /// Returns a metric name as this scheme writes it, without quotes. A legacy name is returned
    /// unchanged.
    pub(super) fn metric_name(self, name: &str) -> Cow<'_, str> {
        if is_legacy_metric_name(name) { name.into() } else { self.escaped(name, &[':']) }
    }

    /// Returns a label name as this scheme writes it, without quotes. A legacy name is returned
    /// unchanged.
    pub(super) fn label_name(self, name: &str) -> Cow<'_, str> {
        if is_legacy_label_name(name) { name.into() } else { self.escaped(name, &[]) }
    }

    /// Returns a name that is not a legacy name as this scheme writes it, without quotes.
    /// Characters in `also` do not change.
    pub(super) fn escaped<'a>(self, name: &'a str, also: &[char]) -> Cow<'a, str> {
        let mut out = match self {
            Escaping::AllowUtf8 => return name.into(),
            Escaping::Values => "U__".to_owned(),
            Escaping::Underscores | Escaping::Dots => String::new(),
        };
        for (at, char) in name.chars().enumerate() {
            let is_legacy = char.is_ascii_alphabetic()
                || also.contains(&char)
                || (at > 0 && char.is_ascii_digit());
            match (self, char) {
                (Escaping::Dots | Escaping::Values, '_') => out.push_str("__"),
                (Escaping::Dots, '.') => out.push_str("_dot_"),
                _ if is_legacy => out.push(char),
                (Escaping::Dots, _) => out.push_str("__"),
                // Writing to a String never fails.
                (Escaping::Values, _) => drop(write!(out, "_{:x}_", u32::from(char))),
                (Escaping::Underscores | Escaping::AllowUtf8, _) => out.push('_'),
            }
        }
        out.into()
    }

    /// Returns labels under the names that this scheme writes, without quotes. All results differ,
    /// and none is reserved. Without this rule, two Chinese label names would both be underscores.
    pub(super) fn labels<'a>(self, labels: &'a Labels) -> Vec<(Cow<'a, str>, &'a str)> {
        let mut escaped: Vec<(Cow<'a, str>, &str)> = Vec::new();
        for (name, value) in labels.iter() {
            let mut own = self.label_name(name);
            let is_taken = || {
                let mut others = labels.iter().map(|(other, _)| other);
                others.any(|other| other == own) || escaped.iter().any(|(taken, _)| *taken == own)
            };
            if own != name && (own.starts_with("__") || is_taken()) {
                own = Escaping::Values.escaped(name, &[]);
            }
            escaped.push((own, value));
        }
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the examples of <https://prometheus.io/docs/instrumenting/escaping_schemes/>,
    /// and with unusual names.
    #[test]
    fn each_scheme_escapes_names() {
        for (name, underscores, dots, values) in [
            ("a:b_c", "a:b_c", "a:b_c", "a:b_c"),
            ("http.requests", "http_requests", "http_dot_requests", "U__http_2e_requests"),
            ("a.b_c", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"),
            ("1st", "_st", "__st", "U___31_st"),
            ("a b\"\n", "a_b__", "a__b____", "U__a_20_b_22__a_"),
            ("花火", "__", "____", "U___82b1__706b_"),
        ] {
            assert_eq!(Escaping::AllowUtf8.metric_name(name), name);
            assert_eq!(Escaping::Underscores.metric_name(name), underscores);
            assert_eq!(Escaping::Dots.metric_name(name), dots);
            assert_eq!(Escaping::Values.metric_name(name), values);
        }
        assert_eq!(Escaping::Underscores.label_name("a:b"), "a_b");
        for scheme in Escaping::ALL {
            assert_eq!(Escaping::from_name(scheme.as_str()), Some(scheme));
        }
        assert_eq!(Escaping::from_name("utf-8"), None);
    }

    #[test]
    fn no_two_labels_of_a_set_get_the_same_name() {
        let labels =
            Labels::new([("a.b", "1"), ("a-b", "2"), ("a_b", "3"), ("é", "4"), ("花火", "5")]);
        let labels = labels.expect("valid");
        let escaped = Escaping::Underscores.labels(&labels);
        let names: Vec<&str> = escaped.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["U__a_2e_b", "U__a_2d_b", "a_b", "_", "U___82b1__706b_"]);
    }
}
