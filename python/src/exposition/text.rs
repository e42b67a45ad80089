//! The exposition of a registry for Python, and the formats that requests prefer.

use dataclay_metrics_core::encode::{Encoding, Escaping, Format, Options};
use dataclay_metrics_core::exposition::negotiate as core;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::interpreter::interrupts::FailedPart;
use crate::registry::collector_registry::default_registry;
use crate::registry::registration::ToRead;
use crate::registry::{arguments, created};

/// The formats by their names in Python.
const FORMATS: [(&str, Encoding); 3] = [
    ("text", Encoding::Text(Format::Text)),
    ("openmetrics", Encoding::Text(Format::OpenMetrics)),
    ("protobuf", Encoding::Protobuf),
];

/// Returns the metrics of `registry` in the Prometheus text format 0.0.4, or in another format.
///
/// `format` is `"text"`, `"openmetrics"` (1.0) or `"protobuf"`. `"protobuf"` consists of delimited
/// messages `io.prometheus.client.MetricFamily`, with the start times of counters, histograms and
/// summaries. `escaping` sets how to write names that Prometheus did not accept before version 3:
/// `underscores`, `allow-utf-8`, `dots` or `values`. Raises `ValueError` for any other `format` or
/// `escaping`.
///
/// A collector, a sample or a gauge function that fails is skipped and logged. If no sample is
/// left, raises the first of their exceptions.
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
    let (bytes, failure) = encoded(py, registry, &escaping, &format)?;
    match failure {
        Some(failure) if !has_sample(&bytes) => Err(failure.into_error(py)),
        _ => Ok(PyBytes::new(py, &bytes)),
    }
}

/// Returns what `generate_latest()` returns, for a response or a file. It is empty where
/// `generate_latest()` raises the exception of a collector.
#[pyfunction]
pub(crate) fn encode<'py>(
    py: Python<'py>,
    registry: ToRead,
    #[pyo3(from_py_with = arguments::escaping)] escaping: String,
    format: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let (bytes, _) = encoded(py, registry, &escaping, format)?;
    Ok(PyBytes::new(py, &bytes))
}

/// Returns the exposition of a registry, and the first failure of a call.
fn encoded(
    py: Python<'_>,
    registry: ToRead,
    escaping: &str,
    format: &str,
) -> PyResult<(Vec<u8>, Option<FailedPart>)> {
    let escaping = Escaping::from_name(escaping).ok_or_else(|| {
        let rule = "must be underscores, allow-utf-8, dots or values";
        PyValueError::new_err(format!("escaping {escaping:?}: {rule}"))
    })?;
    let options = Options::new(encoding(format)?).escaping(escaping).like_client_python();
    registry.read_with_failure(py, |registry| registry.encode_with(options))
}

/// Returns whether an exposition has more than comments, which describe families without samples.
/// In protobuf, every family counts as more.
fn has_sample(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').any(|line| !line.is_empty() && line[0] != b'#')
}

/// Exposes the start times of counters, histograms and summaries, as samples `_created`.
///
/// Off by default, because they double the series of counters. The variable
/// `PROMETHEUS_DISABLE_CREATED_SERIES` with the value `false` has the same effect.
#[pyfunction]
pub(crate) fn enable_created_metrics(py: Python<'_>) -> PyResult<()> {
    expose_created(py, true)
}

/// Exposes only the `_created` samples that custom collectors yield.
#[pyfunction]
pub(crate) fn disable_created_metrics(py: Python<'_>) -> PyResult<()> {
    expose_created(py, false)
}

fn expose_created(py: Python<'_>, exposes: bool) -> PyResult<()> {
    created::choose(exposes);
    // An endpoint may already serve it.
    default_registry(py)?.get().unread().expose_created(exposes);
    Ok(())
}

/// Returns the Content-Type of a `format` of `generate_latest()`.
#[pyfunction]
pub(crate) fn content_type(format: &str) -> PyResult<&'static str> {
    Ok(encoding(format)?.content_type())
}

fn encoding(format: &str) -> PyResult<Encoding> {
    let known = FORMATS.into_iter().find(|(name, _)| *name == format);
    known.map(|(_, encoding)| encoding).ok_or_else(|| {
        let rule = "must be text, openmetrics or protobuf";
        PyValueError::new_err(format!("format {format:?}: {rule}"))
    })
}

/// The result of content negotiation: a format and an escaping of `generate_latest()`, the
/// Content-Type, and whether the client accepts gzip.
type Wanted = (&'static str, &'static str, String, bool);

/// Returns the `format` and the `escaping` of `generate_latest()` that the headers of a request
/// prefer.
///
/// Also returns their Content-Type, and whether the response may be compressed with gzip.
#[pyfunction]
pub(crate) fn negotiate(accept: &str, accept_encoding: &str) -> Wanted {
    let encoding = core::encoding(accept);
    let escaping = core::escaping(accept, encoding);
    let format = FORMATS.iter().find(|(_, known)| *known == encoding);
    let name = format.map_or("text", |(name, _)| name);
    let content_type = match escaping {
        None => encoding.content_type().to_owned(),
        Some(escaping) => encoding.content_type_escaped(escaping),
    };
    (name, escaping.unwrap_or_default().as_str(), content_type, core::gzip(accept_encoding))
}
