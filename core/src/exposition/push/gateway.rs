//! A Pushgateway, and one request to it: push, push-add, delete.

use std::fmt;
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{Method, Request};
#[cfg(feature = "https")]
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
#[cfg(feature = "https")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy};

use crate::count::events;
use crate::encode::{self, Format};
use crate::exposition::LONGEST;
#[cfg(feature = "gzip")]
use crate::exposition::gzip;
use crate::exposition::push::address::base_url;
use crate::exposition::push::connector::TcpConnector;
use crate::exposition::push::grouping_key::GroupingKey;
use crate::exposition::push::resolver::NamesOnly;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::sync::Ordering;

/// How much of a refusal is read and repeated.
const MAX_REASON: u64 = 512;
/// The longest a request may take unless another limit is given: a push thread retries anyway.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// One group on one Pushgateway. Nothing is sent, and no name resolved, until one of the requests
/// is made. Each request opens a connection of its own and closes it, so that a forked process
/// shares none; follows no redirect, which would turn a PUT into a GET; and takes a proxy from the
/// environment only when it is told to.
///
/// ```no_run
/// use dataclay_metrics_core::{Registry, exposition::{Gateway, GroupingKey}};
///
/// let registry = Registry::new();
/// let group = GroupingKey::new("nightly")?.label("instance", "node1")?;
/// Gateway::new("localhost:9091", &group)?.push(&registry)?;
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Scheme, host, port and prefix, without a slash at the end.
    base: String,
    key: GroupingKey,
    timeout: Duration,
    /// The value of the header Authorization. Shown to nobody but the gateway.
    authorization: Option<Secret>,
    #[cfg(feature = "gzip")]
    gzip: bool,
    proxy_from_env: bool,
    #[cfg(feature = "https")]
    roots: RootCerts,
}

#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Gateway {
    /// The group `key` on the gateway at `address`: `HOST:PORT` or `http://HOST:PORT[/PREFIX]`; with
    /// the feature `https` also `https://HOST:PORT[/PREFIX]`, where the gateway's certificate must be
    /// of an authority that Mozilla trusts, or of those that `root_certificates` names.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the address has no host, another scheme, credentials, a query, or
    /// characters that a URL cannot hold.
    pub fn new(address: &str, key: &GroupingKey) -> Result<Gateway, Error> {
        Ok(Gateway {
            base: base_url(address)?,
            key: key.clone(),
            timeout: DEFAULT_TIMEOUT,
            authorization: None,
            #[cfg(feature = "gzip")]
            gzip: false,
            proxy_from_env: false,
            #[cfg(feature = "https")]
            roots: RootCerts::WebPki,
        })
    }

    /// The same group with another limit on a whole request, name resolution included; a year at
    /// the most.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Gateway {
        self.timeout = timeout.min(LONGEST);
        self
    }

    /// The same group for a gateway that asks for a name and a password (HTTP basic
    /// authentication). They go over the network as they are, unless over `https`, and into no error
    /// or log line.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &str) -> Gateway {
        let token = STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(Secret(format!("Basic {token}")));
        self
    }

    /// Whether what is pushed is compressed. Off unless it is turned on: gateways before 1.5.0 refuse
    /// it.
    #[cfg(feature = "gzip")]
    #[must_use]
    pub fn gzip(mut self, gzip: bool) -> Gateway {
        self.gzip = gzip;
        self
    }

    /// Whether requests go through the proxy that the environment names (`HTTP_PROXY`, `ALL_PROXY`,
    /// not for what `NO_PROXY` lists). Off unless it is turned on: gateways are near.
    #[must_use]
    pub fn proxy_from_env(mut self, proxy_from_env: bool) -> Gateway {
        self.proxy_from_env = proxy_from_env;
        self
    }

    /// The same group for a gateway whose certificate is of one of the authorities in `pem`, and of no
    /// other: one certificate or more, in PEM.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `pem` holds no certificate, or what is no PEM.
    #[cfg(feature = "https")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Gateway, Error> {
        let refused = |rule: String| Error::Setting {
            name: "root certificates".into(),
            value: format!("{} bytes", pem.len()),
            rule,
        };
        let mut roots = Vec::new();
        for item in parse_pem(pem) {
            match item.map_err(|error| refused(error.to_string()))? {
                PemItem::Certificate(certificate) => roots.push(certificate),
                _ => return Err(refused("must be certificates alone".into())),
            }
        }
        if roots.is_empty() {
            return Err(refused("must hold a certificate in PEM".into()));
        }
        self.roots = RootCerts::new_with_certs(&roots);
        Ok(self)
    }

    /// The URL of the group.
    pub fn url(&self) -> String {
        format!("{}{}", self.base, self.key.path())
    }

    /// The group of a forked child on the same gateway.
    pub(crate) fn for_child(&self, parent: u32, child: u32) -> Result<Gateway, Error> {
        Ok(Gateway { key: self.key.for_child(parent, child)?, ..self.clone() })
    }

    /// Replaces the whole group by what `registry` holds now (PUT). Blocks, at the most for the
    /// timeout; safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Push`], with the gateway's own words if it answered. The registry is untouched.
    pub fn push(&self, registry: &Registry) -> Result<(), Error> {
        self.send(&self.agent(), &Method::PUT, registry.encode(Format::Text))
    }

    /// Replaces, in the group, the families that `registry` holds, and leaves the others (POST).
    /// Blocks, at the most for the timeout; safe to repeat.
    ///
    /// # Errors
    ///
    /// As [`Gateway::push`].
    pub fn push_add(&self, registry: &Registry) -> Result<(), Error> {
        self.send(&self.agent(), &Method::POST, registry.encode(Format::Text))
    }

    /// Deletes the group. Blocks, at the most for the timeout; a group that is not there is
    /// deleted with success.
    ///
    /// # Errors
    ///
    /// As [`Gateway::push`].
    pub fn delete(&self) -> Result<(), Error> {
        self.send(&self.agent(), &Method::DELETE, String::new())
    }

    /// A client for one request. Its `shutdown` ends that request from another thread.
    pub(crate) fn agent(&self) -> Agent {
        let proxy = if self.proxy_from_env { Proxy::try_from_env() } else { None };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .max_idle_connections(0)
            .timeout_global(Some(self.timeout))
            .user_agent(concat!("dataclay-metrics/", env!("CARGO_PKG_VERSION")));
        let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector);
        #[cfg(feature = "https")]
        let config = config.tls_config(TlsConfig::builder().root_certs(self.roots.clone()).build());
        #[cfg(feature = "https")]
        let connector = connector.chain(RustlsConnector::default());
        Agent::with_parts(config.build(), connector, NamesOnly::default())
    }

    pub(crate) fn send(&self, agent: &Agent, method: &Method, body: String) -> Result<(), Error> {
        let failed = |reason: String| Error::Push { url: self.url(), reason };
        let mut request = Request::builder()
            .method(method.clone())
            .uri(self.url())
            .header("Content-Type", encode::CONTENT_TYPE);
        if let Some(Secret(authorization)) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        #[cfg_attr(not(feature = "gzip"), expect(unused_mut))]
        let mut body = body.into_bytes();
        #[cfg(feature = "gzip")]
        if self.gzip {
            request = request.header("Content-Encoding", "gzip");
            body = gzip::compressed(&body);
        }
        let request = request.body(body).map_err(|error| failed(error.to_string()))?;
        let answered = agent.run(request);
        let mut response = answered.map_err(|error| {
            events::PUSH_FAILURES.fetch_add(1, Ordering::Relaxed);
            failed(error.to_string())
        })?;
        let status = response.status();
        // 202: accepted, and applied in a moment.
        if matches!(status.as_u16(), 200 | 202) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            events::LAST_PUSH.store(now, Ordering::Relaxed);
            events::PUSHES.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        events::PUSH_FAILURES.fetch_add(1, Ordering::Relaxed);
        let mut reason = Vec::new();
        // What could be read of the refusal is what can be told.
        let _ = response.body_mut().as_reader().take(MAX_REASON).read_to_end(&mut reason);
        let reason = String::from_utf8_lossy(&reason);
        Err(failed(format!("{status}: {}", reason.trim().replace('\n', " "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_shown_to_nobody() {
        let group = GroupingKey::new("j").expect("a job");
        let gateway = Gateway::new("x:1", &group).expect("valid").basic_auth("user", "secret");
        let token = STANDARD.encode("user:secret");
        let shown = format!("{gateway:?} {}", gateway.url());
        assert!(!shown.contains("secret") && !shown.contains(&token), "{shown}");
    }
}
