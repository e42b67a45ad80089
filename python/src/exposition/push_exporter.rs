//! Exporters that push to a Pushgateway or by OTLP, for Python.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use dataclay_metrics_core::exposition;
use dataclay_metrics_core::settings::Certificates;
use pyo3::prelude::*;

use crate::error::to_python;
use crate::interpreter::attach::end_detached;
use crate::registry::arguments::{self, seconds};
use crate::registry::registration::ToRead;

/// The limit of the last push of an exporter that was dropped without `stop()`.
const DROP_LIMIT: Duration = Duration::from_secs(2);

/// Pushes a registry to a Pushgateway, or by OTLP, at intervals, until `stop()`.
///
/// Its thread makes the first push at once. The constructor does not wait for the server.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct PushExporter(pub(super) exposition::PushExporter);

impl Drop for PushExporter {
    fn drop(&mut self) {
        // Drop cannot return an error. A caller who needs it calls `stop()` first.
        end_detached(|| drop(self.0.finish(DROP_LIMIT)));
    }
}

#[pymethods]
impl PushExporter {
    /// Makes a last push and ends the thread, within `timeout` seconds.
    ///
    /// With `delete` it deletes the group instead. A second call does nothing. Raises `OSError` if
    /// the last push failed. Even then the thread has ended.
    #[pyo3(signature = (timeout = 2.0, *, delete = false))]
    fn stop(
        &self,
        py: Python<'_>,
        timeout: f64,
        #[pyo3(from_py_with = arguments::truth)] delete: bool,
    ) -> PyResult<()> {
        let limit = seconds("timeout", timeout)?;
        // Detached, because the push may call a Python function.
        py.detach(|| if delete { self.0.stop_and_delete(limit) } else { self.0.stop(limit) })
            .map_err(to_python)
    }

    /// Whether the server has accepted a push of this process, or of one in its group.
    #[getter]
    fn has_pushed(&self, py: Python<'_>) -> bool {
        py.detach(|| self.0.has_pushed())
    }

    /// The URL that it pushes to.
    #[getter]
    fn url(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.url())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<PushExporter {}>", self.url(py))
    }
}

/// Sends a registry to an OTLP endpoint at intervals, until `stop()`.
#[pyclass(frozen, subclass, extends = PushExporter, module = "dataclay_metrics")]
pub(crate) struct OtlpExporter;

#[pymethods]
impl OtlpExporter {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "the options of an endpoint")]
    fn new(
        py: Python<'_>,
        registry: ToRead,
        endpoint: &str,
        service: &str,
        instance: &str,
        interval: f64,
        timeout: f64,
        headers: BTreeMap<String, String>,
        resource: BTreeMap<String, String>,
        #[pyo3(from_py_with = arguments::truth)] gzip: bool,
        certificates: (Option<PathBuf>, Option<PathBuf>, Option<PathBuf>),
    ) -> PyResult<PyClassInitializer<OtlpExporter>> {
        let registry = registry.registry(py)?;
        let (interval, timeout) = (seconds("interval", interval)?, seconds("timeout", timeout)?);
        let (roots, chain, key) = certificates;
        let certificates = Certificates { roots, own: chain.zip(key) };
        let endpoint = exposition::OtlpEndpoint::new(endpoint, service, instance)
            .and_then(|endpoint| endpoint.certificates(&certificates))
            .map_err(to_python)?;
        let mut endpoint = endpoint.timeout(timeout).gzip(gzip);
        for (key, value) in &resource {
            endpoint = endpoint.attribute(key, value);
        }
        for (name, value) in &headers {
            endpoint = endpoint.header(name, value).map_err(to_python)?;
        }
        // Detached, because another thread may be forking.
        let started =
            py.detach(|| exposition::PushExporter::start_otlp(registry, endpoint, interval));
        let base = PyClassInitializer::from(PushExporter(started.map_err(to_python)?));
        Ok(base.add_subclass(OtlpExporter))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let url: String = slf.getattr("url")?.extract()?;
        Ok(format!("<OtlpExporter {url}>"))
    }
}
