//! What a metric is: its name, help, kind and constant labels.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::names::check_metric_name;
use crate::sync::locks;

/// The type of a metric family, as in the `# TYPE` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Cumulative buckets, a sum and a count.
    Histogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// Facts, told by the labels of a gauge that is 1; named `_info`.
    Info,
    /// Of a type that its source does not tell.
    Untyped,
}

impl Kind {
    /// The word of the `# TYPE` line in the text format 0.0.4.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Info => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Untyped => "untyped",
        }
    }

    /// The suffixes that this kind adds to a family's name, the bare name included.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge | Kind::Untyped => &[""],
            Kind::Info => &["", "_info"],
            Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            Kind::Summary => &["", "_sum", "_count", "_created"],
        }
    }
}

/// A metric's description. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desc {
    family: Arc<Inner>,
    labels: Labels,
}

/// What all metrics of one family share.
#[derive(Debug)]
struct Inner {
    name: String,
    help: String,
    kind: Kind,
    /// Empty for none.
    unit: String,
    /// What an encoder has written of this, in each of its formats.
    heads: [OnceLock<String>; 2],
}

impl PartialEq for Inner {
    fn eq(&self, other: &Inner) -> bool {
        self.kind == other.kind
            && self.name == other.name
            && self.help == other.help
            && self.unit == other.unit
    }
}

impl Eq for Inner {}

impl Desc {
    /// A description. The name of a counter gets the suffix `_total`, that of an info `_info`, unless
    /// it has it: OpenMetrics demands both. The help may be any text.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(kind: Kind, name: &str, help: &str, labels: Labels) -> Result<Desc, Error> {
        check_metric_name(name)?;
        let mut name = name.to_owned();
        match kind {
            Kind::Counter if !name.ends_with("_total") => name.push_str("_total"),
            Kind::Info if !name.ends_with("_info") => name.push_str("_info"),
            _ => {}
        }
        Ok(Desc::unchecked(kind, name, help.to_owned(), labels))
    }

    /// A description whose parts were checked by somebody else, taken as they are.
    pub(crate) fn unchecked(kind: Kind, name: String, help: String, labels: Labels) -> Desc {
        let heads = [const { OnceLock::new() }; 2];
        let unit = String::new();
        Desc { family: Arc::new(Inner { name, help, kind, unit, heads }), labels }
    }

    /// The same with a unit, such as `seconds`, which OpenMetrics tells; an empty one is none.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] unless the name, without `_total`, ends in `_` and the unit, as
    /// OpenMetrics demands; or for an info, which has no unit.
    pub fn with_unit(self, unit: &str) -> Result<Desc, Error> {
        if unit.is_empty() {
            return Ok(self);
        }
        let ends = |stem: &str| stem.strip_suffix(unit).is_some_and(|stem| stem.ends_with('_'));
        if self.kind() == Kind::Info || !ends(self.stem()) {
            let rule = "a metric's name must end in its unit, and an info has none";
            return Err(Error::MetricName { name: self.name().to_owned(), rule });
        }
        let Desc { family, labels } = self;
        let (name, help) = (family.name.clone(), family.help.clone());
        let heads = [const { OnceLock::new() }; 2];
        let inner = Inner { name, help, kind: family.kind, unit: unit.to_owned(), heads };
        Ok(Desc { family: Arc::new(inner), labels })
    }

    /// The same metric with other labels, which were checked already.
    pub(crate) fn with_labels(&self, labels: Labels) -> Desc {
        Desc { family: Arc::clone(&self.family), labels }
    }

    /// The name, with `_total` for a counter.
    pub fn name(&self) -> &str {
        &self.family.name
    }

    /// The help text, not escaped.
    pub fn help(&self) -> &str {
        &self.family.help
    }

    /// The type.
    pub fn kind(&self) -> Kind {
        self.family.kind
    }

    /// The unit; empty for none.
    pub fn unit(&self) -> &str {
        &self.family.unit
    }

    /// The constant labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What an encoder writes of the family in its format of this number, 0 or 1: kept, because it
    /// is the same each time.
    #[inline]
    pub(crate) fn head(&self, format: usize, write: impl FnOnce() -> String) -> &String {
        locks::get_or_init(&self.family.heads[format], write)
    }

    /// Whether both describe samples of one family: alike but for the values of their labels.
    pub(crate) fn same_family(&self, other: &Desc) -> bool {
        self.name() == other.name()
            && self.kind() == other.kind()
            && self.help() == other.help()
            && self.labels().iter().map(|(name, _)| name).eq(other.labels().iter().map(|l| l.0))
    }

    /// The names that no other family in a registry may have, those of its samples among them.
    pub fn reserved(&self) -> impl Iterator<Item = String> + '_ {
        let stem = self.stem();
        self.kind().suffixes().iter().map(move |suffix| format!("{stem}{suffix}"))
    }

    /// The name without the suffix of its kind.
    fn stem(&self) -> &str {
        match self.kind() {
            Kind::Counter => self.name().strip_suffix("_total").unwrap_or(self.name()),
            Kind::Info => self.name().strip_suffix("_info").unwrap_or(self.name()),
            _ => self.name(),
        }
    }
}

impl fmt::Display for Desc {
    /// In words, for error messages: `counter dataclay_inmemory_hits_total ("Number of ...")`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().as_str(), self.name())?;
        if !self.labels().is_empty() {
            write!(f, "{}", self.labels())?;
        }
        write!(f, " ({:?})", self.help())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desc(kind: Kind, name: &str, labels: &[(&str, &str)]) -> Desc {
        let labels = Labels::new(labels.iter().copied()).expect("valid labels");
        Desc::new(kind, name, "help", labels).expect("valid name")
    }

    #[test]
    fn counters_end_in_total() {
        assert_eq!(desc(Kind::Counter, "a", &[]).name(), "a_total");
        assert_eq!(desc(Kind::Counter, "a_total", &[]).name(), "a_total");
        assert_eq!(desc(Kind::Gauge, "a", &[]).name(), "a");
        assert_eq!(desc(Kind::Info, "a", &[]).name(), "a_info");
    }

    #[test]
    fn reserved_names() {
        assert_eq!(desc(Kind::Info, "a", &[]).reserved().collect::<Vec<_>>(), ["a", "a_info"]);
        let counter: Vec<String> = desc(Kind::Counter, "a", &[]).reserved().collect();
        assert_eq!(counter, ["a", "a_total", "a_created"]);
        assert_eq!(desc(Kind::Gauge, "a_total", &[]).reserved().collect::<Vec<_>>(), ["a_total"]);
    }

    #[test]
    fn a_name_ends_in_its_unit() {
        for (kind, name) in [(Kind::Counter, "a_seconds"), (Kind::Gauge, "a_seconds")] {
            assert_eq!(
                desc(kind, name, &[]).with_unit("seconds").expect("its unit").unit(),
                "seconds"
            );
            assert_eq!(desc(kind, name, &[]).with_unit("").expect("no unit").unit(), "");
            assert!(desc(kind, name, &[]).with_unit("bytes").is_err());
            assert!(desc(kind, name, &[]).with_unit("econds").is_err());
        }
        assert!(desc(Kind::Gauge, "seconds", &[]).with_unit("seconds").is_err());
        assert!(desc(Kind::Info, "a_seconds", &[]).with_unit("seconds").is_err());
    }

    #[test]
    fn one_family_has_one_set_of_label_names() {
        let x = desc(Kind::Counter, "a", &[("k", "x")]);
        assert!(x.same_family(&desc(Kind::Counter, "a_total", &[("k", "y")])));
        assert!(!x.same_family(&desc(Kind::Counter, "a", &[("j", "x")])));
        assert!(!x.same_family(&desc(Kind::Counter, "a", &[])));
        assert!(!x.same_family(&desc(Kind::Gauge, "a_total", &[("k", "x")])));
    }
}
