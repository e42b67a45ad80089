//! The options of a metric, which are chosen when it is made.

use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::labels::Labels;

/// The default limit of the number of children in a family.
const MAX_CHILDREN: usize = 10_000;

/// The options of a metric or a family. All combine freely.
///
/// Names and values are checked when the metric is made. `O` has the options of only one metric
/// type.
///
/// ```
/// use dataclay_metrics_core::{Counter, Family, Gauge, Labels, Opts};
///
/// let labels = Labels::new([("service", "storage")])?;
/// let waited = Opts::new("wait_seconds", "Time waited").unit("seconds").const_labels(labels);
/// let total = Counter::with_opts(waited)?;
/// assert_eq!(total.desc().labels().to_string(), "{service=\"storage\"}");
///
/// let queues = Opts::new("queue_length", "Jobs that wait").max_children(500);
/// let queues = Family::<Gauge>::with_opts(queues, ["queue"])?;
/// queues.with_labels(["mail"])?.set(7.0);
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Opts<O = ()> {
    name: String,
    help: String,
    unit: String,
    const_labels: Labels,
    max_children: Option<usize>,
    /// The options of only one metric type.
    pub(crate) own: O,
}

impl<O: Default> Opts<O> {
    /// Returns options with this name and help text. All other options have their defaults. The
    /// name may be any text that is not empty, and the help may be any text.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Opts<O> {
        Opts {
            name: name.into(),
            help: help.into(),
            unit: String::new(),
            const_labels: Labels::default(),
            max_children: None,
            own: O::default(),
        }
    }
}

impl<O> Opts<O> {
    /// Sets the unit, such as `seconds`, in which the name must end. OpenMetrics exposes it. The
    /// empty text means no unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Opts<O> {
        self.unit = unit.into();
        self
    }

    /// Sets constant labels, which every sample of the metric has.
    #[must_use]
    pub fn const_labels(mut self, labels: Labels) -> Opts<O> {
        self.const_labels = labels;
        self
    }

    /// Sets how many children a [`Family`](crate::Family) may have, not counting the overflow
    /// child. The default is 10,000. A metric without labels refuses this option.
    #[must_use]
    pub fn max_children(mut self, max_children: usize) -> Opts<O> {
        self.max_children = Some(max_children);
        self
    }

    /// Returns the description of a metric that is not a family, and the type's options.
    pub(crate) fn for_plain(self, kind: Kind) -> Result<(Desc, O), Error> {
        if let Some(max_children) = self.max_children {
            return Err(Error::Setting {
                name: "max_children".into(),
                value: max_children.to_string(),
                rule: "is an option of families; a metric without labels has no children".into(),
            });
        }
        self.describe(kind)
    }

    /// Returns the description of a family, the bound on its children, and the type's options.
    pub(crate) fn for_family(self, kind: Kind) -> Result<(Desc, usize, O), Error> {
        let max_children = self.max_children.unwrap_or(MAX_CHILDREN);
        let (desc, own) = self.describe(kind)?;
        Ok((desc, max_children, own))
    }

    fn describe(self, kind: Kind) -> Result<(Desc, O), Error> {
        let desc = Desc::new(kind, &self.name, &self.help, self.const_labels)?;
        Ok((desc.with_unit(&self.unit)?, self.own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counter::Counter;
    use crate::metrics::family::Family;
    use crate::registry::collector::Collector;

    #[test]
    fn options_combine() {
        let labels = Labels::new([("service", "a")]).expect("valid");
        let opts = Opts::new("x_seconds", "help").unit("seconds").const_labels(labels.clone());
        let counter = Counter::with_opts(opts.clone()).expect("valid");
        assert_eq!(counter.name(), "x_seconds_total");
        assert_eq!(counter.desc().unit(), "seconds");
        assert_eq!(counter.desc().labels(), &labels);

        let family = Family::<Counter>::with_opts(opts.max_children(1), ["k"]).expect("valid");
        for value in ["1", "2", "3"] {
            family.with_labels([value]).expect("room").inc();
        }
        let labels: Vec<String> =
            family.collect()[0].samples.iter().map(|sample| sample.labels.to_string()).collect();
        assert_eq!(labels, [r#"{service="a",k="1"}"#, r#"{service="a",k="__overflow__"}"#]);
        assert!(family.remove(["1"]));
        assert_eq!(family.len(), 1);
    }

    #[test]
    fn invalid_options_are_refused_with_value_and_rule() {
        let refused = |opts: Opts| Counter::with_opts(opts).expect_err("refused").to_string();
        assert_eq!(refused(Opts::new("", "")), "metric name \"\": a metric name must not be empty");
        assert!(
            refused(Opts::new("a", "").unit("seconds")).starts_with("metric name \"a_total\":")
        );
        assert_eq!(
            refused(Opts::new("a", "").max_children(7)),
            "max_children=\"7\": is an option of families; a metric without labels has no children"
        );
        let labels = Labels::new([("k", "x")]).expect("valid");
        let twice = Family::<Counter>::with_opts(Opts::new("a", "").const_labels(labels), ["k"]);
        assert!(twice.expect_err("refused").to_string().starts_with("label \"k\": "));
    }
}
