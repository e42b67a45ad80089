use std::sync::Arc;

use super::*;
use crate::encode::{self, Format};
use crate::metrics::family::Family;
use crate::model::layout::{Part, PartLabel};
use crate::registry::Registry;
use crate::sync::{AtomicU64, Ordering};

/// A histogram with one bucket. It has several values with suffixes and labels, and an option. It
/// is defined only here, which proves that no other file needs to name a metric type.
#[derive(Clone, Debug)]
struct OneBucket(Arc<State>);

#[derive(Debug)]
struct State {
    desc: Desc,
    layout: Layout,
    bound: f64,
    counts: [AtomicU64; 2],
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Bound(f64);

impl Opts<Bound> {
    fn bound(mut self, bound: f64) -> Opts<Bound> {
        self.own = Bound(bound);
        self
    }
}

impl OneBucket {
    fn observe(&self, number: f64) {
        self.0.counts[usize::from(number > self.0.bound)].fetch_add(1, Ordering::Relaxed);
    }
}

impl sealed::Metric for OneBucket {
    const KIND: Kind = Kind::Histogram;

    type Options = Bound;

    fn layout_for(_: &Desc, Bound(bound): &Bound) -> Result<Layout, Error> {
        if bound.is_nan() {
            let rule = "a bound is a number";
            return Err(Error::Amount { value: bound.to_string(), rule });
        }
        let bucket = |bound| {
            let label = Some(PartLabel::Number("le", bound));
            Part { suffix: "_bucket", label }
        };
        let count = Part { suffix: "_count", label: None };
        Ok(Layout::new([bucket(*bound), bucket(f64::INFINITY), count]))
    }

    fn make(desc: Desc, layout: &Layout, Bound(bound): &Bound) -> Result<OneBucket, Error> {
        let (layout, bound, counts) = (layout.clone(), *bound, Default::default());
        Ok(OneBucket(Arc::new(State { desc, layout, bound, counts })))
    }

    fn desc(&self) -> &Desc {
        &self.0.desc
    }

    fn layout(&self) -> &Layout {
        &self.0.layout
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        let [below, above] = &self.0.counts;
        let below = below.load(Ordering::Relaxed);
        let all = Some(Value::Integer(below + above.load(Ordering::Relaxed)));
        take(&[Some(Value::Integer(below)), all, all])
    }
}

const PLAIN: &str = "wait_bucket{le=\"0.5\"} 1\nwait_bucket{le=\"+Inf\"} 3\nwait_count 3\n";
const FAMILY: &str = "size_bucket{part=\"a\",of=\"\\\"x\\\"\",le=\"2.0\"} 1\n\
     size_bucket{part=\"a\",of=\"\\\"x\\\"\",le=\"+Inf\"} 1\n\
     size_count{part=\"a\",of=\"\\\"x\\\"\"} 1\n\
     size_bucket{part=\"a\",of=\"y\",le=\"2.0\"} 0\n\
     size_bucket{part=\"a\",of=\"y\",le=\"+Inf\"} 1\n\
     size_count{part=\"a\",of=\"y\"} 1\n";

fn registry() -> (Registry, Family<OneBucket>) {
    let registry = Registry::new();
    let wait: OneBucket = plain(Opts::new("wait", "W").bound(0.5)).expect("valid");
    for number in [0.1, 1.0, 2.0] {
        wait.observe(number);
    }
    registry.register(&wait).expect("the first");
    let part = Labels::new([("part", "a")]).expect("valid");
    let opts = Opts::new("size", "S").bound(2.0).const_labels(part);
    let sizes = Family::<OneBucket>::with_opts(opts, ["of"]).expect("valid");
    sizes.with_labels(["\"x\""]).expect("room").observe(1.0);
    sizes.with_labels(["y"]).expect("room").observe(3.0);
    registry.register(&sizes).expect("another name");
    (registry, sizes)
}

#[test]
fn a_type_with_several_values_is_encoded() {
    let (registry, sizes) = registry();
    let heads = |name: &str, help: &str| format!("# HELP {name} {help}\n# TYPE {name} histogram\n");
    let mut expected = format!("{}{PLAIN}{}{FAMILY}", heads("wait", "W"), heads("size", "S"));
    for _ in 0..2 {
        assert_eq!(registry.encode(Format::Text), expected);
        assert_eq!(encode::text(&registry.gather()), expected);
        assert_eq!(registry.encode(Format::OpenMetrics), format!("{expected}# EOF\n"));
    }
    // Collectors of the application may yield the same metric as a list of samples.
    let mut families = registry.gather();
    for family in &mut families {
        family.samples = family.samples.to_vec().into();
    }
    assert_eq!(encode::text(&families), expected);
    sizes.with_labels(["y"]).expect("room").observe(0.0);
    assert!(sizes.remove(["\"x\""]));
    expected = registry.encode(Format::Text);
    assert!(expected.ends_with("size_count{part=\"a\",of=\"y\"} 2\n"), "{expected}");
    assert_eq!(expected.matches("size_bucket").count(), 2);
}

#[test]
fn options_are_checked_and_labels_of_values_are_reserved() {
    let nan = Opts::new("wait", "W").bound(f64::NAN);
    assert!(plain::<OneBucket>(nan.clone()).is_err());
    assert!(Family::<OneBucket>::with_opts(nan, ["of"]).is_err());
    let error = Family::<OneBucket>::new("wait", "W", ["of", "le"]).expect_err("refused");
    assert!(error.to_string().starts_with("label \"le\": "), "{error}");
    let labels = Labels::new([("le", "x")]).expect("valid");
    assert!(plain::<OneBucket>(Opts::new("wait", "W").const_labels(labels)).is_err());
}

#[cfg(feature = "prometheus")]
#[test]
fn a_new_type_crosses_the_bridge_in_both_directions() {
    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(registry().0)).expect("the first");
    let text = prometheus::TextEncoder::new().encode_to_string(&theirs.gather());
    let text = text.expect("encoded");
    for line in ["wait_bucket{le=\"0.5\"} 1\n", "wait_bucket{le=\"+Inf\"} 3\n", "wait_count 3\n"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let registry = Registry::new();
    registry.register(&crate::prometheus::PrometheusRegistry::new(theirs)).expect("the first");
    let back = registry.encode(Format::Text);
    assert!(back.contains("size_bucket{part=\"a\",of=\"y\",le=\"2.0\"} 0\n"), "{back}");
    assert!(back.contains("size_count{part=\"a\",of=\"y\"} 1\n"), "{back}");
}
