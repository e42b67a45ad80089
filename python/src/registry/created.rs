//! Whether start times are exposed as `_created` samples. As in `prometheus_client`, this is one
//! setting for the process.

use std::env;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use pyo3::intern;
use pyo3::prelude::*;

use crate::registry::timestamps;

/// A variable of `prometheus_client`, where the samples are on by default. Here they are off unless
/// the variable is `false`.
const VARIABLE: &str = "PROMETHEUS_DISABLE_CREATED_SERIES";

const UNSET: u8 = 0;
const ON: u8 = 1;
const OFF: u8 = 2;

static CHOICE: AtomicU8 = AtomicU8::new(UNSET);

/// Stores the program's choice.
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

/// Returns the start time of a metric that is made or reset now, from `time.time()`, which a test
/// may have replaced. Returns `None` if the samples are not exposed; the core then uses the
/// system's clock.
pub(crate) fn now(py: Python<'_>) -> PyResult<Option<SystemTime>> {
    if chosen() != Some(true) {
        return Ok(None);
    }
    let time = py.import(intern!(py, "time"))?.call_method0(intern!(py, "time"))?;
    timestamps::from_seconds(time.extract()?).map(Some)
}

/// Runs `make`. Metrics that it makes or resets get the start time `now`.
pub(crate) fn began<R>(now: Option<SystemTime>, make: impl FnOnce() -> R) -> R {
    match now {
        Some(now) => dataclay_metrics_core::began_at(now, make),
        None => make(),
    }
}
