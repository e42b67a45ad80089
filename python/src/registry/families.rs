//! Converts the core's snapshots to Python's `Metric` objects, and back.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use dataclay_metrics_core::{Exemplar, Kind, Labels, MetricFamily, Sample, Value};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::to_python;
use crate::interpreter::callback::Failures;
use crate::interpreter::{guarded, interrupts};
use crate::registry::{arguments, created, exemplars, names, timestamps};

/// The suffix of the samples that hold start times.
const CREATED: &str = "_created";

/// Returns the name that `prometheus_client` has for a kind, and the suffix of the exposed name.
fn kind_in_python(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Counter => ("counter", "_total"),
        Kind::Gauge => ("gauge", ""),
        Kind::Histogram => ("histogram", ""),
        Kind::Summary => ("summary", ""),
        Kind::StateSet => ("stateset", ""),
        Kind::GaugeHistogram => ("gaugehistogram", ""),
        Kind::Info => ("info", "_info"),
        _ => ("unknown", ""),
    }
}

/// Returns the family with the `_created` samples that Python shows: all of them if they are asked
/// for, otherwise those that a custom collector yields itself.
pub(crate) fn with_created(family: MetricFamily) -> MetricFamily {
    if family.has_created() || created::chosen() == Some(true) {
        family.with_created_samples()
    } else {
        family
    }
}

/// Returns the name of a sample.
pub(crate) fn sample_name(family: &MetricFamily, sample: &Sample) -> String {
    let of_family = match sample.suffix {
        // The times of a counter are named without `_total`.
        CREATED => stem(family),
        _ => family.name(),
    };
    format!("{of_family}{}", sample.suffix)
}

/// Returns the name that a family has in Python: without the suffix that its samples have.
fn stem(family: &MetricFamily) -> &str {
    let (_, suffix) = kind_in_python(family.kind());
    family.name().strip_suffix(suffix).unwrap_or(family.name())
}

/// Returns the families as a list of `dataclay_metrics.Metric`.
pub(crate) fn list_to_python(
    py: Python<'_>,
    families: Vec<MetricFamily>,
) -> PyResult<Bound<'_, PyList>> {
    let module = py.import(intern!(py, "dataclay_metrics.client.families"))?;
    let (metric, sample) = (module.getattr("Metric")?, module.getattr("Sample")?);
    let list = PyList::empty(py);
    for family in families {
        let family = with_created(family);
        let (kind, _) = kind_in_python(family.kind());
        let object = metric.call1((stem(&family), family.help(), kind, family.unit()))?;
        let samples = object.getattr("samples")?.cast_into::<PyList>()?;
        for one in &family.samples {
            let labels = PyDict::new(py);
            for (label, value) in one.labels.iter() {
                labels.set_item(label, value)?;
            }
            let full = sample_name(&family, one);
            let exemplar = one.exemplar.as_deref().map(|one| exemplars::to_object(py, one));
            let time = one.timestamp.map(|time| timestamps::to_object(py, time));
            samples.append(sample.call1((
                full,
                labels,
                number(one.value),
                time.transpose()?,
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
    let mut starts = HashMap::new();
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
            Ok(Some(sample)) if sample.suffix == CREATED => {
                starts.insert(sample.labels, sample.created);
            }
            Ok(sample) => family.samples.extend(sample),
            Err(error) => {
                has_failed = true;
                fail(&part, error);
            }
        }
    }
    if !starts.is_empty() {
        set_created(&mut family, &starts);
    }
    Ok(if family.samples.is_empty() && has_failed { None } else { Some(family) })
}

/// Sets the start times of the samples, by the labels of their metrics.
fn set_created(family: &mut MetricFamily, starts: &HashMap<Labels, Option<SystemTime>>) {
    family.set_has_created();
    for sample in family.samples.iter_mut() {
        let metric = sample.labels.iter().filter(|(name, _)| !matches!(*name, "le" | "quantile"));
        let metric = Labels::new(metric.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if let Ok(metric) = metric {
            sample.created = starts.get(&metric).copied().flatten();
        }
    }
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
        "gaugehistogram" => Kind::GaugeHistogram,
        "summary" => Kind::Summary,
        "info" => Kind::Info,
        "unknown" | "untyped" => Kind::Untyped,
        other => {
            let message = format!("metric {name:?}: a {other:?} cannot be exposed here");
            return Err(PyValueError::new_err(message));
        }
    };
    let exposed = format!("{name}{}", kind_in_python(kind).1);
    names::check_metric_name(&exposed)?;
    let unit = guarded::text(&metric.getattr(intern!(py, "unit"))?)?;
    let family = || MetricFamily::new(kind, &exposed, &help).map_err(to_python);
    // A unit that does not fit costs itself, as in the text of prometheus_client.
    family()?.with_unit(&unit).or_else(|_| family())
}

/// Converts a sample. A `_created` sample has its time as that of its metric. An exemplar that
/// cannot be exposed costs itself.
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
        (Kind::Histogram | Kind::GaugeHistogram, Some("_bucket")) => "_bucket",
        (Kind::GaugeHistogram, Some("_gcount")) => "_gcount",
        (Kind::GaugeHistogram, Some("_gsum")) => "_gsum",
        (Kind::Histogram | Kind::Summary, Some("_sum")) => "_sum",
        (Kind::Histogram | Kind::Summary, Some("_count")) => "_count",
        (Kind::Counter | Kind::Histogram | Kind::Summary, _)
            if name.strip_prefix(stem) == Some(CREATED) =>
        {
            CREATED
        }
        _ => {
            let message = format!("sample {name:?}: not a sample of the metric {exposed}");
            return Err(PyValueError::new_err(message));
        }
    };
    let pairs = arguments::pairs(&sample.get_item(1)?)?;
    let timestamp = match sample.get_item(3) {
        Ok(time) if !time.is_none() => Some(timestamps::from_python(&time)?),
        _ => None,
    };
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
    let created = match value {
        Value::Float(seconds) if suffix == CREATED => Some(timestamps::from_seconds(seconds)?),
        Value::Integer(seconds) if suffix == CREATED => {
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(timestamps::LATEST)))
        }
        _ => None,
    };
    Ok(Some(Sample { suffix, labels, value, exemplar, created, timestamp }))
}

/// Converts an exemplar of a sample that may have one.
fn exemplar_of(kind: Kind, suffix: &str, exemplar: &Bound<'_, PyAny>) -> PyResult<Exemplar> {
    let may_have = match kind {
        Kind::Counter => suffix != CREATED,
        Kind::Histogram | Kind::GaugeHistogram => suffix == "_bucket",
        _ => false,
    };
    if !may_have {
        let rule = "only a counter and the bucket of a histogram have exemplars";
        return Err(PyValueError::new_err(rule));
    }
    exemplars::from_python(exemplar)
}
