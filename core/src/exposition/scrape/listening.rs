//! The socket of a scrape endpoint. It can take over the address of another process.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::exposition::scrape::listen::{Bound, Ports, resolve};
use crate::exposition::scrape::takeover::Takeover;
use crate::exposition::siblings::{self, Taken, Turn};
use crate::model::error::Error;
use crate::sync::locks::Mutex;

/// The socket and the address of an endpoint, which are shared by its thread and by callers that
/// read the address.
#[derive(Debug)]
pub(crate) struct Listening(Mutex<State>);

#[derive(Debug)]
struct State {
    /// `None` after it was closed, and while a sibling serves.
    socket: Option<TcpListener>,
    address: SocketAddr,
    process: u32,
    takeover: Option<Takeover>,
    /// Whether the processes of a segment share the endpoint.
    is_shared: bool,
    /// The turn to serve for those processes. It is dropped after the socket.
    turn: Option<Taken>,
}

impl Listening {
    pub(crate) fn new((socket, address): Bound) -> Arc<Listening> {
        Listening::with(Some(socket), address, None)
    }

    fn with(
        socket: Option<TcpListener>,
        address: SocketAddr,
        takeover: Option<Takeover>,
    ) -> Arc<Listening> {
        let (process, is_shared, turn) = (std::process::id(), false, None);
        let state = State { socket, address, process, takeover, is_shared, turn };
        Arc::new(Listening(Mutex::new(state)))
    }

    /// Listens for all processes that count in the segment of this process. If another one already
    /// listens, takes over when that process ends.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if all the ports are taken, or the host has no address.
    pub(crate) fn for_siblings(ports: &Ports) -> Result<Arc<Listening>, Error> {
        let turn = Turn::Serve.try_take();
        let listening = if turn.is_some() {
            let (socket, address) = ports.listen()?;
            siblings::note_address(address);
            Listening::with(Some(socket), address, None)
        } else {
            let address = resolve(&ports.host, ports.first)?;
            Listening::with(None, address, Some(Takeover::from_sibling(ports.clone())))
        };
        let mut state = listening.0.lock();
        (state.is_shared, state.turn) = (true, turn);
        drop(state);
        Ok(listening)
    }

    /// Closes a forked child's copy of the parent's socket, and listens on the first free one of
    /// the ports. Later the child takes over the address of its parent, or the one that its parent
    /// would have taken over. It waits for a sibling without limit, and for a parent for ten
    /// seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] if all the ports are taken. The call can be repeated.
    pub(crate) fn for_child(&self, ports: &Ports) -> Result<Arc<Listening>, Error> {
        let mut parent = self.0.lock();
        (parent.socket, parent.turn) = (None, None);
        if parent.is_shared {
            return Listening::for_siblings(ports);
        }
        let (socket, address) = ports.listen()?;
        let wanted = parent.takeover.as_ref().and_then(Takeover::address);
        let wanted = wanted.unwrap_or(parent.address);
        let takeover = Takeover::from_parent(wanted, parent.process);
        Ok(Listening::with(Some(socket), address, (wanted != address).then_some(takeover)))
    }

    /// Returns the address with the bound port: of this process if it listens, otherwise of the
    /// sibling that serves.
    pub(crate) fn address(&self) -> SocketAddr {
        let state = self.0.lock();
        let elsewhere = state.is_shared && state.socket.is_none();
        elsewhere.then(siblings::served_at).flatten().unwrap_or(state.address)
    }

    /// Returns whether this process listens.
    pub(crate) fn is_open(&self) -> bool {
        self.0.lock().socket.is_some()
    }

    /// Closes the socket, but keeps the address.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        // The address to take over is kept for a forked child.
        (state.socket, state.turn) = (None, None);
    }

    /// Accepts a connection. Never waits.
    pub(crate) fn accept(&self) -> io::Result<TcpStream> {
        match &self.0.lock().socket {
            Some(socket) => socket.accept().map(|(stream, _)| stream),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Registers the socket with `registry`, which then reports connections as `token`.
    pub(crate) fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let mut state = self.0.lock();
        let socket = state.socket.as_mut();
        socket.map_or(Ok(()), |socket| registry.register(socket, token, Interest::READABLE))
    }

    /// Returns when [`Listening::take_over`] is due.
    pub(crate) fn takeover_due(&self) -> Option<Instant> {
        self.0.lock().takeover.as_ref().map(Takeover::next)
    }

    /// Moves to the address of the parent or the sibling, if that process has ended.
    pub(crate) fn take_over(&self, registry: &Registry, token: Token) {
        let mut state = self.0.lock();
        let Some(mut takeover) = state.takeover.take() else { return };
        if let Some((mut socket, address)) = takeover.attempt(&mut state.turn) {
            // It fails only if the system has no memory. The former socket then stays open.
            if registry.register(&mut socket, token, Interest::READABLE).is_ok() {
                (state.socket, state.address) = (Some(socket), address);
                if state.is_shared {
                    siblings::note_address(address);
                }
                return;
            }
        }
        state.takeover = takeover.again();
    }
}
