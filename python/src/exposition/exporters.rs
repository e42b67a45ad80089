//! The running exporters, for Python: the scrape endpoint and the push thread.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::{self, Exporter};
use dataclay_metrics_core::settings::Certificates;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use crate::error::to_python;
use crate::exposition::settings::Settings;
use crate::interpreter::green;
use crate::registry::arguments;
use crate::registry::collector_registry::CollectorRegistry;
use crate::registry::registration::ToRead;

/// How long the last push of an exporter that was dropped without `stop()` may take.
const DROP_LIMIT: Duration = Duration::from_secs(2);
/// How often a wait checks whether a signal has arrived.
const SIGNALS: Duration = Duration::from_millis(100);
/// How often a waiting greenlet checks.
const GREEN_SLEEP: Duration = Duration::from_millis(20);

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
    // Before the registry is read: that counts garbage collections.
    exposition::ask_for_segment(&settings.0).map_err(to_python)?;
    let registry = registry.get().to_read(py)?.clone();
    // Detached: resolving a name takes time, and another thread may be forking.
    let started = py.detach(|| Exporter::from_settings(registry, &settings.0));
    Ok(match started.map_err(to_python)? {
        Exporter::Http(exporter) => Some(HttpExporter::wrap(py, exporter)?.into_any()),
        Exporter::Push(exporter) => Some(Bound::new(py, PushExporter(exporter))?.into_any()),
        Exporter::None => None,
    })
}

pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!(
            "{name}={value:?}: must be a number of seconds, not negative"
        ))
    })
}

/// Serves a registry over HTTP from construction until `stop()`.
///
/// Raises `OSError` if the address cannot be bound, and `OverflowError` if the port is not 0 to
/// 65535.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct HttpExporter {
    core: exposition::HttpExporter,
    ended: Mutex<bool>,
    /// Notified when `ended` is set.
    end: Condvar,
}

impl HttpExporter {
    pub(crate) fn wrap(
        py: Python<'_>,
        core: exposition::HttpExporter,
    ) -> PyResult<Bound<'_, HttpExporter>> {
        Bound::new(py, HttpExporter { core, ended: Mutex::default(), end: Condvar::new() })
    }
}

/// Ends an exporter that was dropped without `stop()`. Detached: its thread may wait for the
/// interpreter.
///
/// Without an interpreter, at the end of the process, nothing waits for it.
fn end_detached(end: impl FnOnce() + Send) {
    let mut end = Some(end);
    let mut end = || {
        if let Some(end) = end.take() {
            end();
        }
    };
    Python::try_attach(|py| py.detach(&mut end));
    end();
}

impl Drop for HttpExporter {
    fn drop(&mut self) {
        end_detached(|| {
            self.core.stop();
        });
    }
}

impl Drop for PushExporter {
    fn drop(&mut self) {
        // Nobody can receive an error here; a caller who wants it calls `stop()` before.
        end_detached(|| drop(self.0.finish(DROP_LIMIT)));
    }
}

/// Reads a port. The error of a wrong one has the type that `socket` and so `prometheus_client`
/// raise.
fn port(number: &Bound<'_, PyAny>) -> PyResult<u16> {
    number.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(number.py()) {
            PyOverflowError::new_err(format!("port {number}: must be 0 to 65535"))
        } else {
            arguments::must_be("port", "a whole number", number)
        }
    })
}

#[pymethods]
impl HttpExporter {
    #[new]
    fn new(
        py: Python<'_>,
        registry: ToRead,
        #[pyo3(from_py_with = arguments::addr)] addr: String,
        #[pyo3(from_py_with = port)] port: u16,
    ) -> PyResult<Bound<'_, HttpExporter>> {
        let registry = registry.registry(py)?;
        // Detached: resolving a name takes time.
        let started = py.detach(|| exposition::HttpExporter::start(registry, &addr, port));
        HttpExporter::wrap(py, started.map_err(to_python)?)
    }

    /// Closes the socket and ends the thread, in bounded time. A second call does nothing.
    fn stop(&self, py: Python<'_>) {
        // Detached: a scrape that is being answered may wait for the interpreter.
        py.detach(|| {
            // False if a scrape took longer than the limit: its thread ends by itself.
            let _ = self.core.stop();
            *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.end.notify_all();
        });
    }

    /// Does what `stop()` does: for `server, thread = start_http_server(...)`.
    fn shutdown(&self, py: Python<'_>) {
        self.stop(py);
    }

    /// Does what `stop()` does.
    fn server_close(&self, py: Python<'_>) {
        self.stop(py);
    }

    /// Blocks until the exporter is stopped, or for `timeout` seconds.
    #[pyo3(signature = (timeout = None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let limit = timeout.map(|timeout| seconds("timeout", timeout)).transpose()?;
        let begin = Instant::now();
        let is_loop_thread = green::is_loop_thread(py)?;
        loop {
            let mut left = limit.map_or(SIGNALS, |limit| limit.saturating_sub(begin.elapsed()));
            if is_loop_thread {
                // This function is patched: other greenlets run meanwhile.
                let sleep = py.import("time")?.getattr("sleep")?;
                sleep.call1((left.min(GREEN_SLEEP).as_secs_f64(),))?;
                left = Duration::ZERO;
            }
            let ended = py.detach(|| {
                let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
                let wait = self.end.wait_timeout_while(ended, left.min(SIGNALS), |ended| !*ended);
                *wait.unwrap_or_else(PoisonError::into_inner).0
            });
            if ended || limit.is_some_and(|limit| begin.elapsed() >= limit) {
                return Ok(());
            }
            // Lets Ctrl-C end the wait.
            py.check_signals()?;
        }
    }

    /// Returns whether it runs, as the thread of `prometheus_client` does.
    fn is_alive(&self) -> bool {
        !*self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Host and port, as in the server of `prometheus_client`.
    #[getter]
    fn server_address(&self, py: Python<'_>) -> (String, u16) {
        (self.host(py), self.port(py))
    }

    /// The port, as in the server of `prometheus_client`.
    #[getter]
    fn server_port(&self, py: Python<'_>) -> u16 {
        self.port(py)
    }

    /// Yields this exporter twice, for `server, thread = start_http_server(...)`.
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        PyTuple::new(slf.py(), [slf, slf])?.try_iter()
    }

    /// Whether this process listens. If not, another process that shares its segment does.
    #[getter]
    fn is_listening(&self, py: Python<'_>) -> bool {
        py.detach(|| self.core.is_listening())
    }

    /// The address on which it, or the process that shares its segment, listens.
    #[getter]
    fn host(&self, py: Python<'_>) -> String {
        // Detached, as every read of the core here: another thread may be forking.
        py.detach(|| self.core.local_addr().ip().to_string())
    }

    /// The port on which it, or the process that shares its segment, listens.
    #[getter]
    fn port(&self, py: Python<'_>) -> u16 {
        py.detach(|| self.core.local_addr().port())
    }

    /// The URL of the metrics.
    #[getter]
    fn url(&self, py: Python<'_>) -> String {
        py.detach(|| self.core.url())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<HttpExporter {}>", self.url(py))
    }
}

/// Pushes a registry to a Pushgateway, or by OTLP, at intervals, until `stop()`.
///
/// Its thread makes the first push at once. The constructor does not wait for the server.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct PushExporter(exposition::PushExporter);

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
        // Detached: another thread may be forking.
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

#[pymethods]
impl PushExporter {
    /// Makes a last push and ends the thread, within `timeout` seconds.
    ///
    /// With `delete` it deletes the group instead. A second call does nothing. Raises `OSError` if
    /// the last push failed; the thread has ended even then.
    #[pyo3(signature = (timeout = 2.0, *, delete = false))]
    fn stop(
        &self,
        py: Python<'_>,
        timeout: f64,
        #[pyo3(from_py_with = arguments::truth)] delete: bool,
    ) -> PyResult<()> {
        let limit = seconds("timeout", timeout)?;
        // Detached: the push may have to call a Python function.
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
