//! The push thread: it pushes at once, then in each interval, and a last time at the end.
//!
//! It decides when to push. The destination decides what is sent, and where.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::exposition::push::call::Call;
use crate::exposition::push::client::MAX_TIMEOUT;
use crate::exposition::push::destination::Destination;
use crate::exposition::push::failure::PushFailure;
use crate::exposition::push::schedule::{Schedule, jittered};
use crate::exposition::push::turn::PushTurn;
use crate::exposition::siblings;
use crate::exposition::thread::control::{Command, Control};
use crate::exposition::thread::gatherer::Gatherer;
use crate::exposition::thread::logging;
use crate::exposition::thread::service::{Interrupt, Task};
use crate::exposition::thread::worker::Run;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::sync::{AtomicBool, Ordering};

/// The part of its time for which a push waits for functions of the application.
const FUNCTIONS: f64 = 0.75;
/// The time after which a push that waits for functions checks again whether it is cut off.
const TICK: Duration = Duration::from_millis(20);
/// The time before the first push of a forked child, unless the child ends earlier. Most children
/// call `exec` within that time, and would leave a group on the gateway.
const FIRST_PUSH_OF_CHILD: Duration = Duration::from_secs(1);

/// The shortest pause before the last push is repeated.
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The registry to push, the destination and the interval.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) registry: Registry,
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) interval: Duration,
    /// The process whose identity the destination has.
    pub(crate) pid: u32,
    /// Whether a push has succeeded.
    pub(crate) has_pushed: Arc<AtomicBool>,
}

/// The thread's work, and its state between two pushes.
pub(crate) struct Pusher {
    gatherer: Gatherer,
    destination: Arc<dyn Destination>,
    schedule: Schedule,
    in_flight: Arc<InFlight>,
    has_pushed: Arc<AtomicBool>,
    /// The last logged reason; `None` after a push that succeeded.
    logged: Option<Error>,
    /// The result of the last push.
    pub(crate) last: Result<(), PushFailure>,
    /// The time at which a push was abandoned that the server may still accept.
    unanswered: Option<Instant>,
}

/// The push that is in flight, if any.
#[derive(Default)]
struct InFlight(Mutex<Option<Call>>);

impl InFlight {
    fn replace(&self, call: Option<Call>) -> Option<Call> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), call)
    }

    fn is_cut_off(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

impl Interrupt for InFlight {
    fn cut_off(&self) {
        if let Some(call) = self.replace(None) {
            call.cut_off();
        }
    }
}

impl Pusher {
    pub(crate) fn new(config: &Config, first: Instant) -> Pusher {
        let in_flight = Arc::<InFlight>::default();
        let listener = Arc::clone(&in_flight) as Arc<dyn Interrupt>;
        Pusher {
            gatherer: Gatherer::new(config.registry.clone(), listener),
            destination: Arc::clone(&config.destination),
            schedule: Schedule::new(config.interval, first),
            in_flight,
            has_pushed: Arc::clone(&config.has_pushed),
            logged: None,
            last: Ok(()),
            unanswered: None,
        }
    }

    /// Returns the time limit of a push, which ends before the next push is due.
    fn timeout(&self) -> Duration {
        self.schedule.shortest_interval().min(MAX_TIMEOUT)
    }

    /// Makes one push. The functions of the application may take a part of `limit`; after them, the
    /// server may take `limit`.
    fn push(&mut self, turn: &PushTurn, limit: Duration, is_last: bool) {
        let call = self.destination.prepare(limit);
        self.in_flight.replace(Some(call.clone()));
        let gather = || self.gather(limit.mul_f64(FUNCTIONS));
        let body = if is_last { turn.read_last(gather) } else { gather() };
        self.last = turn.push(|| self.destination.send(&call, body));
        if self.last.as_ref().is_err_and(PushFailure::is_unanswered) {
            self.unanswered = Some(Instant::now());
        }
        if self.last.is_ok() {
            self.has_pushed.store(true, Ordering::Relaxed);
        }
        let was_cut_off = self.in_flight.replace(None).is_none();
        if was_cut_off && self.last.is_err() {
            let reason = "cut off, because it took too long".to_owned();
            self.last = Err(call.error(self.destination.url(), reason).into());
        }
    }

    /// Waits for the functions of the application, for at most `limit`, and encodes the registry.
    fn gather(&self, limit: Duration) -> Vec<u8> {
        let deadline = Instant::now() + limit;
        let mut gather = self.gatherer.begin(&[], limit);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_over = left.is_zero() || self.in_flight.is_cut_off();
            if !gather.is_settled() {
                if !is_over {
                    self.gatherer.tend();
                    self.gatherer.wait(left.min(TICK));
                    continue;
                }
                if left.is_zero() {
                    gather.give_up();
                }
            }
            let reading = gather.read();
            let body = self.destination.encode(reading.registry());
            if reading.end() || is_over {
                return body;
            }
        }
    }

    /// Logs consecutive equal failures once, and logs when pushes succeed again.
    fn log_result(&mut self) {
        match &self.last {
            Ok(()) => {
                if self.logged.take().is_some() {
                    let url = self.destination.url();
                    logging::warn(format_args!("push to {url} works again"));
                }
            }
            Err(PushFailure { error, .. }) => {
                if self.logged.as_ref() != Some(error) {
                    logging::warn(format_args!("{error}"));
                    self.logged = Some(error.clone());
                }
            }
        }
    }

    /// Makes a push that is due, unless a sibling is pushing or has just pushed the same counts.
    fn push_if_due(&mut self, control: &Control) {
        let is_shared = self.destination.is_shared();
        let fresh = || siblings::last_push().filter(|age| *age < self.schedule.shortest_interval());
        if let Some(age) = is_shared.then(fresh).flatten() {
            self.schedule.follow_sibling(age);
            return;
        }
        if let Some(turn) = PushTurn::try_take(&*self.destination) {
            // An older sum must not replace this one. After this wait, the server has accepted or
            // dropped the older one.
            if let Some(age) = turn.unanswered().filter(|age| *age < self.timeout()) {
                self.schedule.delay(self.timeout().saturating_sub(age));
                return;
            }
            self.push(&turn, self.timeout(), false);
            // A push that a fork has cut off is not a failure of the server.
            if control.command() == Command::Run {
                self.log_result();
            }
        }
        self.schedule.follow(&self.last);
    }

    /// Returns whether the server may accept an older push after the next one. Such a push was
    /// abandoned, or its process was killed.
    fn may_be_overtaken(&self, turn: &PushTurn) -> bool {
        let own = self.unanswered.map(|at| at.elapsed());
        own.into_iter().chain(turn.unanswered()).any(|age| age < MAX_TIMEOUT)
    }

    /// Makes the last push, of the metrics that remain after this process. Waits for siblings that
    /// push. Repeats the push while the server asks for a retry. If an older push may overtake it,
    /// waits a little first, and repeats the push.
    fn push_last(&mut self, deadline: Instant) {
        let left = || deadline.saturating_duration_since(Instant::now());
        if left().is_zero() {
            return;
        }
        let turn = match PushTurn::take_until(&*self.destination, deadline) {
            Ok(turn) => turn,
            Err(error) => {
                self.last = Err(error.into());
                return;
            }
        };
        let pause = || LAST_PAUSE.min(left() / 2);
        let may_be_overtaken = self.may_be_overtaken(&turn);
        if may_be_overtaken {
            thread::sleep(pause());
        }
        self.push(&turn, left(), true);
        while let Err(PushFailure { retry_after: Some(pause), .. }) = &self.last {
            let pause = jittered((*pause).max(LAST_PAUSE));
            if pause >= left() {
                break;
            }
            thread::sleep(pause);
            self.push(&turn, left(), true);
        }
        if may_be_overtaken && self.last.is_ok() {
            thread::sleep(pause());
            self.push(&turn, left(), true);
            // The first of the two pushes was accepted, so the result of the second does not
            // matter.
            self.last = Ok(());
        }
    }
}

impl Run for Pusher {
    fn run(&mut self, control: &Control) {
        loop {
            let push = self.schedule.next();
            let refresh = self.gatherer.next_refresh();
            match control.wait_until(refresh.map_or(push, |refresh| push.min(refresh))) {
                Command::Run => {
                    self.gatherer.refresh();
                    if Instant::now() >= push {
                        self.push_if_due(control);
                    }
                }
                Command::Pause => break,
                Command::Stop(deadline) => {
                    self.push_last(deadline);
                    break;
                }
            }
        }
        if let Command::Stop(_) = control.command() {
            self.gatherer.leave(control.patience());
        }
    }

    fn recover(&mut self) {
        self.in_flight.replace(None);
        let (url, reason) = (self.destination.url(), "the push panicked".to_owned());
        self.last = Err(Error::Push { url, status: None, is_unanswered: false, reason }.into());
        self.schedule.follow(&self.last);
    }
}

impl Task for Pusher {
    const NAME: &'static str = "dcm-push";
    type Config = Config;

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::clone(&self.in_flight) as Arc<dyn Interrupt>
    }

    fn for_child(config: &mut Config, inherited: Option<Pusher>) -> Result<Pusher, Error> {
        if let Some(inherited) = inherited {
            inherited.gatherer.abandon();
        }
        let pid = std::process::id();
        config.destination = config.destination.for_child(config.pid, pid)?;
        config.pid = pid;
        Ok(Pusher::new(config, Instant::now() + config.interval.min(FIRST_PUSH_OF_CHILD)))
    }
}

impl fmt::Debug for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher").field("destination", &self.destination).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
