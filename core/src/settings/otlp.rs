//! The `OTEL_*` variables that an OTLP exporter reads:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::error::Error;
use crate::model::percent;
use crate::settings::variable::Variable;

/// The default timeout of a request, which OpenTelemetry specifies.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of an OTLP exporter.
///
/// ```
/// use dataclay_metrics_core::Settings;
/// use dataclay_metrics_core::settings::{Headers, OtlpSettings};
///
/// let headers = Headers(vec![("authorization".into(), "Bearer secret".into())]);
/// let otlp = OtlpSettings { headers, ..OtlpSettings::default() };
/// let mut settings = Settings::from_lookup(|_| None)?;
/// settings.otlp = otlp;
/// assert!(!format!("{settings:?}").contains("secret"));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpSettings {
    /// The URL of requests: `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/metrics`. `None` if neither is set.
    pub endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_EXPORTER_OTLP_METRICS_HEADERS`.
    pub headers: Headers,
    /// `OTEL_EXPORTER_OTLP_METRICS_TIMEOUT`, or `OTEL_EXPORTER_OTLP_TIMEOUT`: the timeout of a
    /// request; default 10 seconds.
    pub timeout: Duration,
    /// `OTEL_EXPORTER_OTLP_METRICS_COMPRESSION`, or `OTEL_EXPORTER_OTLP_COMPRESSION`: whether
    /// requests are compressed; default `none`.
    pub gzip: bool,
    /// `OTEL_RESOURCE_ATTRIBUTES`, with `OTEL_SERVICE_NAME` as `service.name`.
    pub resource: Vec<(String, String)>,
    /// The files of `OTEL_EXPORTER_OTLP_CERTIFICATE`, `_CLIENT_CERTIFICATE` and `_CLIENT_KEY`,
    /// or of their variants for metrics.
    pub certificates: Certificates,
}

/// Files of certificates in PEM, for requests over https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// The authorities to trust. `None` means those of the system.
    pub roots: Option<PathBuf>,
    /// The certificate of this process, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

#[cfg(feature = "push")]
impl Certificates {
    /// Returns the error of files that cannot be used.
    pub(crate) fn refused(&self, rule: String) -> Error {
        Error::Setting { name: "certificates".into(), value: self.to_string(), rule }
    }
}

impl fmt::Display for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.own.iter().flat_map(|(chain, key)| [chain, key]);
        let files: Vec<_> = self.roots.iter().chain(own).map(|file| file.display()).collect();
        match files.as_slice() {
            [] => f.write_str("those of the system"),
            files => files.iter().enumerate().try_for_each(|(position, file)| {
                write!(f, "{}{file}", if position == 0 { "" } else { ", " })
            }),
        }
    }
}

/// Headers of requests. Their values may be credentials, so `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Default for OtlpSettings {
    fn default() -> OtlpSettings {
        let (headers, resource) = (Headers::default(), Vec::new());
        let (timeout, certificates) = (DEFAULT_TIMEOUT, Certificates::default());
        OtlpSettings { endpoint: None, headers, timeout, gzip: false, resource, certificates }
    }
}

impl OtlpSettings {
    /// Reads the variables. The variables for metrics override those for all signals.
    pub(crate) fn read(
        get: &dyn Fn(&'static str) -> Result<Option<Variable>, Error>,
    ) -> Result<OtlpSettings, Error> {
        let first = |own, common| Ok::<_, Error>(get(own)?.or(get(common)?));
        let protocol = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL";
        if let Some(protocol) = first(protocol, "OTEL_EXPORTER_OTLP_PROTOCOL")? {
            protocol.word(&[("http/protobuf", ())])?;
        }
        let endpoint = match get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")? {
            Some(whole) => Some(whole.value),
            None => get("OTEL_EXPORTER_OTLP_ENDPOINT")?
                .map(|base| format!("{}/v1/metrics", base.value.trim_end_matches('/'))),
        };
        let mut headers = Vec::new();
        for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"] {
            for (name, value) in pairs(get(name)?)? {
                set(&mut headers, &name, value);
            }
        }
        let timeout = "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT";
        let timeout = match first(timeout, "OTEL_EXPORTER_OTLP_TIMEOUT")? {
            None => DEFAULT_TIMEOUT,
            Some(timeout) => match timeout.value.parse() {
                Ok(millis) if millis > 0 => Duration::from_millis(millis),
                _ => return Err(timeout.refused("must be a whole number of milliseconds above 0")),
            },
        };
        let compression = "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION";
        let gzip = match first(compression, "OTEL_EXPORTER_OTLP_COMPRESSION")? {
            None => false,
            Some(compression) => compression.word(&[("none", false), ("gzip", true)])?,
        };
        let mut resource = pairs(get("OTEL_RESOURCE_ATTRIBUTES")?)?;
        if let Some(name) = get("OTEL_SERVICE_NAME")? {
            set(&mut resource, "service.name", name.value);
        }
        let path = |variable: Variable| PathBuf::from(variable.value);
        let roots = "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE";
        let roots = first(roots, "OTEL_EXPORTER_OTLP_CERTIFICATE")?.map(path);
        let chain = "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE";
        let chain = first(chain, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")?;
        let key = "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY";
        let own = match (chain, first(key, "OTEL_EXPORTER_OTLP_CLIENT_KEY")?) {
            (Some(chain), Some(key)) => Some((path(chain), path(key))),
            (None, None) => None,
            (Some(alone), None) | (None, Some(alone)) => {
                return Err(alone.refused("needs both a client certificate and a client key"));
            }
        };
        let (headers, certificates) = (Headers(headers), Certificates { roots, own });
        Ok(OtlpSettings { endpoint, headers, timeout, gzip, resource, certificates })
    }
}

/// Sets a value, and replaces an earlier one of the same name.
fn set(values: &mut Vec<(String, String)>, name: &str, value: String) {
    values.retain(|(known, _)| known != name);
    values.push((name.to_owned(), value));
}

/// Reads `KEY=VALUE,...`, percent-encoded as in the W3C header Baggage.
fn pairs(variable: Option<Variable>) -> Result<Vec<(String, String)>, Error> {
    let Some(variable) = variable else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for pair in variable.value.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                let name = percent::decoded(name.trim());
                set(&mut pairs, &name, percent::decoded(value.trim()));
            }
            // The value is omitted, because it may contain credentials.
            _ => {
                let hidden = Variable { name: variable.name, value: "***".to_owned() };
                return Err(hidden.refused("must be KEY=VALUE, separated by commas"));
            }
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<OtlpSettings, Error> {
        OtlpSettings::read(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, value)| Variable { name, value: (*value).to_owned() }))
        })
    }

    #[test]
    fn a_variable_for_metrics_overrides_that_for_all_signals() {
        let all = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/x/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1, b = 2%2C3"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,team=a%20b"),
        ]);
        let all = all.expect("valid");
        assert_eq!(all.endpoint.as_deref(), Some("http://all:4318/x/v1/metrics"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(all.headers.0, [pair("a", "1"), pair("b", "2,3")]);
        assert_eq!((all.timeout, all.gzip), (Duration::from_millis(1500), false));
        assert_eq!(all.resource, [pair("service.name", "shop"), pair("team", "a b")]);
        let own = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://own:1/path"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=3"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop"),
            ("OTEL_SERVICE_NAME", "till"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/other.pem"),
            ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "/own.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/own.key"),
        ]);
        let own = own.expect("valid");
        assert_eq!(own.endpoint.as_deref(), Some("http://own:1/path"));
        assert_eq!(own.headers.0, [pair("b", "2"), pair("a", "3")]);
        assert!(own.gzip && own.resource == [pair("service.name", "till")]);
        assert_eq!(own.certificates.to_string(), "/ca.pem, /own.pem, /own.key");
        assert_eq!(read(&[]), Ok(OtlpSettings::default()));
    }

    #[test]
    fn invalid_values_are_refused_without_their_credentials() {
        for (name, value, rule) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "must be http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "above 0"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "1.5", "whole number"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "none or gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer secret", "KEY=VALUE"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=secret", "KEY=VALUE"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem", "needs both"),
            ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "a.pem", "needs both"),
        ] {
            let message = read(&[(name, value)]).expect_err(value).to_string();
            assert!(message.contains(name) && message.contains(rule), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let settings = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "key=secret")]).expect("valid");
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
