//! Forwards the core's log lines to Python's `logging`.

use dataclay_metrics_core::one_line;
use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;

use crate::interpreter::attach::attach;
use crate::interpreter::guarded;

struct PythonLogger;

impl Log for PythonLogger {
    /// Returns true for the core's lines. The libraries below it log only for their authors.
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
        // `None` if the interpreter is going down: its loggers end as well.
        attach(|py| -> PyResult<()> {
            let get = py.import("logging")?.getattr("getLogger")?;
            let logger = guarded::call(&get, &("dataclay_metrics",).into_pyobject(py)?)?;
            let arguments = ("%s", message).into_pyobject(py)?;
            guarded::call(&logger.getattr(level)?, &arguments).map(drop)
        })
        .transpose()
        // A handler that raises has reported the error itself, by the rules of `logging`.
        .ok();
    }

    fn flush(&self) {}
}

/// Installs the logger. Only the first call in a process has an effect.
pub(crate) fn forward_to_python() {
    if log::set_logger(&PythonLogger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
