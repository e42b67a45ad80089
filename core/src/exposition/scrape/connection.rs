//! One connection to the scrape endpoint: read a request, write the answer, see the peer off.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::exposition::scrape::request::MAX_HEAD;

/// The most time a connection has in all, from accept to close: Prometheus' default timeout.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most time a peer has to close its end after the answer.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection serves one request. It never blocks, and it is over at its deadline, however
/// slowly the peer drips or drinks.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading {
        received: Vec<u8>,
    },
    Writing {
        answer: Vec<u8>,
        written: usize,
    },
    /// The answer is out. Closing at once, with bytes unread, would reset the connection and could
    /// take the answer back from the peer.
    Parting,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Connection {
        let deadline = Instant::now() + DEADLINE;
        Connection { stream, deadline, state: State::Reading { received: Vec::new() } }
    }

    /// Goes on until the socket would block. Whether the connection is still open.
    pub(crate) fn advance(&mut self, mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> bool {
        loop {
            let step = match &mut self.state {
                State::Reading { received } => read(&mut self.stream, received).map(|more| {
                    if !more {
                        return None;
                    }
                    match answer(received) {
                        Some(answer) => Some(State::Writing { answer, written: 0 }),
                        None => Some(State::Reading { received: std::mem::take(received) }),
                    }
                }),
                State::Writing { answer, written } if *written < answer.len() => {
                    self.stream.write(&answer[*written..]).map(|count| {
                        let answer = std::mem::take(answer);
                        Some(State::Writing { answer, written: *written + count })
                    })
                }
                State::Writing { .. } => {
                    self.deadline = self.deadline.min(Instant::now() + FAREWELL);
                    self.stream.shutdown(Shutdown::Write).map(|()| Some(State::Parting))
                }
                State::Parting => {
                    let mut rest = [0; 1024];
                    self.stream.read(&mut rest).map(|count| (count > 0).then_some(State::Parting))
                }
            };
            match step {
                Ok(Some(state)) => self.state = state,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                // The peer has gone.
                Ok(None) | Err(_) => return false,
            }
        }
    }
}

/// Reads what there is; `false` at the peer's end of file. Never holds more than `MAX_HEAD` bytes.
fn read(stream: &mut TcpStream, received: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut chunk = [0; 2048];
    let room = chunk.len().min(MAX_HEAD - received.len());
    let count = stream.read(&mut chunk[..room])?;
    received.extend_from_slice(&chunk[..count]);
    Ok(count > 0)
}
