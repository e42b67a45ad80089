//! The segments of other processes, for the commands of the package.

use std::path::PathBuf;

use dataclay_metrics_core::exposition::{self, push_segment};
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::node::Node;
use dataclay_metrics_core::segment::{Reader, auto_directory};
use dataclay_metrics_core::settings::PushFormat;
use dataclay_metrics_core::{Collector, Error, Registry, encode};
use pyo3::prelude::*;

use crate::error::to_python;
use crate::exposition::gateway::push_format;
use crate::exposition::http_exporter::HttpExporter;
use crate::registry::arguments::seconds;

/// The segments of a directory, which may not exist yet.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Segments(Node);

#[pymethods]
impl Segments {
    #[new]
    fn new(directory: PathBuf) -> Segments {
        Segments(Node::new(directory))
    }

    /// Returns the existing segments, by name, and the reasons why others cannot be read.
    fn read(&self, py: Python<'_>) -> (Vec<Segment>, Vec<String>) {
        let (readers, failures) = py.detach(|| self.0.segments());
        (readers.into_iter().map(Segment).collect(), failures)
    }

    /// Returns the series of all segments in OpenMetrics, each with its `job` and `instance`.
    fn text(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| text(&self.0)).map_err(to_python)
    }

    /// Serves the series of all segments over HTTP, each with its `job` and `instance`.
    ///
    /// Raises `OSError` if the address cannot be bound.
    fn serve<'py>(
        &self,
        py: Python<'py>,
        host: &str,
        port: u16,
    ) -> PyResult<Bound<'py, HttpExporter>> {
        let start = || {
            let registry = Registry::new();
            registry.register(&self.0)?;
            registry.register(&Health)?;
            exposition::HttpExporter::start(registry, host, port)
        };
        HttpExporter::wrap(py, py.detach(start).map_err(to_python)?)
    }
}

/// A segment in which other processes count.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Segment(Reader);

#[pymethods]
impl Segment {
    /// The job of its processes.
    #[getter]
    fn job(&self) -> &str {
        self.0.job()
    }

    /// The instance under which its processes export.
    #[getter]
    fn instance(&self) -> String {
        self.0.exported_instance()
    }

    /// The label `service` under which they export, if they have one.
    #[getter]
    fn service(&self) -> Option<String> {
        self.0.service()
    }

    /// The file.
    #[getter]
    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// The bytes of RAM that the file takes.
    #[getter]
    fn size(&self) -> u64 {
        self.0.size()
    }

    /// The number of series.
    #[getter]
    fn series(&self) -> usize {
        self.0.series()
    }

    /// The number of live processes that count in it.
    #[getter]
    fn processes(&self) -> usize {
        self.0.processes()
    }

    /// The number of damaged records that were skipped.
    #[getter]
    fn damaged(&self) -> u64 {
        self.0.damaged_records()
    }

    /// Returns its series in OpenMetrics.
    fn text(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| text(&self.0)).map_err(to_python)
    }

    /// Pushes its series to the group of its processes, unless one of them is pushing or has pushed
    /// within `interval` seconds. Returns whether it has pushed. `format` is `text` or `protobuf`.
    ///
    /// Raises `OSError` if the push fails, and `ValueError` for a wrong address.
    fn push(
        &self,
        py: Python<'_>,
        gateway: &str,
        interval: f64,
        timeout: f64,
        #[pyo3(from_py_with = push_format)] format: PushFormat,
    ) -> PyResult<bool> {
        let (interval, timeout) = (seconds("interval", interval)?, seconds("timeout", timeout)?);
        py.detach(|| push_segment(&self.0, gateway, interval, timeout, format)).map_err(to_python)
    }

    /// Deletes the file, and its counts with it. Raises `OSError` if that fails.
    fn delete(&self) -> PyResult<()> {
        self.0.delete().map_err(to_python)
    }
}

fn text(collector: &(impl Collector + Clone)) -> Result<String, Error> {
    let registry = Registry::new();
    registry.register(collector)?;
    Ok(registry.encode(encode::Format::OpenMetrics))
}

/// Returns the directory that `auto` means for this value of `XDG_RUNTIME_DIR`.
#[pyfunction]
#[pyo3(signature = (runtime = None))]
pub(crate) fn auto_segment_directory(runtime: Option<PathBuf>) -> PathBuf {
    auto_directory(runtime.as_deref())
}
