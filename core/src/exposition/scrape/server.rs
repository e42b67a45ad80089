//! The scrape endpoint's event loop: one thread that serves every connection and blocks on none.
//!
//! `Server::serve` handles one GET: the connection receives a request (`connection.rs`,
//! `request.rs`), `route.rs` finds what it asks for, and the connection sends the response.
//!
//! A scrape first requests calls of the functions of the application, which run on other threads
//! (`scrapes.rs`). When they have returned, or at the scrape's deadline, the registry is read and
//! encoded (`responder.rs`). If that takes long, another thread does it (`large.rs`).

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use crate::diagnostics::notes;
use crate::exposition::scrape::accepted::Accepted;
use crate::exposition::scrape::connection::Progress;
use crate::exposition::scrape::connections::{Connections, LISTENER, MAX_CONNECTIONS};
use crate::exposition::scrape::large::LargeBatches;
use crate::exposition::scrape::listen::Ports;
use crate::exposition::scrape::listening::Listening;
use crate::exposition::scrape::responder::Responder;
use crate::exposition::scrape::route::{Route, route};
use crate::exposition::scrape::scrapes::{Batch, Scrape, Scrapes};
use crate::exposition::scrape::timeouts::Timeouts;
use crate::exposition::thread::control::{Command, Control};
use crate::exposition::thread::gatherer::Gatherer;
use crate::exposition::thread::service::{Interrupt, Task};
use crate::exposition::thread::worker::Run;
use crate::model::error::Error;
use crate::registry::Registry;

/// The number of series from which another thread responds. Encoding fewer takes less than a
/// millisecond, and compressing them less than ten.
const LARGE: usize = 20_000;
/// A body with more bytes is sent after the requests of the next round.
const LARGE_BODY: usize = 64 * 1024;
/// The time for which large responses are sent before the next check for new requests.
const SLICE: Duration = Duration::from_millis(5);
/// The pause of the loop after the system refused to wait.
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// The time that a stop sends responses; a peer that reads takes milliseconds.
const FINISH_LIMIT: Duration = Duration::from_millis(200);

const WAKER: Token = Token(1);

/// The registry to serve, and the address.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) registry: Registry,
    /// The ports that a forked child tries.
    pub(crate) ports: Ports,
    pub(crate) listening: Arc<Listening>,
    pub(crate) accepted: Arc<Accepted>,
    pub(crate) timeouts: Arc<Timeouts>,
}

/// The thread's work, and its sockets.
pub(crate) struct Server {
    gatherer: Gatherer,
    poll: Poll,
    waker: Arc<Waker>,
    connections: Connections,
    /// Connections that have more to do at once.
    unfinished: VecDeque<usize>,
    timeouts: Arc<Timeouts>,
    scrapes: Scrapes,
    large: LargeBatches,
}

impl Server {
    pub(crate) fn new(
        registry: Registry,
        listening: Arc<Listening>,
        accepted: Arc<Accepted>,
        timeouts: Arc<Timeouts>,
    ) -> Result<Server, Error> {
        let connections = Connections::new(listening, accepted);
        let made = || -> io::Result<(Poll, Waker)> {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), WAKER)?;
            connections.watch(poll.registry())?;
            Ok((poll, waker))
        };
        let (poll, waker) = made().map_err(|error| Error::System {
            what: "watch the scrape endpoint's sockets",
            reason: error.to_string(),
        })?;
        let waker = Arc::new(waker);
        let bell = Arc::new(Bell(Arc::clone(&waker)));
        Ok(Server {
            gatherer: Gatherer::new(registry, bell),
            poll,
            waker,
            connections,
            unfinished: VecDeque::new(),
            timeouts,
            scrapes: Scrapes::default(),
            large: LargeBatches::default(),
        })
    }

    /// Makes one round: waits for events, for at most `limit` if it is set, and handles them.
    fn round(&mut self, events: &mut Events, limit: Option<Duration>) {
        self.wait(events, limit);
        for event in &*events {
            match event.token() {
                LISTENER => self.connections.accept(self.poll.registry()),
                WAKER => {}
                Token(token) => self.serve(token),
            }
        }
        self.continue_unfinished();
        self.gatherer.refresh();
        self.scrapes.begin(&self.gatherer);
        for batch in self.scrapes.due(&self.gatherer) {
            self.respond(batch);
        }
        if let Some(responder) = self.large.tend(&self.gatherer, &mut self.connections) {
            self.send(*responder);
        }
        self.connections.tend(self.poll.registry());
    }

    /// Waits for events, or until the next time that something is due.
    fn wait(&mut self, events: &mut Events, limit: Option<Duration>) {
        let now = Instant::now();
        let deadlines = [
            self.connections.next_deadline(),
            self.scrapes.next_deadline(),
            self.large.next_deadline(),
            self.gatherer.next_refresh(),
            limit.map(|limit| now + limit),
            (!self.unfinished.is_empty()).then_some(now),
        ];
        let next = deadlines.into_iter().flatten().min();
        match self.poll.poll(events, next.map(|next| next.saturating_duration_since(now))) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The system refuses only a closed descriptor, which is a defect here or of other code
            // that closed it. The pause prevents a busy loop.
            Err(error) => {
                notes::add(format!("the scrape endpoint cannot wait: {error}"));
                notes::deliver();
                std::thread::sleep(POLL_PAUSE);
            }
        }
    }

    /// Continues with a connection: receives its request, makes the response, sends it. Responses
    /// to requests for metrics are made at the end of the round.
    fn serve(&mut self, token: usize) {
        // An event may still come for a connection that has just been ended, or that a responder
        // has.
        let Some(connection) = self.connections.get(token) else { return };
        let mut progress = connection.advance();
        if let Progress::Received(request) = progress {
            let is_head = request.is_head;
            let page = match route(&request) {
                Route::Page(page) => page,
                Route::Metrics(selection) => {
                    let limit = self.timeouts.limit(request.timeout);
                    connection.wait(limit);
                    let deadline = Instant::now() + limit;
                    return self.scrapes.add(Scrape { token, selection, is_head, limit, deadline });
                }
            };
            connection.send(if is_head { page.without_body() } else { page });
            progress = connection.advance();
        }
        match progress {
            Progress::Continues if self.unfinished.contains(&token) => {}
            Progress::Continues => self.unfinished.push_back(token),
            Progress::Ended => drop(self.connections.take(token)),
            Progress::Waits | Progress::Received(_) => {}
        }
    }

    /// Continues with connections that have more to do at once. It does so only for a short time,
    /// because new requests precede the next part of large responses.
    fn continue_unfinished(&mut self) {
        let until = Instant::now() + SLICE;
        for _ in 0..self.unfinished.len() {
            let Some(token) = self.unfinished.pop_front() else { return };
            self.serve(token);
            if Instant::now() > until {
                return;
            }
        }
    }

    /// Responds to a batch, on another thread if that takes long.
    fn respond(&mut self, batch: Batch) {
        if batch.gather.series() >= LARGE {
            return self.large.add(batch);
        }
        if let Some(mut responder) = Responder::new(batch, &mut self.connections) {
            responder.respond();
            self.send(responder);
        }
    }

    /// Sends the responses of a responder.
    fn send(&mut self, responder: Responder) {
        let largest = responder.largest;
        let (tokens, again) = responder.put_back(&mut self.connections);
        if let Some(batch) = again {
            self.scrapes.wait(batch);
        }
        self.connections.bound_bodies(largest);
        for token in tokens {
            // The first part of a large response is sent in the next round, like all parts.
            if largest > LARGE_BODY {
                self.unfinished.push_back(token);
            } else {
                self.serve(token);
            }
        }
    }

    /// Responds to the waiting scrapes with the values that it has, and sends as much as the peers
    /// read in time.
    fn finish(&mut self, events: &mut Events, until: Instant) {
        for batch in self.scrapes.all(&self.gatherer) {
            self.respond(Batch { gather: batch.gather.so_far(), scrapes: batch.scrapes });
        }
        while self.connections.are_sending() || self.large.is_busy() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.round(events, Some(left));
        }
    }
}

impl Run for Server {
    fn run(&mut self, control: &Control) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS);
        while control.command() == Command::Run {
            self.round(&mut events, None);
        }
        if let Command::Stop(deadline) = control.command() {
            self.finish(&mut events, deadline.min(Instant::now() + FINISH_LIMIT));
            self.gatherer.leave(control.patience());
        }
    }

    fn recover(&mut self) {
        // A request may have caused the panic, so no current request is tried again.
        self.connections.restart();
        self.unfinished.clear();
        self.scrapes.clear();
        self.large.clear();
    }
}

impl Task for Server {
    const NAME: &'static str = "dcm-http";
    type Config = Config;

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::new(Bell(Arc::clone(&self.waker)))
    }

    fn for_child(config: &mut Config, inherited: Option<Server>) -> Result<Server, Error> {
        if let Some(inherited) = inherited {
            inherited.gatherer.abandon();
        }
        config.accepted.close();
        let listening = config.listening.for_child(&config.ports)?;
        let (registry, timeouts) = (config.registry.clone(), Arc::clone(&config.timeouts));
        let accepted = Arc::clone(&config.accepted);
        let server = Server::new(registry, Arc::clone(&listening), accepted, timeouts)?;
        config.listening = listening;
        Ok(server)
    }
}

/// Wakes the thread.
struct Bell(Arc<Waker>);

impl Interrupt for Bell {
    fn wake(&self) {
        // This fails only if the thread's poll has gone.
        let _ = self.0.wake();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("poll", &self.poll).finish_non_exhaustive()
    }
}
