//! One line of an exposition.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::layout::Part;
use crate::model::time::Timestamp;
use crate::model::value::Value;

/// One line of an exposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The suffix of the sample's name, after the name of the family: `""`, or for histograms and
    /// summaries `"_bucket"`, `"_sum"` or `"_count"`.
    pub suffix: &'static str,
    /// The labels.
    pub labels: Labels,
    /// The number.
    pub value: Value,
    /// One of the events that a counter or a bucket counts.
    pub exemplar: Option<Arc<Exemplar>>,
    /// The time when the series of a counter, a histogram or a summary was zero, if that is known.
    /// All samples of one histogram or summary have the same time. The text formats expose it only
    /// on demand: [`Registry::expose_created`](crate::Registry::expose_created).
    pub created: Option<SystemTime>,
    /// The time of the number, if it differs from the time of the scrape.
    pub timestamp: Option<Timestamp>,
}

impl Sample {
    /// Returns a sample without exemplar, start time and timestamp. Set these fields afterwards.
    ///
    /// ```
    /// use dataclay_metrics_core::{Kind, Labels, MetricFamily, Sample, Value, encode};
    ///
    /// let mut sizes = MetricFamily::new(Kind::Gauge, "sizes", "Sizes in bytes")?;
    /// sizes.samples.push(Sample::new("", Labels::new([("of", "a")])?, Value::Integer(7)));
    /// assert!(encode::text(&[sizes]).ends_with("\nsizes{of=\"a\"} 7\n"));
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    pub fn new(suffix: &'static str, labels: Labels, value: Value) -> Sample {
        Sample { suffix, labels, value, exemplar: None, created: None, timestamp: None }
    }

    pub(super) fn of(
        part: &Part,
        labels: &Labels,
        created: Option<SystemTime>,
        value: Value,
    ) -> Sample {
        let labels = match &part.label {
            None => labels.clone(),
            Some(label) => labels.with(label.name(), &label.value()),
        };
        Sample { created, ..Sample::new(part.suffix, labels, value) }
    }

    /// Returns whether this is the bucket of a histogram for negative numbers.
    pub(crate) fn has_negative_bound(&self) -> bool {
        let bound = self.labels.iter().find(|(name, _)| *name == "le");
        bound.is_some_and(|(_, bound)| bound.parse().is_ok_and(|bound: f64| bound < 0.0))
    }
}

/// Appends the samples of one metric: the values of the `parts` that exist.
pub(crate) fn extend(
    samples: &mut Vec<Sample>,
    parts: &[Part],
    labels: &Labels,
    created: Option<SystemTime>,
    values: &[Option<Value>],
) {
    let sample = |(part, value): (_, &Option<Value>)| {
        value.map(|value| Sample::of(part, labels, created, value))
    };
    samples.extend(parts.iter().zip(values).filter_map(sample));
}
