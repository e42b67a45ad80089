//! The messages of an encoding, and the values of a metric in the form that they need.

use std::sync::Arc;
use std::time::SystemTime;

use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::native::NativeHistogram;
use crate::model::value::Value;

/// The messages of one encoding.
pub(super) trait Messages: 'static {
    /// Appends a family whose metrics `write` appends, in about that many bytes. Appends nothing if
    /// `write` returns that there are no metrics.
    fn family(
        &self,
        desc: &Desc,
        of: Type,
        bytes: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    );

    /// Appends one label to a metric of this type.
    fn label(of: Type, name: &str, value: &str, out: &mut Vec<u8>);

    /// Appends a metric of one value, except the part that [`Messages::tail`] appends.
    fn head(of: Type, labels: &[u8], created: Option<SystemTime>, out: &mut Vec<u8>);

    /// Appends the part of a metric of one value that changes. Its length in bytes never changes.
    fn tail(&self, value: Value, out: &mut Vec<u8>);

    /// Appends a metric to a family. Its labels are the bytes that [`Messages::label`] wrote.
    fn metric(&self, of: Type, labels: &[u8], read: &Read<'_>, out: &mut Vec<u8>);
}

/// The type of the metrics of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) kind: Kind,
    /// Whether all histograms of the family have native buckets.
    pub(super) is_native: bool,
}

/// A metric as it was read.
pub(super) struct Read<'a> {
    /// The time at which the values were zero.
    pub(super) created: Option<SystemTime>,
    /// The time of the values, in milliseconds of Unix time, if a collector set one.
    pub(super) timestamp: Option<i64>,
    pub(super) values: Values<'a>,
}

/// The values of one metric.
pub(super) enum Values<'a> {
    Single(Value, Option<&'a Exemplar>),
    /// The values of a histogram or a summary.
    Observed(&'a Observed),
}

/// The values of a histogram or a summary.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// The cumulative buckets, or the quantiles, in ascending order.
    pub(super) bounds: Vec<Bound>,
    pub(super) sum: Option<Value>,
    /// The number of observations. Only custom collectors may omit it.
    pub(super) count: Option<Value>,
    /// The native buckets, of the same observations.
    pub(super) native: Option<NativeHistogram>,
}

/// A bucket, or a quantile.
#[derive(Debug)]
pub(super) struct Bound {
    /// The upper bound of the bucket, or the quantile.
    pub(super) at: f64,
    pub(super) value: Value,
    pub(super) exemplar: Option<Arc<Exemplar>>,
}

impl Observed {
    pub(super) fn clear(&mut self) {
        self.bounds.clear();
        (self.sum, self.count, self.native) = (None, None, None);
    }

    pub(super) fn add(
        &mut self,
        suffix: &str,
        bound: Option<f64>,
        value: Value,
        exemplar: Option<Arc<Exemplar>>,
    ) {
        match (suffix, bound) {
            ("_sum" | "_gsum", _) => self.sum = Some(value),
            ("_count" | "_gcount", _) => self.count = Some(value),
            (_, Some(bound)) => self.bounds.push(Bound { at: bound, value, exemplar }),
            // Such a sample does not belong to a histogram or a summary. Only custom collectors
            // yield it.
            (_, None) => {}
        }
    }
}

/// Returns a number as a `double`.
pub(super) fn float(value: Value) -> f64 {
    match value {
        Value::Integer(count) => count as f64,
        Value::Float(number) => number,
    }
}
