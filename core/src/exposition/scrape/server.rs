//! The scrape endpoint's event loop: one thread that serves every connection and blocks on none.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::exposition::LOG_TARGET;
use crate::exposition::scrape::connection::Connection;
use crate::exposition::scrape::exporter::Config;
use crate::exposition::scrape::{negotiate, request};
use crate::exposition::thread::gatherer::Gatherer;
use crate::exposition::thread::service::{Interrupt, Task};
use crate::exposition::thread::worker::{Control, Run, Wish};
use crate::fork;
use crate::model::error::Error;
use crate::registry::Registry;

/// The most connections at a time. One more ends the oldest: a peer that sends its request at once
/// is served long before it is the oldest, however many others never send theirs.
const MAX_CONNECTIONS: usize = 256;
/// How long to accept nothing after the system refused (no descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

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
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return self.accept_fails = false;
                }
                Err(error) if is_of_one_peer(&error) => {}
                // Out of descriptors or memory: the oldest makes room, if there is one.
                Err(_) if self.connections.pop_first().is_some() => {}
                Err(error) => {
                    if !self.accept_fails {
                        log::warn!(target: LOG_TARGET, "cannot accept a scrape: {error}");
                    }
                    self.accept_fails = true;
                    self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
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
        let gatherer = &mut self.gatherer;
        let mut encode = |query: &str, format| {
            gatherer.read(|registry| negotiate::encode(registry, query, format))
        };
        if !connection.advance(|received| request::answer(received, &mut encode)) {
            self.connections.remove(&token);
        }
    }
}

/// Whether `accept` failed for the peer that it took from the queue, and the next may be fine: what
/// accept(2) lists as errors of the new socket.
fn is_of_one_peer(error: &io::Error) -> bool {
    const OF_ONE_PEER: [i32; 9] = [
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
    error.raw_os_error().is_some_and(|number| OF_ONE_PEER.contains(&number))
}

impl Run for Server {
    fn run(&mut self, control: &Control) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS);
        while control.wish() == Wish::Run {
            match self.poll.poll(&mut events, self.next_deadline()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The system lets a thread wait that has a valid descriptor; so a bug, or somebody
                // closed it. Not to be repeated in a hurry.
                Err(error) => {
                    log::error!(target: LOG_TARGET, "the scrape endpoint cannot wait: {error}");
                    std::thread::sleep(ACCEPT_PAUSE);
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
        self.gatherer.rest(control.patience());
    }
}

impl Task for Server {
    const NAME: &'static str = "dcm-http";
    type Config = Config;

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(Sockets { waker: Arc::clone(&self.waker), listener: self.listener.as_raw_fd() })
    }

    fn renew(config: &mut Config, inherited: Option<Server>) -> Result<Server, Error> {
        if let Some(mut inherited) = inherited {
            inherited.gatherer.abandon();
            // And dropping it closes the child's share of the sockets; the parent's stay open.
        }
        config.renew()
    }
}

struct Sockets {
    waker: Arc<Waker>,
    listener: RawFd,
}

impl Interrupt for Sockets {
    fn wake(&self) {
        // It can only fail if the thread's poll has gone.
        let _ = self.waker.wake();
    }

    fn abandon(&self) {
        fork::close_inherited(self.listener);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}
