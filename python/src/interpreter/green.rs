//! gevent and eventlet, which run the application's threads as greenlets on one loop.
//!
//! Their locks replace those of `threading`. If a thread of this library waited for such a lock, it
//! would wait for a loop that no thread runs. So it sends each call of the application's code to
//! the loop (`client/green.py`). On the thread of the loop a gather stays attached. Otherwise
//! greenlets that switch inside its calls would restore `PyO3`'s saved state in the wrong order.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use dataclay_metrics_core::follow_fibers;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

static HAS_LOOP: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_LOOP_THREAD: Cell<bool> = const { Cell::new(false) };
}

fn module(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "dataclay_metrics.client.green"))
}

/// Sends later calls to the loop of gevent or eventlet on the calling thread, if one runs there.
/// Returns whether greenlets of the application switch on this thread.
#[pyfunction]
pub(crate) fn follow_loop(py: Python<'_>) -> PyResult<bool> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let modules = modules.cast_into::<PyDict>()?;
    let is_loaded = modules.contains(intern!(py, "gevent.monkey"))?
        || modules.contains(intern!(py, "eventlet.patcher"))?;
    if is_loaded && module(py)?.call_method0(intern!(py, "follow"))?.extract()? {
        IS_LOOP_THREAD.set(true);
        HAS_LOOP.store(true, Ordering::SeqCst);
        follow_fibers(current_greenlet);
    }
    Ok(IS_LOOP_THREAD.get())
}

/// Returns the address of the greenlet that runs on this thread, or 0 if the thread has no loop.
///
/// If Python raises an exception here, it goes to `sys.unraisablehook`, and the address is 0.
fn current_greenlet() -> usize {
    if !IS_LOOP_THREAD.get() {
        return 0;
    }
    let current = |py: Python<'_>| -> PyResult<usize> {
        let greenlet = py.import(intern!(py, "greenlet"))?;
        Ok(greenlet.call_method0(intern!(py, "getcurrent"))?.as_ptr().addr())
    };
    let current = Python::try_attach(|py| {
        current(py).unwrap_or_else(|error| {
            error.write_unraisable(py, None);
            0
        })
    });
    // Without an interpreter, no greenlet can switch.
    current.unwrap_or(0)
}

/// Returns whether greenlets of the application switch on this thread.
#[pyfunction]
pub(crate) fn is_loop_thread(py: Python<'_>) -> PyResult<bool> {
    if IS_LOOP_THREAD.get() { Ok(true) } else { follow_loop(py) }
}

/// Returns the module that sends calls to the loop, or `None` if this thread makes the calls
/// itself.
pub(crate) fn sender(py: Python<'_>) -> PyResult<Option<Bound<'_, PyModule>>> {
    if !HAS_LOOP.load(Ordering::SeqCst) || IS_LOOP_THREAD.get() {
        return Ok(None);
    }
    module(py).map(Some)
}
