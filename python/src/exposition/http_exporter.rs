//! The scrape endpoint, for Python.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use crate::error::to_python;
use crate::interpreter::attach::end_detached;
use crate::interpreter::green;
use crate::registry::arguments::{self, seconds};
use crate::registry::registration::ToRead;

/// The time after which a wait checks again whether a signal has arrived.
const SIGNALS: Duration = Duration::from_millis(100);
/// The time after which a waiting greenlet checks again.
const GREEN_SLEEP: Duration = Duration::from_millis(20);

/// Serves a registry over HTTP from construction until `stop()`.
///
/// Raises `OSError` if the address cannot be bound, and `OverflowError` if the port is not 0 to
/// 65535.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct HttpExporter {
    core: exposition::HttpExporter,
    ended: Mutex<bool>,
    /// Is notified when `ended` is set.
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

impl Drop for HttpExporter {
    fn drop(&mut self) {
        end_detached(|| {
            self.core.stop();
        });
    }
}

#[pymethods]
impl HttpExporter {
    #[new]
    fn new(
        py: Python<'_>,
        registry: ToRead,
        #[pyo3(from_py_with = arguments::addr)] addr: String,
        #[pyo3(from_py_with = arguments::port)] port: u16,
    ) -> PyResult<Bound<'_, HttpExporter>> {
        let registry = registry.registry(py)?;
        // Detached, because resolving a name takes time.
        let started = py.detach(|| exposition::HttpExporter::start(registry, &addr, port));
        HttpExporter::wrap(py, started.map_err(to_python)?)
    }

    /// Closes the socket and ends the thread, in bounded time. A second call does nothing.
    fn stop(&self, py: Python<'_>) {
        // Detached, because a scrape may wait for the interpreter.
        py.detach(|| {
            // False if a scrape took longer than the limit. The thread then ends later.
            let _ = self.core.stop();
            *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.end.notify_all();
        });
    }

    /// Stops the exporter, for `server, thread = start_http_server(...)`.
    fn shutdown(&self, py: Python<'_>) {
        self.stop(py);
    }

    /// Stops the exporter.
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
                // This function is patched, so other greenlets run meanwhile.
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
            // Ctrl-C ends the wait here.
            py.check_signals()?;
        }
    }

    /// Returns whether it runs, as the thread of `prometheus_client` does.
    fn is_alive(&self) -> bool {
        !*self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host and the port, as in the server of `prometheus_client`.
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

    /// Whether this process listens. If not, another process that shares its segment listens.
    #[getter]
    fn is_listening(&self, py: Python<'_>) -> bool {
        py.detach(|| self.core.is_listening())
    }

    /// The address on which it, or the process that shares its segment, listens.
    #[getter]
    fn host(&self, py: Python<'_>) -> String {
        // Detached, like every read of the core here, because another thread may be forking.
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
