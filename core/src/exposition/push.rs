//! The push thread: one push at once, one every interval, one last at the end.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Method;

use crate::encode::Format;
use crate::error::Error;
use crate::exposition::gateway::Gateway;
use crate::exposition::gatherer::Gatherer;
use crate::exposition::service::{Interrupt, Service, Task};
use crate::exposition::worker::{Control, Run, Waited, Wish};
use crate::exposition::{LOG_TARGET, LONGEST};
use crate::registry::Registry;

/// No push takes longer than this, however long the interval is.
const MAX_TIMEOUT: Duration = Duration::from_secs(5);
/// While pushes fail the interval doubles, three times at the most, and up to this, unless it is
/// longer anyway.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// An interval is longer or shorter by up to this share of it, by chance, so that processes that
/// started together do not push together.
const JITTER: f64 = 0.1;
/// When a forked child first pushes, unless it ends before. Not at once: most children replace
/// themselves by another program in that time, and would leave a group behind.
const FIRST_OF_CHILD: Duration = Duration::from_secs(1);
/// What stopping waits for the thread after it has cut the last push off.
const GRACE: Duration = Duration::from_millis(100);

/// A thread that pushes a registry to its group on a Pushgateway. The first push goes out at once,
/// from the thread; then one every interval (10 % more or less by chance), never two at a time, and
/// none that takes longer than the interval or five seconds. A push that fails is logged (each
/// reason of a row once, target `dataclay_metrics`) and changes nothing: the next one holds the
/// same totals and more. While pushes fail, the interval doubles, up to eight intervals or a
/// minute.
///
/// In a forked child it pushes to a group of its own, whose label `instance` ends in the child's
/// process id: `host:17` becomes `host:23`, `edge` becomes `edge:23`. Dropping it stops it.
#[derive(Debug)]
pub struct PushExporter(Arc<Service<Pusher>>);

#[derive(Debug)]
pub(crate) struct Config {
    registry: Registry,
    gateway: Gateway,
    interval: Duration,
    /// The process that the group is of.
    pid: u32,
}

impl PushExporter {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the interval is zero; [`Error::System`] if the system refuses a
    /// thread.
    pub fn start(
        registry: Registry,
        gateway: Gateway,
        interval: Duration,
    ) -> Result<PushExporter, Error> {
        if interval.is_zero() {
            let rule = "must be longer than zero".to_owned();
            return Err(Error::Setting { name: "interval".into(), value: "0".into(), rule });
        }
        let interval = interval.min(LONGEST);
        let config = Config { registry, gateway, interval, pid: std::process::id() };
        let pusher = Pusher::new(&config, Instant::now());
        Service::start(config, pusher).map(PushExporter)
    }

    /// The URL of the group.
    pub fn url(&self) -> String {
        self.0.config(|config| config.gateway.url())
    }

    /// Pushes once more and ends the thread, all within `limit` (and a tenth of a second): a push
    /// that is still in flight then is cut off. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if the last push did not succeed in time. The thread has ended, or ends by
    /// itself, all the same.
    pub fn stop(&self, limit: Duration) -> Result<(), Error> {
        match self.0.stop(limit.min(LONGEST), GRACE) {
            None => Ok(()),
            Some(Waited::Ended(pusher)) => pusher.last,
            Some(Waited::Panicked | Waited::Runs) => {
                let reason = format!("not over within {limit:?}");
                Err(Error::Push { url: self.url(), reason })
            }
        }
    }

    /// Ends the thread and deletes the group, all within `limit` (and a tenth of a second).
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if the gateway did not delete the group in time.
    pub fn stop_and_delete(&self, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit.min(LONGEST);
        if self.0.stop(Duration::ZERO, GRACE).is_none() {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.0.config(|config| config.gateway.clone()).timeout(left).delete()
    }
}

impl Drop for PushExporter {
    /// As [`PushExporter::stop`] with two seconds.
    fn drop(&mut self) {
        // Who wants to know stops it before.
        let _ = self.stop(Duration::from_secs(2));
    }
}

pub(crate) struct Pusher {
    gatherer: Gatherer,
    gateway: Gateway,
    interval: Duration,
    in_flight: Arc<InFlight>,
    next: Instant,
    /// Failures since the last success.
    failures: u32,
    /// The reason that was logged last, until a push succeeds.
    logged: Option<Error>,
    last: Result<(), Error>,
}

/// The client of the push that is in flight.
#[derive(Default)]
struct InFlight(Mutex<Option<Agent>>);

impl InFlight {
    fn set(&self, agent: Option<Agent>) -> Option<Agent> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), agent)
    }
}

impl Interrupt for InFlight {
    fn cut_off(&self) {
        if let Some(agent) = self.set(None) {
            agent.shutdown();
        }
    }
}

impl Pusher {
    fn new(config: &Config, first: Instant) -> Pusher {
        let timeout = config.interval.mul_f64(1.0 - JITTER).min(MAX_TIMEOUT);
        Pusher {
            gatherer: Gatherer::new(config.registry.clone()),
            gateway: config.gateway.clone().timeout(timeout),
            interval: config.interval,
            in_flight: Arc::default(),
            next: first,
            failures: 0,
            logged: None,
            last: Ok(()),
        }
    }

    fn push(&mut self, gateway: &Gateway) {
        let agent = gateway.agent();
        self.in_flight.set(Some(agent.clone()));
        let body = self.gatherer.read(|registry| registry.encode(Format::Text));
        self.last = gateway.send(&agent, &Method::PUT, body);
        if self.in_flight.set(None).is_none() && self.last.is_err() {
            let reason = "cut off, because it took too long".to_owned();
            self.last = Err(Error::Push { url: gateway.url(), reason });
        }
    }

    /// Logs each reason of a row of failures once, and once that it is over.
    fn report(&mut self) {
        match &self.last {
            Ok(()) => {
                if self.logged.take().is_some() {
                    log::warn!(target: LOG_TARGET, "push to {} works again", self.gateway.url());
                }
            }
            Err(error) => {
                if self.logged.as_ref() != Some(error) {
                    log::warn!(target: LOG_TARGET, "{error}");
                    self.logged = Some(error.clone());
                }
            }
        }
    }

    /// When to push next: after an interval, longer after failures, more or less.
    fn schedule(&mut self) {
        self.failures = if self.last.is_ok() { 0 } else { self.failures.saturating_add(1) };
        let doubled = self.interval.saturating_mul(1 << self.failures.min(3));
        let pause = doubled.min(MAX_BACKOFF.max(self.interval));
        self.next = (self.next + jittered(pause)).max(Instant::now());
    }
}

fn jittered(pause: Duration) -> Duration {
    // Forked processes share the keys of their hashers, so the process is hashed too.
    let random = RandomState::new().hash_one((std::process::id(), Instant::now()));
    let from_0_to_1 = (random >> 11) as f64 / (1_u64 << 53) as f64;
    pause.mul_f64(1.0 + JITTER * (2.0 * from_0_to_1 - 1.0))
}

impl Run for Pusher {
    fn run(&mut self, control: &Control) {
        loop {
            match control.wait_until(self.next) {
                Wish::Run => {
                    let gateway = self.gateway.clone();
                    self.push(&gateway);
                    // One that was cut off for a fork says nothing of the gateway.
                    if control.wish() == Wish::Run {
                        self.report();
                    }
                    self.schedule();
                }
                Wish::Pause => break,
                Wish::Stop(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if !left.is_zero() {
                        let gateway = self.gateway.clone().timeout(left);
                        self.push(&gateway);
                    }
                    break;
                }
            }
        }
        self.gatherer.rest(control.patience());
    }
}

impl Task for Pusher {
    const NAME: &'static str = "dcm-push";
    type Config = Config;

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        Arc::clone(&self.in_flight) as Arc<dyn Interrupt>
    }

    fn renew(config: &mut Config, inherited: Option<Pusher>) -> Result<Pusher, Error> {
        if let Some(mut inherited) = inherited {
            inherited.gatherer.abandon();
        }
        let pid = std::process::id();
        config.gateway = config.gateway.of_child(config.pid, pid)?;
        config.pid = pid;
        Ok(Pusher::new(config, Instant::now() + config.interval.min(FIRST_OF_CHILD)))
    }
}

impl fmt::Debug for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}
