//! One connection to the scrape endpoint: receives a request, sends the response, and closes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::exposition::scrape::request::{self, MAX_HEAD, Parsed, Request};
use crate::exposition::scrape::response::Response;

/// The most time that a connection has, from accept to close: Prometheus' default scrape timeout.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most time that a peer has to close its end after the response.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that one read of a request takes. A scrape of Prometheus has about 300.
const READ_SIZE: usize = 2048;

/// A connection serves one request. It never blocks, and it ends at its deadline, however slowly
/// the peer sends or reads.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Receiving {
        received: Vec<u8>,
    },
    /// The request has been handed out by `advance`, and its response is not there yet.
    Answering,
    Sending {
        bytes: Vec<u8>,
        sent: usize,
    },
    /// The response is sent, and the peer has still to close. Closing first, with bytes unread,
    /// would reset the connection and could take the response back from the peer.
    Closing,
}

/// How far a connection came.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The socket would block.
    Waits,
    /// A request is complete: `send` its response.
    Received(Request),
    /// The connection has ended.
    Ended,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Connection {
        let deadline = Instant::now() + DEADLINE;
        Connection { stream, deadline, state: State::Receiving { received: Vec::new() } }
    }

    /// Receives, sends or closes, whichever is due, until the socket would block or a request is
    /// complete.
    pub(crate) fn advance(&mut self) -> Progress {
        loop {
            match self.step() {
                Ok(None) => {}
                Ok(Some(progress)) => return progress,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Waits,
                // The peer has gone.
                Err(_) => return Progress::Ended,
            }
        }
    }

    /// Begins to send the response, which [`Connection::advance`] goes on with.
    pub(crate) fn send(&mut self, response: Response) {
        self.state = State::Sending { bytes: response.into_bytes(), sent: 0 };
    }

    /// Makes one call on the socket. `None` means that there is more to do.
    fn step(&mut self) -> io::Result<Option<Progress>> {
        match &mut self.state {
            State::Receiving { received } => {
                if !receive(&mut self.stream, received)? {
                    return Ok(Some(Progress::Ended));
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
            State::Sending { bytes, sent } if *sent < bytes.len() => {
                *sent += self.stream.write(&bytes[*sent..])?;
            }
            State::Sending { .. } => {
                self.deadline = self.deadline.min(Instant::now() + FAREWELL);
                self.stream.shutdown(Shutdown::Write)?;
                self.state = State::Closing;
            }
            State::Closing => {
                let count = self.stream.read(&mut [0; READ_SIZE])?;
                return Ok((count == 0).then_some(Progress::Ended));
            }
        }
        Ok(None)
    }
}

/// Reads once. Returns `false` at the end of what the peer sends. `received` never holds more than
/// `MAX_HEAD` bytes.
fn receive(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; READ_SIZE];
    let room = chunk.len().min(MAX_HEAD - received.len());
    let count = stream.read(&mut chunk[..room])?;
    received.extend_from_slice(&chunk[..count]);
    Ok(count > 0)
}
