//! A Pushgateway, and one request to it: push, push-add, delete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::Method;

use crate::encode::{Encoding, Format, Options};
use crate::exposition::push::address::base_url;
use crate::exposition::push::call::Call;
use crate::exposition::push::client::Client;
use crate::exposition::push::destination::Destination;
use crate::exposition::push::failure::PushFailure;
use crate::exposition::push::grouping_key::GroupingKey;
use crate::exposition::push::turn::PushTurn;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::settings::{Certificates, PushFormat};

/// One group on one Pushgateway.
///
/// Nothing is sent, and no name is resolved, until a request is made. Each request opens a
/// connection and closes it, so a forked process shares none. A redirect is a failure, because it
/// would turn a PUT into a GET. All methods may be called from any thread.
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
    options: Options,
    client: Client,
}

impl Gateway {
    /// Makes a handle for the group `key` on the gateway at `address`. Sends nothing.
    ///
    /// The address is `HOST:PORT` or `http://HOST:PORT[/PREFIX]`. With the feature `https`, or TLS of
    /// the program ([`Tls`](crate::exposition::Tls)), it is also `https://HOST:PORT[/PREFIX]`. The
    /// certificate of the gateway must then be from an authority that Mozilla or the program's TLS
    /// trusts, or that `root_certificates` names.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the address has no host, another scheme, credentials, a query, or
    /// characters that are not valid in a URL.
    pub fn new(address: &str, key: &GroupingKey) -> Result<Gateway, Error> {
        let (base, key) = (base_url("gateway", address)?, key.clone());
        let options = Options::new(PushFormat::default()).for_gateway();
        let mut client = Client::new();
        if base.starts_with("https:") {
            client.set_certificates(&Certificates::default())?;
        }
        Ok(Gateway { base, key, options, client })
    }

    /// Sets the format of pushes; the default is text. Both generations of the gateway accept both
    /// formats. Only protobuf carries start times through the gateway. Pushes have no timestamps of
    /// custom collectors, because gateways refuse them. A gauge histogram is pushed as a histogram,
    /// and its count and its sum as gauges.
    #[must_use]
    pub fn format(mut self, format: PushFormat) -> Gateway {
        self.options.encoding = format.into();
        self
    }

    /// Makes pushes in text use [`Options::like_client_python`].
    #[must_use]
    pub fn like_client_python(mut self) -> Gateway {
        self.options = self.options.like_client_python();
        self
    }

    /// Limits a whole request, including name resolution. The default is 5 seconds, the maximum a
    /// year. With zero, each request fails at once.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Gateway {
        self.client.set_timeout(timeout);
        self
    }

    /// Sends this name and password with each request (HTTP basic authentication). They are
    /// encrypted only over `https`. No error and no log line shows them.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &str) -> Gateway {
        self.client.set_basic_auth(user, password);
        self
    }

    /// Sets whether bodies are compressed. Off by default, because gateways before 1.5.0 refuse
    /// compressed bodies.
    #[cfg(feature = "gzip")]
    #[must_use]
    pub fn gzip(mut self, gzip: bool) -> Gateway {
        self.client.set_gzip(gzip);
        self
    }

    /// Sets whether requests go through the proxy that the environment names (`HTTP_PROXY`,
    /// `ALL_PROXY`, except for hosts that `NO_PROXY` lists). Off by default, because gateways are
    /// near.
    #[must_use]
    pub fn proxy_from_env(mut self, proxy_from_env: bool) -> Gateway {
        self.client.set_proxy_from_env(proxy_from_env);
        self
    }

    /// Trusts only gateways whose certificate is from one of the authorities in `pem`. `pem` has
    /// one or more certificates in the format PEM.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `pem` has no certificate, or is not valid PEM.
    #[cfg(feature = "https")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Gateway, Error> {
        self.client.set_root_certificates(pem)?;
        Ok(self)
    }

    /// Returns the URL of the group.
    pub fn url(&self) -> String {
        format!("{}{}", self.base, self.key.path())
    }

    /// Replaces the whole group by the metrics of `registry` (PUT). Blocks for at most the timeout.
    /// Safe to repeat.
    ///
    /// If processes share the group, also waits for other processes that push to it, for at most
    /// the same time.
    ///
    /// # Errors
    ///
    /// [`Error::Push`], with the gateway's response if there was one. The registry does not change.
    pub fn push(&self, registry: &Registry) -> Result<(), Error> {
        let turn = self.turn()?;
        self.push_in(&turn, self.encode(registry))
    }

    /// Pushes like [`Gateway::push`], for a process that is about to end. If other processes share
    /// the group, the push has their gauges, but omits the gauges of this process.
    ///
    /// # Errors
    ///
    /// As [`Gateway::push`].
    pub fn push_last(&self, registry: &Registry) -> Result<(), Error> {
        let turn = self.turn()?;
        let body = turn.read_last(|| self.encode(registry));
        self.push_in(&turn, body)
    }

    fn turn(&self) -> Result<PushTurn, Error> {
        PushTurn::take_until(self, Instant::now() + self.client.timeout())
    }

    fn push_in(&self, turn: &PushTurn, body: Vec<u8>) -> Result<(), Error> {
        let call = self.client.call();
        let pushed = turn.push(|| self.request(&call, Method::PUT, body));
        pushed.map_err(|failure| failure.error)
    }

    /// Replaces only the families of the group that `registry` has (POST). Blocks for at most the
    /// timeout. Safe to repeat.
    ///
    /// # Errors
    ///
    /// As [`Gateway::push`].
    pub fn push_add(&self, registry: &Registry) -> Result<(), Error> {
        let body = self.encode(registry);
        self.request(&self.client.call(), Method::POST, body).map_err(|failure| failure.error)
    }

    /// Deletes the group. Blocks for at most the timeout. Succeeds if there is no such group.
    ///
    /// # Errors
    ///
    /// As [`Gateway::push`].
    pub fn delete(&self) -> Result<(), Error> {
        let call = self.client.call();
        self.request(&call, Method::DELETE, Vec::new()).map_err(|failure| failure.error)
    }

    fn request(&self, call: &Call, method: Method, body: Vec<u8>) -> Result<(), PushFailure> {
        call.send(method, &self.url(), self.options.encoding.content_type(), body).map(drop)
    }
}

/// Gateways do not parse OpenMetrics.
impl From<PushFormat> for Encoding {
    fn from(format: PushFormat) -> Encoding {
        match format {
            PushFormat::Text => Format::Text.into(),
            PushFormat::Protobuf => Encoding::Protobuf,
        }
    }
}

impl Destination for Gateway {
    fn url(&self) -> String {
        Gateway::url(self)
    }

    fn is_shared(&self) -> bool {
        self.key.is_shared()
    }

    fn prepare(&self, limit: Duration) -> Call {
        self.clone().timeout(limit).client.call()
    }

    fn encode(&self, registry: &Registry) -> Vec<u8> {
        registry.encode_with(self.options)
    }

    /// Replaces the whole group (PUT).
    fn send(&self, call: &Call, body: Vec<u8>) -> Result<(), PushFailure> {
        self.request(call, Method::PUT, body)
    }

    fn delete(&self, limit: Duration) -> Result<(), Error> {
        Gateway::delete(&self.clone().timeout(limit))
    }

    /// Returns a group on the same gateway with the child's `instance`.
    fn for_child(&self, parent: u32, child: u32) -> Result<Arc<dyn Destination>, Error> {
        let key = self.key.for_child(parent, child)?;
        Ok(Arc::new(Gateway { key, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn neither_debug_output_nor_url_shows_the_password() {
        let group = GroupingKey::new("j").expect("a job");
        let gateway = Gateway::new("x:1", &group).expect("valid").basic_auth("user", "secret");
        let token = STANDARD.encode("user:secret");
        let shown = format!("{gateway:?} {:?} {}", gateway.client.call(), gateway.url());
        assert!(!shown.contains("secret") && !shown.contains(&token), "{shown}");
    }
}
