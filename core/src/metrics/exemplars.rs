//! The exemplars of a metric: the last one of each value.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::model::error::Error;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::sync::locks::{self, Mutex};
use crate::sync::{AtomicBool, Ordering};

/// Whether any metric ever had an exemplar. Readers check this first.
static ANY: AtomicBool = AtomicBool::new(false);

/// The owner of a metric's words, and the exemplars. Counts without an exemplar do not touch it.
#[derive(Debug)]
pub(crate) struct WithExemplars<T> {
    pub(crate) words: T,
    pub(crate) exemplars: Exemplars,
}

impl<T> WithExemplars<T> {
    pub(crate) fn new(words: T) -> WithExemplars<T> {
        WithExemplars { words, exemplars: Exemplars::default() }
    }
}

/// The exemplars, by the index of the value in the layout. An empty list allocates nothing.
#[derive(Debug, Default)]
pub struct Exemplars(OnceLock<Box<Mutex<ByPlace>>>);

type ByPlace = BTreeMap<usize, Arc<Exemplar>>;

impl Exemplars {
    /// Sets the exemplar of a value, for an event that happens now. Takes a lock.
    pub(crate) fn set(&self, at: usize, exemplar: Exemplar) {
        let exemplars = locks::get_or_init(&self.0, Box::default);
        exemplars.lock().insert(at, Arc::new(exemplar));
        ANY.store(true, Ordering::Relaxed);
    }

    /// Returns all exemplars, each with the index of its value.
    pub(crate) fn all(&self) -> Vec<(usize, Arc<Exemplar>)> {
        let Some(exemplars) = self.0.get() else { return Vec::new() };
        exemplars.lock().iter().map(|(at, exemplar)| (*at, Arc::clone(exemplar))).collect()
    }
}

/// Returns the exemplar of an event that happens now.
pub(crate) fn now(labels: Labels, value: f64) -> Result<Exemplar, Error> {
    Exemplar::new(labels, value, Some(SystemTime::now()))
}

/// Returns whether any metric ever had an exemplar.
#[inline]
pub(crate) fn any() -> bool {
    ANY.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{self, Format};
    use crate::metrics::buckets::Buckets;
    use crate::metrics::counter::Counter;
    use crate::metrics::family::Family;
    use crate::metrics::histogram::Histogram;
    use crate::metrics::opts::Opts;
    use crate::registry::Registry;

    /// Returns the lines in OpenMetrics that have an exemplar, without its time.
    fn with_exemplar(registry: &Registry) -> Vec<String> {
        let text = registry.encode(Format::OpenMetrics);
        assert_eq!(encode::open_metrics(&registry.gather()), text);
        let lines = text.lines().filter(|line| line.contains(" # {"));
        lines.map(|line| line.rsplit_once(' ').expect("a time").0.to_owned()).collect()
    }

    #[test]
    fn open_metrics_exposes_the_last_exemplar_of_each_bucket() {
        let registry = Registry::new();
        let plain = Opts::new("h", "").buckets(Buckets::new([1.0, 2.0]).expect("valid"));
        let plain = Histogram::with_opts(plain).expect("valid");
        registry.register(&plain).expect("the first");
        let family = Opts::new("f", "").buckets(Buckets::new([1.0]).expect("valid"));
        let family = Family::<Histogram>::with_opts(family, ["of"]).expect("valid");
        registry.register(&family).expect("another");
        let id = |id: &str| Labels::new([("id", id)]).expect("valid");
        let child = |of: &str| family.with_labels([of]).expect("room");
        child("x").observe(0.5);
        assert!(with_exemplar(&registry).is_empty());
        for (number, of) in [(1.5, "a"), (1.75, "b"), (0.5, "c")] {
            plain.observe_with_exemplar(number, id(of)).expect("short");
        }
        child("y").observe_with_exemplar(9.0, Labels::default()).expect("short");
        let expected = [
            "h_bucket{le=\"1.0\"} 1 # {id=\"c\"} 0.5",
            "h_bucket{le=\"2.0\"} 3 # {id=\"b\"} 1.75",
            "f_bucket{of=\"y\",le=\"+Inf\"} 1 # {} 9",
        ];
        assert_eq!(with_exemplar(&registry), expected);
        // The clone in a thread's cache is the same histogram.
        child("x").observe_with_exemplar(0.25, id("d")).expect("short");
        assert_eq!(
            with_exemplar(&registry)[2],
            "f_bucket{of=\"x\",le=\"1.0\"} 2 # {id=\"d\"} 0.25"
        );
        assert!(!registry.encode(Format::Text).contains(" # {"));
        assert!(plain.observe_with_exemplar(0.5, id(&"x".repeat(127))).is_err());
        assert_eq!(plain.count(), 3);
    }

    #[test]
    fn open_metrics_exposes_the_exemplar_of_a_counter() {
        let registry = Registry::new();
        let family = Family::<Counter>::new("c", "", ["of"]).expect("valid");
        registry.register(&family).expect("the first");
        let child = |of: &str| family.with_labels([of]).expect("room");
        child("x").inc();
        let id = Labels::new([("id", "a")]).expect("valid");
        child("y").inc_by_with_exemplar(0.5, id.clone()).expect("short");
        assert!(child("x").inc_by_with_exemplar(-1.0, id).is_err());
        assert_eq!(with_exemplar(&registry), ["c_total{of=\"y\"} 0.5 # {id=\"a\"} 0.5"]);
    }
}
