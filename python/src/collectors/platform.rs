//! `PlatformCollector` for Python, which describes the interpreter.

use std::sync::Arc;

use dataclay_metrics_core::{Call, Collector, Desc, Kind, Labels, MetricFamily, Sample, Value};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::to_python;
use crate::registry::families::list_to_python;
use crate::registry::registrable::registrable_by_id;
use crate::registry::registration::Registration;

/// The family `python_info`, which describes the interpreter.
///
/// Tests may pass `platform` in place of the module of that name. `REGISTRY` has one,
/// `PLATFORM_COLLECTOR`.
#[pyclass(frozen, dict, weakref, module = "dataclay_metrics")]
pub(crate) struct PlatformCollector(Platform);

registrable_by_id!(PlatformCollector);

#[derive(Clone)]
struct Platform(Arc<MetricFamily>);

impl PlatformCollector {
    /// Describes this interpreter.
    pub(crate) fn make(py: Python<'_>) -> PyResult<PlatformCollector> {
        let sys = py.import("sys")?;
        let text: String = sys.getattr("version")?.extract()?;
        // `platform.python_version()` returns the same, but its import takes longer than that of
        // the whole package.
        let version = text.split_whitespace().next().unwrap_or_default();
        let mut parts = version.splitn(3, '.');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let labels = Labels::new([
            ("version", version.to_owned()),
            ("implementation", "CPython".to_owned()),
            ("major", part()),
            ("minor", part()),
            ("patchlevel", part()),
        ]);
        PlatformCollector::with_labels(labels.map_err(to_python)?)
    }

    /// Describes the interpreter by an object with the functions of the module `platform`.
    fn of(platform: &Bound<'_, PyAny>) -> PyResult<PlatformCollector> {
        let text = |name: &str| platform.call_method0(name)?.extract::<String>();
        let parts = platform.call_method0("python_version_tuple")?;
        let (major, minor, patchlevel): (String, String, String) = parts.extract()?;
        let mut labels = vec![
            ("version", text("python_version")?),
            ("implementation", text("python_implementation")?),
            ("major", major),
            ("minor", minor),
            ("patchlevel", patchlevel),
        ];
        if text("system")? == "Java" {
            let java = platform.call_method0("java_ver")?;
            let (version, _, (name, release, vendor)): (_, Bound<'_, PyAny>, (_, _, _)) =
                (java.get_item(0)?.extract()?, java.get_item(1)?, java.get_item(2)?.extract()?);
            labels.extend([
                ("jvm_version", version),
                ("jvm_release", release),
                ("jvm_vendor", vendor),
                ("jvm_name", name),
            ]);
        }
        PlatformCollector::with_labels(Labels::new(labels).map_err(to_python)?)
    }

    fn with_labels(labels: Labels) -> PyResult<PlatformCollector> {
        let mut family =
            MetricFamily::new(Kind::Gauge, "python_info", "Python platform information")
                .map_err(to_python)?;
        family.samples.push(Sample::new("", labels, Value::Integer(1)));
        Ok(PlatformCollector(Platform(Arc::new(family))))
    }
}

#[pymethods]
impl PlatformCollector {
    #[new]
    #[pyo3(
        signature = (registry = Registration::Default, platform = None),
        text_signature = "(registry=..., platform=None)"
    )]
    fn new<'py>(
        py: Python<'py>,
        registry: Registration,
        platform: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PlatformCollector>> {
        let made = match platform {
            Some(platform) => PlatformCollector::of(platform)?,
            None => PlatformCollector::make(py)?,
        };
        let collector = Bound::new(py, made)?;
        registry.register(&collector)?;
        Ok(collector)
    }

    /// Returns the families as a list of `Metric`.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        list_to_python(py, self.0.collect())
    }
}

impl Collector for Platform {
    fn describe(&self) -> Vec<Desc> {
        // Always valid: it was the name of a family before.
        let (kind, name, help) = (self.0.kind(), self.0.name(), self.0.help());
        Desc::new(kind, name, help, Labels::default()).into_iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        vec![MetricFamily::clone(&self.0)]
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}
