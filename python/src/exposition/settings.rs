//! `Settings` for Python.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::ffi::{OsStr, OsString};

use dataclay_metrics_core as core;
use dataclay_metrics_core::exposition::GroupingKey;
use dataclay_metrics_core::settings::DEFAULT_HTTP_PORT;
use pyo3::prelude::*;

use crate::error::to_python;
use crate::exposition::{program, shared_directory};
use crate::registry::multiproc;

/// The values of the `DATACLAY_METRICS*` variables, checked; `docs/settings.md` lists them.
///
/// A wrong value raises `ValueError` with one line: the variable, its value and the rule.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Settings(pub(crate) core::Settings);

/// Reads settings from named values.
fn read(lookup: impl Fn(&str) -> Option<OsString>) -> Result<core::Settings, core::Error> {
    let mut settings = core::Settings::from_lookup(&lookup)?;
    program::name().clone_into(&mut settings.program);
    shared_directory::complete(&mut settings, lookup);
    Ok(settings)
}

/// Makes the first count read the environment, and use the directory that it names.
pub(crate) fn read_at_first_count() -> Result<Option<core::Settings>, core::Error> {
    let lookup = |name: &str| env::var_os(name);
    if lookup("DATACLAY_METRICS_DIR").is_none() && multiproc::directory(lookup).is_none() {
        return Ok(None);
    }
    read(lookup).map(Some)
}

#[pymethods]
impl Settings {
    /// Reads `variables` instead of the environment.
    #[staticmethod]
    fn from_variables(variables: HashMap<OsString, OsString>) -> PyResult<Settings> {
        read(|name| variables.get(OsStr::new(name)).cloned()).map(Settings).map_err(to_python)
    }

    /// Reads the environment of this process.
    #[staticmethod]
    fn from_env() -> PyResult<Settings> {
        read(|name| env::var_os(name)).map(Settings).map_err(to_python)
    }

    /// Returns the same settings for a service. `instance` is used unless a variable sets another
    /// one.
    ///
    /// With a segment, processes that count together use `shared_instance`. Without it, the process
    /// is the only one of its identity. `port` is the first one tried, unless a variable sets it.
    #[pyo3(signature = (service, instance, shared_instance = None, port = DEFAULT_HTTP_PORT))]
    fn for_service(
        &self,
        service: &str,
        instance: &str,
        shared_instance: Option<String>,
        port: u16,
    ) -> Settings {
        let mut settings = self.0.clone();
        settings.service = Some(service.to_owned());
        settings.is_single = shared_instance.is_none();
        settings.default_port = port;
        if settings.instance.is_none() {
            settings.instance = Some(instance.to_owned());
            settings.is_unique = settings.is_single;
            settings.shared_instance = shared_instance;
        }
        Settings(settings)
    }

    /// The seconds that the last push may take; None if no variable sets it.
    #[getter]
    fn last_push_timeout(&self) -> Option<f64> {
        self.0.last_push_timeout.map(|timeout| timeout.as_secs_f64())
    }

    /// Requests the segment of these settings, if they name one, before this process counts.
    ///
    /// Raises `ValueError` if the process has already counted, or has requested another segment.
    fn request_segment(&self) -> PyResult<()> {
        core::exposition::request_segment(&self.0).map(drop).map_err(to_python)
    }

    /// Whether to export; None if the variable is not set.
    #[getter]
    fn enabled(&self) -> Option<bool> {
        self.0.enabled
    }

    /// `http`, `pushgateway`, `otlp` or `none`.
    #[getter]
    fn exporter(&self) -> &'static str {
        self.0.exporter.as_str()
    }

    /// The port to listen on, or the port of the gateway.
    #[getter]
    fn port(&self) -> u16 {
        self.0.port()
    }

    /// Host and port to listen on, or of the gateway.
    #[getter]
    fn address(&self) -> String {
        self.0.address()
    }

    /// The seconds between two pushes.
    #[getter]
    fn push_interval(&self) -> f64 {
        self.0.push_interval.as_secs_f64()
    }

    /// The label `job` of pushed metrics.
    #[getter]
    fn job(&self) -> &str {
        &self.0.job
    }

    /// `keep` or `delete`.
    #[getter]
    fn on_exit(&self) -> &'static str {
        self.0.on_exit.as_str()
    }

    /// The format of pushes: `text` or `protobuf`.
    #[getter]
    fn push_format(&self) -> &'static str {
        self.0.push_format.as_str()
    }

    /// The labels of the group that this process pushes to, except `job`.
    #[getter]
    fn identity(&self) -> PyResult<BTreeMap<String, String>> {
        let key = GroupingKey::from_settings(&self.0).map_err(to_python)?;
        let labels = key.labels().filter(|(name, _)| *name != "job");
        Ok(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// Returns the default instance of a process: `host:pid`.
#[pyfunction]
pub(crate) fn default_instance() -> String {
    core::exposition::default_instance()
}
