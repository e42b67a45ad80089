//! The snapshot that a gather takes: metric families with their samples.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use crate::model::desc::{Desc, Kind};
use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::texts::Texts;

/// A sample's number. A counter of whole amounts stays an exact integer up to 2^64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// An exact count.
    Integer(u64),
    /// Any other number; NaN and infinities included.
    Float(f64),
}

/// One line of an exposition.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What follows the family's name in the sample's: `""`, or for histograms and summaries
    /// `"_bucket"`, `"_sum"` or `"_count"`.
    pub suffix: &'static str,
    /// The labels.
    pub labels: Labels,
    /// The number.
    pub value: Value,
}

/// The samples of a family: a `Vec`, which for a labelled family is made only when it is asked for.
///
/// Thousands of samples that go straight into text never become one: making each, and counting up
/// and down the reference count of its labels, takes longer than writing it.
#[derive(Clone, Default)]
pub struct Samples {
    list: OnceLock<Vec<Sample>>,
    children: Option<Children>,
}

/// Values, and where the labels are that belong to them.
#[derive(Clone)]
struct Children {
    labels: Arc<dyn LabelSets>,
    /// In the order of the labels; `None` has no sample.
    values: Vec<Option<Value>>,
}

/// Labels by their place.
pub(crate) trait LabelSets: Send + Sync {
    /// The labels at a place that exists.
    fn labels(&self, at: usize) -> &Labels;

    /// Where an encoder keeps what it wrote of each, as long as they are the same.
    fn lines(&self) -> &OnceLock<Texts>;
}

impl Samples {
    pub(crate) fn of_children(labels: Arc<dyn LabelSets>, values: Vec<Option<Value>>) -> Samples {
        Samples { list: OnceLock::new(), children: Some(Children { labels, values }) }
    }

    /// Those of a labelled family, if none was asked for yet: the labels, and for each of them a
    /// value or `None`.
    pub(crate) fn children(&self) -> Option<(&dyn LabelSets, &[Option<Value>])> {
        let children = self.children.as_ref().filter(|_| self.list.get().is_none())?;
        Some((&*children.labels, &children.values))
    }
}

impl Children {
    fn samples(&self) -> Vec<Sample> {
        let sample = |(at, value): (usize, &Option<Value>)| {
            let (suffix, labels) = ("", self.labels.labels(at).clone());
            value.map(|value| Sample { suffix, labels, value })
        };
        self.values.iter().enumerate().filter_map(sample).collect()
    }
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
        let made = self.list.take().unwrap_or_else(|| match self.children.take() {
            Some(children) => children.samples(),
            None => Vec::new(),
        });
        *self = Samples::from(made);
        self.list.get_mut().expect("made on the line above")
    }
}

impl From<Vec<Sample>> for Samples {
    fn from(list: Vec<Sample>) -> Samples {
        Samples { list: OnceLock::from(list), children: None }
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
        **self == **other
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
    /// The samples, in the order in which they are exposed.
    pub samples: Samples,
}

impl MetricFamily {
    /// A family without samples.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(kind: Kind, name: &str, help: &str) -> Result<MetricFamily, Error> {
        let desc = Desc::new(kind, name, help, Labels::default())?;
        Ok(MetricFamily { desc, samples: Samples::default() })
    }

    /// The same with a unit, in which the name must end; an empty one is none.
    ///
    /// # Errors
    ///
    /// As [`Desc::with_unit`].
    pub fn with_unit(self, unit: &str) -> Result<MetricFamily, Error> {
        Ok(MetricFamily { desc: self.desc.with_unit(unit)?, samples: self.samples })
    }

    /// The unit; empty for none.
    pub fn unit(&self) -> &str {
        self.desc.unit()
    }

    /// The family of `desc` with the one sample that a plain metric has.
    pub(crate) fn with_sample(desc: &Desc, value: Value) -> MetricFamily {
        let sample = Sample { suffix: "", labels: desc.labels().clone(), value };
        MetricFamily { desc: desc.clone(), samples: vec![sample].into() }
    }

    /// The family of `desc`, with these samples.
    pub(crate) fn with_samples(desc: Desc, samples: impl Into<Samples>) -> MetricFamily {
        MetricFamily { desc, samples: samples.into() }
    }

    /// The family's description, without the labels of its samples.
    pub(crate) fn desc(&self) -> &Desc {
        &self.desc
    }

    /// The family's name, with `_total` for a counter.
    pub fn name(&self) -> &str {
        self.desc.name()
    }

    /// The help text, not escaped.
    pub fn help(&self) -> &str {
        self.desc.help()
    }

    /// The type.
    pub fn kind(&self) -> Kind {
        self.desc.kind()
    }
}
