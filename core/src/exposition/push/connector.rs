//! The connection of a push. If another thread cuts off the push, every wait on the connection ends
//! at once.
//!
//! The connector of `ureq` can be cut off only after it has connected. Before that, it waits in the
//! system call `connect`, which ends only at its timeout. If packets to the gateway are dropped, a
//! push spends all its time there, and a fork would wait for it. So only one call blocks here:
//! `Waiter::wait`.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, ShutdownHandle,
    Transport,
};

use crate::exposition::limits::LONGEST;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

const STREAM: Token = Token(0);
const WAKER: Token = Token(1);

/// The number of bytes of a request that were sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    bytes: AtomicUsize,
    has_begun: AtomicBool,
}

impl Sent {
    /// Returns how many bytes were sent since the connection was ready for the request.
    pub(crate) fn bytes(&self) -> usize {
        if self.has_begun.load(Ordering::Relaxed) { self.bytes.load(Ordering::Relaxed) } else { 0 }
    }
}

/// The last connector of a chain. Bytes that were sent before it, to a proxy or for a TLS
/// handshake, do not belong to the request.
#[derive(Debug, Default)]
pub(crate) struct RequestBegins(pub(crate) Arc<Sent>);

impl<In: Transport> Connector<In> for RequestBegins {
    type Out = In;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        connected: Option<In>,
    ) -> Result<Option<In>, Error> {
        self.0.bytes.store(0, Ordering::Relaxed);
        self.0.has_begun.store(connected.is_some(), Ordering::Relaxed);
        Ok(connected)
    }
}

/// Opens TCP connections, to a proxy or to the server.
#[derive(Debug, Default)]
pub(crate) struct TcpConnector {
    pub(crate) sent: Arc<Sent>,
}

impl<In: Transport> Connector<In> for TcpConnector {
    type Out = Either<In, Connection>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        proxied: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(proxied) = proxied {
            return Ok(Some(Either::A(proxied)));
        }
        let mut waiter = Waiter::new()?;
        let cut_off: Weak<CutOff> = Arc::downgrade(&waiter.cut_off);
        (details.register_shutdown)(cut_off)?;
        let mut until = Until::new(details.timeout);
        let end = until.deadline;
        let mut stream = Err(Error::HostNotFound);
        for (tried, address) in details.addrs.iter().enumerate() {
            // The remaining addresses share the remaining time.
            let left = end.saturating_duration_since(Instant::now());
            let addresses = u32::try_from(details.addrs.len() - tried).unwrap_or(1);
            until.deadline = Instant::now() + left / addresses;
            stream = waiter.connect(*address, until);
            if stream.is_ok() || waiter.is_cut_off {
                break;
            }
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(Connection {
            stream: stream?,
            waiter,
            buffers,
            sent: Arc::clone(&self.sent),
        })))
    }
}

/// An open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    waiter: Waiter,
    buffers: LazyBuffers,
    sent: Arc<Sent>,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let until = Until::new(timeout.for_write());
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() {
            let stream = &mut self.stream;
            let written = self.waiter.attempt(until, || stream.write(rest))?;
            rest = &rest[written..];
            self.sent.bytes.fetch_add(written, Ordering::Relaxed);
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let until = Until::new(timeout.for_read());
        let (stream, input) = (&mut self.stream, self.buffers.input_append_buf());
        let count = self.waiter.attempt(until, || stream.read(input))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Returns `false`, because each request opens its own connection.
    fn is_open(&mut self) -> bool {
        false
    }
}

/// The maximum time of a wait, and the name of the timeout.
#[derive(Clone, Copy)]
struct Until {
    deadline: Instant,
    timeout: NextTimeout,
}

impl Until {
    fn new(timeout: NextTimeout) -> Until {
        Until { deadline: Instant::now() + (*timeout.after).min(LONGEST), timeout }
    }
}

/// Waits for the socket, or until another thread cuts it off.
struct Waiter {
    poll: Poll,
    events: Events,
    cut_off: Arc<CutOff>,
    is_cut_off: bool,
}

/// Ends a wait from another thread.
struct CutOff(Waker);

impl ShutdownHandle for CutOff {
    fn shutdown(&self) {
        // This fails only if the connection has ended.
        let _ = self.0.wake();
    }
}

impl Waiter {
    fn new() -> io::Result<Waiter> {
        let poll = Poll::new()?;
        let cut_off = Arc::new(CutOff(Waker::new(poll.registry(), WAKER)?));
        Ok(Waiter { poll, events: Events::with_capacity(2), cut_off, is_cut_off: false })
    }

    fn connect(&mut self, address: SocketAddr, until: Until) -> Result<TcpStream, Error> {
        let mut stream = TcpStream::connect(address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, STREAM, interest)?;
        self.attempt(until, || match stream.take_error()? {
            Some(error) => Err(error),
            None => match stream.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => {
                    Err(ErrorKind::WouldBlock.into())
                }
                connected => connected,
            },
        })?;
        // Head and body are two writes, and the second must not wait for the acknowledgement of the
        // first.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Repeats `action` while it would block, and waits before each attempt until the socket is
    /// ready.
    fn attempt<T>(
        &mut self,
        until: Until,
        mut action: impl FnMut() -> io::Result<T>,
    ) -> Result<T, Error> {
        loop {
            match action() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(until)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return Ok(done?),
            }
        }
    }

    fn wait(&mut self, until: Until) -> Result<(), Error> {
        let left = until.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Timeout(until.timeout.reason));
        }
        match self.poll.poll(&mut self.events, Some(left)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => self.is_cut_off |= self.events.iter().any(|event| event.token() == WAKER),
        }
        if self.is_cut_off {
            Err(io::Error::from(ErrorKind::ConnectionAborted).into())
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("stream", &self.stream).finish_non_exhaustive()
    }
}
