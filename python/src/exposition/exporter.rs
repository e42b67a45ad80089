//! The exporter that the settings choose, for Python.

use dataclay_metrics_core::exposition::{self, Exporter};
use pyo3::prelude::*;

use crate::error::to_python;
use crate::exposition::http_exporter::HttpExporter;
use crate::exposition::push_exporter::PushExporter;
use crate::exposition::settings::Settings;
use crate::registry::collector_registry::CollectorRegistry;

/// Starts the exporter that `settings` choose, and returns it; None if they choose none.
///
/// The scrape endpoint listens on the first free one of the 100 ports from that of the settings.
/// Raises `OSError` if none can be bound, and `ValueError` if the address to push to is not valid.
#[pyfunction]
pub(crate) fn start_exporter<'py>(
    py: Python<'py>,
    registry: &Bound<'py, CollectorRegistry>,
    settings: &Bound<'py, Settings>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let settings = settings.get();
    // This runs before the registry is read, because it starts to count garbage collections.
    exposition::request_segment(&settings.0).map_err(to_python)?;
    let registry = registry.get().to_read(py)?.clone();
    // Detached, because resolving a name takes time, and another thread may be forking.
    let started = py.detach(|| Exporter::from_settings(registry, &settings.0));
    Ok(match started.map_err(to_python)? {
        Exporter::Http(exporter) => Some(HttpExporter::wrap(py, exporter)?.into_any()),
        Exporter::Push(exporter) => Some(Bound::new(py, PushExporter(exporter))?.into_any()),
        Exporter::None => None,
    })
}
