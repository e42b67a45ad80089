//! The public interface of the scrape endpoint: its address, start and stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::exposition::scrape::accepted::Accepted;
use crate::exposition::scrape::listen::{PORT_RANGE, Ports, listen};
use crate::exposition::scrape::listening::Listening;
use crate::exposition::scrape::route::METRICS_PATH;
use crate::exposition::scrape::server::{Config, Server};
use crate::exposition::scrape::timeouts::Timeouts;
use crate::exposition::thread::service::Service;
use crate::exposition::thread::worker::Outcome;
use crate::model::error::Error;
use crate::registry::Registry;

/// The time that stopping waits for the endpoint's thread, which never waits for code of the
/// application.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A running scrape endpoint.
///
/// It responds to GET and HEAD for `/metrics`, in the format that the client prefers. At `/` it
/// serves a page that shows the metrics live. `/-/healthy` shows that it runs. Each connection
/// serves one request.
///
/// Functions of gauges and custom collectors run on other threads. A scrape waits for them until
/// half a second before the scraper's timeout, which Prometheus sends as
/// `X-Prometheus-Scrape-Timeout-Seconds`. Without that header it waits for ten seconds.
/// [`HttpExporter::scrape_timeout`] changes both. Functions that have not returned by then are
/// skipped. Meanwhile the endpoint serves other requests.
///
/// A forked child listens on another port: the first free port of
/// [`PORT_RANGE`](crate::exposition::PORT_RANGE) from the requested one, or any port if that was 0.
/// If the parent ends within ten seconds, the child moves to the parent's port. So a program that
/// becomes a daemon keeps its port.
///
/// If processes share a segment, one of them listens for all. [`Exporter::from_settings`] starts
/// such an exporter. When that process ends, however it ends, another one takes over its address
/// within a second. While the listening process is stopped by a signal, nobody responds.
///
/// All methods may be called from any thread. Dropping it stops it, as
/// [`HttpExporter::stop`] does.
///
/// [`Exporter::from_settings`]: crate::exposition::Exporter::from_settings
///
/// ```
/// use dataclay_metrics_core::{Registry, exposition::HttpExporter};
///
/// let exporter = HttpExporter::start(Registry::new(), "127.0.0.1", 0)?;
/// assert_ne!(exporter.local_addr().port(), 0);
/// exporter.stop();
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
pub struct HttpExporter(Arc<Service<Server>>);

impl HttpExporter {
    /// Listens on `host` and `port`, and starts the thread.
    ///
    /// `host` is an IPv4 or IPv6 address, or a name. The endpoint listens on the first address of
    /// the name that can be bound. For port 0, the system chooses the port.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if no address can be bound; [`Error::System`] if the system refuses a
    /// thread or a descriptor.
    pub fn start(registry: Registry, host: &str, port: u16) -> Result<HttpExporter, Error> {
        let ports = Ports { host: host.to_owned(), first: port, count: PORT_RANGE };
        HttpExporter::serve(registry, ports, Listening::new(listen(host, port)?))
    }

    /// Does what [`HttpExporter::start`] does, on the first free port of
    /// [`PORT_RANGE`](crate::exposition::PORT_RANGE) from `port` on.
    ///
    /// # Errors
    ///
    /// As [`HttpExporter::start`]; [`Error::Listen`] also if the whole range is taken.
    pub fn start_in_range(
        registry: Registry,
        host: &str,
        port: u16,
    ) -> Result<HttpExporter, Error> {
        HttpExporter::start_on_first_free(registry, host, port, PORT_RANGE)
    }

    /// Does what [`HttpExporter::start`] does, on the first free one of `ports` ports from `port`
    /// on. A forked child uses the same ports.
    ///
    /// # Errors
    ///
    /// As [`HttpExporter::start`]; [`Error::Listen`] also if all the ports are taken.
    pub fn start_on_first_free(
        registry: Registry,
        host: &str,
        port: u16,
        ports: u16,
    ) -> Result<HttpExporter, Error> {
        let ports = Ports { host: host.to_owned(), first: port, count: ports };
        let listening = Listening::new(ports.listen()?);
        HttpExporter::serve(registry, ports, listening)
    }

    /// Serves scrapes for all processes that count in the segment of this process, on the first
    /// free one of the ports. If another process already serves, takes over when that ends.
    ///
    /// # Errors
    ///
    /// As [`HttpExporter::start_on_first_free`].
    pub(crate) fn start_for_siblings(
        registry: Registry,
        host: &str,
        port: u16,
    ) -> Result<HttpExporter, Error> {
        let ports = Ports { host: host.to_owned(), first: port, count: PORT_RANGE };
        let listening = Listening::for_siblings(&ports)?;
        HttpExporter::serve(registry, ports, listening)
    }

    fn serve(
        registry: Registry,
        ports: Ports,
        listening: Arc<Listening>,
    ) -> Result<HttpExporter, Error> {
        let timeouts = Arc::<Timeouts>::default();
        let accepted = Arc::<Accepted>::default();
        let config = Config { registry, ports, listening, accepted, timeouts };
        let server = Server::new(
            config.registry.clone(),
            Arc::clone(&config.listening),
            Arc::clone(&config.accepted),
            Arc::clone(&config.timeouts),
        )?;
        Service::start(config, server).map(HttpExporter)
    }

    /// Sets how long a scrape waits for functions of the application. If the scraper sends its
    /// timeout, the scrape waits for that timeout minus `margin`, but at least for half of the
    /// timeout. Otherwise it waits for `timeout`. The defaults are ten seconds, and half a second
    /// for the margin.
    #[must_use]
    pub fn scrape_timeout(self, timeout: Duration, margin: Duration) -> HttpExporter {
        self.0.config(|config| config.timeouts.set(timeout, margin));
        self
    }

    /// Returns whether this process listens. If not, a sibling does: another process that counts in
    /// the same segment.
    pub fn is_listening(&self) -> bool {
        self.0.config(|config| config.listening.is_open())
    }

    /// Returns the address of this endpoint with the port that it listens on, or the address of the
    /// sibling that serves.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.config(|config| config.listening.address())
    }

    /// Returns the URL of the metrics, with the port that the endpoint listens on.
    pub fn url(&self) -> String {
        format!("http://{}{METRICS_PATH}", self.local_addr())
    }

    /// Responds to the waiting scrapes with the values that it has, and ends the thread. Blocks for
    /// at most two seconds. Returns whether the thread has ended.
    ///
    /// Sends these responses for at most a fifth of a second. Then closes the socket and all
    /// connections. Waits at most half a second for functions of the application that still run. A
    /// second call does nothing.
    pub fn stop(&self) -> bool {
        !matches!(self.0.stop(STOP_LIMIT, Duration::ZERO), Some(Outcome::TimedOut))
    }
}

impl Drop for HttpExporter {
    fn drop(&mut self) {
        self.stop();
    }
}
