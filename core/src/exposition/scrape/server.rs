//! The scrape endpoint's event loop: one thread that serves every connection and blocks on none.
//!
//! One GET is `Server::serve`: the connection receives a request (`connection.rs`, `request.rs`),
//! `answer.rs` answers it, the connection sends the response.
//!
//! A scrape first asks for the functions of the application, which other threads run. When they
//! have returned, or at the scrape's deadline, the loop reads the registry. Scrapes that are due in
//! one turn of the loop share one reading and one body.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use crate::count::events;
use crate::exposition::logging;
use crate::exposition::scrape::answer::{Answer, Selection, answer};
use crate::exposition::scrape::connection::{Connection, Progress};
use crate::exposition::scrape::listening::Listening;
use crate::exposition::scrape::response::Response;
use crate::exposition::scrape::timeouts::Timeouts;
use crate::exposition::thread::gatherer::{Gather, Gatherer};
use crate::exposition::thread::service::{Interrupt, Task};
use crate::exposition::thread::worker::{Command, Control, Run};
use crate::model::error::Error;
use crate::registry::Registry;
use crate::sync::Ordering;

/// The most connections at a time: a quarter of the descriptors that a process usually has (1024).
///
/// One more ends the oldest that waits for no answer. A peer that sends its request at once is
/// served long before it is the oldest, however many others never send theirs.
const MAX_CONNECTIONS: usize = 256;
/// How long nothing is accepted after the system refused (no descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The most bodies of one size that are held for clients that read slowly; one more ends the oldest
/// of these clients. Small bodies count as this size.
const MAX_BODIES: usize = 16;
const SMALL_BODY: usize = 1024 * 1024;

/// How often scrapes that wait for functions look whether these need another thread.
const TICK: Duration = Duration::from_millis(100);

/// How long large responses are sent before the next look for new requests.
const SLICE: Duration = Duration::from_millis(5);

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// The registry to serve, and where.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) registry: Registry,
    pub(crate) host: String,
    /// As asked for: 0 is any.
    pub(crate) port: u16,
    /// How many ports from `port` on a forked child tries.
    pub(crate) ports: u16,
    pub(crate) listening: Arc<Listening>,
    pub(crate) timeouts: Arc<Timeouts>,
}

/// The thread's work, and its sockets.
pub(crate) struct Server {
    gatherer: Gatherer,
    poll: Poll,
    waker: Arc<Waker>,
    listening: Arc<Listening>,
    /// By token. Tokens only grow, so the first is the oldest.
    connections: BTreeMap<usize, Connection>,
    next_token: usize,
    /// Connections whose turn was over before they were done.
    unfinished: VecDeque<usize>,
    timeouts: Arc<Timeouts>,
    /// Scrapes that have arrived in this turn.
    arrived: Vec<Scrape>,
    /// Scrapes that wait for functions of the application.
    waiting: Vec<Waiting>,
    /// A descriptor that is given up when the system has no other: so the next scrape is accepted.
    spare: Option<UnixDatagram>,
    accept_again: Option<Instant>,
    accept_fails: bool,
}

/// A request for the metrics.
struct Scrape {
    token: usize,
    selection: Selection,
    is_head: bool,
    limit: Duration,
    deadline: Instant,
}

/// Scrapes of the same metrics that arrived in one turn.
struct Waiting {
    gather: Gather,
    /// One at least.
    scrapes: Vec<Scrape>,
}

impl Waiting {
    fn has_names_of(&self, other: &Waiting) -> bool {
        self.scrapes[0].selection.names() == other.scrapes[0].selection.names()
    }
}

impl Server {
    pub(crate) fn new(
        registry: Registry,
        listening: Arc<Listening>,
        timeouts: Arc<Timeouts>,
    ) -> Result<Server, Error> {
        let made = || -> io::Result<(Poll, Waker)> {
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), WAKER)?;
            listening.watch(poll.registry(), LISTENER)?;
            Ok((poll, waker))
        };
        let (poll, waker) = made().map_err(|error| Error::System {
            what: "watch the scrape endpoint's sockets",
            reason: error.to_string(),
        })?;
        let waker = Arc::new(waker);
        let bell = Arc::clone(&waker);
        // Ringing fails only if the thread's poll has gone.
        let hears_calls = Arc::new(move || drop(bell.wake()));
        Ok(Server {
            gatherer: Gatherer::new(registry, hears_calls),
            poll,
            waker,
            listening,
            connections: BTreeMap::new(),
            next_token: FIRST_CONNECTION,
            unfinished: VecDeque::new(),
            timeouts,
            arrived: Vec::new(),
            waiting: Vec::new(),
            spare: UnixDatagram::unbound().ok(),
            accept_again: None,
            accept_fails: false,
        })
    }

    /// Returns the time until something is due without an event.
    fn next_deadline(&self) -> Option<Duration> {
        if !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let scrapes = self.waiting.iter().flat_map(|waiting| &waiting.scrapes);
        let tick = (!self.waiting.is_empty()).then(|| Instant::now() + TICK);
        let deadlines = self.connections.values().map(|connection| connection.deadline);
        let deadlines = deadlines.chain(scrapes.map(|scrape| scrape.deadline));
        let other = self.accept_again.into_iter().chain(self.listening.takeover_due());
        let next = deadlines.chain(tick).chain(other).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Accepts the connections that wait, as many as there may be: the poll reports the next one
    /// only after these.
    fn accept(&mut self) {
        for _ in 0..MAX_CONNECTIONS {
            match self.listening.accept() {
                Ok(stream) => self.admit(Connection::new(stream)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.spare.is_none() {
                        self.spare = UnixDatagram::unbound().ok();
                    }
                    return self.accept_fails = false;
                }
                Err(error) if is_peer_error(&error) => {}
                // The system has no descriptor or memory left. It says so even if nobody waits, so
                // the spare one goes before the oldest connection, which may be the last scrape.
                Err(_) if self.spare.take().is_some() => {}
                Err(_) if self.make_room(ACCEPT_PAUSE) => {}
                Err(error) => {
                    if !self.accept_fails {
                        logging::warn(format_args!("cannot accept a scrape: {error}"));
                    }
                    self.accept_fails = true;
                    self.accept_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        self.accept_again = Some(Instant::now());
    }

    /// Ends the oldest connection that waits for no answer, if it is at least that old. Returns
    /// `false` if there is none.
    fn make_room(&mut self, age: Duration) -> bool {
        let may_end = |connection: &Connection| {
            !connection.is_answering() && connection.accepted.elapsed() >= age
        };
        let oldest = self.connections.iter().find(|(_, connection)| may_end(connection));
        let token = oldest.map(|(token, _)| *token);
        token.is_some_and(|token| self.connections.remove(&token).is_some())
    }

    /// Adds a connection to those that are served.
    fn admit(&mut self, mut connection: Connection) {
        if self.connections.len() >= MAX_CONNECTIONS && !self.make_room(Duration::ZERO) {
            self.connections.pop_first();
        }
        let token = self.next_token;
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        // Unless the system has no room for it: then the connection is dropped, and so closed.
        if self.poll.registry().register(&mut connection.stream, Token(token), interest).is_ok() {
            self.connections.insert(token, connection);
        }
    }

    /// Goes on with a connection: receives its request, answers it, sends the response. A request
    /// for the metrics is answered at the end of the turn.
    fn serve(&mut self, token: usize) {
        // An event may still come for a connection that has just been ended.
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let mut progress = connection.advance();
        if let Progress::Received(request) = progress {
            let is_head = request.is_head;
            let page = match answer(&request) {
                Answer::Page(page) => page,
                Answer::Metrics(selection) => {
                    let limit = self.timeouts.limit(request.timeout);
                    connection.wait(limit);
                    let deadline = Instant::now() + limit;
                    let scrape = Scrape { token, selection, is_head, limit, deadline };
                    return self.arrived.push(scrape);
                }
            };
            connection.send(if is_head { page.without_body() } else { page });
            progress = connection.advance();
        }
        match progress {
            Progress::Continues if self.unfinished.contains(&token) => {}
            Progress::Continues => self.unfinished.push_back(token),
            Progress::Ended => drop(self.connections.remove(&token)),
            Progress::Waits | Progress::Received(_) => {}
        }
    }

    /// Asks for the functions that the scrapes of this turn need.
    fn begin_scrapes(&mut self) {
        let mut groups: Vec<Vec<Scrape>> = Vec::new();
        for scrape in std::mem::take(&mut self.arrived) {
            let names = scrape.selection.names();
            match groups.iter_mut().find(|group| group[0].selection.names() == names) {
                Some(group) => group.push(scrape),
                None => groups.push(vec![scrape]),
            }
        }
        for scrapes in groups {
            let limit = scrapes.iter().map(|scrape| scrape.limit).max().unwrap_or_default();
            let gather = self.gatherer.begin(scrapes[0].selection.names(), limit);
            self.waiting.push(Waiting { gather, scrapes });
        }
    }

    /// Goes on with connections that had more to do when their turn was over, for a short time: new
    /// requests come before the next part of large responses.
    fn go_on(&mut self) {
        let until = Instant::now() + SLICE;
        for _ in 0..self.unfinished.len() {
            let Some(token) = self.unfinished.pop_front() else { return };
            self.serve(token);
            if Instant::now() > until {
                return;
            }
        }
    }

    /// Answers the scrapes whose functions have returned, and those whose deadline has come.
    fn answer_scrapes(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        self.gatherer.tend();
        let now = Instant::now();
        let mut settled: Vec<Waiting> = Vec::new();
        let mut largest = 0;
        for mut waiting in std::mem::take(&mut self.waiting) {
            if waiting.gather.is_settled() {
                // The functions have returned since the later of the two gathers began.
                match settled.iter_mut().find(|other| other.has_names_of(&waiting)) {
                    Some(other) => {
                        let earlier = std::mem::replace(other, waiting);
                        other.scrapes.extend(earlier.scrapes);
                    }
                    None => settled.push(waiting),
                }
                continue;
            }
            let is_due = |scrape: &Scrape| scrape.deadline <= now;
            let (due, later): (Vec<_>, _) =
                std::mem::take(&mut waiting.scrapes).into_iter().partition(is_due);
            waiting.scrapes = later;
            if waiting.scrapes.is_empty() {
                waiting.gather.give_up();
            }
            self.respond(&mut waiting, due, &mut largest);
            if !waiting.scrapes.is_empty() {
                self.waiting.push(waiting);
            }
        }
        for mut waiting in settled {
            let due = std::mem::take(&mut waiting.scrapes);
            self.respond(&mut waiting, due, &mut largest);
            if !waiting.scrapes.is_empty() {
                self.waiting.push(waiting);
            }
        }
        if largest > 0 {
            self.bound_bodies(MAX_BODIES * largest.max(SMALL_BODY));
        }
    }

    /// Sends responses. Scrapes that ask for the same share the body. A scrape that has met a
    /// function which was set since it began waits again.
    fn respond(&mut self, waiting: &mut Waiting, due: Vec<Scrape>, largest: &mut usize) {
        let mut bodies: Vec<(Selection, Response)> = Vec::new();
        for scrape in due {
            if !self.connections.contains_key(&scrape.token) {
                continue;
            }
            let known = bodies.iter().find(|(known, _)| *known == scrape.selection);
            let known = known.map(|(_, response)| response.clone());
            let response = if let Some(response) = known {
                response
            } else {
                let read = |registry: &Registry| scrape.selection.response(registry);
                let (response, is_whole) = waiting.gather.read(read);
                if !is_whole && scrape.deadline > Instant::now() {
                    waiting.scrapes.push(scrape);
                    continue;
                }
                *largest = (*largest).max(response.body_len());
                bodies.push((scrape.selection, response.clone()));
                response
            };
            let response_is_large = response.body_len() > SMALL_BODY / 16;
            events::SCRAPES.fetch_add(1, Ordering::Relaxed);
            if let Some(connection) = self.connections.get_mut(&scrape.token) {
                connection.send(if scrape.is_head { response.without_body() } else { response });
            }
            // The first part of a large response has its turn like the others.
            if response_is_large {
                self.unfinished.push_back(scrape.token);
            } else {
                self.serve(scrape.token);
            }
        }
    }

    /// Ends the oldest of the connections that hold a body, until the bodies are no larger than
    /// that in all. A body that several share counts once.
    fn bound_bodies(&mut self, most: usize) {
        let mut total = 0;
        let mut seen = HashSet::new();
        let mut too_old = Vec::new();
        // The newest are kept.
        for (token, connection) in self.connections.iter().rev() {
            let Some(body) = connection.body() else { continue };
            if seen.insert(Arc::as_ptr(body)) {
                total += body.len();
            }
            if total > most {
                too_old.push(*token);
            }
        }
        for token in too_old {
            self.connections.remove(&token);
        }
    }
}

/// Returns whether `accept` failed for one peer only, so that the next may succeed. accept(2) lists
/// these as errors of the new socket.
fn is_peer_error(error: &io::Error) -> bool {
    const PEER_ERRORS: [i32; 9] = [
        libc::ECONNABORTED,
        libc::EINTR,
        libc::EPERM,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::ENETDOWN,
        libc::ENETUNREACH,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
    ];
    error.raw_os_error().is_some_and(|number| PEER_ERRORS.contains(&number))
}

impl Run for Server {
    fn run(&mut self, control: &Control) {
        let mut events = Events::with_capacity(MAX_CONNECTIONS);
        while control.command() == Command::Run {
            match self.poll.poll(&mut events, self.next_deadline()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Only a closed descriptor is refused: a defect here, or other code closed it.
                // The pause keeps the loop from spinning.
                Err(error) => {
                    logging::error(format_args!("the scrape endpoint cannot wait: {error}"));
                    std::thread::sleep(ACCEPT_PAUSE);
                }
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(token) => self.serve(token),
                }
            }
            self.go_on();
            self.begin_scrapes();
            self.answer_scrapes();
            let now = Instant::now();
            if self.accept_again.is_some_and(|again| again <= now) {
                self.accept_again = None;
                self.accept();
            }
            self.connections.retain(|_, connection| connection.deadline > now);
            if self.listening.takeover_due().is_some_and(|due| due <= now) {
                // Those that wait at the former address are served as well.
                self.accept();
                self.listening.take_over(self.poll.registry(), LISTENER);
            }
        }
        if let Command::Stop(_) = control.command() {
            self.waiting.clear();
            self.gatherer.leave(control.patience());
        }
    }

    fn recover(&mut self) {
        // A request may have caused it, so none of those at hand is tried again.
        self.connections.clear();
        self.unfinished.clear();
        self.arrived.clear();
        self.waiting.clear();
        self.accept_again = Some(Instant::now());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.close();
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
            // Dropping it closes the child's share of the sockets; the parent's stay open.
        }
        let listening = config.listening.for_child(&config.host, config.port, config.ports)?;
        let (registry, timeouts) = (config.registry.clone(), Arc::clone(&config.timeouts));
        let server = Server::new(registry, Arc::clone(&listening), timeouts)?;
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
        f.debug_struct("Server").field("listening", &self.listening).finish_non_exhaustive()
    }
}
