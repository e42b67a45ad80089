//! `MultiProcessCollector` for Python: the metrics of all processes that count together.

use std::env;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dataclay_metrics_core::node::Node;
use dataclay_metrics_core::segment::{self, Whole};
use dataclay_metrics_core::{Call, Collector, Desc, MetricFamily, Registry};
use pyo3::exceptions::{PyDeprecationWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::exposition::shared_directory;
use crate::interpreter::interrupts;
use crate::registry::collector_registry::default_registry;
use crate::registry::families::list_to_python;
use crate::registry::multiproc;
use crate::registry::registrable::registrable_by_id;
use crate::registry::registration::Registration;

/// The metrics of all processes that count in one directory, including those that have ended.
///
/// The directory is `path`, or by default the value of `DATACLAY_METRICS_DIR` or
/// `PROMETHEUS_MULTIPROC_DIR`. `registry=None` registers nowhere.
///
/// Raises `ValueError` if neither is set, or if `path` is not a directory.
#[pyclass(frozen, module = "dataclay_metrics.multiprocess")]
pub(crate) struct MultiProcessCollector(Shared);

registrable_by_id!(MultiProcessCollector);

#[derive(Clone)]
struct Shared(Arc<Source>);

/// The processes whose metrics are collected.
enum Source {
    /// All processes that count with this one. If it counts in private memory, because its segment
    /// failed, a registry is collected instead.
    Own(Option<Registry>),
    /// All processes that count in a directory.
    Directory(Node),
}

#[pymethods]
impl MultiProcessCollector {
    #[new]
    #[pyo3(signature = (registry, path = None), text_signature = "(registry, path=None)")]
    fn new(
        py: Python<'_>,
        registry: Registration,
        path: Option<PathBuf>,
    ) -> PyResult<Bound<'_, MultiProcessCollector>> {
        let source = match path {
            Some(path) => Source::Directory(Node::new(directory(&path)?)),
            None if is_requested(py)? => Source::Own(private(py, &registry)?),
            None => {
                let rule = "set PROMETHEUS_MULTIPROC_DIR or DATACLAY_METRICS_DIR before the first \
                            count, so that processes count together";
                return Err(PyValueError::new_err(rule));
            }
        };
        let collector = Bound::new(py, MultiProcessCollector(Shared(Arc::new(source))))?;
        registry.register(&collector)?;
        Ok(collector)
    }

    /// Returns the families as a list of `Metric`.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let families = interrupts::detached(py, || self.0.collect())?;
        list_to_python(py, families)
    }
}

/// Returns whether this process counts in a segment. As in `prometheus_client`, a variable with the
/// old name is first renamed, with a `DeprecationWarning`.
fn is_requested(py: Python<'_>) -> PyResult<bool> {
    let [new, old] = multiproc::VARIABLES;
    let environ = py.import("os")?.getattr("environ")?;
    if environ.contains(old)? && !environ.contains(new)? {
        environ.set_item(new, environ.get_item(old)?)?;
        let message = CString::new(format!("{old} is deprecated: set {new}"))?;
        PyErr::warn(py, &py.get_type::<PyDeprecationWarning>(), &message, 1)?;
    }
    Ok(segment::is_requested())
}

/// Returns the directory of a path, or the one in tmpfs that replaces it.
fn directory(path: &Path) -> PyResult<PathBuf> {
    let shown = path.to_string_lossy().into_owned();
    let rule = || PyValueError::new_err(format!("path={shown:?}: must be a directory that exists"));
    // A relative and an absolute path of one directory are the same, as in the variable.
    let path = std::path::absolute(path).map_err(|_| rule())?;
    let in_memory = shared_directory::in_memory(path.clone(), |name| env::var_os(name));
    if path.is_dir() || in_memory.is_dir() { Ok(in_memory) } else { Err(rule()) }
}

/// Returns the default registry, unless the collector is registered there, because it would read
/// itself.
fn private(py: Python<'_>, registry: &Registration) -> PyResult<Option<Registry>> {
    let default = default_registry(py)?.get();
    Ok(match registry {
        Registration::Default | Registration::Nowhere => None,
        Registration::In(registry) if std::ptr::eq(registry.get(), default) => None,
        Registration::In(_) | Registration::Foreign(_) => Some(default.unread().clone()),
    })
}

impl Collector for Shared {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match &*self.0 {
            Source::Directory(node) => of_directory(node),
            Source::Own(Some(registry)) if segment::attach_now().is_none() => registry.gather(),
            Source::Own(_) => Whole.collect(),
        }
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(match &*self.0 {
            Source::Own(Some(registry)) if segment::attach_now().is_none() => {
                registry.functions(|_| true)
            }
            _ => Vec::new(),
        })
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// Returns the families of the segment in a directory. With several segments, the labels `job` and
/// `instance` distinguish their samples.
fn of_directory(node: &Node) -> Vec<MetricFamily> {
    let (segments, unreadable) = node.segments();
    if segments.len() > 1 {
        return node.collect();
    }
    node.log(unreadable);
    segments.first().map(Collector::collect).unwrap_or_default()
}
