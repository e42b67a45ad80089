//! Forwards the core's log lines to Python's `logging`.

use dataclay_metrics_core::one_line;
use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyString};

use crate::interpreter::attach::attach;
use crate::interpreter::{guarded, interrupts};

struct PythonLogger;

impl Log for PythonLogger {
    /// Returns true for the core's lines. The log lines of its dependencies are dropped.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("dataclay_metrics")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug | Level::Trace => "debug",
        };
        let message = one_line(&record.args().to_string());
        // `None` if the interpreter is finalizing, because its loggers end as well.
        attach(|py| -> PyResult<()> {
            let get = guarded::import(py, intern!(py, "logging"))?.getattr("getLogger")?;
            let logger = guarded::call(&get, &("dataclay_metrics",).into_pyobject(py)?)?;
            guarded::call_logger(logger.getattr(level)?, line(py, &message))
        })
        .transpose()
        // A handler that raises has reported the error itself, by the rules of `logging`.
        .ok();
    }

    fn flush(&self) {}
}

/// Logs a warning with the traceback of an error.
pub(crate) fn warn_of(py: Python<'_>, message: &str, error: &PyErr) {
    let exc_info = (error.get_type(py), error.value(py), error.traceback(py)).into_pyobject(py);
    if let Ok(exc_info) = exc_info {
        write(py, "warning", message, Some(exc_info.as_any()));
    }
}

/// Returns arguments with which a logger writes `message` unchanged.
fn line<'py>(py: Python<'py>, message: &str) -> [Bound<'py, PyAny>; 2] {
    [PyString::new(py, "%s").into_any(), PyString::new(py, message).into_any()]
}

fn write(py: Python<'_>, level: &str, message: &str, exc_info: Option<&Bound<'_, PyAny>>) {
    let log = || -> PyResult<()> {
        let get = guarded::import(py, intern!(py, "logging"))?.getattr("getLogger")?;
        let logger = guarded::call(&get, &("dataclay_metrics",).into_pyobject(py)?)?;
        let keywords = [("exc_info", exc_info)].into_py_dict(py)?;
        // The keywords are bound here, because the guarded call passes none.
        let log = (logger.getattr(level)?,);
        let log = guarded::import(py, intern!(py, "functools"))?
            .getattr("partial")?
            .call(log, Some(&keywords))?;
        guarded::call_logger(log, line(py, &one_line(message)))
    };
    // A handler that raises has reported the error itself, by the rules of `logging`.
    if let Err(error) = log() {
        interrupts::keep(py, error);
    }
}

/// Installs the logger. Only the first call in a process has an effect.
pub(crate) fn forward_to_python() {
    if log::set_logger(&PythonLogger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
