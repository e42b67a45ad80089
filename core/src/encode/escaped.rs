//! A sink that passes families to another sink under escaped names.
//!
//! Families with only legacy names pass unchanged, at the cost of testing one bit.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::diagnostics::notes;
use crate::encode::escaping::Escaping;
use crate::encode::families::Families;
use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::names::is_legacy_metric_name;
use crate::model::sample::Sample;
use crate::model::samples::Samples;
use crate::model::snapshot::MetricFamily;
use crate::registry::collector::{Reading, Sink};

/// Passes families to `sink`.
pub(super) struct Escaped<'a, S> {
    pub(super) names: Names<'a>,
    pub(super) sink: S,
}

impl<S: Sink> Sink for Escaped<'_, S> {
    #[inline]
    fn metric(&mut self, metric: &Reading<'_>) {
        if self.names.stay(metric.desc) {
            self.sink.metric(metric);
        } else {
            self.sink.family(self.names.renamed(&metric.family()));
        }
    }

    fn family(&mut self, family: MetricFamily) {
        let renamed = self.names.escaped(&family);
        self.sink.family(renamed.unwrap_or(family));
    }
}

/// Returns whether all label names outside of descriptions are legacy names: the labels of
/// exemplars, and of samples that a custom collector yields.
fn are_legacy(samples: &Samples) -> bool {
    match samples.children() {
        Some(children) => children.exemplars.iter().all(|(_, one)| one.labels().are_legacy()),
        None => samples.iter().all(|sample| {
            let exemplar = sample.exemplar.as_ref();
            sample.labels.are_legacy() && exemplar.is_none_or(|one| one.labels().are_legacy())
        }),
    }
}

/// The names of the families of one exposition.
pub(super) struct Names<'a> {
    escaping: Escaping,
    families: &'a dyn Families,
    /// The legacy names of the described families. `None` until a family needs another name.
    legacy: Option<HashSet<String>>,
    /// The new names of families that were renamed.
    escaped: BTreeSet<String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(escaping: Escaping, families: &'a dyn Families) -> Names<'a> {
        Names { escaping, families, legacy: None, escaped: BTreeSet::new() }
    }

    /// Returns the family with all names escaped, or `None` if none changes.
    pub(super) fn escaped(&mut self, family: &MetricFamily) -> Option<MetricFamily> {
        let stays = self.stay(family.desc()) && (self.is_raw() || are_legacy(&family.samples));
        if stays { None } else { Some(self.renamed(family)) }
    }

    fn is_raw(&self) -> bool {
        self.escaping == Escaping::AllowUtf8
    }

    /// Returns whether a family keeps its name and its label names.
    #[inline]
    pub(super) fn stay(&self, desc: &Desc) -> bool {
        self.is_raw()
            || desc.is_legacy() && (self.escaped.is_empty() || !self.escaped.contains(desc.name()))
    }

    /// Returns a family with all names escaped.
    #[cold]
    fn renamed(&mut self, family: &MetricFamily) -> MetricFamily {
        let desc = self.desc(family.desc());
        let samples = family.samples.iter().cloned().map(|sample| {
            let labels = self.labels(&sample.labels);
            let escaped = |one: Arc<Exemplar>| Arc::new(one.with_labels(self.labels(one.labels())));
            Sample { labels, exemplar: sample.exemplar.map(escaped), ..sample }
        });
        let mut renamed = MetricFamily::with_samples(desc, samples.collect::<Vec<_>>());
        for (labels, native) in family.samples.native_histograms() {
            renamed.samples.push_native(&self.labels(&labels), native);
        }
        if family.has_created() {
            renamed.set_has_created();
        }
        renamed
    }

    fn labels(&self, labels: &Labels) -> Labels {
        let pairs = self.escaping.labels(labels).into_iter();
        Labels::unchecked(pairs.map(|(name, value)| (name.into(), value.to_owned())).collect())
    }

    /// Returns the description with a name that no other family has, and without labels. The first
    /// family that requests a name gets it.
    pub(super) fn desc(&mut self, desc: &Desc) -> Desc {
        let families = self.families;
        let legacy = self.legacy.get_or_insert_with(|| {
            let legacy = families.descs().filter(|other| is_legacy_metric_name(other.name()));
            legacy.flat_map(Desc::reserved).collect()
        });
        // The suffix is not escaped, because in protobuf the server adds it.
        let named = |stem: &str| desc.renamed(format!("{stem}{}", desc.suffix()));
        let renamed = named(&self.escaping.metric_name(desc.stem()));
        let stays = renamed.name() == desc.name();
        let is_taken =
            |name: &String| self.escaped.contains(name) || !stays && legacy.contains(name);
        if !renamed.reserved().any(|name| is_taken(&name)) {
            if !stays {
                self.escaped.extend(renamed.reserved());
            }
            return renamed;
        }
        let other = named(&Escaping::Values.escaped(desc.stem(), &[':']));
        self.escaped.extend(other.reserved());
        let (name, wanted) = (desc.name(), renamed.name());
        notes::add_once(name, || {
            format!("{name:?} is exposed as {}: {wanted} is the name of another", other.name())
        });
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::families::Snapshot;
    use crate::encode::{self, Format, Options};
    use crate::metrics::counter::Counter;
    use crate::metrics::gauge::Gauge;
    use crate::model::kind::Kind;
    use crate::registry::Registry;

    fn samples(registry: &Registry, escaping: Escaping) -> Vec<String> {
        let options = Options::new(Format::Text).escaping(escaping);
        let text = String::from_utf8(registry.encode_with(options)).expect("a text");
        assert_eq!(text.as_bytes(), encode::encode_with(registry.gather(), options));
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn no_two_families_get_the_same_name() {
        let registry = Registry::new();
        let gauge = |name| Gauge::new(name, "").expect("valid");
        for name in ["a.b", "a_b", "a-b", "花火"] {
            registry.register(&gauge(name)).expect("another name");
        }
        registry.register(&Counter::new("c", "").expect("valid")).expect("another name");
        registry.register(&gauge("c.created")).expect("another name");
        let escaped = samples(&registry, Escaping::Underscores);
        let expected =
            ["U__a_2e_b 0", "a_b 0", "U__a_2d_b 0", "__ 0", "c_total 0", "U__c_2e_created 0"];
        assert_eq!(escaped, expected);
        let dots = samples(&registry, Escaping::Dots);
        assert_eq!(dots[..3], ["a_dot_b 0", "a_b 0", "a__b 0"]);
        let quoted = samples(&registry, Escaping::AllowUtf8);
        assert_eq!(quoted[..4], ["{\"a.b\"} 0", "a_b 0", "{\"a-b\"} 0", "{\"花火\"} 0"]);
    }

    #[test]
    fn a_later_family_does_not_take_a_used_name() {
        let others = Snapshot::new(Vec::new());
        let mut names = Names::new(Escaping::Underscores, &others);
        let mut name = |name| {
            let family = MetricFamily::new(Kind::Gauge, name, "").expect("valid");
            names.escaped(&family).unwrap_or(family).name().to_owned()
        };
        assert_eq!([name("a.b"), name("a_b"), name("b")], ["a_b", "U__a__b", "b"]);
    }
}
