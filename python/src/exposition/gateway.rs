//! One request to a Pushgateway, for Python.

use std::collections::BTreeMap;

use dataclay_metrics_core::Error;
use dataclay_metrics_core::exposition::{Gateway, GroupingKey};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::to_python;
use crate::exposition::exporters::seconds;
use crate::registry::registration::Registration;

/// Sends one request: PUT replaces a group by what `registry` holds, POST replaces the families
/// that it holds, DELETE deletes the group. `timeout` bounds it, in seconds.
///
/// Raises `OSError` if the gateway cannot be reached or refuses, `ValueError` if the gateway, the
/// job or the grouping key is not valid.
#[pyfunction]
pub(crate) fn gateway_request(
    py: Python<'_>,
    method: &str,
    gateway: &str,
    job: &str,
    registry: Registration,
    grouping_key: BTreeMap<String, String>,
    timeout: f64,
) -> PyResult<()> {
    let timeout = seconds("timeout", timeout)?;
    let registry = registry.required(py)?;
    let key = grouping(job, grouping_key).map_err(to_python)?;
    let group = Gateway::new(gateway, &key).map_err(to_python)?.timeout(timeout);
    py.detach(|| match method {
        "PUT" => Some(group.push(&registry)),
        "POST" => Some(group.push_add(&registry)),
        "DELETE" => Some(group.delete()),
        _ => None,
    })
    .ok_or_else(|| PyValueError::new_err(format!("method {method:?}: PUT, POST or DELETE")))?
    .map_err(to_python)
}

/// The URL of a group on a Pushgateway. Nothing is sent.
///
/// Raises `ValueError` if the gateway, the job or the grouping key is not valid.
#[pyfunction]
pub(crate) fn group_url(
    gateway: &str,
    job: &str,
    grouping_key: BTreeMap<String, String>,
) -> PyResult<String> {
    let key = grouping(job, grouping_key).map_err(to_python)?;
    Ok(Gateway::new(gateway, &key).map_err(to_python)?.url())
}

/// The path of a group in the URL of a Pushgateway.
#[pyfunction]
pub(crate) fn grouping_path(job: &str, labels: BTreeMap<String, String>) -> PyResult<String> {
    Ok(grouping(job, labels).map_err(to_python)?.path())
}

fn grouping(job: &str, labels: BTreeMap<String, String>) -> Result<GroupingKey, Error> {
    let key = GroupingKey::new(job)?;
    labels.iter().try_fold(key, |key, (name, value)| key.label(name, value))
}
