//! The variables `DATACLAY_METRICS*` and, for OTLP, `OTEL_*`. They are read once, and wrong values
//! are refused.
//!
//! The defaults are those that dataClay documents (dataClay 4.3.1).

mod directory;
mod otlp;
mod variable;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::error::Error;
use crate::settings::variable::Variable;

pub use directory::SegmentDirectory;
pub use otlp::{Certificates, Headers, OtlpSettings};

/// The default port of the scrape endpoint.
pub const DEFAULT_HTTP_PORT: u16 = 8000;
/// The default port of a Pushgateway.
pub const DEFAULT_PUSH_PORT: u16 = 9091;
/// The default port of OTLP over HTTP.
pub const DEFAULT_OTLP_PORT: u16 = 4318;
/// The default time between two pushes.
pub const DEFAULT_PUSH_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest interval in seconds. The more series a gateway holds, the more time each push costs
/// it.
const MIN_PUSH_INTERVAL: f64 = 0.1;
/// The longest interval in seconds: a day.
const MAX_PUSH_INTERVAL: f64 = 86_400.0;
/// The shortest time limit of the last push in seconds.
const MIN_LAST_PUSH: f64 = 0.1;
/// The longest time limit of the last push in seconds. A gateway that needs a minute cannot be
/// scraped.
const MAX_LAST_PUSH: f64 = 60.0;
/// The time that a scrape waits for functions of the application if the scraper sets no timeout:
/// the default timeout of Prometheus.
pub const DEFAULT_SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
/// The shortest timeout of a scrape in seconds. Without time, a scrape would skip every function.
const MIN_SCRAPE_TIMEOUT: f64 = 0.1;
/// The longest timeout of a scrape in seconds: an hour, more than any usual scrape interval.
const MAX_SCRAPE_TIMEOUT: f64 = 3_600.0;
/// The time by which a scrape stops waiting before the scraper's timeout, as with the flag
/// `--timeout-offset` of Prometheus' `blackbox_exporter`.
pub const DEFAULT_SCRAPE_MARGIN: Duration = Duration::from_millis(500);
/// The largest margin in seconds. Usual timeouts of scrapers are at most a minute.
const MAX_SCRAPE_MARGIN: f64 = 60.0;
/// The variable that names a tmpfs of this user: the first choice of `DATACLAY_METRICS_DIR=auto`.
const RUNTIME_DIRECTORY: &str = "XDG_RUNTIME_DIR";
/// The default `job` label. All processes share it, and differ in `instance`.
const DEFAULT_JOB: &str = "dataclay";

/// The way in which metrics leave the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExporterKind {
    /// Prometheus scrapes an endpoint of this process.
    Http,
    /// This process pushes to a Pushgateway.
    Pushgateway,
    /// This process sends its metrics by OTLP over HTTP.
    Otlp,
    /// Metrics do not leave the process.
    None,
}

impl ExporterKind {
    const ALL: [ExporterKind; 4] =
        [ExporterKind::Http, ExporterKind::Pushgateway, ExporterKind::Otlp, ExporterKind::None];

    /// Returns whether this process sends its metrics.
    fn pushes(self) -> bool {
        matches!(self, ExporterKind::Pushgateway | ExporterKind::Otlp)
    }

    /// Returns the word of the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            ExporterKind::Http => "http",
            ExporterKind::Pushgateway => "pushgateway",
            ExporterKind::Otlp => "otlp",
            ExporterKind::None => "none",
        }
    }
}

/// The fate of a process's group on the Pushgateway when the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExit {
    /// The group stays, with the final counts, until it is deleted.
    Keep,
    /// The process deletes its group. Prometheus never sees the counts since its last scrape of the
    /// gateway.
    Delete,
}

impl OnExit {
    const ALL: [OnExit; 2] = [OnExit::Keep, OnExit::Delete];

    /// Returns the word of the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            OnExit::Keep => "keep",
            OnExit::Delete => "delete",
        }
    }
}

/// The format of pushes to a Pushgateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushFormat {
    /// The text format 0.0.4, which every server accepts that accepts pushes.
    #[default]
    Text,
    /// `PrometheusProto`, which carries start times through the gateway.
    Protobuf,
}

impl PushFormat {
    /// All formats.
    pub const ALL: [PushFormat; 2] = [PushFormat::Text, PushFormat::Protobuf];

    /// Returns the word of the variable.
    pub fn as_str(self) -> &'static str {
        match self {
            PushFormat::Text => "text",
            PushFormat::Protobuf => "protobuf",
        }
    }
}

/// All settings of the exporters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `DATACLAY_METRICS`: whether to export at all; `None` if it is not set.
    pub enabled: Option<bool>,
    /// `DATACLAY_METRICS_EXPORTER`: `http` (default), `pushgateway`, `otlp` or `none`.
    pub exporter: ExporterKind,
    /// `DATACLAY_METRICS_HOST`, if set: the address to listen on, or the gateway's.
    host: Option<String>,
    /// `DATACLAY_METRICS_PORT`, if set.
    port: Option<u16>,
    /// `DATACLAY_METRICS_PUSH_INTERVAL`: from 0.1 seconds to a day; default 10 seconds.
    pub push_interval: Duration,
    /// `DATACLAY_METRICS_SCRAPE_TIMEOUT`: how long a scrape waits for functions of gauges and
    /// custom collectors if the scraper sets no timeout; default 10 seconds.
    pub scrape_timeout: Duration,
    /// `DATACLAY_METRICS_SCRAPE_MARGIN`: a scrape stops waiting this long before the scraper's
    /// timeout; default 0.5 seconds.
    pub scrape_margin: Duration,
    /// `DATACLAY_METRICS_JOB`: the `job` label of pushed metrics; default `dataclay`.
    pub job: String,
    /// `DATACLAY_METRICS_INSTANCE`, if set: the `instance` label of pushed metrics.
    pub instance: Option<String>,
    /// The `service` label of pushed metrics, set by a caller that knows which service of dataClay
    /// the process is. No variable sets it, so [`Settings::from_env`] returns `None`.
    pub service: Option<String>,
    /// The instance under which this process counts in a segment together with others, if it
    /// differs from `instance`. No variable sets it.
    pub shared_instance: Option<String>,
    /// Whether no other process has this identity, as for a service of dataClay. If so, the process
    /// exposes its `process_*` families even with a segment. No variable sets it.
    pub is_single: bool,
    /// The first port that a scrape endpoint tries if none is set. No variable sets it; default
    /// 8000.
    pub default_port: u16,
    /// `DATACLAY_METRICS_LAST_PUSH_TIMEOUT`, if set: how long the last push of a process may take.
    pub last_push_timeout: Option<Duration>,
    /// Whether [`Settings::instance`] is unique, wherever the process runs. By default, only an
    /// instance that `DATACLAY_METRICS_INSTANCE` sets is.
    pub is_unique: bool,
    /// `DATACLAY_METRICS_DIR`: `auto`, `none`, or a directory in tmpfs in which processes of one
    /// job and instance count together.
    pub directory: SegmentDirectory,
    /// `XDG_RUNTIME_DIR`, if set: the first choice of `auto`.
    pub(crate) runtime_directory: Option<PathBuf>,
    /// The program's name, for the default instance of a segment.
    pub program: String,
    /// `DATACLAY_METRICS_ON_EXIT`: `keep` (default) or `delete` the group of the process.
    pub on_exit: OnExit,
    /// `DATACLAY_METRICS_PUSH_FORMAT`: `text` (default) or `protobuf`.
    pub push_format: PushFormat,
    /// `DATACLAY_METRICS_CREATED`: whether OpenMetrics has `_created` samples; default false.
    pub created: bool,
    /// The `OTEL_*` variables, which are read if the exporter is `otlp`.
    pub otlp: OtlpSettings,
}

impl Settings {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for the first variable with a wrong value. It names the variable, the
    /// value and the rule. The error shows no credentials. A variable that is set to the empty text
    /// counts as not set: files of Compose set variables in this way.
    pub fn from_env() -> Result<Settings, Error> {
        Settings::for_this_process(|name| std::env::var_os(name))
    }

    /// Returns the settings of a scrape endpoint on `host` and `port`, for a process that counts in
    /// a segment in `directory`. Checks the values like those of the variables.
    ///
    /// # Errors
    ///
    /// As [`Settings::from_env`].
    pub fn for_endpoint(
        host: &str,
        port: u16,
        directory: &str,
        job: Option<&str>,
        instance: Option<&str>,
    ) -> Result<Settings, Error> {
        Settings::for_this_process(|name| match name {
            "DATACLAY_METRICS_HOST" => Some(host.into()),
            "DATACLAY_METRICS_PORT" => Some(port.to_string().into()),
            "DATACLAY_METRICS_DIR" => Some(directory.into()),
            "DATACLAY_METRICS_JOB" => job.map(OsString::from),
            "DATACLAY_METRICS_INSTANCE" => instance.map(OsString::from),
            _ => None,
        })
    }

    /// Reads named values as the settings of this process. `XDG_RUNTIME_DIR` comes from the
    /// environment.
    fn for_this_process(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Error> {
        let runtime = |name: &str| (name == RUNTIME_DIRECTORY).then(|| std::env::var_os(name));
        let settings = Settings::from_lookup(|name| lookup(name).or_else(|| runtime(name)?))?;
        let program = std::env::args_os().next().map(PathBuf::from);
        let name = program.as_deref().and_then(Path::file_name).map(OsStr::to_string_lossy);
        Ok(Settings { program: name.unwrap_or_default().into_owned(), ..settings })
    }

    /// Reads any other source of named values.
    ///
    /// # Errors
    ///
    /// As [`Settings::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Settings, Error> {
        let get = |name: &'static str| match lookup(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) if value.is_empty() => Ok(None),
            Some(Ok(value)) => Ok(Some(Variable { name, value })),
            Some(Err(value)) => {
                let value = value.to_string_lossy().into_owned();
                Err(Variable { name, value }.refused("must be UTF-8"))
            }
        };
        let instance = get("DATACLAY_METRICS_INSTANCE")?.map(|variable| variable.value);
        let exporter = get("DATACLAY_METRICS_EXPORTER")?
            .map_or(Ok(ExporterKind::Http), |variable| {
                variable.word(&ExporterKind::ALL.map(|kind| (kind.as_str(), kind)))
            })?;
        Ok(Settings {
            enabled: get("DATACLAY_METRICS")?.map(|variable| variable.boolean()).transpose()?,
            exporter,
            host: get("DATACLAY_METRICS_HOST")?.map(Variable::host).transpose()?,
            port: get("DATACLAY_METRICS_PORT")?
                // Port 0 makes the system choose a port to listen on. A push cannot use it.
                .map(|variable| variable.port(u16::from(exporter.pushes())))
                .transpose()?,
            push_interval: get("DATACLAY_METRICS_PUSH_INTERVAL")?
                .map_or(Ok(DEFAULT_PUSH_INTERVAL), |variable| {
                    variable.seconds(MIN_PUSH_INTERVAL, MAX_PUSH_INTERVAL)
                })?,
            scrape_timeout: get("DATACLAY_METRICS_SCRAPE_TIMEOUT")?
                .map_or(Ok(DEFAULT_SCRAPE_TIMEOUT), |variable| {
                    variable.seconds(MIN_SCRAPE_TIMEOUT, MAX_SCRAPE_TIMEOUT)
                })?,
            scrape_margin: get("DATACLAY_METRICS_SCRAPE_MARGIN")?
                .map_or(Ok(DEFAULT_SCRAPE_MARGIN), |variable| {
                    variable.seconds(0.0, MAX_SCRAPE_MARGIN)
                })?,
            job: get("DATACLAY_METRICS_JOB")?
                .map_or_else(|| DEFAULT_JOB.to_owned(), |variable| variable.value),
            shared_instance: None,
            is_single: false,
            default_port: DEFAULT_HTTP_PORT,
            last_push_timeout: get("DATACLAY_METRICS_LAST_PUSH_TIMEOUT")?
                .map(|variable| variable.seconds(MIN_LAST_PUSH, MAX_LAST_PUSH))
                .transpose()?,
            is_unique: instance.is_some(),
            instance,
            service: None,
            directory: get("DATACLAY_METRICS_DIR")?.map_or(
                Ok(SegmentDirectory::Unset),
                |variable| {
                    let directory = SegmentDirectory::parse(&variable.value);
                    directory.ok_or_else(|| variable.refused(SegmentDirectory::RULE))
                },
            )?,
            runtime_directory: lookup(RUNTIME_DIRECTORY)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            program: String::new(),
            on_exit: get("DATACLAY_METRICS_ON_EXIT")?.map_or(Ok(OnExit::Keep), |variable| {
                variable.word(&OnExit::ALL.map(|on_exit| (on_exit.as_str(), on_exit)))
            })?,
            otlp: match exporter {
                ExporterKind::Otlp => OtlpSettings::read(&get)?,
                _ => OtlpSettings::default(),
            },
            created: get("DATACLAY_METRICS_CREATED")?.map_or(Ok(false), |v| v.boolean())?,
            push_format: get("DATACLAY_METRICS_PUSH_FORMAT")?
                .map_or(Ok(PushFormat::default()), |variable| {
                    variable.word(&PushFormat::ALL.map(|format| (format.as_str(), format)))
                })?,
        })
    }

    /// Returns the host that is set, or the default of the exporter. A scrape endpoint listens on
    /// every interface by default, as in dataClay. A gateway is on this machine by default.
    pub fn host(&self) -> &str {
        match (&self.host, self.exporter) {
            (Some(host), _) => host,
            (None, ExporterKind::Http) => "0.0.0.0",
            (None, _) => "localhost",
        }
    }

    /// Returns the port that is set, or the default of the exporter.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.exporter {
            ExporterKind::Pushgateway => DEFAULT_PUSH_PORT,
            ExporterKind::Otlp => DEFAULT_OTLP_PORT,
            ExporterKind::Http | ExporterKind::None => self.default_port,
        })
    }

    /// Returns the URL of OTLP requests: `http://HOST:PORT/v1/metrics` with the host and the port
    /// that are set, otherwise the URL of the `OTEL_*` variables.
    pub fn otlp_endpoint(&self) -> String {
        match &self.otlp.endpoint {
            Some(endpoint) if self.host.is_none() && self.port.is_none() => endpoint.clone(),
            _ => format!("http://{}/v1/metrics", self.address()),
        }
    }

    /// Returns host and port as one address, an IPv6 host in brackets.
    pub fn address(&self) -> String {
        let (host, port) = (self.host(), self.port());
        if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests;
