//! An info: facts, as the labels of a gauge that is always 1.

use std::sync::Arc;

use crate::fork::section;
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::value::Value;
use crate::sync::locks::RwLock;

/// Facts about a process, such as the version of its program. Clones are the same info.
///
/// ```
/// use dataclay_metrics_core::{Info, Registry, encode};
///
/// let build = Info::new("build", "What runs here")?;
/// let registry = Registry::new();
/// registry.register(&build)?;
/// build.set([("version", "1.2.3")])?;
/// assert!(encode::text(&registry.gather()).ends_with("build_info{version=\"1.2.3\"} 1\n"));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Info(Arc<State>);

#[derive(Debug)]
struct State {
    desc: Desc,
    /// The labels of the description, then the facts.
    labels: RwLock<Labels>,
}

impl Info {
    /// Makes an info without facts, in no registry yet. `_info` is added to the name if it is
    /// missing.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty or `_info`.
    pub fn new(name: &str, help: &str) -> Result<Info, Error> {
        Info::with_opts(Opts::new(name, help))
    }

    /// Makes an info with options.
    ///
    /// # Errors
    ///
    /// As [`Info::new`]; [`Error::MetricName`] also if there is a unit; [`Error::Setting`] if
    /// `max_children` is set.
    pub fn with_opts(opts: Opts) -> Result<Info, Error> {
        metric::plain(opts)
    }

    /// Replaces the facts, each a label name and its value.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if the name of a fact is not a label name, occurs twice, or is the name of
    /// another label of the info. The facts then do not change.
    pub fn set<N: Into<String>, V: Into<String>>(
        &self,
        facts: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), Error> {
        let own = self.0.desc.labels().iter();
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let facts = facts.into_iter().map(|(name, value)| (name.into(), value.into()));
        let labels = Labels::new(own.chain(facts))?;
        *self.0.labels.write() = labels;
        Ok(())
    }

    /// Returns all labels of the sample: those of the description, then the facts.
    pub fn labels(&self) -> Labels {
        self.0.labels.read().clone()
    }

    /// Returns the name, with `_info`.
    pub fn name(&self) -> &str {
        self.0.desc.name()
    }

    /// Returns the description, without the facts.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }
}

impl sealed::Metric for Info {
    const KIND: Kind = Kind::Info;

    type Options = ();

    const CHANGING_LABELS: Option<fn(&Info) -> Labels> = Some(Info::labels);

    fn make(desc: Desc, _layout: &Layout, (): &()) -> Result<Info, Error> {
        section::install();
        let labels = RwLock::new(desc.labels().clone());
        Ok(Info(Arc::new(State { desc, labels })))
    }

    fn desc(&self) -> &Desc {
        &self.0.desc
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        take(&[Some(Value::Integer(1))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::family::Family;
    use crate::registry::collector::Collector;
    use crate::{Registry, encode};

    #[test]
    fn each_child_exposes_one_sample() {
        let registry = Registry::new();
        let info = Family::<Info>::new("part", "Parts", ["name"]).expect("valid");
        registry.register(&info).expect("nothing registered");
        let part = |name| info.with_labels([name]).expect("room");
        part("a").set([("version", "2"), ("by", "x")]).expect("valid");
        part("b").set([("version", "1")]).expect("valid");
        part("b").set([("version", "3")]).expect("valid");
        assert_eq!(
            encode::text(&registry.gather()),
            "# HELP part_info Parts\n# TYPE part_info gauge\n\
             part_info{name=\"a\",version=\"2\",by=\"x\"} 1\n\
             part_info{name=\"b\",version=\"3\"} 1\n"
        );
        assert_eq!(encode::open_metrics(&info.collect()).lines().nth(1), Some("# TYPE part info"));
        assert!(info.remove(["a"]) && !info.remove(["a"]));
        info.clear();
        assert_eq!(part("b").labels().to_string(), "{name=\"b\"}");
    }

    #[test]
    fn invalid_labels_change_nothing() {
        let info = Family::<Info>::new("part", "Parts", ["name"]).expect("valid");
        assert!(info.with_labels([] as [&str; 0]).is_err());
        let part = info.with_labels(["a"]).expect("room");
        part.set([("version", "1")]).expect("valid");
        for fact in ["name", "__a"] {
            assert!(part.set([(fact, "1")]).is_err(), "{fact}");
        }
        assert!(part.set([("x", "1"), ("x", "2")]).is_err());
        assert_eq!(part.labels().to_string(), "{name=\"a\",version=\"1\"}");
        assert!(Family::<Info>::new("part", "Parts", ["__a"]).is_err());
        assert!(Info::with_opts(Opts::new("part_seconds", "").unit("seconds")).is_err());
    }
}
