//! The `DATACLAY_METRICS*` variables: read once, wrong values refused.

use std::ffi::OsString;
use std::time::Duration;

use crate::model::error::Error;

/// Port of the scrape endpoint unless one is given, as dataClay documents.
pub const DEFAULT_HTTP_PORT: u16 = 8000;
/// Port of a Pushgateway unless one is given, as dataClay documents.
pub const DEFAULT_PUSH_PORT: u16 = 9091;
/// Time between two pushes unless one is given, as dataClay documents.
pub const DEFAULT_PUSH_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest interval accepted, in seconds: each push costs the gateway time that grows with
/// all series that it holds.
const MIN_PUSH_INTERVAL: f64 = 0.1;
/// The longest interval accepted, in seconds: a day.
const MAX_PUSH_INTERVAL: f64 = 86_400.0;
/// The `job` label of every process unless one is given.
pub const DEFAULT_JOB: &str = "dataclay";

/// Which way the metrics leave the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExporterKind {
    /// Prometheus scrapes an endpoint of this process.
    Http,
    /// This process pushes to a Pushgateway.
    Pushgateway,
    /// Not at all.
    None,
}

impl ExporterKind {
    /// The word that selects it.
    pub fn as_str(self) -> &'static str {
        match self {
            ExporterKind::Http => "http",
            ExporterKind::Pushgateway => "pushgateway",
            ExporterKind::None => "none",
        }
    }
}

/// What becomes of a process's group on the Pushgateway when the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExit {
    /// It holds the final counts, until somebody deletes it.
    Keep,
    /// It is deleted: what was counted since Prometheus last scraped the gateway is never seen.
    Delete,
}

impl OnExit {
    /// The word that selects it.
    pub fn as_str(self) -> &'static str {
        match self {
            OnExit::Keep => "keep",
            OnExit::Delete => "delete",
        }
    }
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `DATACLAY_METRICS`: whether to export at all; `None` if it does not say.
    pub enabled: Option<bool>,
    /// `DATACLAY_METRICS_EXPORTER`: `http` (default), `pushgateway` or `none`.
    pub exporter: ExporterKind,
    /// `DATACLAY_METRICS_HOST`, if given: the address to listen on, or the gateway's.
    host: Option<String>,
    /// `DATACLAY_METRICS_PORT`, if given.
    port: Option<u16>,
    /// `DATACLAY_METRICS_PUSH_INTERVAL`: from 0.1 seconds to a day; default 10 seconds.
    pub push_interval: Duration,
    /// `DATACLAY_METRICS_JOB`: the `job` label of what is pushed; default `dataclay`.
    pub job: String,
    /// `DATACLAY_METRICS_INSTANCE`, if given: the `instance` label of what is pushed.
    pub instance: Option<String>,
    /// The `service` label of what is pushed, for a caller that knows which service of dataClay the
    /// process is. No variable sets it: `None` from [`Settings::from_env`].
    pub service: Option<String>,
    /// `DATACLAY_METRICS_ON_EXIT`: `keep` (default) or `delete` what was pushed.
    pub on_exit: OnExit,
}

impl Settings {
    /// The settings in this process's environment.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`], which names the variable, its value and the rule, for the first variable
    /// with a wrong value. A variable that is set to nothing is wrong, not absent.
    pub fn from_env() -> Result<Settings, Error> {
        Settings::from_lookup(|name| std::env::var_os(name))
    }

    /// The settings in any other source of named values.
    ///
    /// # Errors
    ///
    /// As [`Settings::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Error> {
        let get = |name: &'static str| match lookup(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(Variable { name, value })),
            Some(Err(value)) => {
                let value = value.to_string_lossy().into_owned();
                Err(Variable { name, value }.refused("must be UTF-8"))
            }
        };
        let exporter = get("DATACLAY_METRICS_EXPORTER")?
            .map_or(Ok(ExporterKind::Http), |variable| variable.exporter())?;
        Ok(Settings {
            enabled: get("DATACLAY_METRICS")?.map(|variable| variable.boolean()).transpose()?,
            exporter,
            host: get("DATACLAY_METRICS_HOST")?.map(Variable::host).transpose()?,
            port: get("DATACLAY_METRICS_PORT")?
                .map(|variable| variable.port(exporter))
                .transpose()?,
            push_interval: get("DATACLAY_METRICS_PUSH_INTERVAL")?
                .map_or(Ok(DEFAULT_PUSH_INTERVAL), |variable| variable.interval())?,
            job: get("DATACLAY_METRICS_JOB")?
                .map_or(Ok(DEFAULT_JOB.to_owned()), Variable::not_empty)?,
            instance: get("DATACLAY_METRICS_INSTANCE")?.map(Variable::not_empty).transpose()?,
            service: None,
            on_exit: get("DATACLAY_METRICS_ON_EXIT")?
                .map_or(Ok(OnExit::Keep), |variable| variable.on_exit())?,
        })
    }

    /// The host: as given, or the default of the exporter. The scrape endpoint listens on every
    /// interface, as dataClay's does; the gateway is on this machine.
    pub fn host(&self) -> &str {
        match (&self.host, self.exporter) {
            (Some(host), _) => host,
            (None, ExporterKind::Http) => "0.0.0.0",
            (None, _) => "localhost",
        }
    }

    /// The port: as given, or the default of the exporter.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.exporter {
            ExporterKind::Pushgateway => DEFAULT_PUSH_PORT,
            ExporterKind::Http | ExporterKind::None => DEFAULT_HTTP_PORT,
        })
    }

    /// Host and port as one address, an IPv6 host in brackets.
    pub fn address(&self) -> String {
        let (host, port) = (self.host(), self.port());
        if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

struct Variable {
    name: &'static str,
    value: String,
}

impl Variable {
    fn refused(&self, rule: impl Into<String>) -> Error {
        Error::Setting { name: self.name.into(), value: self.value.clone(), rule: rule.into() }
    }

    fn not_empty(self) -> Result<String, Error> {
        if self.value.is_empty() { Err(self.refused("must not be empty")) } else { Ok(self.value) }
    }

    /// The words that pydantic takes for a bool, because dataClay's settings are pydantic's.
    fn boolean(&self) -> Result<bool, Error> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
            "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
            _ => Err(self.refused("must be true or false")),
        }
    }

    fn exporter(&self) -> Result<ExporterKind, Error> {
        match self.value.to_ascii_lowercase().as_str() {
            "http" => Ok(ExporterKind::Http),
            "pushgateway" => Ok(ExporterKind::Pushgateway),
            "none" => Ok(ExporterKind::None),
            _ => Err(self.refused("must be http, pushgateway or none")),
        }
    }

    fn on_exit(&self) -> Result<OnExit, Error> {
        match self.value.to_ascii_lowercase().as_str() {
            "keep" => Ok(OnExit::Keep),
            "delete" => Ok(OnExit::Delete),
            _ => Err(self.refused("must be keep or delete")),
        }
    }

    fn host(self) -> Result<String, Error> {
        let fits = |char: char| char.is_ascii_alphanumeric() || ".-_:[]%".contains(char);
        if self.value.is_empty() {
            Err(self.refused("must be a host name or an IP address, not empty"))
        } else if self.value.chars().all(fits) {
            Ok(self.value)
        } else {
            Err(self.refused("must be a host name or an IP address, without scheme, port or path"))
        }
    }

    fn port(&self, exporter: ExporterKind) -> Result<u16, Error> {
        // Port 0 lets the system choose one to listen on; nothing can be pushed to it.
        let lowest = u16::from(exporter == ExporterKind::Pushgateway);
        match self.value.parse() {
            Ok(port) if port >= lowest => Ok(port),
            _ => Err(self.refused(format!("must be a whole number from {lowest} to 65535"))),
        }
    }

    fn interval(&self) -> Result<Duration, Error> {
        match self.value.parse() {
            Ok(seconds) if (MIN_PUSH_INTERVAL..=MAX_PUSH_INTERVAL).contains(&seconds) => {
                Ok(Duration::from_secs_f64(seconds))
            }
            _ => Err(self.refused(format!(
                "must be a number of seconds from {MIN_PUSH_INTERVAL} to {MAX_PUSH_INTERVAL}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::from_lookup(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn defaults() {
        let http = settings(&[]).expect("defaults");
        assert_eq!(
            (http.exporter, http.host(), http.port()),
            (ExporterKind::Http, "0.0.0.0", 8000)
        );
        assert_eq!((http.enabled, http.push_interval.as_secs()), (None, 10));
        let push = settings(&[("DATACLAY_METRICS_EXPORTER", "pushgateway")]).expect("valid");
        assert_eq!((push.host(), push.port(), push.job.as_str()), ("localhost", 9091, "dataclay"));
    }

    #[test]
    fn as_given() {
        let given = settings(&[
            ("DATACLAY_METRICS", "True"),
            ("DATACLAY_METRICS_EXPORTER", "http"),
            ("DATACLAY_METRICS_HOST", "::1"),
            ("DATACLAY_METRICS_PORT", "0"),
            ("DATACLAY_METRICS_PUSH_INTERVAL", "0.5"),
        ])
        .expect("valid");
        assert_eq!(given.enabled, Some(true));
        assert_eq!((given.host(), given.port()), ("::1", 0));
        assert_eq!(given.push_interval, Duration::from_millis(500));
    }

    #[test]
    fn wrong_values_name_variable_value_and_rule() {
        for (name, value, rule) in [
            ("DATACLAY_METRICS", "maybe", "true or false"),
            ("DATACLAY_METRICS_EXPORTER", "prometheus", "http, pushgateway or none"),
            ("DATACLAY_METRICS_HOST", "", "not empty"),
            ("DATACLAY_METRICS_HOST", "http://gateway:9091/", "without scheme"),
            ("DATACLAY_METRICS_PORT", "abc", "from 0 to 65535"),
            ("DATACLAY_METRICS_PORT", "99999", "from 0 to 65535"),
            ("DATACLAY_METRICS_PORT", "", "from 0 to 65535"),
            ("DATACLAY_METRICS_PUSH_INTERVAL", "-5", "from 0.1 to 86400"),
            ("DATACLAY_METRICS_PUSH_INTERVAL", "NaN", "from 0.1 to 86400"),
            ("DATACLAY_METRICS_JOB", "", "not be empty"),
            ("DATACLAY_METRICS_ON_EXIT", "drop", "keep or delete"),
        ] {
            let message = settings(&[(name, value)]).expect_err(value).to_string();
            assert!(
                message.starts_with(&format!("{name}={value:?}: must be"))
                    || message.contains("must not"),
                "{message}"
            );
            assert!(message.contains(rule) && !message.contains('\n'), "{message}");
        }
        let port_zero =
            [("DATACLAY_METRICS_EXPORTER", "pushgateway"), ("DATACLAY_METRICS_PORT", "0")];
        assert!(settings(&port_zero).is_err());
    }
}
