//! Converts the core's snapshots to Python's `Metric` objects.

use dataclay_metrics_core::{MetricFamily, Sample, Value};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::registry::{created, exemplars, timestamps};

/// The suffix of samples whose value is a start time.
pub(crate) const CREATED: &str = "_created";

/// Returns the family with the `_created` samples that Python shows: all if they are turned on,
/// otherwise only those that a custom collector yields.
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
pub(crate) fn stem(family: &MetricFamily) -> &str {
    family.name().strip_suffix(family.kind().suffix()).unwrap_or(family.name())
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
        let kind = family.kind().in_openmetrics();
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
