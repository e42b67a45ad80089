//! Accepts the connections of a scrape endpoint, and bounds their number and memory.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::diagnostics::notes;
use crate::exposition::scrape::accepted::Accepted;
use crate::exposition::scrape::connection::Connection;
use crate::exposition::scrape::listening::Listening;

/// The maximum number of connections: a quarter of the usual descriptor limit (1024). One more ends
/// the oldest connection that is not waiting for a response. A peer that sends its request at once
/// is served long before its connection is the oldest, however many other peers never send a
/// request.
pub(crate) const MAX_CONNECTIONS: usize = 256;
/// The pause before the next `accept` after the system refused one, for example without free
/// descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The number of bodies of one size that are kept for clients that read slowly. One more ends the
/// oldest of these connections. Small bodies count as this size.
const MAX_BODIES: usize = 16;
const SMALL_BODY: usize = 1024 * 1024;

/// The token of the listening socket.
pub(crate) const LISTENER: Token = Token(0);
/// The first token of a connection.
const FIRST: usize = 2;

/// A listener, and the connections that it has accepted.
pub(crate) struct Connections {
    listening: Arc<Listening>,
    accepted: Arc<Accepted>,
    /// By token. Tokens only grow, so the first is the oldest.
    by_token: BTreeMap<usize, Connection>,
    next_token: usize,
    /// A spare descriptor. It is closed when the system has no other, so that the next scrape is
    /// accepted.
    spare: Option<UnixDatagram>,
    accept_again: Option<Instant>,
    accept_fails: bool,
}

impl Connections {
    pub(crate) fn new(listening: Arc<Listening>, accepted: Arc<Accepted>) -> Connections {
        Connections {
            listening,
            accepted,
            by_token: BTreeMap::new(),
            next_token: FIRST,
            spare: UnixDatagram::unbound().ok(),
            accept_again: None,
            accept_fails: false,
        }
    }

    /// Registers the listener with the poll, which then reports new connections.
    pub(crate) fn watch(&self, poll: &Registry) -> io::Result<()> {
        self.listening.watch(poll, LISTENER)
    }

    /// Accepts all waiting connections, because the poll reports new ones only after these.
    pub(crate) fn accept(&mut self, poll: &Registry) {
        for _ in 0..MAX_CONNECTIONS {
            match self.accepted.accept(|| self.listening.accept()) {
                Ok(peer) => self.admit(Connection::new(peer), poll),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.spare.is_none() {
                        self.spare = UnixDatagram::unbound().ok();
                    }
                    return self.accept_fails = false;
                }
                Err(error) if is_peer_error(&error) => {}
                // The system has no descriptor or memory left. It reports that even if no peer
                // waits. So the spare descriptor is closed before the oldest connection, which may
                // be a scrape that is being served.
                Err(_) if self.spare.take().is_some() => {}
                Err(_) if self.make_room(ACCEPT_PAUSE) => {}
                Err(error) => {
                    if !self.accept_fails {
                        notes::add(format!("cannot accept a scrape: {error}"));
                        notes::deliver();
                    }
                    self.accept_fails = true;
                    self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        self.accept_again = Some(Instant::now());
    }

    /// Ends the oldest connection that is not waiting for a response, if it is at least that old.
    /// Returns `false` if there is none.
    fn make_room(&mut self, age: Duration) -> bool {
        let may_end = |connection: &Connection| {
            !connection.is_answering() && connection.accepted.elapsed() >= age
        };
        let oldest = self.by_token.iter().find(|(_, connection)| may_end(connection));
        let token = oldest.map(|(token, _)| *token);
        token.is_some_and(|token| self.by_token.remove(&token).is_some())
    }

    /// Adds a connection to be served.
    fn admit(&mut self, connection: Connection, poll: &Registry) {
        if self.by_token.len() >= MAX_CONNECTIONS && !self.make_room(Duration::ZERO) {
            self.by_token.pop_first();
        }
        let token = self.next_token;
        self.next_token += 1;
        // If the system has no room for it, the connection is dropped, which closes it.
        if connection.peer.watch(poll, Token(token)).is_ok() {
            self.by_token.insert(token, connection);
        }
    }

    /// Returns a connection, unless it has ended or was taken out.
    pub(crate) fn get(&mut self, token: usize) -> Option<&mut Connection> {
        self.by_token.get_mut(&token)
    }

    /// Takes a connection out, unless it has ended. Dropping it ends it.
    pub(crate) fn take(&mut self, token: usize) -> Option<Connection> {
        self.by_token.remove(&token)
    }

    /// Puts back a connection that was taken out.
    pub(crate) fn put_back(&mut self, token: usize, connection: Connection) {
        self.by_token.insert(token, connection);
    }

    /// Returns the next deadline of a connection, or the time to accept again.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.by_token.values().map(|connection| connection.deadline);
        deadlines.chain(self.accept_again).chain(self.listening.takeover_due()).min()
    }

    /// Ends the connections whose deadline has passed, and accepts new ones if that is due.
    pub(crate) fn tend(&mut self, poll: &Registry) {
        let now = Instant::now();
        if self.accept_again.is_some_and(|again| again <= now) {
            self.accept_again = None;
            self.accept(poll);
        }
        self.by_token.retain(|_, connection| connection.deadline > now);
        if self.listening.takeover_due().is_some_and(|due| due <= now) {
            // Connections that wait at the former address are served, too.
            self.accept(poll);
            self.listening.take_over(poll, LISTENER);
        }
    }

    /// Ends the oldest connection with a body, if all bodies together are larger than a few bodies
    /// of this length. A shared body counts once.
    pub(crate) fn bound_bodies(&mut self, length: usize) {
        let most = MAX_BODIES * length.max(SMALL_BODY);
        let mut total = 0;
        let mut seen = HashSet::new();
        let mut too_old = Vec::new();
        // The newest are kept.
        for (token, connection) in self.by_token.iter().rev() {
            let Some(body) = connection.body() else { continue };
            if seen.insert(Arc::as_ptr(body)) {
                total += body.len();
            }
            if total > most {
                too_old.push(*token);
            }
        }
        for token in too_old {
            self.by_token.remove(&token);
        }
    }

    /// Returns whether a response is being sent.
    pub(crate) fn are_sending(&self) -> bool {
        self.by_token.values().any(|connection| connection.body().is_some())
    }

    /// Ends all connections, and checks for new ones.
    pub(crate) fn restart(&mut self) {
        self.by_token.clear();
        self.accept_again = Some(Instant::now());
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.listening.close();
    }
}

/// Returns whether `accept` failed only for one peer, so that the next call may succeed. accept(2)
/// lists such errors as errors of the new socket.
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
