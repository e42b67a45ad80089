//! The socket of a scrape endpoint, and how a forked child takes over the address of its parent.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::exposition::scrape::listen::{bind, listen_in_range};
use crate::model::error::Error;
use crate::sync::locks::Mutex;

/// How long after a fork a child takes over the address of a parent that ends. With `daemon()` the
/// parent ends at once; a parent that waits until its child is ready takes some seconds.
const TAKEOVER: Duration = Duration::from_secs(10);
/// How often a child looks whether its parent has ended.
const INTERVAL: Duration = Duration::from_millis(100);

/// Where an endpoint listens. Shared by its thread and by those that ask for the address.
#[derive(Debug)]
pub(crate) struct Listening(Mutex<State>);

#[derive(Debug)]
struct State {
    /// `None` once it was closed.
    socket: Option<TcpListener>,
    address: SocketAddr,
    process: u32,
    takeover: Option<Takeover>,
}

/// The address that a child takes over when its parent has ended.
#[derive(Clone, Copy, Debug)]
struct Takeover {
    address: SocketAddr,
    parent: u32,
    next: Instant,
    until: Instant,
}

impl Listening {
    pub(crate) fn new((socket, address): (TcpListener, SocketAddr)) -> Arc<Listening> {
        Listening::with(socket, address, None)
    }

    fn with(
        socket: TcpListener,
        address: SocketAddr,
        takeover: Option<Takeover>,
    ) -> Arc<Listening> {
        let (socket, process) = (Some(socket), std::process::id());
        Arc::new(Listening(Mutex::new(State { socket, address, process, takeover })))
    }

    /// Closes the child's share of the parent's socket, and listens on the first free one of the
    /// ports. For ten seconds the child takes over the address of its parent, or of the process
    /// that this one was to take over from.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if all the ports are taken. The same object can then be tried again.
    pub(crate) fn for_child(
        &self,
        host: &str,
        port: u16,
        ports: u16,
    ) -> Result<Arc<Listening>, Error> {
        let mut parent = self.0.lock();
        parent.socket = None;
        let (socket, address) = listen_in_range(host, port, ports)?;
        let wanted = parent.takeover.map_or(parent.address, |takeover| takeover.address);
        let next = Instant::now();
        let until = next + TAKEOVER;
        let takeover = Takeover { address: wanted, parent: parent.process, next, until };
        Ok(Listening::with(socket, address, (wanted != address).then_some(takeover)))
    }

    /// Returns the address, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.lock().address
    }

    /// Closes the socket. The address stays known.
    pub(crate) fn close(&self) {
        self.0.lock().socket = None;
    }

    /// Accepts a connection. Never waits.
    pub(crate) fn accept(&self) -> io::Result<TcpStream> {
        match &self.0.lock().socket {
            Some(socket) => socket.accept().map(|(stream, _)| stream),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Has `registry` report connections as `token`.
    pub(crate) fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let mut state = self.0.lock();
        let socket = state.socket.as_mut();
        socket.map_or(Ok(()), |socket| registry.register(socket, token, Interest::READABLE))
    }

    /// Returns when [`Listening::take_over`] is due.
    pub(crate) fn takeover_due(&self) -> Option<Instant> {
        self.0.lock().takeover.map(|takeover| takeover.next)
    }

    /// Moves to the address that the parent had, if the parent has ended and the address is free.
    pub(crate) fn take_over(&self, registry: &Registry, token: Token) {
        let mut state = self.0.lock();
        let Some(mut takeover) = state.takeover.take() else { return };
        let now = Instant::now();
        // A parent that lives may use the address again, whatever it does now.
        let is_orphan = std::os::unix::process::parent_id() != takeover.parent;
        if let Some(Ok((mut socket, address))) = is_orphan.then(|| bind(&[takeover.address])) {
            // It fails only if the system has no memory. The former socket stays then.
            if registry.register(&mut socket, token, Interest::READABLE).is_ok() {
                (state.socket, state.address) = (Some(socket), address);
            }
        } else if now < takeover.until {
            takeover.next = now + INTERVAL;
            state.takeover = Some(takeover);
        }
    }
}
