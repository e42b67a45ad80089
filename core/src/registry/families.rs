//! Families of one name, of several collectors, as one family.

use std::collections::HashSet;

use crate::diagnostics::notes;
use crate::model::labels::Labels;
use crate::model::snapshot::MetricFamily;

/// Adds a family. If there is one of that name, adds only the metrics that it lacks, each with all
/// its samples. Two histograms may have the same labels and different buckets. A family of another
/// kind than its namesake is skipped: a scrape with both would be refused as a whole.
pub(super) fn merge(families: &mut Vec<MetricFamily>, new: MetricFamily) {
    let Some(known) = families.iter_mut().rfind(|known| known.name() == new.name()) else {
        return families.push(new);
    };
    if known.kind() != new.kind() {
        let why = format!("one of that name is a {}", known.kind().word());
        return leave_out(&new, &why);
    }
    let own = known.kind().sample_label_in(known.name());
    let metrics: HashSet<_> =
        known.samples.iter().map(|sample| metric(&sample.labels, own)).collect();
    let mut missing = new.samples;
    missing.retain_labels(|labels| !metrics.contains(&metric(labels, own)));
    known.samples.append(missing);
}

/// Returns the labels that identify the metric of a sample in its family: all but the sample's
/// label, in the order of their names.
fn metric<'a>(labels: &'a Labels, own: Option<&str>) -> Vec<(&'a str, &'a str)> {
    let mut pairs: Vec<_> = labels.iter().filter(|(name, _)| Some(*name) != own).collect();
    pairs.sort_unstable();
    pairs
}

/// Logs that a family is not exposed, once for each name.
#[cold]
pub(super) fn leave_out(family: &MetricFamily, why: &str) {
    let name = family.name();
    notes::add_once(name, || format!("the family {name} of a collector is left out: {why}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::Kind;
    use crate::model::native::{Native, NativeBuckets};
    use crate::model::sample::Sample;
    use crate::model::value::Value;

    /// The suffix, the labels and the value of a sample.
    type Read<'a> = (&'static str, &'a [(&'a str, &'a str)], u64);

    fn family(kind: Kind, samples: &[Read<'_>]) -> MetricFamily {
        let mut family = MetricFamily::new(kind, "x", "").expect("valid");
        family.samples.extend(samples.iter().map(|(suffix, labels, value)| {
            Sample::new(
                suffix,
                Labels::new(labels.iter().copied()).expect("valid"),
                Value::Integer(*value),
            )
        }));
        family
    }

    #[test]
    fn a_metric_is_added_whole_or_not_at_all() {
        for (kind, own, suffix) in [
            (Kind::Histogram, "le", "_bucket"),
            (Kind::GaugeHistogram, "le", "_bucket"),
            (Kind::Summary, "quantile", ""),
            (Kind::StateSet, "x", ""),
        ] {
            let of = |bound, value| {
                family(
                    kind,
                    &[
                        (suffix, &[("a", "1"), ("b", "2"), (own, bound)], value),
                        (suffix, &[("a", "1"), ("b", "2"), (own, "+Inf")], value),
                    ],
                )
            };
            let mut families = vec![of("2.0", 1)];
            // The same metric with other buckets, and with its labels in another order.
            merge(&mut families, of("5.0", 9));
            merge(
                &mut families,
                family(
                    kind,
                    &[
                        (suffix, &[(own, "7.0"), ("b", "2"), ("a", "1")], 9),
                        ("_count", &[("b", "2"), ("a", "1")], 9),
                    ],
                ),
            );
            assert_eq!(families, [of("2.0", 1)], "{kind:?}");
            // Two metrics, one of which was merged before.
            merge(
                &mut families,
                family(
                    kind,
                    &[
                        (suffix, &[("a", "1"), ("b", "2"), (own, "9.0")], 9),
                        (suffix, &[("a", "1"), ("b", "3"), (own, "9.0")], 4),
                        ("_count", &[("a", "1"), ("b", "3")], 4),
                    ],
                ),
            );
            let values: Vec<_> = families[0].samples.iter().map(|sample| sample.value).collect();
            assert_eq!(values, [1, 1, 4, 4].map(Value::Integer), "{kind:?}");
        }
    }

    #[test]
    fn native_histograms_are_merged_with_their_metrics() {
        let native = |of: &str, count| {
            let labels = Labels::new([("a", of)]).expect("valid");
            let native = NativeBuckets::new(2, 0.25, 64.0).expect("valid");
            let native = Native::new(native, &[f64::INFINITY]);
            let mut new = family(Kind::Histogram, &[("_count", &[("a", of)], count)]);
            let none = native.cells().iter().map(|_| 0);
            new.samples.push_native(&labels, native.histogram(none, (count, 0.0)));
            new
        };
        let mut families = vec![native("1", 1)];
        merge(&mut families, native("1", 9));
        merge(&mut families, native("2", 2));
        let all = families[0].samples.native_histograms();
        let all: Vec<_> =
            all.iter().map(|(labels, native)| (labels.to_string(), native.count)).collect();
        assert_eq!(all, [("{a=\"1\"}".to_owned(), 1), ("{a=\"2\"}".to_owned(), 2)]);
    }

    #[test]
    fn labels_in_another_order_are_the_same_metric() {
        for kind in [Kind::Counter, Kind::Gauge, Kind::Info, Kind::Untyped] {
            let mut families = vec![family(kind, &[("", &[("a", "1"), ("b", "2")], 1)])];
            merge(
                &mut families,
                family(
                    kind,
                    &[("", &[("b", "2"), ("a", "1")], 9), ("", &[("b", "1"), ("a", "2")], 3)],
                ),
            );
            let values: Vec<_> = families[0].samples.iter().map(|sample| sample.value).collect();
            assert_eq!(values, [1, 3].map(Value::Integer), "{kind:?}");
        }
    }
}
