//! Values of one run of the interpreter. A program that embeds Python may end the interpreter and
//! start it again, and must not find objects of the earlier run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;

/// The number of this run.
static RUN: AtomicUsize = AtomicUsize::new(0);

/// Begins a new run, which has none of the values.
pub(crate) fn begin() {
    RUN.fetch_add(1, Ordering::SeqCst);
}

/// A value that is made once in each run. It is never dropped, because its interpreter does not
/// exist any more when the next run makes a new value.
pub(crate) struct PerRun<T: 'static>(Mutex<Option<(usize, &'static T)>>);

impl<T: Send + Sync> PerRun<T> {
    pub(crate) const fn new() -> PerRun<T> {
        PerRun(Mutex::new(None))
    }

    fn value(&self, py: Python<'_>) -> MutexGuard<'_, Option<(usize, &'static T)>> {
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the value of this run, if it was made.
    pub(crate) fn get(&self, py: Python<'_>) -> Option<&'static T> {
        let run = RUN.load(Ordering::SeqCst);
        self.value(py).filter(|(made, _)| *made == run).map(|(_, value)| value)
    }

    /// Returns the value of this run, and makes it if there is none. If two threads make it at the
    /// same time, one of the two values is dropped.
    pub(crate) fn get_or_try_init(
        &self,
        py: Python<'_>,
        make: impl FnOnce() -> PyResult<T>,
    ) -> PyResult<&'static T> {
        if let Some(known) = self.get(py) {
            return Ok(known);
        }
        let own = make()?;
        let run = RUN.load(Ordering::SeqCst);
        let mut value = self.value(py);
        match *value {
            Some((known_run, known)) if known_run == run => Ok(known),
            _ => Ok(value.insert((run, Box::leak(Box::new(own)))).1),
        }
    }
}
