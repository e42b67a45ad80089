//! The scrape endpoint: one thread that serves every connection without blocking on any.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::error::Error;
use crate::exposition::LOG_TARGET;
use crate::exposition::connection::Connection;
use crate::exposition::request;
use crate::exposition::worker::Worker;
use crate::registry::Registry;

/// The most connections at a time. One more ends the oldest: a peer that sends its request at once
/// is served long before it is the oldest, however many others never send theirs.
const MAX_CONNECTIONS: usize = 256;
/// How long to accept nothing after the system refused (no descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What stopping waits for a scrape that is being answered.
const STOP_LIMIT: Duration = Duration::from_secs(2);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// A running scrape endpoint. It answers GET and HEAD for `/metrics` (text format 0.0.4), `/` and
/// `/-/healthy`, closes each connection after its answer, and ends connections that take longer
/// than ten seconds. Dropping it stops it.
///
/// ```
/// use dataclay_metrics_core::{Registry, exposition::HttpExporter};
///
/// let mut exporter = HttpExporter::start(Registry::new(), "127.0.0.1", 0)?;
/// assert_ne!(exporter.local_addr().port(), 0);
/// exporter.stop();
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
pub struct HttpExporter {
    local_addr: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    worker: Worker<()>,
    stop: Sender<()>,
    waker: Arc<Waker>,
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
        let (listener, local_addr) = listen(host, port)?;
        let refused = |error: io::Error| Error::System {
            what: "watch the scrape endpoint's sockets",
            reason: error.to_string(),
        };
        let poll = Poll::new().map_err(refused)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(refused)?);
        let (stop, stopped) = mpsc::channel();
        let mut server = Server {
            registry,
            poll,
            listener,
            stopped,
            connections: BTreeMap::new(),
            next_token: FIRST_CONNECTION,
            accept_again: None,
            accept_fails: false,
        };
        let interest = Interest::READABLE;
        server
            .poll
            .registry()
            .register(&mut server.listener, LISTENER, interest)
            .map_err(refused)?;
        let worker = Worker::spawn("dcm-http", move || server.run())?;
        Ok(HttpExporter { local_addr, running: Some(Running { worker, stop, waker }) })
    }

    /// The address that is listened on, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the socket and all connections and ends the thread, within two seconds, which pass
    /// only while a callback gauge keeps the thread. Whether the thread ended; a second call does
    /// nothing.
    pub fn stop(&mut self) -> bool {
        let Some(Running { worker, stop, waker }) = self.running.take() else { return true };
        drop(stop);
        // It can only fail if the thread's poll has gone.
        let _ = waker.wake();
        worker.join_within(STOP_LIMIT, || (), Duration::ZERO).is_some()
    }
}

impl Drop for HttpExporter {
    fn drop(&mut self) {
        self.stop();
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

struct Server {
    registry: Registry,
    poll: Poll,
    listener: TcpListener,
    /// Disconnected when it is time to stop.
    stopped: Receiver<()>,
    /// By token. Tokens only grow, so the first is the oldest.
    connections: BTreeMap<usize, Connection>,
    next_token: usize,
    accept_again: Option<Instant>,
    accept_fails: bool,
}

impl Server {
    fn run(&mut self) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS);
        while self.stopped.try_recv() == Err(TryRecvError::Empty) {
            match self.poll.poll(&mut events, self.next_deadline()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    log::error!(target: LOG_TARGET, "the scrape endpoint ends: {error}");
                    return;
                }
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(token) => self.advance(token),
                }
            }
            let now = Instant::now();
            if self.accept_again.is_some_and(|again| again <= now) {
                self.accept_again = None;
                self.accept();
            }
            self.connections.retain(|_, connection| connection.deadline > now);
        }
    }

    /// The time until something is to be done without an event.
    fn next_deadline(&self) -> Option<Duration> {
        let deadlines = self.connections.values().map(|connection| connection.deadline);
        let next = deadlines.chain(self.accept_again).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Accepts all that wait: the poll tells of the next one only after they are gone.
    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.serve(Connection::new(stream)),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return self.accept_fails = false,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        if !self.accept_fails {
                            log::warn!(target: LOG_TARGET, "cannot accept a scrape: {error}");
                        }
                        self.accept_fails = true;
                        self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                        return;
                    }
                },
            }
        }
    }

    fn serve(&mut self, mut connection: Connection) {
        if self.connections.len() >= MAX_CONNECTIONS {
            self.connections.pop_first();
        }
        let token = self.next_token;
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        // Unless the system has no room for it: then the connection is dropped, and so closed.
        if self.poll.registry().register(&mut connection.stream, Token(token), interest).is_ok() {
            self.connections.insert(token, connection);
        }
    }

    fn advance(&mut self, token: usize) {
        // An event may still come for a connection that has just been ended.
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if !connection.advance(|received| request::answer(received, &self.registry)) {
            self.connections.remove(&token);
        }
    }
}
