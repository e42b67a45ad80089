//! The text of a registry, for Python, and the formats that requests ask for.

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::exposition::negotiate as core;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::registry::arguments;
use crate::registry::registration::ToRead;

/// Returns the metrics of `registry` in the Prometheus text format 0.0.4, or in OpenMetrics 1.0.
///
/// `format` is `"text"` or `"openmetrics"`. `escaping` is that of `prometheus_client`:
/// `underscores`, `allow-utf-8`, `dots` or `values`. It has no effect: a name that needs escaping
/// is refused when a metric is made. Raises `ValueError` for any other `format` or `escaping`.
#[pyfunction]
#[pyo3(
    signature = (
        registry = ToRead::Default, escaping = "underscores".to_owned(), *,
        format = "text".to_owned()
    ),
    text_signature = "(registry=..., escaping='underscores', *, format='text')"
)]
pub(crate) fn generate_latest(
    py: Python<'_>,
    registry: ToRead,
    #[pyo3(from_py_with = arguments::escaping)] escaping: String,
    #[pyo3(from_py_with = arguments::format)] format: String,
) -> PyResult<Bound<'_, PyBytes>> {
    if !matches!(&*escaping, "underscores" | "allow-utf-8" | "dots" | "values") {
        let rule = "must be underscores, allow-utf-8, dots or values";
        return Err(PyValueError::new_err(format!("escaping {escaping:?}: {rule}")));
    }
    let format = match &*format {
        "text" => Format::Text,
        "openmetrics" => Format::OpenMetrics,
        _ => {
            let rule = "must be text or openmetrics";
            return Err(PyValueError::new_err(format!("format {format:?}: {rule}")));
        }
    };
    let text = registry.read(py, |registry| registry.encode(format))?;
    Ok(PyBytes::new(py, text.as_bytes()))
}

/// Returns the format that the headers of a request ask for, `"text"` or `"openmetrics"`.
///
/// Also its Content-Type, and whether the response may be compressed with gzip.
#[pyfunction]
pub(crate) fn negotiate(accept: &str, accept_encoding: &str) -> (&'static str, &'static str, bool) {
    let format = core::format(accept);
    let name = match format {
        Format::Text => "text",
        Format::OpenMetrics => "openmetrics",
    };
    (name, format.content_type(), core::gzip(accept_encoding))
}
