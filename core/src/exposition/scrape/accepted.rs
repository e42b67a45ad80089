//! The sockets that an endpoint has accepted, which a forked child must close.
//!
//! A forked child closes its copies of them, even if the thread that serves them did not end before
//! the fork. Otherwise a peer would see the end of its connection only after the child has ended.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::sync::locks::Mutex;

/// The open sockets. Only the endpoint's thread uses them, so the lock is never contended. It
/// prevents a fork between opening a socket and listing it here.
#[derive(Debug, Default)]
pub(crate) struct Accepted(Mutex<Sockets>);

#[derive(Debug, Default)]
struct Sockets {
    by_number: BTreeMap<usize, TcpStream>,
    next: usize,
}

impl Accepted {
    /// Accepts a connection by `accept`.
    pub(crate) fn accept(
        self: &Arc<Accepted>,
        accept: impl FnOnce() -> io::Result<TcpStream>,
    ) -> io::Result<Peer> {
        let mut sockets = self.0.lock();
        let (stream, number) = (accept()?, sockets.next);
        sockets.next += 1;
        sockets.by_number.insert(number, stream);
        drop(sockets);
        Ok(Peer { accepted: Arc::clone(self), number })
    }

    /// Closes all sockets, in a forked child. Each [`Peer`] then has none.
    pub(crate) fn close(&self) {
        self.0.lock().by_number.clear();
    }
}

/// One of the sockets. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Peer {
    accepted: Arc<Accepted>,
    number: usize,
}

impl Peer {
    fn with<R>(&self, use_it: impl FnOnce(&mut TcpStream) -> io::Result<R>) -> io::Result<R> {
        let mut sockets = self.accepted.0.lock();
        let stream = sockets.by_number.get_mut(&self.number);
        stream.map_or_else(|| Err(ErrorKind::NotConnected.into()), use_it)
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|stream| stream.read(buffer))
    }

    pub(crate) fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.with(|stream| stream.write_vectored(parts))
    }

    /// Shuts down writing, so the peer sees that nothing more will be sent.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.with(|stream| stream.shutdown(Shutdown::Write))
    }

    /// Registers the socket with `poll`, which then reports its events as `token`.
    pub(crate) fn watch(&self, poll: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.with(|stream| poll.register(stream, token, interest))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.accepted.0.lock().by_number.remove(&self.number);
    }
}
