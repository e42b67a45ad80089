//! `PROMETHEUS_MULTIPROC_DIR`: the variable that makes programs with `prometheus_client` count with
//! several processes.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use dataclay_metrics_core::{Collector, GaugeMerge};
use pyo3::Python;

/// The variable, and the name that it had before.
pub(crate) const VARIABLES: [&str; 2] = ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"];

/// Returns the directory that the variable names.
pub(crate) fn directory(lookup: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let value = VARIABLES.into_iter().find_map(lookup).filter(|value| !value.is_empty())?;
    std::path::absolute(value).ok()
}

/// Adds a new metric to the segment, if the variable is set. So all processes expose it at zero
/// before any process counts, as in `prometheus_client`. A gauge of the most recent value has no
/// value yet.
pub(crate) fn enter(py: Python<'_>, merge: GaugeMerge, metric: &impl Collector) {
    let has_value = !matches!(merge, GaugeMerge::MostRecent | GaugeMerge::MostRecentOfAll);
    if has_value && directory(|name| env::var_os(name)).is_some() {
        // Reading adds the metric to the segment. Detached, because it may wait for another
        // process.
        py.detach(|| drop(metric.collect()));
    }
}
