//! `dataclay_metrics._native`: the core for Python. Private; the package re-exports what is public.
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod counter;
mod error;
mod exposition;
mod fork;
mod gauge;
mod logging;
mod registry;
mod settings;

use pyo3::prelude::*;

/// The part of `dataclay_metrics` that is written in Rust. Private: import `dataclay_metrics`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    logging::forward_to_python();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<counter::Counter>()?;
    module.add_class::<gauge::Gauge>()?;
    module.add_class::<registry::CollectorRegistry>()?;
    module.add_class::<exposition::HttpExporter>()?;
    module.add_class::<exposition::PushExporter>()?;
    module.add_class::<settings::Settings>()?;
    module.add_function(wrap_pyfunction!(exposition::generate_latest, module)?)?;
    module.add_function(wrap_pyfunction!(exposition::push, module)?)?;
    module.add_function(wrap_pyfunction!(fork::before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(fork::after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(fork::after_fork_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(registry::select_role, module)?)?;
    module.add("CONTENT_TYPE_LATEST", dataclay_metrics_core::encode::CONTENT_TYPE)?;
    registry::add_defaults(module)
}
