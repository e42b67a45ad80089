//! Converts the families that custom collectors yield to those of the core.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use dataclay_metrics_core::{Exemplar, Kind, Labels, MetricFamily, Sample, Value};
use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::to_python;
use crate::interpreter::callback::Failures;
use crate::interpreter::{guarded, interrupts};
use crate::registry::families::CREATED;
use crate::registry::{arguments, exemplars, names, timestamps};

/// Returns the families that `describe()` or `collect()` returned, without their samples.
pub(crate) fn described(metrics: &Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>> {
    metrics.try_iter()?.map(|metric| header(&metric?)).collect()
}

/// Returns the families that `collect()` of a custom collector yields, without the parts that
/// cannot be exposed. Such a part is a sample, all samples of a histogram's or a summary's label
/// set, a family, or everything after an exception. `failures` gets the reasons. Returns `None` if
/// nothing is left.
pub(crate) fn list_from_python(
    collector: &Bound<'_, PyAny>,
    failures: &mut Failures<'_, '_>,
) -> Option<Vec<MetricFamily>> {
    let metrics = guarded::collect(collector).and_then(|metrics| guarded::iter(&metrics));
    let metrics = failures.value_of(metrics)?;
    let mut families = Vec::new();
    let mut has_failed = false;
    loop {
        match guarded::next(&metrics) {
            Ok(None) => break,
            Ok(Some(metric)) => match from_python(&metric, failures) {
                Ok(Some(family)) => families.push(family),
                Ok(None) => has_failed = true,
                Err(error) => {
                    has_failed = true;
                    failures.add("one of its families", error, Some(&metric));
                }
            },
            Err(error) => {
                has_failed = true;
                failures.add("", error, None);
                break;
            }
        }
    }
    if families.is_empty() && has_failed { None } else { Some(families) }
}

/// Converts any object with the attributes of a `Metric`, for instance from `prometheus_client`.
/// Returns `None` if no sample can be exposed.
fn from_python(
    metric: &Bound<'_, PyAny>,
    failures: &mut Failures<'_, '_>,
) -> PyResult<Option<MetricFamily>> {
    let py = metric.py();
    let mut family = header(metric)?;
    let stem = guarded::text(&metric.getattr(intern!(py, "name"))?)?;
    let (name, kind) = (family.name().to_owned(), family.kind());
    let samples = guarded::iter(&metric.getattr(intern!(py, "samples"))?)?;
    let mut seen = HashSet::new();
    // The labels of histograms and summaries that lack a sample.
    let mut incomplete = HashSet::new();
    let mut has_failed = false;
    let mut starts = HashMap::new();
    while let Some(object) = guarded::next(&samples)? {
        let mut fail = |what: &str, error| {
            failures.add(&format!("{what} of {name}"), error, Some(metric));
        };
        let sample = named(&family, &stem, &object).and_then(|(suffix, labels)| {
            let fail_exemplar = |error| fail("an exemplar", error);
            let sample = sample(kind, suffix, labels.clone(), &object, fail_exemplar);
            if sample.is_err() && !matches!(suffix, "" | CREATED) {
                incomplete.insert(of_metric(kind, &labels));
            }
            match sample {
                Ok(_) if !seen.insert((suffix, labels.clone())) => {
                    let rule = "a second sample with these labels";
                    Err(PyValueError::new_err(format!("{name}{suffix}{labels}: {rule}")))
                }
                sample => sample,
            }
        });
        match sample {
            Ok(Some(sample)) if sample.suffix == CREATED => {
                starts.insert(sample.labels, sample.created);
            }
            Ok(sample) => family.samples.extend(sample),
            Err(error) => {
                has_failed = true;
                fail("a sample", error);
            }
        }
    }
    if !incomplete.is_empty() {
        family.samples.retain(|sample| !incomplete.contains(&of_metric(kind, &sample.labels)));
    }
    if !starts.is_empty() {
        family.set_has_created();
        for sample in family.samples.iter_mut() {
            sample.created = starts.get(&of_metric(kind, &sample.labels)).copied().flatten();
        }
    }
    Ok(if family.samples.is_empty() && has_failed { None } else { Some(family) })
}

/// Returns the labels of a metric: the labels of its samples, except the one that distinguishes the
/// samples.
fn of_metric(kind: Kind, labels: &Labels) -> Labels {
    let of_metric = labels.iter().filter(|(name, _)| Some(*name) != kind.sample_label());
    let owned = of_metric.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Labels::new(owned).unwrap_or_default()
}

/// Converts a `Metric` without its samples.
fn header(metric: &Bound<'_, PyAny>) -> PyResult<MetricFamily> {
    let py = metric.py();
    let name = guarded::text(&metric.getattr(intern!(py, "name"))?)?;
    let help = metric.getattr(intern!(py, "documentation"))?;
    let help = if help.is_none() { String::new() } else { guarded::text(&help)? };
    let kind = guarded::text(&metric.getattr(intern!(py, "type"))?)?;
    let kind = Kind::from_openmetrics(&kind).ok_or_else(|| {
        PyValueError::new_err(format!("metric {name:?}: a {kind:?} cannot be exposed here"))
    })?;
    let exposed = format!("{name}{}", kind.suffix());
    names::check_metric_name(&exposed)?;
    let unit = guarded::text(&metric.getattr(intern!(py, "unit"))?)?;
    let family = || MetricFamily::new(kind, &exposed, &help).map_err(to_python);
    // A unit that does not fit the name is dropped, as in the text of prometheus_client.
    family()?.with_unit(&unit).or_else(|_| family())
}

/// Returns the suffix and the labels of a sample.
fn named(
    family: &MetricFamily,
    stem: &str,
    sample: &Bound<'_, PyAny>,
) -> PyResult<(&'static str, Labels)> {
    let name = guarded::text(&sample.get_item(0)?)?;
    let exposed = family.name();
    let kind = family.kind();
    let known = |suffix| kind.suffixes().iter().copied().find(|known| *known == suffix);
    // The exposed name already has the suffix of its kind, such as `_total`.
    let may_follow =
        |suffix: &&str| suffix.is_empty() || ![kind.suffix(), CREATED].contains(suffix);
    let suffix = match name.strip_prefix(exposed).and_then(known).filter(may_follow) {
        Some(suffix) => suffix,
        None if name.strip_prefix(stem) == Some(CREATED) && known(CREATED).is_some() => CREATED,
        None => {
            let message = format!("sample {name:?}: not a sample of the metric {exposed}");
            return Err(PyValueError::new_err(message));
        }
    };
    let pairs = arguments::pairs(&sample.get_item(1)?)?;
    Ok((suffix, Labels::new(pairs).map_err(to_python)?))
}

/// Converts a sample. Returns `None` for the sum of a gauge histogram that has none. A `_created`
/// sample becomes the start time of its metric. An exemplar that cannot be exposed is dropped.
fn sample(
    kind: Kind,
    suffix: &'static str,
    labels: Labels,
    sample: &Bound<'_, PyAny>,
    fail_exemplar: impl FnOnce(PyErr),
) -> PyResult<Option<Sample>> {
    let value = sample.get_item(2)?;
    if suffix == "_gsum" && value.is_none() {
        return Ok(None);
    }
    if suffix == "_bucket" && has_no_bound(&sample.get_item(1)?)? {
        // The class of the error in `prometheus_client`.
        let rule = "must be text, such as '0.5' or '+Inf'";
        return Err(PyAttributeError::new_err(format!("bucket bound None: {rule}")));
    }
    let timestamp = match sample.get_item(3) {
        Ok(time) if !time.is_none() => Some(timestamps::from_python(&time)?),
        _ => None,
    };
    let exemplar = match sample.get_item(4) {
        Ok(exemplar) if !exemplar.is_none() => {
            let exemplar = exemplar_of(kind, suffix, &exemplar);
            exemplar.map_err(fail_exemplar).ok().map(Into::into)
        }
        _ => None,
    };
    let value = match value.extract() {
        Ok(count) => Value::Integer(count),
        Err(error) if interrupts::is_one(value.py(), &error) => return Err(error),
        // Accepts text, too, because JSON, SNMP and shell commands return text.
        Err(_) => Value::Float(guarded::float(&value)?),
    };
    let created = match value {
        Value::Float(seconds) if suffix == CREATED => Some(timestamps::from_seconds(seconds)?),
        Value::Integer(seconds) if suffix == CREATED => {
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(timestamps::LATEST)))
        }
        _ => None,
    };
    Ok(Some(Sample { suffix, labels, value, exemplar, created, timestamp }))
}

/// Returns whether the labels of a bucket have None as their bound.
fn has_no_bound(labels: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(labels) = labels.cast::<PyDict>() else { return Ok(false) };
    Ok(labels.get_item(intern!(labels.py(), "le"))?.is_some_and(|bound| bound.is_none()))
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
