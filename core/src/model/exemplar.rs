//! An exemplar: one event that was counted, with labels that lead to its trace.

use std::time::SystemTime;

use crate::model::error::Error;
use crate::model::labels::Labels;

/// One of the events that a sample counts. OpenMetrics exposes it after the sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    labels: Labels,
    /// `None` if it is not known.
    value: Option<f64>,
    time: Option<SystemTime>,
}

/// The maximum number of characters in the names and values of an exemplar's labels together
/// (OpenMetrics 1.0, "Exemplars").
const MAX_CHARACTERS: usize = 128;

impl Exemplar {
    /// Makes an exemplar with the amount or the number of the event, and its time, if it is known.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if names and values of the labels have more than 128 characters together.
    pub fn new(labels: Labels, value: f64, time: Option<SystemTime>) -> Result<Exemplar, Error> {
        let characters = |text: &str| text.chars().count();
        let all = labels.iter().map(|(name, value)| characters(name) + characters(value));
        if all.sum::<usize>() > MAX_CHARACTERS {
            let rule =
                format!("names and values have at most {MAX_CHARACTERS} characters together");
            return Err(Error::Setting {
                name: "exemplar".into(),
                value: labels.to_string(),
                rule,
            });
        }
        Ok(Exemplar { labels, value: Some(value), time })
    }

    /// Makes an exemplar whose number is not known, such as a dict in place of an exemplar in
    /// Python. No format can expose it.
    #[doc(hidden)]
    pub fn without_value(labels: Labels) -> Exemplar {
        Exemplar { labels, value: None, time: None }
    }

    /// Returns whether a format can expose it.
    #[doc(hidden)]
    pub fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// Returns the same exemplar with these labels, which may be longer.
    pub(crate) fn with_labels(&self, labels: Labels) -> Exemplar {
        Exemplar { labels, ..*self }
    }

    /// Returns the labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Returns the amount or the number of the event.
    pub fn value(&self) -> f64 {
        self.value.unwrap_or(f64::NAN)
    }

    /// Returns the time of the event.
    pub fn time(&self) -> Option<SystemTime> {
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_at_most_128_characters() {
        let exemplar = |value: &str| {
            let labels = Labels::new([("id", value)]).expect("valid");
            Exemplar::new(labels, 1.0, None)
        };
        assert!(exemplar(&"é".repeat(126)).is_ok());
        let message = exemplar(&"é".repeat(127)).expect_err("too long").to_string();
        assert!(message.contains("éé") && message.contains("at most 128"), "{message}");
    }
}
