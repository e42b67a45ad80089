//! The scrape endpoint as its users see it: where it listens, start and stop.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpListener;

use crate::exposition::scrape::server::Server;
use crate::exposition::thread::service::Service;
use crate::exposition::thread::worker::Waited;
use crate::model::error::Error;
use crate::registry::Registry;

/// What stopping waits for a scrape that is being answered.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How many ports belong to the processes that were given the same one, by default 8000 to 8099: as
/// many as a node may run, few enough for a Prometheus configuration to list.
pub const PORT_RANGE: u16 = 100;

/// A running scrape endpoint. It answers GET and HEAD for `/metrics` (text 0.0.4 or OpenMetrics
/// 1.0, as the client prefers), `/` and `/-/healthy`, closes each connection after its answer, and
/// ends connections that take longer than ten seconds. Dropping it stops it.
///
/// In a forked child it listens on a port of its own: the first free one of the 100 ([`PORT_RANGE`]) from
/// the one asked for, or any free one if that was 0.
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

/// What is served where.
#[derive(Debug)]
pub(crate) struct Config {
    registry: Registry,
    host: String,
    /// As asked for: 0 is any.
    port: u16,
    local_addr: SocketAddr,
}

impl HttpExporter {
    /// Listens on `host` (a name, or an IPv4 or IPv6 address; the first of a name's addresses that
    /// can be bound) and `port` (0: one that the system chooses), and starts the thread.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if no address can be bound; [`Error::System`] if the system refuses a
    /// thread or a descriptor.
    pub fn start(registry: Registry, host: &str, port: u16) -> Result<HttpExporter, Error> {
        HttpExporter::serve(registry, host, port, listen(host, port)?)
    }

    /// As [`HttpExporter::start`], on the first free one of the 100 ports ([`PORT_RANGE`]) from `port` on.
    ///
    /// # Errors
    ///
    /// As [`HttpExporter::start`]; [`Error::Listen`] also if every one of them is taken.
    pub fn start_in_range(
        registry: Registry,
        host: &str,
        port: u16,
    ) -> Result<HttpExporter, Error> {
        HttpExporter::serve(registry, host, port, listen_in_range(host, port)?)
    }

    fn serve(
        registry: Registry,
        host: &str,
        port: u16,
        (listener, local_addr): (TcpListener, SocketAddr),
    ) -> Result<HttpExporter, Error> {
        let server = Server::new(registry.clone(), listener)?;
        let config = Config { registry, host: host.to_owned(), port, local_addr };
        Service::start(config, server).map(HttpExporter)
    }

    /// The address that is listened on, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.config(|config| config.local_addr)
    }

    /// Returns the URL of the metrics, with the real port.
    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.local_addr())
    }

    /// Closes the socket and all connections and ends the thread, within two seconds, which pass
    /// only while a collector keeps the thread. Whether the thread ended; a second call does
    /// nothing.
    pub fn stop(&self) -> bool {
        !matches!(self.0.stop(STOP_LIMIT, Duration::ZERO), Some(Waited::Runs))
    }
}

impl Drop for HttpExporter {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Config {
    /// The server of a forked child, on a port of its own.
    pub(crate) fn renew(&mut self) -> Result<Server, Error> {
        let (listener, local_addr) = listen_in_range(&self.host, self.port)?;
        self.local_addr = local_addr;
        Server::new(self.registry.clone(), listener)
    }
}

/// Listens on the first of [`PORT_RANGE`] that is not taken; 0 never is.
fn listen_in_range(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let is_taken = |error: &Error| {
        let taken = Some(libc::EADDRINUSE);
        matches!(error, Error::Listen { os_error, .. } if *os_error == taken)
    };
    let mut last = port;
    loop {
        match listen(host, last) {
            Err(error) if !is_taken(&error) => return Err(error),
            Err(_) if last < port.saturating_add(PORT_RANGE - 1) => last += 1,
            Err(Error::Listen { address, os_error, .. }) => {
                let reason = format!("no port from {port} to {last} is free");
                return Err(Error::Listen { address, os_error, reason });
            }
            done => return done,
        }
    }
}

fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bind = || {
        let addresses: Vec<SocketAddr> = (bare, port).to_socket_addrs()?.collect();
        let listener = StdListener::bind(&addresses[..])?;
        listener.set_nonblocking(true)?;
        let local_addr = listener.local_addr()?;
        Ok((TcpListener::from_std(listener), local_addr))
    };
    bind().map_err(|error: io::Error| Error::Listen {
        address: if bare.contains(':') {
            format!("[{bare}]:{port}")
        } else {
            format!("{bare}:{port}")
        },
        os_error: error.raw_os_error(),
        // Without the number, which is told beside it.
        reason: error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
    })
}
