//! Decides when pushes are due: after an interval, which varies at random, and later after
//! failures.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::exposition::limits::LONGEST;
use crate::exposition::push::failure::PushFailure;

/// The longest pause after failures, unless the interval is longer: the default scrape interval of
/// Prometheus. A server that is reachable again has all counts within two scrapes.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The number of times that consecutive failures double the pause.
const MAX_DOUBLINGS: u32 = 3;
/// The part of an interval by which it varies at random, so that processes that started together do
/// not push together.
const JITTER: f64 = 0.1;

/// The time of the next push.
pub(crate) struct Schedule {
    interval: Duration,
    next: Instant,
    /// The number of consecutive failures.
    pub(super) failures: u32,
}

impl Schedule {
    /// Makes a schedule of pushes, the first at `first`.
    pub(crate) fn new(interval: Duration, first: Instant) -> Schedule {
        Schedule { interval, next: first, failures: 0 }
    }

    /// Returns the time of the next push.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Returns the minimum time between two pushes.
    pub(crate) fn shortest_interval(&self) -> Duration {
        self.interval.mul_f64(1.0 - JITTER)
    }

    /// Sets the time of the next push to an interval after a sibling's push, which was `age` ago.
    pub(crate) fn follow_sibling(&mut self, age: Duration) {
        self.delay(jittered(self.interval).saturating_sub(age));
    }

    /// Sets the time of the next push: after `pause`, from now.
    pub(crate) fn delay(&mut self, pause: Duration) {
        self.next = Instant::now() + pause;
    }

    /// Sets the time of the next push: after an interval, or later after failures, but not before
    /// the server allows it.
    pub(crate) fn follow(&mut self, result: &Result<(), PushFailure>) {
        let now = Instant::now();
        let mut earliest = now;
        match result {
            Ok(()) => self.failures = 0,
            Err(PushFailure { retry_after, .. }) => {
                self.failures = self.failures.saturating_add(1);
                earliest += retry_after.unwrap_or_default().min(LONGEST);
            }
        }
        let doubled = self.interval.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS));
        let pause = doubled.min(MAX_BACKOFF.max(self.interval));
        self.next = (self.next + jittered(pause)).max(earliest);
    }
}

/// Returns `pause`, made longer or shorter at random.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // Forked processes share the keys of their hashers, so the process is hashed too.
    let random = RandomState::new().hash_one((std::process::id(), Instant::now()));
    let from_0_to_1 = (random >> 11) as f64 / (1_u64 << 53) as f64;
    pause.mul_f64(1.0 + JITTER * (2.0 * from_0_to_1 - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Error;

    const SECOND: Duration = Duration::from_secs(1);

    fn failure() -> Result<(), PushFailure> {
        Err(Error::Push {
            url: String::new(),
            status: None,
            is_unanswered: false,
            reason: String::new(),
        }
        .into())
    }

    /// Returns the pause after that many consecutive failures, in intervals.
    fn pause(interval: Duration, failures: u32) -> f64 {
        let now = Instant::now();
        let mut schedule = Schedule::new(interval, now);
        for _ in 0..failures {
            schedule.next = now;
            schedule.follow(&failure());
        }
        if failures == 0 {
            schedule.follow(&Ok(()));
        }
        schedule.next.duration_since(now).as_secs_f64() / interval.as_secs_f64()
    }

    #[test]
    fn intervals_vary_randomly() {
        let pauses: Vec<f64> = (0..1000).map(|_| jittered(SECOND).as_secs_f64()).collect();
        assert!(pauses.iter().all(|pause| (0.9..=1.1).contains(pause)), "{pauses:?}");
        // The probability that a tenth of the range has none of a thousand random pauses is 10^-45.
        for tenth in 0..10 {
            let from = 0.9 + 0.02 * f64::from(tenth);
            let within = |pause: &&f64| (from..from + 0.02).contains(*pause);
            assert!(pauses.iter().filter(within).count() > 0, "none from {from} on");
        }
    }

    #[test]
    fn failures_double_the_interval_up_to_eight_times_or_one_minute() {
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
        let mut schedule = Schedule::new(SECOND, Instant::now());
        schedule.failures = 5;
        schedule.follow(&Ok(()));
        assert_eq!(schedule.failures, 0);
    }
}
