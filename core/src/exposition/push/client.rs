//! The settings of requests to one server that accepts metrics: timeout, credentials, TLS, proxy.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{HeaderName, HeaderValue, header};
#[cfg(feature = "https")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy};

use crate::exposition::limits::LONGEST;
use crate::exposition::push::call::{Call, Secret};
use crate::exposition::push::connector::{RequestBegins, Sent, TcpConnector};
use crate::exposition::push::resolver::LookUp;
#[cfg(feature = "https")]
use crate::exposition::push::rustls::Rustls;
use crate::exposition::push::tls::{self, TlsConnector, TlsContext};
use crate::model::error::Error;
use crate::settings::Certificates;
use crate::sync::AtomicUsize;

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
        let look_up = LookUp::default();
        Call {
            agent: Agent::with_parts(config.build(), connector, look_up.clone()),
            look_up,
            sent,
            length: Arc::new(AtomicUsize::new(usize::MAX)),
            authorization: self.authorization.clone(),
            headers: self.headers.clone(),
            #[cfg(feature = "gzip")]
            gzip: self.gzip,
        }
    }
}
