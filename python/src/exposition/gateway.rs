//! Single requests to a Pushgateway, for Python.

use std::collections::BTreeMap;

use dataclay_metrics_core::Error;
use dataclay_metrics_core::encode::Options;
use dataclay_metrics_core::exposition::{Gateway, GroupingKey};
use dataclay_metrics_core::settings::PushFormat;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::to_python;
use crate::exposition::settings::Settings;
use crate::registry::arguments::{self, seconds};
use crate::registry::registration::ToRead;

/// Sends one request to a Pushgateway, within `timeout` seconds.
///
/// PUT replaces a group by the metrics of `registry`. POST replaces the families that the registry
/// has. DELETE deletes the group. Raises `OSError` if the gateway cannot be reached or refuses, and
/// `ValueError` if the gateway, the job or the grouping key is not valid.
#[pyfunction]
#[pyo3(
    signature = (
        method, gateway, job, registry, grouping_key, timeout, format = PushFormat::Text
    ),
    text_signature = "(method, gateway, job, registry, grouping_key, timeout, format='text')"
)]
#[allow(clippy::too_many_arguments, reason = "those of prometheus_client, and one more")]
pub(crate) fn gateway_request(
    py: Python<'_>,
    method: &str,
    #[pyo3(from_py_with = arguments::gateway)] gateway: String,
    #[pyo3(from_py_with = arguments::job)] job: String,
    registry: ToRead,
    grouping_key: BTreeMap<String, String>,
    timeout: f64,
    #[pyo3(from_py_with = push_format)] format: PushFormat,
) -> PyResult<()> {
    let timeout = seconds("timeout", timeout)?;
    let key = grouping(&job, grouping_key).map_err(to_python)?;
    let group = Gateway::new(&gateway, &key).map_err(to_python)?;
    let group = group.timeout(timeout).format(format).like_client_python();
    let made = registry.read(py, |registry| match method {
        "PUT" => Some(group.push(registry)),
        "POST" => Some(group.push_add(registry)),
        "DELETE" => Some(group.delete()),
        _ => None,
    })?;
    made.ok_or_else(|| PyValueError::new_err(format!("method {method:?}: PUT, POST or DELETE")))?
        .map_err(to_python)
}

/// Reads the argument `format` of a push.
pub(crate) fn push_format(argument: &Bound<'_, PyAny>) -> PyResult<PushFormat> {
    let word = arguments::format(argument)?;
    let known = PushFormat::ALL.into_iter().find(|format| format.as_str() == word);
    known.ok_or_else(|| {
        let words = PushFormat::ALL.map(PushFormat::as_str).join(" or ");
        PyValueError::new_err(format!("format {word:?}: must be {words}"))
    })
}

/// Returns the body of a push: `registry` as text or protobuf, without timestamps, which gateways
/// refuse.
#[pyfunction]
pub(crate) fn push_body(
    py: Python<'_>,
    registry: ToRead,
    #[pyo3(from_py_with = push_format)] format: PushFormat,
) -> PyResult<Bound<'_, PyBytes>> {
    let options = Options::new(format).for_gateway().like_client_python();
    let body = registry.read(py, |registry| registry.encode_with(options))?;
    Ok(PyBytes::new(py, &body))
}

/// Returns the path of a group in the URL of a Pushgateway.
#[pyfunction]
pub(crate) fn grouping_path(
    #[pyo3(from_py_with = arguments::job)] job: String,
    labels: BTreeMap<String, String>,
) -> PyResult<String> {
    Ok(grouping(&job, labels).map_err(to_python)?.path())
}

fn grouping(job: &str, labels: BTreeMap<String, String>) -> Result<GroupingKey, Error> {
    let key = GroupingKey::new(job)?;
    labels.iter().try_fold(key, |key, (name, value)| key.label(name, value))
}

/// One push when the process ends, to the group of `settings`.
///
/// Raises `ValueError` if the address of the gateway is not valid.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct LastPush {
    gateway: String,
    key: GroupingKey,
    format: PushFormat,
    /// The id of the process of the key, because a forked child pushes to another group.
    pid: u32,
}

#[pymethods]
impl LastPush {
    #[new]
    fn new(gateway: String, settings: &Bound<'_, Settings>) -> PyResult<LastPush> {
        let settings = &settings.get().0;
        let key = GroupingKey::from_settings(settings).map_err(to_python)?;
        Gateway::new(&gateway, &key).map_err(to_python)?;
        Ok(LastPush { gateway, key, format: settings.push_format, pid: std::process::id() })
    }

    /// Pushes the metrics of `registry`, within `timeout` seconds. Raises `OSError` if that fails.
    fn push(&self, py: Python<'_>, registry: ToRead, timeout: f64) -> PyResult<()> {
        let timeout = seconds("timeout", timeout)?;
        let group = self.group().map_err(to_python)?.timeout(timeout);
        registry.read(py, |registry| group.push_last(registry))?.map_err(to_python)
    }

    /// The URL of the group.
    #[getter]
    fn url(&self) -> PyResult<String> {
        Ok(self.group().map_err(to_python)?.url())
    }
}

impl LastPush {
    fn group(&self) -> Result<Gateway, Error> {
        let pid = std::process::id();
        let key = if pid == self.pid { &self.key } else { &self.key.for_child(self.pid, pid)? };
        Ok(Gateway::new(&self.gateway, key)?.format(self.format))
    }
}
