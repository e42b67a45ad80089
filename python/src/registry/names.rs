//! The legacy validation of `prometheus_client`: whether only the names of older servers are taken.

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dataclay_metrics_core::names::{is_legacy_label_name, is_legacy_metric_name};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const VARIABLE: &str = "PROMETHEUS_LEGACY_NAME_VALIDATION";

/// Returns the switch. The variable sets it when it is first used: an import reads no variable.
fn legacy_only() -> &'static AtomicBool {
    static SWITCH: OnceLock<AtomicBool> = OnceLock::new();
    SWITCH.get_or_init(|| {
        let value = env::var(VARIABLE).unwrap_or_default().to_lowercase();
        AtomicBool::new(matches!(value.as_str(), "true" | "1" | "t"))
    })
}

/// Returns whether only legacy names are taken.
#[pyfunction]
pub(crate) fn get_legacy_validation() -> bool {
    legacy_only().load(Ordering::Relaxed)
}

/// Sets whether only legacy names are taken, of metrics that are made later.
#[pyfunction]
pub(crate) fn set_legacy_validation(legacy: bool) {
    legacy_only().store(legacy, Ordering::Relaxed);
}

/// Refuses a metric name that is not legacy, while only legacy names are taken. The core refuses
/// the empty one.
pub(crate) fn check_metric_name(name: &str) -> PyResult<()> {
    if name.is_empty() || is_legacy_metric_name(name) || !get_legacy_validation() {
        return Ok(());
    }
    let rule = "must match [a-zA-Z_:][a-zA-Z0-9_:]* under legacy validation";
    Err(PyValueError::new_err(format!("metric name {name:?}: {rule}")))
}

/// Refuses label names that are not legacy, while only legacy names are taken.
pub(crate) fn check_label_names<'a>(names: impl IntoIterator<Item = &'a str>) -> PyResult<()> {
    let Some(name) = names.into_iter().find(|name| !is_legacy_label_name(name)) else {
        return Ok(());
    };
    if !get_legacy_validation() {
        return Ok(());
    }
    let rule = "must match [a-zA-Z_][a-zA-Z0-9_]* under legacy validation";
    Err(PyValueError::new_err(format!("label name {name:?}: {rule}")))
}
