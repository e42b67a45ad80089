//! The log lines of this library's threads, passed to a C function.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::{PoisonError, RwLock};

use dataclay_metrics_core::exposition::write_notes_on_a_thread;
use dataclay_metrics_core::fork;
use log::{LevelFilter, Log, Metadata, Record};

use crate::boundary::{UserData, uncancelled};

/// `dcm_log_function` and its user data.
#[derive(Clone, Copy)]
struct Sink {
    call: extern "C" fn(*mut c_void, c_int, *const c_char),
    user_data: UserData,
}

struct Logger(RwLock<Option<Sink>>);

static LOGGER: Logger = Logger(RwLock::new(None));

impl Log for Logger {
    /// Selects the lines of this library. Its dependencies log details for their authors.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("dataclay_metrics")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Copied, so that no lock is held while the C function runs.
        let sink = fork::section(|| *self.0.read().unwrap_or_else(PoisonError::into_inner));
        let text = record.args().to_string().replace('\0', "");
        if let (Some(sink), Ok(text)) = (sink, CString::new(text)) {
            let level = record.level() as c_int;
            uncancelled(|| (sink.call)(sink.user_data.0, level, text.as_ptr()));
        }
    }

    fn flush(&self) {}
}

export! {
    fn dcm_log_set_function(
        function: Option<extern "C" fn(*mut c_void, c_int, *const c_char)>,
        user_data: UserData,
    ) -> () {
        let sink = function.map(|call| Sink { call, user_data });
        // In a fork section, so a child never finds a partial update.
        fork::section(|| {
            *LOGGER.0.write().unwrap_or_else(PoisonError::into_inner) = sink;
            // An error means that LOGGER is already set, because this library has no other logger.
            let _ = log::set_logger(&LOGGER);
            write_notes_on_a_thread();
            log::set_max_level(if sink.is_some() { LevelFilter::Info } else { LevelFilter::Off });
        });
    }
}
