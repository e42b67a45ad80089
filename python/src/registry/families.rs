//! Converts the core's snapshots to Python's `Metric` objects, and back.

use dataclay_metrics_core::{Kind, Labels, MetricFamily, Sample, Value};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::error::to_python;

/// Returns the name that `prometheus_client` has for a kind, and the suffix of the exposed name.
fn kind_in_python(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
        Kind::Histogram => ("histogram", ""),
        Kind::Summary => ("summary", ""),
        Kind::Info => ("info", "_info"),
        _ => ("unknown", ""),
    }
}

/// Returns the families as a list of `dataclay_metrics.Metric`.
pub(crate) fn list_to_python<'py>(
    py: Python<'py>,
    families: &[MetricFamily],
) -> PyResult<Bound<'py, PyList>> {
    let module = py.import(intern!(py, "dataclay_metrics.client.families"))?;
    let (metric, sample) = (module.getattr("Metric")?, module.getattr("Sample")?);
    let list = PyList::empty(py);
    for family in families {
        let (kind, suffix) = kind_in_python(family.kind());
        // In Python the family has the name without the suffix, its samples the whole name.
        let name = family.name().strip_suffix(suffix).unwrap_or(family.name());
        let object = metric.call1((name, family.help(), kind, family.unit()))?;
        let samples = object.getattr("samples")?.cast_into::<PyList>()?;
        for one in &family.samples {
            let labels = PyDict::new(py);
            for (label, value) in one.labels.iter() {
                labels.set_item(label, value)?;
            }
            let full = format!("{}{}", family.name(), one.suffix);
            samples.append(sample.call1((full, labels, number(one.value)))?)?;
        }
        list.append(object)?;
    }
    Ok(list)
}

/// Returns a value as a float, as `prometheus_client` does.
pub(crate) fn number(value: Value) -> f64 {
    match value {
        Value::Integer(count) => count as f64,
        Value::Float(number) => number,
    }
}

/// Returns the families that `collect()` or `describe()` of a custom collector returned.
pub(crate) fn list_from_python(metrics: &Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>> {
    metrics.try_iter()?.map(|metric| from_python(&metric?)).collect()
}

/// Converts any object with the attributes of a `Metric`, also one of `prometheus_client`.
fn from_python(metric: &Bound<'_, PyAny>) -> PyResult<MetricFamily> {
    let py = metric.py();
    let name: String = metric.getattr(intern!(py, "name"))?.extract()?;
    let help: String = metric.getattr(intern!(py, "documentation"))?.extract()?;
    let kind: String = metric.getattr(intern!(py, "type"))?.extract()?;
    let kind = match kind.as_str() {
        "counter" => Kind::Counter,
        // All clients expose a stateset as a gauge of 0 and 1 in the text format.
        "gauge" | "stateset" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "info" => Kind::Info,
        "unknown" | "untyped" => Kind::Untyped,
        other => {
            let message = format!("metric {name}: a {other} cannot be exposed here");
            return Err(PyValueError::new_err(message));
        }
    };
    let exposed = format!("{name}{}", kind_in_python(kind).1);
    let unit: String = metric.getattr(intern!(py, "unit"))?.extract()?;
    let family = MetricFamily::new(kind, &exposed, &help);
    let mut family = family.and_then(|family| family.with_unit(&unit)).map_err(to_python)?;
    for sample in metric.getattr(intern!(py, "samples"))?.try_iter()? {
        if let Some(sample) = sample_from_python(&family, &name, &sample?)? {
            family.samples.push(sample);
        }
    }
    Ok(family)
}

/// Converts a sample. `None` for `_created` samples, which are not exposed.
fn sample_from_python(
    family: &MetricFamily,
    stem: &str,
    sample: &Bound<'_, PyAny>,
) -> PyResult<Option<Sample>> {
    let name: String = sample.get_item(0)?.extract()?;
    let exposed = family.name();
    let suffix = match (family.kind(), name.strip_prefix(exposed)) {
        (_, Some("")) => "",
        (Kind::Histogram, Some("_bucket")) => "_bucket",
        (Kind::Histogram | Kind::Summary, Some("_sum")) => "_sum",
        (Kind::Histogram | Kind::Summary, Some("_count")) => "_count",
        _ if name.strip_prefix(stem) == Some("_created") => return Ok(None),
        _ => {
            let message = format!("sample {name}: not a sample of the metric {exposed}");
            return Err(PyValueError::new_err(message));
        }
    };
    let mut pairs = Vec::new();
    for (label, value) in sample.get_item(1)?.cast_into::<PyDict>()?.iter() {
        // prometheus_client refuses other values when it encodes, which is when this runs.
        pairs.push((label.extract::<String>()?, value.cast_into::<PyString>()?.to_string()));
    }
    let value = sample.get_item(2)?;
    let value = match value.extract() {
        Ok(count) => Value::Integer(count),
        Err(_) => Value::Float(value.extract()?),
    };
    let labels = Labels::new(pairs).map_err(to_python)?;
    Ok(Some(Sample { suffix, labels, value }))
}
