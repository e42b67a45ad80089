//! The rules of metric and label names.
//!
//! A name is any text, as in Prometheus 3. A *legacy* name is one that older versions accept, too:
//! <https://prometheus.io/docs/concepts/data_model/>

use crate::model::error::Error;

/// Refuses the empty metric name.
pub(crate) fn check_metric_name(name: &str) -> Result<(), Error> {
    if name.is_empty() {
        let rule = "a metric name must not be empty";
        return Err(Error::MetricName { name: name.to_owned(), rule });
    }
    Ok(())
}

/// Refuses the empty label name, and those that begin with `__`, which the data model reserves for
/// Prometheus itself.
pub(crate) fn check_label_name(name: &str) -> Result<(), Error> {
    let rule = if name.is_empty() {
        "a label name must not be empty"
    } else if name.starts_with("__") {
        "label names that begin with __ are reserved"
    } else {
        return Ok(());
    };
    Err(Error::Label { name: name.to_owned(), rule })
}

/// Returns whether a metric name matches `[a-zA-Z_:][a-zA-Z0-9_:]*`.
///
/// An application that exports to older servers may check its names:
///
/// ```
/// use dataclay_metrics_core::names;
///
/// assert!(names::is_legacy_metric_name("http_requests_total"));
/// assert!(!names::is_legacy_metric_name("http.requests"));
/// ```
pub fn is_legacy_metric_name(name: &str) -> bool {
    matches(name, |byte| is_legacy(byte) || byte == b':')
}

/// Returns whether a label name matches `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_legacy_label_name(name: &str) -> bool {
    matches(name, is_legacy)
}

/// Returns whether a legacy name may contain this ASCII character.
fn is_legacy(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn matches(name: &str, is_legacy: impl Fn(u8) -> bool) -> bool {
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && name.bytes().all(is_legacy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_except_the_empty_one_is_a_name() {
        for good in ["a", "_", ":", "9", "a-b", "a b", "a.b", "é", "a\n", "a\0", "\""] {
            assert_eq!(check_metric_name(good), Ok(()), "{good:?}");
            assert_eq!(check_label_name(good), Ok(()), "{good:?}");
        }
        assert!(check_metric_name("").is_err());
        for bad in ["", "__name__", "__", "__é"] {
            assert!(check_label_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn legacy_names_are_recognized() {
        for legacy in ["a", "_", "_a__b", "dataclay_inmemory_hits_total", "A9", "__"] {
            assert!(is_legacy_metric_name(legacy) && is_legacy_label_name(legacy), "{legacy}");
        }
        for other in ["", "9", "a-b", "a b", "a.b", "é", "a\n", "a\0", "aé"] {
            assert!(!is_legacy_metric_name(other) && !is_legacy_label_name(other), "{other:?}");
        }
        for with_colon in [":", "a:b"] {
            assert!(is_legacy_metric_name(with_colon) && !is_legacy_label_name(with_colon));
        }
    }
}
