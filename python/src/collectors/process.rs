//! `ProcessCollector` for Python, which measures this process, or one that a function returns.

use std::sync::Arc;

use dataclay_metrics_core::process::ProcessMetrics;
use dataclay_metrics_core::{Call, Collector, Desc, MetricFamily};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::interpreter::callback::{Callback, Families};
use crate::interpreter::{guarded, interrupts};
use crate::registry::families::list_to_python;
use crate::registry::registrable::registrable_by_id;
use crate::registry::registration::Registration;
use crate::registry::{arguments, names};

/// The `process_*` families: CPU time, memory, file descriptors, threads and start time.
///
/// They describe this process. With `pid`, a function that is called at each collection, they
/// describe the process whose id it returns, or this process if it returns `self`. A process that
/// does not exist exposes nothing. The names begin with `namespace`. `proc` is the path of `/proc`,
/// such as that of the host in a container. Linux only.
///
/// `REGISTRY` has the collector of this process, `PROCESS_COLLECTOR`. Raises `ValueError` if an
/// argument is not valid.
#[pyclass(frozen, dict, weakref, module = "dataclay_metrics")]
pub(crate) struct ProcessCollector(Process);

registrable_by_id!(ProcessCollector);

#[derive(Clone)]
enum Process {
    Known(ProcessMetrics),
    Asked(Arc<Asked>),
}

struct Asked {
    families: Families,
    /// Used only for the names of its families.
    own: ProcessMetrics,
}

impl ProcessCollector {
    pub(crate) fn from_core(process: ProcessMetrics) -> ProcessCollector {
        ProcessCollector(Process::Known(process))
    }
}

/// Returns the families of the process that `pid()` returns now.
fn read(asked: &Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>> {
    let (pid, namespace, proc): (Bound<'_, PyAny>, String, String) = asked.extract()?;
    let pid = guarded::call_function(&pid)?.str()?.to_string();
    let pid = match pid.trim() {
        "self" => None,
        number => Some(number.parse().map_err(|_| {
            PyValueError::new_err(format!("pid {number:?}: must be a process id or self"))
        })?),
    };
    Ok(ProcessMetrics::at(proc, pid, &namespace).collect())
}

#[pymethods]
impl ProcessCollector {
    #[new]
    #[pyo3(
        signature = (namespace = String::new(), pid = None, proc = "/proc".to_owned(), registry = Registration::Default),
        text_signature = "(namespace='', pid=None, proc='/proc', registry=...)"
    )]
    fn new<'py>(
        py: Python<'py>,
        #[pyo3(from_py_with = arguments::namespace)] namespace: String,
        pid: Option<Bound<'py, PyAny>>,
        #[pyo3(from_py_with = arguments::proc)] proc: String,
        registry: Registration,
    ) -> PyResult<Bound<'py, ProcessCollector>> {
        names::check_metric_name(&namespace)?;
        let own = ProcessMetrics::at(&proc, None, &namespace);
        let process = match pid {
            None => Process::Known(own),
            Some(pid) => {
                if !pid.is_callable() {
                    return Err(arguments::must_be("pid", "a function", &pid));
                }
                let what = "the pid of a ProcessCollector".to_owned();
                let asked = (pid, namespace, proc).into_pyobject(py)?.into_any().unbind();
                let callback = Callback::new(what, asked);
                let families =
                    Families::new(callback, |object, failures| failures.value_of(read(object)));
                Process::Asked(Arc::new(Asked { families, own }))
            }
        };
        let collector = Bound::new(py, ProcessCollector(process))?;
        registry.register(&collector)?;
        Ok(collector)
    }

    /// Returns the families as a list of `Metric`.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        list_to_python(py, interrupts::detached(py, || self.0.collect())?)
    }
}

impl Collector for Process {
    fn describe(&self) -> Vec<Desc> {
        match self {
            Process::Known(process) => process.describe(),
            Process::Asked(asked) => asked.own.describe(),
        }
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match self {
            Process::Known(process) => process.collect(),
            Process::Asked(asked) => asked.families.collect(),
        }
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        match self {
            Process::Known(process) => process.functions(),
            Process::Asked(asked) => Some(vec![asked.families.function()]),
        }
    }

    fn id(&self) -> usize {
        match self {
            Process::Known(process) => process.id(),
            Process::Asked(asked) => Arc::as_ptr(asked).addr(),
        }
    }
}
