//! An OTLP endpoint, and one request to it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::http::Method;

use crate::count::created;
use crate::diagnostics::events;
use crate::encode;
use crate::exposition::instance;
use crate::exposition::push::address::base_url;
use crate::exposition::push::call::Call;
use crate::exposition::push::client::Client;
use crate::exposition::push::destination::Destination;
use crate::exposition::push::failure::PushFailure;
use crate::exposition::push::grouping_key::GroupingKey;
use crate::exposition::push::partial_success::PartialSuccess;
use crate::exposition::thread::logging;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::settings::{Certificates, Settings};
use crate::sync::locks::Mutex;
use crate::sync::{AtomicU64, Ordering};

const CONTENT_TYPE: &str = "application/x-protobuf";
/// The number of bytes of a response that are read: a message or two.
const MAX_RESPONSE: u64 = 16 * 1024;
/// The attributes that Prometheus turns into the labels `job` and `instance`.
const SERVICE_NAME: &str = "service.name";
const SERVICE_INSTANCE: &str = "service.instance.id";
/// The attribute with the service of dataClay.
const SERVICE: &str = "dataclay.service";

/// An endpoint that accepts OTLP over HTTP, and the resource that describes this process.
///
/// Prometheus has one at `/api/v1/otlp/v1/metrics`, Mimir and Cortex at `/otlp/v1/metrics`,
/// VictoriaMetrics at `/opentelemetry/v1/metrics`, and the OpenTelemetry Collector at
/// `:4318/v1/metrics`.
///
/// Values are cumulative. All points of a request have the same time, which is later than the time
/// of the previous request. Each request opens a connection and closes it. A redirect is a failure.
/// All methods may be called from any thread.
///
/// ```no_run
/// use dataclay_metrics_core::{Registry, exposition::OtlpEndpoint};
///
/// let registry = Registry::new();
/// let url = "http://localhost:4318/v1/metrics";
/// OtlpEndpoint::new(url, "shop", "till-1")?.export(&registry)?;
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OtlpEndpoint {
    url: String,
    resource: Vec<(String, String)>,
    is_shared: bool,
    client: Client,
    /// The timeout of a request.
    timeout: Duration,
    progress: Arc<Progress>,
}

/// The state that requests share.
#[derive(Debug, Default)]
struct Progress {
    /// The time of the last request, in milliseconds of Unix time.
    time: AtomicU64,
    /// The last response, if it was a partial success. Of consecutive equal ones, only the first is
    /// logged.
    logged: Mutex<Option<PartialSuccess>>,
}

impl OtlpEndpoint {
    /// Creates the endpoint at `url`. `service` and `instance` become the attributes `service.name`
    /// and `service.instance.id` of the resource. Prometheus turns them into the labels `job` and
    /// `instance`, so no two processes may share both.
    ///
    /// The URL is `http://HOST:PORT/PATH`. With the feature `https`, or TLS of the program, it is
    /// also `https://HOST:PORT/PATH`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the URL has no host, another scheme, credentials, a query, or
    /// characters that are not valid in a URL.
    pub fn new(url: &str, service: &str, instance: &str) -> Result<OtlpEndpoint, Error> {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let url = base_url("endpoint", url)?;
        let mut client = Client::new();
        if is_secure(&url) {
            client.set_certificates(&Certificates::default())?;
        }
        Ok(OtlpEndpoint {
            url,
            resource: vec![pair(SERVICE_NAME, service), pair(SERVICE_INSTANCE, instance)],
            is_shared: false,
            timeout: client.timeout(),
            client,
            progress: Arc::default(),
        })
    }

    /// Creates the endpoint and the resource of the settings.
    ///
    /// `service.name` is [`Settings::job`], and `service.instance.id` the instance of
    /// [`GroupingKey::from_settings`], unless the attributes of the settings have them.
    ///
    /// # Errors
    ///
    /// As [`OtlpEndpoint::new`]; also for a header that is not valid.
    pub fn from_settings(settings: &Settings) -> Result<OtlpEndpoint, Error> {
        let key = GroupingKey::from_settings(settings)?;
        let label = |name| key.labels().find(|(known, _)| *known == name).map(|(_, value)| value);
        let (job, instance) = (label("job"), label("instance"));
        let url = settings.otlp_endpoint();
        let mut endpoint =
            OtlpEndpoint::new(&url, job.unwrap_or_default(), instance.unwrap_or_default())?;
        endpoint.is_shared = key.is_shared();
        if let Some(service) = label("service") {
            endpoint = endpoint.attribute(SERVICE, service);
        }
        let otlp = &settings.otlp;
        for (key, value) in &otlp.resource {
            endpoint = endpoint.attribute(key, value);
        }
        for (name, value) in &otlp.headers.0 {
            endpoint = endpoint.header(name, value)?;
        }
        let endpoint = endpoint.certificates(&otlp.certificates)?;
        #[cfg(feature = "gzip")]
        let endpoint = endpoint.gzip(otlp.gzip);
        Ok(endpoint.timeout(otlp.timeout))
    }

    /// Sets an attribute of the resource.
    #[must_use]
    pub fn attribute(mut self, key: &str, value: &str) -> OtlpEndpoint {
        match self.resource.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => value.clone_into(known),
            None => self.resource.push((key.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a header to each request, for instance credentials. No error and no log line shows its
    /// value.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if it is not a valid header.
    pub fn header(mut self, name: &str, value: &str) -> Result<OtlpEndpoint, Error> {
        if self.client.set_header(name, value) {
            return Ok(self);
        }
        let rule = "must be the name of a header that no request sets itself, such as \
                    content-length, and its value visible ASCII"
            .to_owned();
        Err(Error::Setting { name: "header".into(), value: name.to_owned(), rule })
    }

    /// Limits a whole request, including name resolution. The default is 5 seconds, the maximum a
    /// year. With zero, each request fails at once.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> OtlpEndpoint {
        self.client.set_timeout(timeout);
        self.timeout = self.client.timeout();
        self
    }

    /// Sets whether bodies are compressed. Off by default.
    #[cfg(feature = "gzip")]
    #[must_use]
    pub fn gzip(mut self, gzip: bool) -> OtlpEndpoint {
        self.client.set_gzip(gzip);
        self
    }

    /// Reads certificates for requests over https: those of the authorities to trust, and that of
    /// this process. By default, the authorities are those that Mozilla trusts, or those of the
    /// program's TLS ([`Tls`](crate::exposition::Tls)). An endpoint over http reads no file.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if a file cannot be read, or has no certificate or no key.
    pub fn certificates(mut self, certificates: &Certificates) -> Result<OtlpEndpoint, Error> {
        if is_secure(&self.url) {
            self.client.set_certificates(certificates)?;
        }
        Ok(self)
    }

    /// Trusts only endpoints whose certificate is from one of the authorities in `pem`.
    ///
    /// # Errors
    ///
    /// As [`Gateway::root_certificates`](crate::exposition::Gateway::root_certificates).
    #[cfg(feature = "https")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<OtlpEndpoint, Error> {
        self.client.set_root_certificates(pem)?;
        Ok(self)
    }

    /// Returns the URL.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Sends the metrics of `registry`. Blocks for at most the timeout. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error::Push`], with the endpoint's response if there was one.
    pub fn export(&self, registry: &Registry) -> Result<(), Error> {
        self.send(&self.client.call(), self.encode(registry)).map_err(|failure| failure.error)
    }

    /// Returns the time of the next request: now, but at least a millisecond after the previous
    /// one, because servers store milliseconds.
    fn next_time(&self) -> SystemTime {
        let now = created::now();
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        let last = self.progress.time.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let time = last.ok().and_then(next).unwrap_or(now);
        UNIX_EPOCH + Duration::from_millis(time)
    }

    /// Counts and logs the points that the endpoint rejected in a request that it accepted.
    fn note(&self, response: &[u8]) {
        let partial = PartialSuccess::read(response);
        if let Some(PartialSuccess { rejected, .. }) = &partial {
            events::REJECTED_POINTS.add_many(*rejected);
        }
        let before = std::mem::replace(&mut *self.progress.logged.lock(), partial.clone());
        match partial {
            Some(PartialSuccess { rejected, message }) if before.is_none() => {
                let url = &self.url;
                logging::warn(format_args!("{url} rejected {rejected} points: {message}"));
            }
            _ => {}
        }
    }
}

fn is_secure(url: &str) -> bool {
    url.starts_with("https:")
}

impl Destination for OtlpEndpoint {
    fn url(&self) -> String {
        self.url.clone()
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn prepare(&self, limit: Duration) -> Call {
        let mut client = self.client.clone();
        client.set_timeout(limit.min(self.timeout));
        client.call()
    }

    fn encode(&self, registry: &Registry) -> Vec<u8> {
        let families = registry.gather();
        // This is after the gather, so each series began earlier.
        encode::otlp(families, &self.resource, self.next_time())
    }

    fn send(&self, call: &Call, body: Vec<u8>) -> Result<(), PushFailure> {
        let response = call.send(Method::POST, &self.url, CONTENT_TYPE, body)?;
        self.note(&response.body(MAX_RESPONSE));
        Ok(())
    }

    /// Always fails, because OTLP cannot delete.
    fn delete(&self, _: Duration) -> Result<(), Error> {
        let reason = "OTLP cannot delete sent metrics".to_owned();
        Err(Error::Push { url: self.url.clone(), status: None, is_unanswered: false, reason })
    }

    /// Returns the same endpoint with the child's instance, unless the resource is shared.
    fn for_child(&self, parent: u32, child: u32) -> Result<Arc<dyn Destination>, Error> {
        let mut endpoint = OtlpEndpoint { progress: Arc::default(), ..self.clone() };
        if !self.is_shared {
            for (key, value) in &mut endpoint.resource {
                if key == SERVICE_INSTANCE {
                    *value = instance::for_child(value, parent, child);
                }
            }
        }
        Ok(Arc::new(endpoint))
    }
}

#[cfg(test)]
mod tests;
