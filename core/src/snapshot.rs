//! The snapshot that a gather takes: metric families with their samples.

use crate::desc::{Desc, Kind};
use crate::error::Error;
use crate::labels::Labels;

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

/// All samples of one name at one gather.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    desc: Desc,
    /// The samples, in the order in which they are exposed.
    pub samples: Vec<Sample>,
}

impl MetricFamily {
    /// A family without samples.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(kind: Kind, name: &str, help: &str) -> Result<MetricFamily, Error> {
        let desc = Desc::new(kind, name, help, Labels::default())?;
        Ok(MetricFamily { desc, samples: Vec::new() })
    }

    /// The family of `desc` with the one sample that a plain metric has.
    pub(crate) fn with_sample(desc: &Desc, value: Value) -> MetricFamily {
        let sample = Sample { suffix: "", labels: desc.labels().clone(), value };
        MetricFamily { desc: desc.clone(), samples: vec![sample] }
    }

    /// The family of `desc`, with these samples.
    pub(crate) fn with_samples(desc: Desc, samples: Vec<Sample>) -> MetricFamily {
        MetricFamily { desc, samples }
    }

    /// The family's description, without the labels of its samples.
    #[cfg(feature = "prometheus")]
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
