//! TLS of the host program, for requests over https.
//!
//! An interpreter has a TLS implementation, with the certificates that its users have configured.
//! It only converts bytes, and does no input or output. So connecting, deadlines and cutting off
//! work as in any request.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use crate::settings::Certificates;

/// The number of bytes that are read from the server at once: the largest TLS record.
const CHUNK: usize = 16 * 1024;

/// The TLS of a program.
pub trait Tls: fmt::Debug + Send + Sync {
    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// Returns the reason, in words, if a file cannot be read or has no certificate.
    fn context(&self, certificates: &Certificates) -> Result<Arc<dyn TlsContext>, String>;
}

/// Certificates from which connections are made.
pub trait TlsContext: fmt::Debug + Send + Sync {
    /// Begins a connection to `host`, a name or an address.
    ///
    /// # Errors
    ///
    /// Returns the reason, in words.
    fn session(&self, host: &str) -> Result<Box<dyn TlsSession>, String>;
}

/// One TLS session. Another object sends and receives its bytes.
pub trait TlsSession: fmt::Debug + Send + Sync {
    /// Passes the bytes `received` since the last step to the session, if there are any, and tries
    /// `action`. Empty bytes mean the end of the connection.
    ///
    /// # Errors
    ///
    /// Returns the reason, in words, why there is no secure connection.
    fn step(&mut self, action: Action<'_>, received: Option<&[u8]>) -> Result<Step, String>;
}

/// The work of a step.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Makes the handshake.
    Handshake,
    /// Encrypts these bytes.
    Write(&'a [u8]),
    /// Decrypts at most this many bytes.
    Read(usize),
}

/// The result of a step.
#[derive(Debug)]
pub struct Step {
    /// The decrypted bytes, which are empty for other actions. `None` if the step needs more bytes
    /// from the server.
    pub done: Option<Vec<u8>>,
    /// The bytes to send to the server.
    pub to_send: Vec<u8>,
}

static TLS: OnceLock<&'static dyn Tls> = OnceLock::new();

/// Makes requests over https use this TLS, in a build with or without the feature `https`. Only the
/// first call of a process has an effect.
pub fn provide_tls(tls: &'static dyn Tls) {
    TLS.get_or_init(|| tls);
}

/// Returns whether requests over https can be made.
pub(crate) fn is_there() -> bool {
    cfg!(feature = "https") || TLS.get().is_some()
}

/// Returns the TLS of the program with these certificates, if the program has provided TLS.
pub(crate) fn context(certificates: &Certificates) -> Result<Option<Arc<dyn TlsContext>>, String> {
    TLS.get().map(|tls| tls.context(certificates)).transpose()
}

/// Encrypts connections, if the URL asks for it and the program has TLS.
#[derive(Debug)]
pub(crate) struct TlsConnector(pub(crate) Option<Arc<dyn TlsContext>>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, Secured>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else { return Ok(None) };
        Ok(Some(match &self.0 {
            Some(context) if details.needs_tls() => {
                Either::B(Secured::new(context.as_ref(), transport, details)?)
            }
            _ => Either::A(transport),
        }))
    }
}

/// A connection with TLS over it.
pub(crate) struct Secured {
    session: Box<dyn TlsSession>,
    link: TransportAdapter,
    buffers: LazyBuffers,
}

impl Secured {
    fn new(
        context: &dyn TlsContext,
        transport: impl Transport,
        details: &ConnectionDetails<'_>,
    ) -> Result<Secured, Error> {
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let config = details.config;
        let mut session = context.session(host).map_err(io::Error::other)?;
        let mut link = TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        run(&mut *session, &mut link, Action::Handshake, details.timeout)?;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Secured { session, link, buffers })
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let bytes = &self.buffers.output()[..amount];
        run(&mut *self.session, &mut self.link, Action::Write(bytes), timeout).map(drop)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let buffer = self.buffers.input_append_buf();
        let action = Action::Read(buffer.len());
        let bytes = run(&mut *self.session, &mut self.link, action, timeout)?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Returns `false`, because each request opens its own connection.
    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Repeats a step until it is done, and sends and receives the bytes that it needs.
fn run(
    session: &mut dyn TlsSession,
    link: &mut TransportAdapter,
    action: Action<'_>,
    timeout: NextTimeout,
) -> Result<Vec<u8>, Error> {
    link.set_timeout(timeout);
    let mut received = None;
    loop {
        let Step { done, to_send } =
            session.step(action, received.as_deref()).map_err(io::Error::other)?;
        link.write_all(&to_send)?;
        if let Some(bytes) = done {
            return Ok(bytes);
        }
        let mut bytes = vec![0; CHUNK];
        let count = link.read(&mut bytes)?;
        bytes.truncate(count);
        received = Some(bytes);
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("session", &self.session).finish_non_exhaustive()
    }
}
