//! The rules of metric and label names.

use crate::model::error::Error;

/// Refuses a metric name outside `[a-zA-Z_:][a-zA-Z0-9_:]*`, the rule of the Prometheus data model
/// (<https://prometheus.io/docs/concepts/data_model/>).
pub(crate) fn check_metric_name(name: &str) -> Result<(), Error> {
    if matches(name, |byte| byte == b':') {
        Ok(())
    } else {
        let rule = "a metric name must match [a-zA-Z_:][a-zA-Z0-9_:]*";
        Err(Error::MetricName { name: name.to_owned(), rule })
    }
}

/// Refuses a label name outside `[a-zA-Z_][a-zA-Z0-9_]*`, and those that begin with `__`, which the
/// data model reserves for Prometheus itself.
pub(crate) fn check_label_name(name: &str) -> Result<(), Error> {
    let rule = if !matches(name, |_| false) {
        "a label name must match [a-zA-Z_][a-zA-Z0-9_]*"
    } else if name.starts_with("__") {
        "label names that begin with __ are reserved"
    } else {
        return Ok(());
    };
    Err(Error::Label { name: name.to_owned(), rule })
}

fn matches(name: &str, also: fn(u8) -> bool) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || also(byte);
    name.bytes().next().is_some_and(letter)
        && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names() {
        for good in ["a", "_", ":", "a:b", "dataclay_inmemory_hits_total", "A9"] {
            assert_eq!(check_metric_name(good), Ok(()), "{good}");
        }
        for bad in ["", "9", "a-b", "a b", "a.b", "é", "a\n", "a\0"] {
            assert!(check_metric_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn label_names() {
        for good in ["a", "_", "_a__b", "le"] {
            assert_eq!(check_label_name(good), Ok(()), "{good}");
        }
        for bad in ["", "1", "a:b", "__name__", "__", "a-b", "ü"] {
            assert!(check_label_name(bad).is_err(), "{bad:?}");
        }
    }
}
