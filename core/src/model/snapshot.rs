//! The snapshot that a gather takes: metric families with their samples.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::model::desc::{Desc, Kind};
use crate::model::error::Error;
use crate::model::exemplar::Exemplar;
use crate::model::kept::Kept;
use crate::model::labels::Labels;
use crate::model::layout::{Layout, Part};
use crate::model::native::NativeHistogram;
use crate::model::time::Timestamp;

/// A sample's number. A counter of whole amounts stays an exact integer below 2^64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// An exact count.
    Integer(u64),
    /// Any other number; NaN and infinities included.
    Float(f64),
}

impl Value {
    /// Returns the sum of both amounts of a counter. It never shrinks if neither does: no case
    /// takes over from another with less than that had.
    #[inline]
    pub(crate) fn count(whole: u64, fractions: f64) -> Value {
        #[cold]
        fn with_fractions(whole: u64, fractions: f64) -> Value {
            /// 2^53: below it an f64 holds every whole number, so the sum is not less than `whole`.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            /// 2^64: what follows the largest u64.
            const BEYOND: f64 = 18_446_744_073_709_551_616.0;
            let sum = whole as f64 + fractions;
            if sum < EXACT {
                return Value::Float(sum);
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let fits = if fractions < BEYOND { whole.checked_add(fractions as u64) } else { None };
            fits.map_or(Value::Float(sum.max(BEYOND)), Value::Integer)
        }
        if fractions == 0.0 { Value::Integer(whole) } else { with_fractions(whole, fractions) }
    }
}

/// Appends the values of a histogram: cumulative counts, the count, the sum, and the counts of its
/// native buckets, if it has any.
pub(crate) fn push_buckets(layout: &Layout, cells: &[(u64, f64)], values: &mut Vec<Option<Value>>) {
    let (mut count, mut sum) = (0_u64, 0.0);
    let Some(native) = layout.native() else {
        for (in_bucket, of_bucket) in cells {
            count = count.saturating_add(*in_bucket);
            sum += of_bucket;
            values.push(Some(Value::Integer(count)));
        }
        values.extend(count_and_sum((count, sum)));
        return;
    };
    let start = values.len();
    values.resize(start + layout.width(), Some(Value::Integer(0)));
    let (exposed, native_counts) = values[start..].split_at_mut(layout.parts().len());
    for ((in_cell, of_cell), cell) in cells.iter().zip(native.cells()) {
        count = count.saturating_add(*in_cell);
        sum += of_cell;
        // The last cell of the bucket writes what stays.
        exposed[cell.explicit] = Some(Value::Integer(count));
        if let Some(Value::Integer(of_native)) =
            cell.native.and_then(|at| native_counts[at].as_mut())
        {
            *of_native = of_native.saturating_add(*in_cell);
        }
    }
    let all = exposed.len() - 2;
    exposed[all..].copy_from_slice(&count_and_sum((count, sum)));
}

/// Returns the values of a summary, which are the last two of a histogram. `prometheus_client` has
/// them in this order.
pub(crate) fn count_and_sum((count, sum): (u64, f64)) -> [Option<Value>; 2] {
    [Some(Value::Integer(count)), Some(Value::Float(sum))]
}

/// Returns the native histogram among the values of one metric. `None` for a metric that has no
/// native buckets.
pub(crate) fn native_histogram(
    layout: &Layout,
    values: &[Option<Value>],
) -> Option<NativeHistogram> {
    let native = layout.native()?;
    let (exposed, counts) = values.split_at_checked(layout.parts().len())?;
    let count = |value: &Option<Value>| match value {
        Some(Value::Integer(count)) => *count,
        _ => 0,
    };
    let [.., all, Some(Value::Float(sum))] = exposed else { return None };
    Some(native.histogram(counts.iter().map(count), (count(all), *sum)))
}

/// One line of an exposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The end of the sample's name, after that of the family: `""`, or for histograms and
    /// summaries `"_bucket"`, `"_sum"` or `"_count"`.
    pub suffix: &'static str,
    /// The labels.
    pub labels: Labels,
    /// The number.
    pub value: Value,
    /// One of the events that it counts: of a counter, or of a bucket.
    pub exemplar: Option<Arc<Exemplar>>,
    /// When the series was zero, of a counter, a histogram or a summary, if that is known. All
    /// samples of one histogram or summary have the same. The text formats expose it only on
    /// demand: [`Registry::expose_created`](crate::Registry::expose_created).
    pub created: Option<SystemTime>,
    /// The time of the number, if it is another one than that of the scrape.
    pub timestamp: Option<Timestamp>,
}

impl Sample {
    /// Returns a sample without exemplar, start time and timestamp, which are set as fields.
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

    fn of(part: &Part, labels: &Labels, created: Option<SystemTime>, value: Value) -> Sample {
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

/// The samples of a family: a `Vec`, which for a labelled family is made when it is first used.
///
/// An encoder writes thousands of samples without ever making the `Vec`. To make a sample, and to
/// change the reference count of its labels, takes longer than to write it.
#[derive(Clone, Default)]
pub struct Samples {
    list: OnceLock<Vec<Sample>>,
    children: Option<Children>,
    /// The native histograms of a family whose samples are a list.
    native: Vec<(Labels, NativeHistogram)>,
}

/// The values of the children of a labelled family.
#[derive(Clone)]
pub(crate) struct Children {
    /// The labels of each child.
    pub(crate) labels: Arc<dyn LabelSets>,
    /// The layout of each child.
    pub(crate) layout: Layout,
    /// All values of the first child, all of the second, and so on: of each as many as the width of
    /// the layout. `None` has no sample.
    pub(crate) values: Vec<Option<Value>>,
    /// Exemplars, each with the place of its value, in ascending order.
    pub(crate) exemplars: Vec<(usize, Arc<Exemplar>)>,
}

/// The labels of the children of a family, by their place.
pub(crate) trait LabelSets: Send + Sync {
    /// Returns how many children there are.
    fn len(&self) -> usize;

    /// Returns the labels of the child at a place that exists.
    fn labels(&self, at: usize) -> &Labels;

    /// Returns when the child at a place that exists was zero.
    fn created(&self, at: usize) -> Option<SystemTime>;

    /// Returns a number that changes whenever [`LabelSets::created`] of any child does.
    fn created_version(&self) -> u64;

    /// Returns the place where readers keep what they derive from these labels.
    fn kept(&self) -> &Kept;
}

impl Samples {
    pub(crate) fn for_children(children: Children) -> Samples {
        Samples { children: Some(children), ..Samples::default() }
    }

    /// Returns the native histograms of the family, each with the labels of its metric: those of
    /// the samples but `le`. Empty unless it has native buckets. They are of the same observations
    /// as the samples.
    pub fn native_histograms(&self) -> Vec<(Labels, NativeHistogram)> {
        self.children.as_ref().map_or_else(|| self.native.clone(), Children::native_histograms)
    }

    /// Adds a native histogram.
    pub(crate) fn push_native(&mut self, labels: &Labels, native: NativeHistogram) {
        self.make_list();
        self.native.push((labels.clone(), native));
    }

    /// Keeps the samples and native histograms with these labels.
    pub(crate) fn retain_labels(&mut self, keep: impl Fn(&Labels) -> bool) {
        self.retain(|sample| keep(&sample.labels));
        self.native.retain(|(labels, _)| keep(labels));
    }

    /// Replaces the labels of all samples and native histograms.
    pub(crate) fn relabel(&mut self, new: impl Fn(&Labels) -> Labels) {
        self.iter_mut().for_each(|sample| sample.labels = new(&sample.labels));
        self.native.iter_mut().for_each(|(labels, _)| *labels = new(labels));
    }

    /// Appends the samples and native histograms of another family.
    pub(crate) fn append(&mut self, mut other: Samples) {
        self.extend(std::mem::take(&mut *other));
        self.native.append(&mut other.native);
    }

    /// Makes the list, and forgets the children.
    fn make_list(&mut self) {
        if let Some(children) = self.children.take() {
            self.native = children.native_histograms();
            self.list.get_or_init(|| children.samples());
        }
    }

    /// Returns how many samples there are at most, without making them.
    pub(crate) fn most(&self) -> usize {
        let made = self.list.get().map_or(0, Vec::len);
        let of_child = |children: &Children| children.labels.len() * children.layout.parts().len();
        self.children().map_or(made, of_child)
    }

    /// Returns the children of a labelled family, unless its samples were made already.
    pub(crate) fn children(&self) -> Option<&Children> {
        self.children.as_ref().filter(|_| self.list.get().is_none())
    }
}

impl Children {
    fn samples(&self) -> Vec<Sample> {
        let parts = self.layout.parts();
        let mut samples = Vec::with_capacity(self.labels.len() * parts.len());
        let mut exemplars = self.exemplars.iter().peekable();
        let width = self.layout.width();
        for (at, values) in self.values.chunks_exact(width).enumerate() {
            let (labels, created) = (self.labels.labels(at), self.labels.created(at));
            let first = at * width;
            for (place, (part, value)) in (first..).zip(parts.iter().zip(values)) {
                let exemplar = exemplars.next_if(|(of, _)| *of == place);
                if let Some(value) = value {
                    let exemplar = exemplar.map(|(_, exemplar)| Arc::clone(exemplar));
                    let sample = Sample::of(part, labels, created, *value);
                    samples.push(Sample { exemplar, ..sample });
                }
            }
        }
        samples
    }

    fn native_histograms(&self) -> Vec<(Labels, NativeHistogram)> {
        if self.layout.native().is_none() {
            return Vec::new();
        }
        let of_child = |(at, values): (usize, &[Option<Value>])| {
            Some((self.labels.labels(at).clone(), native_histogram(&self.layout, values)?))
        };
        let children = self.values.chunks_exact(self.layout.width()).enumerate();
        children.filter_map(of_child).collect()
    }
}

/// Appends the samples of one metric: the values of the `parts` that are there.
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

impl Deref for Samples {
    type Target = Vec<Sample>;

    fn deref(&self) -> &Vec<Sample> {
        let make = || self.children.as_ref().map(Children::samples).unwrap_or_default();
        self.list.get_or_init(make)
    }
}

impl DerefMut for Samples {
    fn deref_mut(&mut self) -> &mut Vec<Sample> {
        self.make_list();
        self.list.get_or_init(Vec::new);
        self.list.get_mut().expect("made on the line above")
    }
}

impl From<Vec<Sample>> for Samples {
    fn from(list: Vec<Sample>) -> Samples {
        Samples { list: OnceLock::from(list), ..Samples::default() }
    }
}

impl IntoIterator for Samples {
    type Item = Sample;
    type IntoIter = std::vec::IntoIter<Sample>;

    fn into_iter(mut self) -> Self::IntoIter {
        std::mem::take(&mut *self).into_iter()
    }
}

impl<'a> IntoIterator for &'a Samples {
    type Item = &'a Sample;
    type IntoIter = std::slice::Iter<'a, Sample>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Samples) -> bool {
        **self == **other && self.native_histograms() == other.native_histograms()
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// All samples of one name at one gather.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    desc: Desc,
    /// Whether a collector yields `_created` samples itself.
    has_created: bool,
    /// The samples, in the order in which they are exposed. Native histograms are beside them:
    /// [`Samples::native_histograms`].
    pub samples: Samples,
}

impl MetricFamily {
    /// Returns a family without samples.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty.
    pub fn new(kind: Kind, name: &str, help: &str) -> Result<MetricFamily, Error> {
        let desc = Desc::new(kind, name, help, Labels::default())?;
        Ok(MetricFamily { desc, has_created: false, samples: Samples::default() })
    }

    /// Returns the same family with a unit, in which the name must end. The empty text is no unit.
    ///
    /// # Errors
    ///
    /// As [`Desc::with_unit`].
    pub fn with_unit(self, unit: &str) -> Result<MetricFamily, Error> {
        Ok(MetricFamily { desc: self.desc.with_unit(unit)?, ..self })
    }

    /// Returns the unit; empty for none.
    pub fn unit(&self) -> &str {
        self.desc.unit()
    }

    /// Returns the family of one metric, with its values.
    pub(crate) fn for_metric(
        desc: &Desc,
        layout: &Layout,
        created: Option<SystemTime>,
        values: &[Option<Value>],
    ) -> MetricFamily {
        let mut list = Vec::with_capacity(values.len());
        extend(&mut list, layout.parts(), desc.labels(), created, values);
        let mut samples = Samples::from(list);
        if let Some(native) = native_histogram(layout, values) {
            samples.push_native(desc.labels(), native);
        }
        MetricFamily { desc: desc.clone(), has_created: false, samples }
    }

    /// Returns the family of `desc`, with these samples.
    pub(crate) fn with_samples(desc: Desc, samples: impl Into<Samples>) -> MetricFamily {
        MetricFamily { desc, has_created: false, samples: samples.into() }
    }

    /// Makes the family one whose collector yields `_created` samples itself: they are exposed as
    /// `prometheus_client` does.
    #[doc(hidden)]
    pub fn set_has_created(&mut self) {
        self.has_created = true;
    }

    /// Returns whether its collector yields `_created` samples itself.
    #[doc(hidden)]
    pub fn has_created(&self) -> bool {
        self.has_created
    }

    /// Returns the family's description, without the labels of its samples.
    pub(crate) fn desc(&self) -> &Desc {
        &self.desc
    }

    /// Returns the family's name, with `_total` for a counter.
    pub fn name(&self) -> &str {
        self.desc.name()
    }

    /// Returns the help text, not escaped.
    pub fn help(&self) -> &str {
        self.desc.help()
    }

    /// Returns the type.
    pub fn kind(&self) -> Kind {
        self.desc.kind()
    }
}
