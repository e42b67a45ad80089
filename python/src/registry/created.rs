//! Whether start times are exposed as `_created` samples: one choice for the whole process, as in
//! `prometheus_client`.

use std::env;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use pyo3::intern;
use pyo3::prelude::*;

use crate::registry::timestamps;

/// A variable of `prometheus_client`. There the samples are on by default; here they are off unless
/// the variable is `false`.
const VARIABLE: &str = "PROMETHEUS_DISABLE_CREATED_SERIES";

const UNSET: u8 = 0;
const ON: u8 = 1;
const OFF: u8 = 2;

static CHOICE: AtomicU8 = AtomicU8::new(UNSET);

/// Sets the choice of the program.
pub(crate) fn choose(exposes: bool) {
    CHOICE.store(if exposes { ON } else { OFF }, Ordering::Relaxed);
}

/// Returns the choice of the program or of the environment; `None` if there is none.
pub(crate) fn chosen() -> Option<bool> {
    match CHOICE.load(Ordering::Relaxed) {
        ON => Some(true),
        OFF => Some(false),
        _ => {
            let value = env::var(VARIABLE).ok().filter(|value| !value.is_empty())?;
            Some(!matches!(value.to_lowercase().as_str(), "true" | "1" | "t"))
        }
    }
}

/// Returns the time of a metric that is made or reset now, by `time.time()`, which a test may have
/// replaced. `None` unless the samples are exposed: then it is that of the system.
pub(crate) fn now(py: Python<'_>) -> PyResult<Option<SystemTime>> {
    if chosen() != Some(true) {
        return Ok(None);
    }
    let time = py.import(intern!(py, "time"))?.call_method0(intern!(py, "time"))?;
    timestamps::from_seconds(time.extract()?).map(Some)
}

/// Runs `make`. What it makes or resets began at `now`.
pub(crate) fn began<R>(now: Option<SystemTime>, make: impl FnOnce() -> R) -> R {
    match now {
        Some(now) => dataclay_metrics_core::began_at(now, make),
        None => make(),
    }
}
