//! The legacy validation of `prometheus_client`: whether only names for older servers are accepted.

use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dataclay_metrics_core::names::{is_legacy_label_name, is_legacy_metric_name};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const VARIABLE: &str = "PROMETHEUS_LEGACY_NAME_VALIDATION";

/// Returns the switch. It gets its value from the variable at its first use, so that an import
/// reads no variable.
fn legacy_only() -> &'static AtomicBool {
    static SWITCH: OnceLock<AtomicBool> = OnceLock::new();
    SWITCH.get_or_init(|| {
        let value = env::var(VARIABLE).unwrap_or_default().to_lowercase();
        AtomicBool::new(matches!(value.as_str(), "true" | "1" | "t"))
    })
}

/// Returns whether only legacy names are accepted.
#[pyfunction]
pub(crate) fn get_legacy_validation() -> bool {
    legacy_only().load(Ordering::Relaxed)
}

/// Sets whether new metrics may only have legacy names.
#[pyfunction]
pub(crate) fn set_legacy_validation(legacy: bool) {
    legacy_only().store(legacy, Ordering::Relaxed);
}

/// Refuses a metric name that is not legacy, if only legacy names are accepted. The core refuses
/// the empty name.
pub(crate) fn check_metric_name(name: &str) -> PyResult<()> {
    if name.is_empty() || is_legacy_metric_name(name) || !get_legacy_validation() {
        return Ok(());
    }
    let rule = "must match [a-zA-Z_:][a-zA-Z0-9_:]* under legacy validation";
    Err(PyValueError::new_err(format!("metric name {name:?}: {rule}")))
}

/// Refuses label names that are not legacy, if only legacy names are accepted.
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
