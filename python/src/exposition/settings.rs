//! `Settings` for Python.

use std::collections::HashMap;
use std::ffi::OsString;

use dataclay_metrics_core as core;
use pyo3::prelude::*;

use crate::error::to_python;

/// What the `DATACLAY_METRICS*` variables say, validated.
///
/// Arguments stand for the variables of their name; those not given have their defaults, whatever
/// the environment says. Raises `ValueError` for a wrong value, in one line: the variable, its
/// value and the rule.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Settings(core::Settings);

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (*, exporter = None, host = None, port = None, push_interval = None,
                        job = None, instance = None, on_exit = None))]
    fn new(
        exporter: Option<String>,
        host: Option<String>,
        port: Option<i64>,
        push_interval: Option<f64>,
        job: Option<String>,
        instance: Option<String>,
        on_exit: Option<String>,
    ) -> PyResult<Settings> {
        let given = |variable: &str| match variable {
            "DATACLAY_METRICS_EXPORTER" => exporter.clone(),
            "DATACLAY_METRICS_HOST" => host.clone(),
            "DATACLAY_METRICS_PORT" => port.map(|port| port.to_string()),
            "DATACLAY_METRICS_PUSH_INTERVAL" => push_interval.map(|seconds| seconds.to_string()),
            "DATACLAY_METRICS_JOB" => job.clone(),
            "DATACLAY_METRICS_INSTANCE" => instance.clone(),
            "DATACLAY_METRICS_ON_EXIT" => on_exit.clone(),
            _ => None,
        };
        let settings = core::Settings::from_lookup(|variable| given(variable).map(OsString::from));
        Ok(Settings(settings.map_err(to_python)?))
    }

    /// Reads ``variables`` as if they were the environment.
    #[staticmethod]
    fn from_variables(variables: HashMap<String, String>) -> PyResult<Settings> {
        core::Settings::from_lookup(|name| variables.get(name).map(OsString::from))
            .map(Settings)
            .map_err(to_python)
    }

    /// Reads the environment of this process.
    #[staticmethod]
    fn from_env() -> PyResult<Settings> {
        core::Settings::from_env().map(Settings).map_err(to_python)
    }

    /// `DATACLAY_METRICS`; None if it is not set.
    #[getter]
    fn enabled(&self) -> Option<bool> {
        self.0.enabled
    }

    /// `DATACLAY_METRICS_EXPORTER`.
    #[getter]
    fn exporter(&self) -> &'static str {
        self.0.exporter.as_str()
    }

    /// `DATACLAY_METRICS_HOST`: where to listen, or where the Pushgateway is.
    #[getter]
    fn host(&self) -> &str {
        self.0.host()
    }

    /// `DATACLAY_METRICS_PORT`; 8000, or 9091 for the Pushgateway, if it is not set.
    #[getter]
    fn port(&self) -> u16 {
        self.0.port()
    }

    /// Host and port as one address, an IPv6 host in brackets.
    #[getter]
    fn address(&self) -> String {
        self.0.address()
    }

    /// `DATACLAY_METRICS_PUSH_INTERVAL`, in seconds.
    #[getter]
    fn push_interval(&self) -> f64 {
        self.0.push_interval.as_secs_f64()
    }

    /// `DATACLAY_METRICS_JOB`.
    #[getter]
    fn job(&self) -> &str {
        &self.0.job
    }

    /// `DATACLAY_METRICS_ON_EXIT`.
    #[getter]
    fn on_exit(&self) -> &'static str {
        self.0.on_exit.as_str()
    }

    /// `DATACLAY_METRICS_INSTANCE`; None if it is not set.
    #[getter]
    fn instance(&self) -> Option<&str> {
        self.0.instance.as_deref()
    }
}
