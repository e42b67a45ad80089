//! The snapshot that a gather takes: metric families with their samples.

use std::time::SystemTime;

use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::sample;
use crate::model::samples::Samples;
use crate::model::value::{self, Value};

/// All samples with one name, from one gather.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    desc: Desc,
    /// Whether a collector yields `_created` samples itself.
    has_created: bool,
    /// The samples, in the order in which they are exposed. [`Samples::native_histograms`] returns
    /// the native histograms.
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

    /// Returns the same family with a unit, in which the name must end. The empty text means no
    /// unit.
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
        sample::extend(&mut list, layout.parts(), desc.labels(), created, values);
        let mut samples = Samples::from(list);
        if let Some(native) = value::native_histogram(layout, values) {
            samples.push_native(desc.labels(), native);
        }
        MetricFamily { desc: desc.clone(), has_created: false, samples }
    }

    /// Returns the family of `desc`, with these samples.
    pub(crate) fn with_samples(desc: Desc, samples: impl Into<Samples>) -> MetricFamily {
        MetricFamily { desc, has_created: false, samples: samples.into() }
    }

    /// Marks the family as one whose collector yields `_created` samples itself. They are exposed
    /// as `prometheus_client` exposes them.
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
