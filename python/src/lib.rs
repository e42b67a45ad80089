//! `dataclay_metrics._native`: the core for Python. Private; the package re-exports the public
//! names.
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod collectors;
mod defaults;
mod error;
mod exposition;
mod interpreter;
mod metrics;
mod registry;

use dataclay_metrics_core::encode::{Encoding, Format};
use dataclay_metrics_core::exposition::{
    provide_tls, request_segment_at_first_count, write_notes_on_a_thread,
};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyFrozenSet;

use crate::exposition::{
    exporter, gateway, http_exporter, program, push_exporter, segments, settings, text, tls,
};
use crate::interpreter::{door, fork, green, guarded, logging};
use crate::metrics::hot;
use crate::registry::registrable::{Class, set_classes};
use crate::registry::{collector_registry, names};

/// The classes whose objects registries accept.
const CLASSES: &[&[Class]] = &[metrics::CLASSES, collectors::CLASSES, exposition::CLASSES];

/// The part of `dataclay_metrics` that is written in Rust. It is private: import
/// `dataclay_metrics`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    if !guarded::is_main_interpreter(module.py()) {
        let message = "dataclay_metrics cannot be imported in subinterpreters";
        return Err(PyImportError::new_err(message));
    }
    door::open();
    logging::forward_to_python();
    write_notes_on_a_thread();
    provide_tls(&tls::Ssl);
    program::note(module.py());
    request_segment_at_first_count(settings::read_at_first_count);
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    set_classes(CLASSES);
    CLASSES.iter().copied().flatten().try_for_each(|class| (class.add_to)(module))?;
    let duplicate = module.py().get_type::<error::DuplicateTimeseries>();
    duplicate.setattr("duplicates", PyFrozenSet::empty(module.py())?)?;
    module.add("DuplicateTimeseries", duplicate)?;
    module.add_class::<collector_registry::CollectorRegistry>()?;
    module.add_class::<http_exporter::HttpExporter>()?;
    module.add_class::<push_exporter::PushExporter>()?;
    module.add_class::<push_exporter::OtlpExporter>()?;
    module.add_class::<settings::Settings>()?;
    module.add_class::<gateway::LastPush>()?;
    module.add_class::<segments::Segments>()?;
    module.add_class::<segments::Segment>()?;
    module.add_function(wrap_pyfunction!(segments::auto_segment_directory, module)?)?;
    module.add_function(wrap_pyfunction!(exporter::start_exporter, module)?)?;
    module.add_function(wrap_pyfunction!(settings::default_instance, module)?)?;
    module.add_function(wrap_pyfunction!(door::close_to_threads, module)?)?;
    module.add_function(wrap_pyfunction!(text::generate_latest, module)?)?;
    module.add_function(wrap_pyfunction!(text::encode, module)?)?;
    module.add_function(wrap_pyfunction!(text::content_type, module)?)?;
    module.add_function(wrap_pyfunction!(text::negotiate, module)?)?;
    module.add_function(wrap_pyfunction!(text::enable_created_metrics, module)?)?;
    module.add_function(wrap_pyfunction!(text::disable_created_metrics, module)?)?;
    module.add_function(wrap_pyfunction!(names::get_legacy_validation, module)?)?;
    module.add_function(wrap_pyfunction!(names::set_legacy_validation, module)?)?;
    module.add_function(wrap_pyfunction!(gateway::gateway_request, module)?)?;
    module.add_function(wrap_pyfunction!(gateway::push_body, module)?)?;
    module.add_function(wrap_pyfunction!(gateway::grouping_path, module)?)?;
    module.add_function(wrap_pyfunction!(defaults::keep_role_metrics, module)?)?;
    module.add_function(wrap_pyfunction!(green::follow_loop, module)?)?;
    module.add_function(wrap_pyfunction!(green::is_loop_thread, module)?)?;
    module.add_function(wrap_pyfunction!(fork::before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(fork::after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(fork::after_fork_in_child, module)?)?;
    module.add("CONTENT_TYPE_LATEST", Encoding::TEXT_1_0_0)?;
    module.add("CONTENT_TYPE_PLAIN_0_0_4", Format::Text.content_type())?;
    module.add("CONTENT_TYPE_PLAIN_1_0_0", Encoding::TEXT_1_0_0)?;
    module.add_function(wrap_pyfunction!(error::one_line, module)?)?;
    module.add_function(wrap_pyfunction!(error::without_secrets, module)?)?;
    hot::install(module.py())?;
    defaults::add_defaults(module)
}
