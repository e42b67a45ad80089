//! Responds to a batch of scrapes: reads the registry and makes a body once for each format.

use std::time::Instant;

use crate::diagnostics::events;
use crate::exposition::scrape::connection::Connection;
use crate::exposition::scrape::connections::Connections;
use crate::exposition::scrape::response::Response;
use crate::exposition::scrape::scrapes::{Batch, Scrape};
use crate::exposition::scrape::selection::Selection;
use crate::exposition::thread::gatherer::Gather;

/// A batch of scrapes with their connections. It owns the connections, so any thread may respond.
pub(crate) struct Responder {
    gather: Gather,
    peers: Vec<Peer>,
    /// The length of the largest body.
    pub(crate) largest: usize,
}

struct Peer {
    scrape: Scrape,
    connection: Connection,
    has_response: bool,
}

impl Responder {
    /// Takes the connections of the scrapes. Returns `None` if all of them have ended.
    pub(crate) fn new(batch: Batch, connections: &mut Connections) -> Option<Responder> {
        let Batch { gather, scrapes } = batch;
        let peer = |scrape: Scrape| {
            let connection = connections.take(scrape.token)?;
            Some(Peer { scrape, connection, has_response: false })
        };
        let peers: Vec<Peer> = scrapes.into_iter().filter_map(peer).collect();
        (!peers.is_empty()).then_some(Responder { gather, peers, largest: 0 })
    }

    /// Reads the registry, and passes each connection its response. If a function was set after a
    /// scrape began, the scrape gets no response yet, and waits again.
    pub(crate) fn respond(&mut self) {
        let mut bodies: Vec<(Selection, Response, bool)> = Vec::new();
        for Peer { scrape, connection, has_response } in &mut self.peers {
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
            *has_response = true;
        }
    }

    /// Puts back the connections. Returns the tokens of connections that have a response, and the
    /// scrapes that wait again.
    pub(crate) fn put_back(self, connections: &mut Connections) -> (Vec<usize>, Option<Batch>) {
        let (mut tokens, mut scrapes) = (Vec::new(), Vec::new());
        for Peer { scrape, connection, has_response } in self.peers {
            connections.put_back(scrape.token, connection);
            if has_response {
                tokens.push(scrape.token);
            } else {
                scrapes.push(scrape);
            }
        }
        let again = (!scrapes.is_empty()).then_some(Batch { gather: self.gather, scrapes });
        (tokens, again)
    }
}
