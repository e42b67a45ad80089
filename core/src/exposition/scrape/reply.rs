//! The reply to scrapes of the same metrics: one reading of the registry, and one body for all
//! scrapes of the same format.

use std::time::Instant;

use crate::count::events;
use crate::exposition::scrape::answer::Selection;
use crate::exposition::scrape::connection::Connection;
use crate::exposition::scrape::connections::Connections;
use crate::exposition::scrape::response::Response;
use crate::exposition::scrape::scrapes::{Reading, Scrape};
use crate::exposition::thread::gatherer::Gather;

/// Scrapes with their connections. It owns the connections while the reply is made, so any thread
/// may make the reply.
pub(crate) struct Reply {
    gather: Gather,
    peers: Vec<Peer>,
    /// The length of the largest body.
    pub(crate) largest: usize,
}

struct Peer {
    scrape: Scrape,
    connection: Connection,
    is_answered: bool,
}

impl Reply {
    /// Takes the connections of the scrapes. Returns `None` if all of them have ended.
    pub(crate) fn new(reading: Reading, connections: &mut Connections) -> Option<Reply> {
        let Reading { gather, scrapes } = reading;
        let peer = |scrape: Scrape| {
            let connection = connections.take(scrape.token)?;
            Some(Peer { scrape, connection, is_answered: false })
        };
        let peers: Vec<Peer> = scrapes.into_iter().filter_map(peer).collect();
        (!peers.is_empty()).then_some(Reply { gather, peers, largest: 0 })
    }

    /// Reads the registry, and passes each connection its response. If a function was set after a
    /// scrape began, the scrape gets no response yet, and waits again.
    pub(crate) fn make(&mut self) {
        let mut bodies: Vec<(Selection, Response, bool)> = Vec::new();
        for Peer { scrape, connection, is_answered } in &mut self.peers {
            let known = bodies.iter().position(|(selection, ..)| *selection == scrape.selection);
            let at = known.unwrap_or_else(|| {
                let reading = self.gather.read();
                let response = scrape.selection.response(reading.registry());
                let is_whole = reading.end();
                bodies.push((scrape.selection.clone(), response, is_whole));
                bodies.len() - 1
            });
            let (_, response, is_whole) = &bodies[at];
            if !is_whole && scrape.deadline > Instant::now() {
                continue;
            }
            events::SCRAPES.add();
            self.largest = self.largest.max(response.body_len());
            let response = response.clone();
            connection.send(if scrape.is_head { response.without_body() } else { response });
            *is_answered = true;
        }
    }

    /// Puts back the connections. Returns the tokens of connections that have a response, and the
    /// scrapes that wait again.
    pub(crate) fn put_back(self, connections: &mut Connections) -> (Vec<usize>, Option<Reading>) {
        let (mut answered, mut scrapes) = (Vec::new(), Vec::new());
        for Peer { scrape, connection, is_answered } in self.peers {
            connections.put_back(scrape.token, connection);
            if is_answered {
                answered.push(scrape.token);
            } else {
                scrapes.push(scrape);
            }
        }
        let again = (!scrapes.is_empty()).then_some(Reading { gather: self.gather, scrapes });
        (answered, again)
    }
}
