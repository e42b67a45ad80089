//! One HTTP request to a server that accepts metrics. It has a deadline, and any thread can cut it
//! off.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
#[cfg(feature = "https")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Body, Proxy};

#[cfg(feature = "gzip")]
use crate::exposition::gzip;
use crate::exposition::limits::LONGEST;
use crate::exposition::push::connector::{RequestBegins, Sent, TcpConnector};
use crate::exposition::push::failure::Failure;
use crate::exposition::push::resolver::Names;
use crate::exposition::push::retry_after;
#[cfg(feature = "https")]
use crate::exposition::push::rustls::Rustls;
use crate::exposition::push::tls::{self, TlsConnector, TlsContext};
use crate::model::error::Error;
use crate::settings::Certificates;
use crate::sync::{AtomicUsize, Ordering};

/// The maximum length of a refusal that is read and shown, in bytes: a line or two.
const MAX_REASON: u64 = 512;
/// The default timeout of a request. Servers that accept pushes are near, and the push thread soon
/// makes another request.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(5);

/// Headers that describe the body or the connection. Each request sets its own.
const SET_HERE: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The settings of requests to one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    timeout: Duration,
    /// The value of the header Authorization. No error and no log line shows it.
    authorization: Option<Secret>,
    /// Further headers.
    headers: Vec<(HeaderName, Secret)>,
    #[cfg(feature = "gzip")]
    gzip: bool,
    proxy_from_env: bool,
    /// The TLS of the host program, if it provides one.
    tls: Option<Arc<dyn TlsContext>>,
    #[cfg(feature = "https")]
    rustls: Rustls,
}

#[derive(Clone)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Client {
    pub(crate) fn new() -> Client {
        Client {
            timeout: MAX_TIMEOUT,
            authorization: None,
            headers: Vec::new(),
            #[cfg(feature = "gzip")]
            gzip: false,
            proxy_from_env: false,
            tls: None,
            #[cfg(feature = "https")]
            rustls: Rustls::default(),
        }
    }

    /// Limits a whole request, including name resolution.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout.min(LONGEST);
    }

    /// Returns how long a whole request may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Adds HTTP basic authentication to each request.
    pub(crate) fn set_basic_auth(&mut self, user: &str, password: &str) {
        let token = STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(Secret(format!("Basic {token}")));
    }

    /// Sets a header of each request. Returns false if the header is not valid, or describes the
    /// body or the connection, because such a request would be cut off.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) -> bool {
        let (Ok(name), Ok(_)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return false;
        };
        if SET_HERE.contains(&name) {
            return false;
        }
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, Secret(value.to_owned())));
        true
    }

    /// Sets whether bodies are compressed.
    #[cfg(feature = "gzip")]
    pub(crate) fn set_gzip(&mut self, gzip: bool) {
        self.gzip = gzip;
    }

    /// Sets whether requests go through the proxy that the environment names.
    pub(crate) fn set_proxy_from_env(&mut self, proxy_from_env: bool) {
        self.proxy_from_env = proxy_from_env;
    }

    /// Trusts only the authorities in `pem`.
    #[cfg(feature = "https")]
    pub(crate) fn set_root_certificates(&mut self, pem: &[u8]) -> Result<(), Error> {
        self.rustls.set_roots(pem)
    }

    /// Sets the certificates of requests over https, for the host program's TLS if it provides one,
    /// otherwise for that of the feature `https`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a file cannot be read or has no certificate.
    pub(crate) fn set_certificates(&mut self, certificates: &Certificates) -> Result<(), Error> {
        self.tls = tls::context(certificates).map_err(|rule| certificates.refused(rule))?;
        #[cfg(feature = "https")]
        if self.tls.is_none() {
            self.rustls = Rustls::read(certificates)?;
        }
        Ok(())
    }

    /// Prepares one request. Nothing is sent yet.
    pub(crate) fn call(&self) -> Call {
        let proxy = if self.proxy_from_env { Proxy::try_from_env() } else { None };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .max_idle_connections(0)
            .timeout_global(Some(self.timeout))
            .user_agent(concat!("dataclay-metrics/", env!("CARGO_PKG_VERSION")));
        let sent = Arc::<Sent>::default();
        let tcp = TcpConnector { sent: Arc::clone(&sent) };
        let connector = ().chain(ConnectProxyConnector::default()).chain(tcp);
        let connector = connector.chain(TlsConnector(self.tls.clone()));
        #[cfg(feature = "https")]
        let config = config.tls_config(self.rustls.config());
        #[cfg(feature = "https")]
        let connector = connector.chain(RustlsConnector::default());
        let connector = connector.chain(RequestBegins(Arc::clone(&sent)));
        let names = Names::default();
        Call {
            agent: Agent::with_parts(config.build(), connector, names.clone()),
            names,
            sent,
            length: Arc::new(AtomicUsize::new(usize::MAX)),
            authorization: self.authorization.clone(),
            headers: self.headers.clone(),
            #[cfg(feature = "gzip")]
            gzip: self.gzip,
        }
    }
}

/// One request, prepared or in flight. Clones are the same request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// An agent for only this request, because `shutdown` ends all requests of an agent.
    agent: Agent,
    names: Names,
    sent: Arc<Sent>,
    /// The bytes of the body.
    length: Arc<AtomicUsize>,
    authorization: Option<Secret>,
    headers: Vec<(HeaderName, Secret)>,
    #[cfg(feature = "gzip")]
    gzip: bool,
}

impl Call {
    /// Sends the request and waits for the response, whatever its status is. Blocks for at most the
    /// client's timeout.
    ///
    /// # Errors
    ///
    /// Returns the reason, in words, if there is no response. If the request was sent, the server
    /// may still act on it.
    pub(crate) fn send(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, String> {
        let mut request =
            Request::builder().method(method).uri(url).header("Content-Type", content_type);
        if let Some(Secret(authorization)) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        for (name, Secret(value)) in &self.headers {
            request = request.header(name, value);
        }
        #[cfg(feature = "gzip")]
        let (request, body) = if self.gzip {
            (request.header("Content-Encoding", "gzip"), gzip::compressed(&body))
        } else {
            (request, body)
        };
        self.length.store(body.len(), Ordering::Relaxed);
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = self.agent.run(request).map_err(|error| error.to_string())?;
        let retry_after = response.headers().get("Retry-After");
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        let retry_after =
            retry_after.and_then(|value| retry_after::parse(value, SystemTime::now()));
        Ok(Response { status: response.status(), retry_after, body: response.into_body() })
    }

    /// Returns whether the whole request was sent.
    pub(crate) fn was_sent(&self) -> bool {
        // A head is sent before each body.
        self.sent.bytes() > self.length.load(Ordering::Relaxed)
    }

    /// Returns the error of this request, which has no response.
    pub(crate) fn error(&self, url: String, reason: String) -> Error {
        Error::Push { url, status: None, is_unanswered: self.was_sent(), reason }
    }

    /// Ends the request from another thread. `send` fails at once, even if it begins later.
    pub(crate) fn cut_off(self) {
        self.names.cut_off();
        self.agent.shutdown();
    }
}

/// A response: its status, and its body, which is read on demand.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The time for which the server asks clients to wait before the next request.
    pub(crate) retry_after: Option<Duration>,
    body: Body,
}

/// The statuses after which the same request may succeed: too many requests, and the three that
/// mean that a server or a proxy is unavailable.
const TRANSIENT: [u16; 4] = [429, 502, 503, 504];

impl Response {
    /// Converts a refusal to a failure.
    pub(crate) fn failure(self, url: String) -> Failure {
        let status = self.status.as_u16();
        let is_transient = TRANSIENT.contains(&status);
        let retry_after = self.retry_after.or(is_transient.then_some(Duration::ZERO));
        let retry_after = retry_after.filter(|_| is_transient);
        Failure {
            error: Error::Push {
                url,
                status: Some(status),
                is_unanswered: false,
                reason: self.reason(),
            },
            retry_after,
        }
    }

    /// Returns at most `limit` bytes of the body. After a read error, returns what was read.
    pub(crate) fn body(mut self, limit: u64) -> Vec<u8> {
        let mut body = Vec::new();
        let _ = self.body.as_reader().take(limit).read_to_end(&mut body);
        body
    }

    /// Returns the status and the beginning of the body, on one line.
    fn reason(self) -> String {
        let status = self.status;
        let reason = self.body(MAX_REASON);
        let reason = String::from_utf8_lossy(&reason);
        format!("{status}: {}", reason.trim().replace('\n', " "))
    }
}
