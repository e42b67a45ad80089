//! The push thread: one push at once, one every interval, one last at the end.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Method;

use crate::encode::Format;
use crate::exposition::LOG_TARGET;
use crate::exposition::push::exporter::Config;
use crate::exposition::push::gateway::Gateway;
use crate::exposition::thread::gatherer::Gatherer;
use crate::exposition::thread::service::{Interrupt, Task};
use crate::exposition::thread::worker::{Control, Run, Wish};
use crate::model::error::Error;

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
    /// How the last push went.
    pub(crate) last: Result<(), Error>,
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
    pub(crate) fn new(config: &Config, first: Instant) -> Pusher {
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
        config.gateway = config.gateway.for_child(config.pid, pid)?;
        config.pid = pid;
        Ok(Pusher::new(config, Instant::now() + config.interval.min(FIRST_OF_CHILD)))
    }
}

impl fmt::Debug for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::push::grouping_key::GroupingKey;
    use crate::registry::Registry;

    const SECOND: Duration = Duration::from_secs(1);

    fn pusher(interval: Duration) -> Pusher {
        let key = GroupingKey::new("j").expect("a job");
        let gateway = Gateway::new("localhost:9091", &key).expect("an address");
        let registry = Registry::new();
        let config = Config { registry, gateway, interval, pid: 1 };
        Pusher::new(&config, Instant::now())
    }

    /// How long it waits after that many failures in a row, in intervals.
    fn pause(interval: Duration, failures: u32) -> f64 {
        let mut pusher = pusher(interval);
        let now = pusher.next;
        let error = Error::Push { url: String::new(), reason: String::new() };
        for _ in 0..failures {
            pusher.last = Err(error.clone());
            pusher.next = now;
            pusher.schedule();
        }
        if failures == 0 {
            pusher.schedule();
        }
        pusher.next.duration_since(now).as_secs_f64() / interval.as_secs_f64()
    }

    #[test]
    fn an_interval_is_longer_or_shorter_by_chance() {
        let pauses: Vec<f64> = (0..1000).map(|_| jittered(SECOND).as_secs_f64()).collect();
        assert!(pauses.iter().all(|pause| (0.9..=1.1).contains(pause)), "{pauses:?}");
        // Of a thousand by fair chance, none in a tenth of the range: one in 10^45.
        for tenth in 0..10 {
            let from = 0.9 + 0.02 * f64::from(tenth);
            let within = |pause: &&f64| (from..from + 0.02).contains(*pause);
            assert!(pauses.iter().filter(within).count() > 0, "none from {from} on");
        }
    }

    #[test]
    fn failures_double_the_interval_up_to_eight_or_a_minute() {
        for (interval, failures, expected) in [
            (SECOND, 0, 1.0),
            (SECOND, 1, 2.0),
            (SECOND, 2, 4.0),
            (SECOND, 3, 8.0),
            (SECOND, 50, 8.0),
            (SECOND * 20, 1, 2.0),
            (SECOND * 20, 9, 3.0),
            (SECOND * 90, 9, 1.0),
        ] {
            let factor = pause(interval, failures) / expected;
            assert!((0.9..=1.1).contains(&factor), "{interval:?}, {failures}: {factor}");
        }
    }

    #[test]
    fn a_success_ends_the_backoff() {
        let mut pusher = pusher(SECOND);
        pusher.failures = 5;
        pusher.schedule();
        assert_eq!(pusher.failures, 0);
    }
}
