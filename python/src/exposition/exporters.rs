//! The ways out, for Python: bytes, the scrape endpoint, the Pushgateway.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dataclay_metrics_core::Error;
use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::exposition::{self, Gateway, GroupingKey};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyTuple};

use crate::error::to_python;
use crate::registry::collector_registry::CollectorRegistry;
use crate::registry::registration::Registration;

/// How often a wait looks whether a signal has come.
const SIGNALS: Duration = Duration::from_millis(100);

/// The metrics of `registry` in the Prometheus text format 0.0.4, or in OpenMetrics 1.0 if `format`
/// is `"openmetrics"`.
///
/// `escaping` is that of `prometheus_client`; names that would need any are refused when a metric is
/// made, so all four ways give the same. Raises `ValueError` if one of the two is not known.
#[pyfunction]
#[pyo3(
    signature = (registry = Registration::Default, escaping = "underscores", *, format = "text"),
    text_signature = "(registry=..., escaping='underscores', *, format='text')"
)]
pub(crate) fn generate_latest<'py>(
    py: Python<'py>,
    registry: Registration,
    escaping: &str,
    format: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    if !matches!(escaping, "underscores" | "allow-utf-8" | "dots" | "values") {
        let rule = "must be underscores, allow-utf-8, dots or values";
        return Err(PyValueError::new_err(format!("escaping {escaping:?}: {rule}")));
    }
    let format = match format {
        "text" => Format::Text,
        "openmetrics" => Format::OpenMetrics,
        _ => {
            let rule = "must be text or openmetrics";
            return Err(PyValueError::new_err(format!("format {format:?}: {rule}")));
        }
    };
    let registry = registry.required(py)?;
    let text = py.detach(|| registry.encode(format));
    Ok(PyBytes::new(py, text.as_bytes()))
}

/// What the headers of a request want: `"text"` or `"openmetrics"`, its Content-Type, and whether
/// the answer may be compressed with gzip.
#[pyfunction]
pub(crate) fn negotiate(accept: &str, accept_encoding: &str) -> (&'static str, &'static str, bool) {
    let format = exposition::negotiate::format(accept);
    let name = match format {
        Format::Text => "text",
        Format::OpenMetrics => "openmetrics",
    };
    (name, format.content_type(), exposition::negotiate::gzip(accept_encoding))
}

fn group(
    gateway: &str,
    job: &str,
    grouping_key: Option<BTreeMap<String, String>>,
) -> Result<Gateway, Error> {
    let mut key = GroupingKey::new(job)?;
    for (name, value) in grouping_key.unwrap_or_default() {
        key = key.label(&name, &value)?;
    }
    Gateway::new(gateway, &key)
}

pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!("{name}={value}: must be a number of seconds, not negative"))
    })
}

/// Serves a registry over HTTP from construction until `stop()`.
///
/// With `nearby` a taken port gives way to the next free one of 100. Raises `OSError` if the address
/// cannot be bound, `OverflowError` if the port is not 0 to 65535.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct HttpExporter(Mutex<exposition::HttpExporter>, Ended);

/// Whether it was stopped, for those who wait for that.
type Ended = (Mutex<bool>, Condvar);

impl HttpExporter {
    fn address(&self) -> std::net::SocketAddr {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).local_addr()
    }
}

/// Of the type that `socket` and so `prometheus_client` raise, with the value and the rule.
fn port(number: &Bound<'_, PyAny>) -> PyResult<u16> {
    number.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(number.py()) {
            PyOverflowError::new_err(format!("port {number}: must be 0 to 65535"))
        } else {
            error
        }
    })
}

#[pymethods]
impl HttpExporter {
    #[new]
    #[pyo3(signature = (registry, host, port, *, nearby = false))]
    fn new(
        py: Python<'_>,
        registry: &Bound<'_, CollectorRegistry>,
        host: &str,
        #[pyo3(from_py_with = port)] port: u16,
        nearby: bool,
    ) -> PyResult<HttpExporter> {
        let registry = registry.get().to_read(py)?.clone();
        let start = if nearby {
            exposition::HttpExporter::start_in_range
        } else {
            exposition::HttpExporter::start
        };
        // Detached: resolving a name takes its time.
        let started = py.detach(|| start(registry, host, port));
        Ok(HttpExporter(Mutex::new(started.map_err(to_python)?), Ended::default()))
    }

    /// Closes the socket and ends the thread, in bounded time. A second call does nothing.
    fn stop(&self, py: Python<'_>) {
        // Detached: a scrape that is being answered may wait for the interpreter.
        py.detach(|| {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).stop();
            *self.1.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.1.1.notify_all();
        });
    }

    /// The same, for those who unpack `server, thread = start_http_server(...)`.
    fn shutdown(&self, py: Python<'_>) {
        self.stop(py);
    }

    /// The same.
    fn server_close(&self, py: Python<'_>) {
        self.stop(py);
    }

    /// Waits until it is stopped, or for `timeout` seconds.
    #[pyo3(signature = (timeout = None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let limit = timeout.map(|timeout| seconds("timeout", timeout)).transpose()?;
        let begin = Instant::now();
        loop {
            let left = limit.map_or(SIGNALS, |limit| limit.saturating_sub(begin.elapsed()));
            let ended = py.detach(|| {
                let ended = self.1.0.lock().unwrap_or_else(PoisonError::into_inner);
                let wait = self.1.1.wait_timeout_while(ended, left.min(SIGNALS), |ended| !*ended);
                *wait.unwrap_or_else(PoisonError::into_inner).0
            });
            if ended || limit.is_some_and(|limit| begin.elapsed() >= limit) {
                return Ok(());
            }
            // So that Ctrl-C ends the wait.
            py.check_signals()?;
        }
    }

    /// `server, thread = start_http_server(...)` as of `prometheus_client`: both are this exporter.
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        PyTuple::new(slf.py(), [slf, slf])?.try_iter()
    }

    /// The address it listens on.
    #[getter]
    fn host(&self) -> String {
        self.address().ip().to_string()
    }

    /// The real port, also when 0 was asked for.
    #[getter]
    fn port(&self) -> u16 {
        self.address().port()
    }

    /// Where the metrics are, `/metrics` included.
    #[getter]
    fn url(&self) -> String {
        format!("http://{}/metrics", self.address())
    }

    fn __repr__(&self) -> String {
        format!("<HttpExporter {}>", self.url())
    }
}

/// Pushes a registry every `interval` seconds from construction until `stop()`.
///
/// The first push is made at once, by the thread: construction never waits for the gateway.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct PushExporter(Mutex<exposition::PushExporter>);

#[pymethods]
impl PushExporter {
    #[new]
    fn new(
        py: Python<'_>,
        registry: &Bound<'_, CollectorRegistry>,
        gateway: &str,
        job: &str,
        grouping_key: Option<BTreeMap<String, String>>,
        interval: f64,
    ) -> PyResult<PushExporter> {
        let interval = seconds("interval", interval)?;
        let gateway = group(gateway, job, grouping_key).map_err(to_python)?;
        let registry = registry.get().to_read(py)?.clone();
        // Detached: a fork of another thread may be on its way.
        let started = py.detach(|| exposition::PushExporter::start(registry, gateway, interval));
        Ok(PushExporter(Mutex::new(started.map_err(to_python)?)))
    }

    /// Pushes a last time and ends the thread, in `timeout` seconds. Once only.
    ///
    /// Raises `OSError` if the last push failed; the thread has ended all the same.
    /// With `delete` it deletes the group instead of pushing.
    #[pyo3(signature = (timeout = 2.0, *, delete = false))]
    fn stop(&self, py: Python<'_>, timeout: f64, delete: bool) -> PyResult<()> {
        let limit = seconds("timeout", timeout)?;
        // Detached: the push may have to read a Python function.
        py.detach(|| {
            let exporter = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if delete { exporter.stop_and_delete(limit) } else { exporter.stop(limit) }
        })
        .map_err(to_python)
    }

    /// The URL of the group it pushes to.
    #[getter]
    fn url(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).url())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<PushExporter {}>", self.url(py))
    }
}
