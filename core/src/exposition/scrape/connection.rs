//! One connection to the scrape endpoint: receives a request, sends the response, and closes.

use std::io::{self, ErrorKind, IoSlice};
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::encode::pieces::Pieces;
use crate::exposition::scrape::accepted::Peer;
use crate::exposition::scrape::request::{self, MAX_BODY, MAX_HEAD, Parsed, Request};
use crate::exposition::scrape::response::Response;

/// The maximum time to receive a request, and also the maximum time to send its response: the
/// default scrape timeout of Prometheus.
const DEADLINE: Duration = Duration::from_secs(10);
/// The maximum time that a peer has to close the connection after the response.
const FAREWELL: Duration = Duration::from_secs(1);
/// The number of bytes that one read of a request takes. A scrape of Prometheus has about 300.
const READ_SIZE: usize = 2048;
/// The number of bytes of a response that are written first. The client begins to read them while
/// the rest is written.
const FIRST_WRITE: usize = 32 * 1024;
/// The number of further bytes that are written at once. Each write costs a wake-up of the client.
/// After it, other connections are served.
const WRITE_SIZE: usize = 512 * 1024;
/// The number of steps that a connection makes at a time, each a call on its socket. A scrape needs
/// six. Then other connections and commands to the thread are handled.
const STEPS: usize = 8;
/// The number of bytes that are read and ignored after a request: a body, or what a client sends by
/// mistake. If a peer sends more, it blocks when the system's buffers are full.
const MAX_IGNORED: usize = 2 * MAX_BODY;

/// A connection serves one request. It never blocks, and it ends at its deadline, however slowly
/// the peer sends or reads.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    pub(crate) accepted: Instant,
    pub(crate) deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Receiving {
        received: Vec<u8>,
    },
    /// `advance` has returned the request, and the response is being made.
    Answering,
    Sending {
        head: Vec<u8>,
        body: Arc<Pieces>,
        sent: usize,
    },
    /// The response is sent, and the peer has not closed the connection yet. If this side closed
    /// first, with bytes unread, it would reset the connection, and the peer could lose the
    /// response.
    Closing {
        ignored: usize,
    },
}

/// The result of advancing a connection.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The socket would block.
    Waits,
    /// The steps are made, but there is more to do.
    Continues,
    /// A request is complete: `send` its response.
    Received(Request),
    /// The connection has ended.
    Ended,
}

impl Connection {
    pub(crate) fn new(peer: Peer) -> Connection {
        let accepted = Instant::now();
        let state = State::Receiving { received: Vec::new() };
        Connection { peer, accepted, deadline: accepted + DEADLINE, state }
    }

    /// Receives, sends or closes, whatever is next, until the socket would block, a request is
    /// complete, or the steps are made.
    pub(crate) fn advance(&mut self) -> Progress {
        for _ in 0..STEPS {
            match self.step() {
                Ok(None) => {}
                Ok(Some(progress)) => return progress,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waits,
                // The peer has closed the connection.
                Err(_) => return Progress::Ended,
            }
        }
        Progress::Continues
    }

    /// Begins to send the response, which [`Connection::advance`] continues.
    pub(crate) fn send(&mut self, response: Response) {
        let (head, body) = response.into_parts();
        self.deadline = Instant::now() + DEADLINE;
        self.state = State::Sending { head, body, sent: 0 };
    }

    /// Sets how long making the response may take.
    pub(crate) fn wait(&mut self, limit: Duration) {
        self.deadline = Instant::now() + limit + DEADLINE;
    }

    /// Returns whether a complete request waits for its response.
    pub(crate) fn is_answering(&self) -> bool {
        matches!(self.state, State::Answering)
    }

    /// Returns the body that is being sent.
    pub(crate) fn body(&self) -> Option<&Arc<Pieces>> {
        match &self.state {
            State::Sending { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Makes one call on the socket. `None` means that there is more to do.
    fn step(&mut self) -> io::Result<Option<Progress>> {
        match &mut self.state {
            State::Receiving { received } => {
                let count = receive(&self.peer, received)?;
                if count == 0 {
                    return Ok(Some(Progress::Ended));
                }
                // A long head is parsed only when it is complete, not after each read.
                let may_be_whole = received.len() <= READ_SIZE
                    || received.len() >= MAX_HEAD
                    || ends_a_head(&received[received.len().saturating_sub(count + 2)..]);
                if !may_be_whole {
                    return Ok(None);
                }
                match request::parse(received) {
                    Parsed::Incomplete => {}
                    Parsed::Refused(refusal) => self.send(refusal),
                    Parsed::Request(request) => {
                        self.state = State::Answering;
                        return Ok(Some(Progress::Received(request)));
                    }
                }
            }
            State::Answering => return Ok(Some(Progress::Waits)),
            State::Sending { head, body, sent } if *sent < head.len() + body.len() => {
                *sent += self.peer.write_vectored(&unsent(head, body, *sent))?;
                // A response that fits into two writes is sent and closed at once.
                let is_large = head.len() + body.len() > *sent && *sent > FIRST_WRITE;
                return Ok(is_large.then_some(Progress::Continues));
            }
            State::Sending { .. } => {
                self.deadline = self.deadline.min(Instant::now() + FAREWELL);
                self.peer.end()?;
                self.state = State::Closing { ignored: 0 };
            }
            State::Closing { ignored } if *ignored >= MAX_IGNORED => {
                return Ok(Some(Progress::Waits));
            }
            State::Closing { ignored } => {
                let count = self.peer.read(&mut [0; READ_SIZE])?;
                *ignored += count;
                return Ok((count == 0).then_some(Progress::Ended));
            }
        }
        Ok(None)
    }
}

/// Returns the bytes of the next write.
fn unsent<'a>(head: &'a [u8], body: &'a Pieces, mut sent: usize) -> Vec<IoSlice<'a>> {
    let mut slices = Vec::new();
    let mut room = if sent == 0 { FIRST_WRITE } else { WRITE_SIZE };
    for piece in iter::once(head).chain(body.iter()) {
        let unsent = &piece[sent.min(piece.len())..];
        sent = sent.saturating_sub(piece.len());
        let now = &unsent[..unsent.len().min(room)];
        room -= now.len();
        if !now.is_empty() {
            slices.push(IoSlice::new(now));
        }
    }
    slices
}

/// Reads once. Returns the number of bytes, which is 0 at the end of the stream. `received` never
/// has more than `MAX_HEAD` bytes.
fn receive(peer: &Peer, received: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; READ_SIZE];
    let room = chunk.len().min(MAX_HEAD - received.len());
    let count = peer.read(&mut chunk[..room])?;
    received.extend_from_slice(&chunk[..count]);
    Ok(count)
}

/// Returns whether these bytes contain an empty line, which may end a head.
fn ends_a_head(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|two| two == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}
