//! The exemplars of a metric: of each of its values, the one that was set last.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crate::model::error::Error;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::sync::locks::{self, Mutex};
use crate::sync::{AtomicBool, Ordering};

/// Whether any metric ever had an exemplar: readers look here first.
static ANY: AtomicBool = AtomicBool::new(false);

/// The owner of a metric's words, and the exemplars. Those who count without any do not look here.
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

/// The exemplars, by the place of the value in the layout. Empty, they allocate nothing.
#[derive(Debug, Default)]
pub struct Exemplars(OnceLock<Box<Mutex<ByPlace>>>);

type ByPlace = BTreeMap<usize, Arc<Exemplar>>;

impl Exemplars {
    /// Sets the exemplar of a value, of an event that happens now. Takes a lock.
    pub(crate) fn set(&self, at: usize, exemplar: Exemplar) {
        let exemplars = locks::get_or_init(&self.0, Box::default);
        exemplars.lock().insert(at, Arc::new(exemplar));
        ANY.store(true, Ordering::Relaxed);
    }

    /// Returns all exemplars, each with the place of its value.
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
