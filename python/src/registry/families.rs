//! Converts the core's snapshots to Python's `Metric` objects, and back.

use std::collections::HashSet;

use dataclay_metrics_core::{Exemplar, Kind, Labels, MetricFamily, Sample, Value};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::to_python;
use crate::interpreter::callback::Failures;
use crate::interpreter::logging::{self, Dropped};
use crate::interpreter::{guarded, interrupts};
use crate::registry::{arguments, exemplars};

/// Returns the name that `prometheus_client` has for a kind, and the suffix of the exposed name.
fn kind_in_python(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
        Kind::Histogram => ("histogram", ""),
        Kind::Summary => ("summary", ""),
        Kind::StateSet => ("stateset", ""),
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
            let exemplar = one.exemplar.as_deref().map(|one| exemplars::to_object(py, one));
            let time = None::<f64>;
            samples.append(sample.call1((
                full,
                labels,
                number(one.value),
                time,
                exemplar.transpose()?,
            ))?)?;
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

/// Returns the families that `describe()` or `collect()` returned, without their samples.
pub(crate) fn described(metrics: &Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>> {
    metrics.try_iter()?.map(|metric| header(&metric?)).collect()
}

/// Returns the families that `collect()` of a custom collector yields. What cannot be exposed is
/// noted in `failures`: a sample costs itself, a family itself, and an exception what would have
/// come after it. `None` if nothing is left.
pub(crate) fn list_from_python(
    collector: &Bound<'_, PyAny>,
    failures: &mut Failures<'_, '_>,
) -> Option<Vec<MetricFamily>> {
    let metrics = guarded::collect(collector);
    let mut families = Vec::new();
    let mut has_failed = false;
    let mut fail = |part: &str, error| {
        has_failed = true;
        failures.add(part, error);
    };
    match metrics.and_then(|metrics| guarded::iter(&metrics)) {
        Err(error) => fail("", error),
        Ok(metrics) => loop {
            match guarded::next(&metrics) {
                Ok(Some(metric)) => match from_python(&metric, &mut fail) {
                    Ok(family) => families.extend(family),
                    Err(error) => fail("one of its families", error),
                },
                Ok(None) => break,
                Err(error) => {
                    fail("", error);
                    break;
                }
            }
        },
    }
    if families.is_empty() && has_failed { None } else { Some(families) }
}

/// Converts any object with the attributes of a `Metric`, also one of `prometheus_client`. `None`
/// if no sample of it can be exposed.
fn from_python(
    metric: &Bound<'_, PyAny>,
    fail: &mut impl FnMut(&str, PyErr),
) -> PyResult<Option<MetricFamily>> {
    let py = metric.py();
    let mut family = header(metric)?;
    let stem = guarded::text(&metric.getattr(intern!(py, "name"))?)?;
    let part = format!("a sample of {}", family.name());
    let samples = guarded::iter(&metric.getattr(intern!(py, "samples"))?)?;
    let mut seen = HashSet::new();
    let mut has_failed = false;
    while let Some(sample) = guarded::next(&samples)? {
        let mut fail_exemplar = |error| fail(&format!("an exemplar of {}", family.name()), error);
        let sample = sample_from_python(&family, &stem, &sample, &mut fail_exemplar);
        let sample = sample.and_then(|sample| {
            let key = sample.as_ref().map(|sample| (sample.suffix, sample.labels.clone()));
            match key {
                Some(key) if !seen.insert(key.clone()) => Err(PyValueError::new_err(format!(
                    "{}{}{}: a second sample with these labels",
                    family.name(),
                    key.0,
                    key.1
                ))),
                _ => Ok(sample),
            }
        });
        match sample {
            Ok(sample) => family.samples.extend(sample),
            Err(error) => {
                has_failed = true;
                fail(&part, error);
            }
        }
    }
    Ok(if family.samples.is_empty() && has_failed { None } else { Some(family) })
}

/// Converts all of a `Metric` but its samples.
fn header(metric: &Bound<'_, PyAny>) -> PyResult<MetricFamily> {
    let py = metric.py();
    let name = guarded::text(&metric.getattr(intern!(py, "name"))?)?;
    let help = metric.getattr(intern!(py, "documentation"))?;
    let help = if help.is_none() { String::new() } else { guarded::text(&help)? };
    let kind = guarded::text(&metric.getattr(intern!(py, "type"))?)?;
    let kind = match kind.as_str() {
        "counter" => Kind::Counter,
        // All clients expose a stateset as a gauge of 0 and 1 in the text format.
        "gauge" => Kind::Gauge,
        "stateset" => Kind::StateSet,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "info" => Kind::Info,
        "unknown" | "untyped" => Kind::Untyped,
        other => {
            let message = format!("metric {name:?}: a {other:?} cannot be exposed here");
            return Err(PyValueError::new_err(message));
        }
    };
    let exposed = format!("{name}{}", kind_in_python(kind).1);
    let unit = guarded::text(&metric.getattr(intern!(py, "unit"))?)?;
    let family = || MetricFamily::new(kind, &exposed, &help).map_err(to_python);
    // A unit that does not fit costs itself, as in the text of prometheus_client.
    family()?.with_unit(&unit).or_else(|_| family())
}

/// Converts a sample. `None` for `_created` samples, which are not exposed. An exemplar that cannot
/// be exposed costs itself.
fn sample_from_python(
    family: &MetricFamily,
    stem: &str,
    sample: &Bound<'_, PyAny>,
    fail_exemplar: &mut impl FnMut(PyErr),
) -> PyResult<Option<Sample>> {
    let name = guarded::text(&sample.get_item(0)?)?;
    let exposed = family.name();
    let suffix = match (family.kind(), name.strip_prefix(exposed)) {
        (_, Some("")) => "",
        (Kind::Histogram, Some("_bucket")) => "_bucket",
        (Kind::Histogram | Kind::Summary, Some("_sum")) => "_sum",
        (Kind::Histogram | Kind::Summary, Some("_count")) => "_count",
        _ if name.strip_prefix(stem) == Some("_created") => {
            logging::is_dropped(sample.py(), Dropped::Created);
            return Ok(None);
        }
        _ => {
            let message = format!("sample {name:?}: not a sample of the metric {exposed}");
            return Err(PyValueError::new_err(message));
        }
    };
    let pairs = arguments::pairs(&sample.get_item(1)?)?;
    if sample.get_item(3).is_ok_and(|time| !time.is_none()) {
        logging::is_dropped(sample.py(), Dropped::Timestamps);
    }
    let exemplar = match sample.get_item(4) {
        Ok(exemplar) if !exemplar.is_none() => {
            let exemplar = exemplar_of(family.kind(), suffix, &exemplar);
            exemplar.map_err(fail_exemplar).ok().map(Into::into)
        }
        _ => None,
    };
    let value = sample.get_item(2)?;
    let value = match value.extract() {
        Ok(count) => Value::Integer(count),
        Err(error) if interrupts::is_one(value.py(), &error) => return Err(error),
        // Takes text as well, which is what JSON, SNMP and shell commands give.
        Err(_) => Value::Float(guarded::float(&value)?),
    };
    let labels = Labels::new(pairs).map_err(to_python)?;
    Ok(Some(Sample { suffix, labels, value, exemplar, created: None }))
}

/// Converts an exemplar of a sample that may have one.
fn exemplar_of(kind: Kind, suffix: &str, exemplar: &Bound<'_, PyAny>) -> PyResult<Exemplar> {
    if !matches!((kind, suffix), (Kind::Counter, _) | (Kind::Histogram, "_bucket")) {
        let rule = "only a counter and the bucket of a histogram have exemplars";
        return Err(PyValueError::new_err(rule));
    }
    exemplars::from_python(exemplar)
}
