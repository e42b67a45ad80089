//! An info: facts, as the labels of a gauge that is always 1.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fork;
use crate::model::desc::{Desc, Kind};
use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::snapshot::{MetricFamily, Sample, Value};
use crate::registry::collector::Collector;
use crate::sync::locks::RwLock;

/// Facts about a process, such as the version of what it runs. Clones are the same info.
///
/// ```
/// use dataclay_metrics_core::{Info, Registry, encode};
///
/// let build = Info::new("build", "What runs here", [] as [&str; 0])?;
/// let registry = Registry::new();
/// registry.register(&build)?;
/// build.set([] as [&str; 0], [("version", "1.2.3")])?;
/// assert!(encode::text(&registry.gather()).ends_with("build_info{version=\"1.2.3\"} 1\n"));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Info(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    desc: Desc,
    names: Box<[String]>,
    /// All labels, by the values of the info's own.
    all: RwLock<BTreeMap<Vec<String>, Labels>>,
}

impl Info {
    /// An info in no registry yet, with one sample for each set of values of `label_names`; without
    /// label names it has one. `_info` is added to the name if it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`;
    /// [`Error::Label`] if a label name does not match `[a-zA-Z_][a-zA-Z0-9_]*`, begins with `__`,
    /// or stands there twice.
    pub fn new<N: Into<String>>(
        name: &str,
        help: &str,
        label_names: impl IntoIterator<Item = N>,
    ) -> Result<Info, Error> {
        fork::install();
        let desc = Desc::new(Kind::Info, name, help, Labels::default())?;
        let names: Box<[String]> = label_names.into_iter().map(Into::into).collect();
        let own = Labels::new(names.iter().map(|name| (name.as_str(), "")))?;
        let mut all = BTreeMap::new();
        if own.is_empty() {
            all.insert(Vec::new(), own);
        }
        Ok(Info(Arc::new(Inner { desc, names, all: RwLock::new(all) })))
    }

    /// Says the facts of the sample with these values; those that it had before are forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] unless there are as many values as label names, or if the name of a fact is
    /// not a label name or is one of the info's own; nothing is changed then.
    pub fn set<V: Into<String>, F: Into<String>, G: Into<String>>(
        &self,
        values: impl IntoIterator<Item = V>,
        facts: impl IntoIterator<Item = (F, G)>,
    ) -> Result<(), Error> {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if values.len() != self.0.names.len() {
            let rule = "an info has one value for each of its label names";
            return Err(Error::Label { name: values.join(","), rule });
        }
        let own = self.0.names.iter().cloned().zip(values.iter().cloned());
        let facts = facts.into_iter().map(|(name, value)| (name.into(), value.into()));
        let labels = Labels::new(own.chain(facts))?;
        self.0.all.write().insert(values, labels);
        Ok(())
    }

    /// The labels of the sample with these values, the info's own first.
    pub fn get(&self, values: &[String]) -> Option<Labels> {
        self.0.all.read().get(values).cloned()
    }

    /// Takes out the sample with these values. Returns whether it was there.
    pub fn remove(&self, values: &[String]) -> bool {
        self.0.all.write().remove(values).is_some()
    }

    /// Takes out all samples.
    pub fn clear(&self) {
        self.0.all.write().clear();
    }

    /// The label names, in the order in which [`Info::set`] wants the values.
    pub fn label_names(&self) -> &[String] {
        &self.0.names
    }

    /// The description, without labels.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }
}

impl Collector for Info {
    fn describe(&self) -> Vec<Desc> {
        vec![self.0.desc.clone()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let all = self.0.all.read();
        let sample = |labels: &Labels| {
            let value = Value::Integer(1);
            Sample { suffix: "", labels: labels.clone(), value }
        };
        let samples: Vec<Sample> = all.values().map(sample).collect();
        vec![MetricFamily::with_samples(self.0.desc.clone(), samples)]
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Registry, encode};

    #[test]
    fn one_sample_for_each_set_of_values() {
        let registry = Registry::new();
        let info = Info::new("part", "Parts", ["name"]).expect("valid");
        registry.register(&info).expect("nothing registered");
        info.set(["b"], [("version", "1")]).expect("valid");
        info.set(["a"], [("version", "2"), ("by", "x")]).expect("valid");
        info.set(["b"], [("version", "3")]).expect("valid");
        assert_eq!(
            encode::text(&registry.gather()),
            "# HELP part_info Parts\n# TYPE part_info gauge\n\
             part_info{name=\"a\",version=\"2\",by=\"x\"} 1\n\
             part_info{name=\"b\",version=\"3\"} 1\n"
        );
        assert_eq!(encode::open_metrics(&info.collect()).lines().nth(1), Some("# TYPE part info"));
        assert!(info.remove(&["a".into()]) && !info.remove(&["a".into()]));
        info.clear();
        assert_eq!(info.get(&["b".into()]), None);
    }

    #[test]
    fn wrong_facts_change_nothing() {
        let info = Info::new("part", "Parts", ["name"]).expect("valid");
        for (values, fact) in [(vec!["a"], "name"), (vec!["a"], "a-b"), (vec![], "x")] {
            assert!(info.set(values, [(fact, "1")]).is_err(), "{fact}");
        }
        assert!(info.collect()[0].samples.is_empty());
        assert!(Info::new("part", "Parts", ["a-b"]).is_err());
    }
}
