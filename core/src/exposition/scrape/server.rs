//! The scrape endpoint's event loop: one thread that serves every connection and blocks on none.
//!
//! One GET is `Server::serve`: the connection receives a request (`connection.rs`, `request.rs`),
//! `answer.rs` answers it, the connection sends the response.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::exposition::logging;
use crate::exposition::scrape::answer::answer;
use crate::exposition::scrape::connection::{Connection, Progress};
use crate::exposition::scrape::listen::listen_in_range;
use crate::exposition::thread::gatherer::Gatherer;
use crate::exposition::thread::service::{Interrupt, Task};
use crate::exposition::thread::worker::{Command, Control, Run};
use crate::fork::inherited;
use crate::model::error::Error;
use crate::registry::Registry;

/// The most connections at a time: a quarter of the descriptors that a process usually has (1024).
///
/// One more ends the oldest. A peer that sends its request at once is served long before it is the
/// oldest, however many others never send theirs.
const MAX_CONNECTIONS: usize = 256;
/// How long nothing is accepted after the system refused (no descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// The registry to serve, and where.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) registry: Registry,
    pub(crate) host: String,
    /// As asked for: 0 is any.
    pub(crate) port: u16,
    /// How many ports from `port` on a forked child tries.
    pub(crate) ports: u16,
    pub(crate) local_addr: SocketAddr,
}

/// The thread's work, and its sockets.
pub(crate) struct Server {
    gatherer: Gatherer,
    poll: Poll,
    waker: Arc<Waker>,
    listener: TcpListener,
    /// By token. Tokens only grow, so the first is the oldest.
    connections: BTreeMap<usize, Connection>,
    next_token: usize,
    accept_again: Option<Instant>,
    accept_fails: bool,
}

impl Server {
    pub(crate) fn new(registry: Registry, mut listener: TcpListener) -> Result<Server, Error> {
        let mut made = || -> io::Result<(Poll, Waker)> {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), WAKER)?;
            poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
            Ok((poll, waker))
        };
        let (poll, waker) = made().map_err(|error| Error::System {
            what: "watch the scrape endpoint's sockets",
            reason: error.to_string(),
        })?;
        Ok(Server {
            gatherer: Gatherer::new(registry),
            poll,
            waker: Arc::new(waker),
            listener,
            connections: BTreeMap::new(),
            next_token: FIRST_CONNECTION,
            accept_again: None,
            accept_fails: false,
        })
    }

    /// Returns the time until something is due without an event.
    fn next_deadline(&self) -> Option<Duration> {
        let deadlines = self.connections.values().map(|connection| connection.deadline);
        let next = deadlines.chain(self.accept_again).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Accepts all connections that wait: the poll reports the next one only after these.
    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(Connection::new(stream)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.accept_fails = false;
                }
                Err(error) if is_peer_error(&error) => {}
                // The system has no descriptor or memory left: the oldest makes room.
                Err(_) if self.connections.pop_first().is_some() => {}
                Err(error) => {
                    if !self.accept_fails {
                        logging::warn(format_args!("cannot accept a scrape: {error}"));
                    }
                    self.accept_fails = true;
                    self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Adds a connection to those that are served.
    fn admit(&mut self, mut connection: Connection) {
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

    /// Goes on with a connection after an event: receives its request, answers it, sends the
    /// response.
    fn serve(&mut self, token: usize) {
        // An event may still come for a connection that has just been ended.
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut progress = connection.advance();
        if let Progress::Received(request) = progress {
            let gather = self.gatherer.begin();
            connection.send(answer(&request, gather.registry()));
            drop(gather);
            progress = connection.advance();
        }
        if let Progress::Ended = progress {
            self.connections.remove(&token);
        }
    }
}

/// Returns whether `accept` failed for one peer only, so that the next may succeed. accept(2) lists
/// these as errors of the new socket.
fn is_peer_error(error: &io::Error) -> bool {
    const PEER_ERRORS: [i32; 9] = [
        libc::ECONNABORTED,
        libc::EINTR,
        libc::EPERM,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::ENETDOWN,
        libc::ENETUNREACH,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
    ];
    error.raw_os_error().is_some_and(|number| PEER_ERRORS.contains(&number))
}

impl Run for Server {
    fn run(&mut self, control: &Control) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS);
        while control.command() == Command::Run {
            match self.poll.poll(&mut events, self.next_deadline()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Only a closed descriptor is refused: a defect here, or other code closed it.
                // The pause keeps the loop from spinning.
                Err(error) => {
                    logging::error(format_args!("the scrape endpoint cannot wait: {error}"));
                    std::thread::sleep(ACCEPT_PAUSE);
                }
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(token) => self.serve(token),
                }
            }
            let now = Instant::now();
            if self.accept_again.is_some_and(|again| again <= now) {
                self.accept_again = None;
                self.accept();
            }
            self.connections.retain(|_, connection| connection.deadline > now);
        }
        self.gatherer.rest(control.patience());
    }
}

impl Task for Server {
    const NAME: &'static str = "dcm-http";
    type Config = Config;

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(Sockets { waker: Arc::clone(&self.waker), listener: self.listener.as_raw_fd() })
    }

    fn for_child(config: &mut Config, inherited: Option<Server>) -> Result<Server, Error> {
        if let Some(inherited) = inherited {
            inherited.gatherer.abandon();
            // Dropping it closes the child's share of the sockets; the parent's stay open.
        }
        let (listener, local_addr) = listen_in_range(&config.host, config.port, config.ports)?;
        config.local_addr = local_addr;
        Server::new(config.registry.clone(), listener)
    }
}

/// Reaches the thread through its sockets.
struct Sockets {
    waker: Arc<Waker>,
    listener: RawFd,
}

impl Interrupt for Sockets {
    fn wake(&self) {
        // This fails only if the thread's poll has gone.
        let _ = self.waker.wake();
    }

    fn abandon(&self) {
        inherited::close(self.listener);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}
