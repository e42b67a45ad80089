//! The time that a scrape may wait for functions of the application.

use std::time::Duration;

use crate::exposition::limits::LONGEST;
use crate::settings::{DEFAULT_SCRAPE_MARGIN, DEFAULT_SCRAPE_TIMEOUT};
use crate::sync::{AtomicU64, Ordering};

/// The timeouts of an endpoint in milliseconds, which may change while it runs.
#[derive(Debug)]
pub(crate) struct Timeouts {
    default: AtomicU64,
    margin: AtomicU64,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let timeouts = Timeouts { default: AtomicU64::new(0), margin: AtomicU64::new(0) };
        timeouts.set(DEFAULT_SCRAPE_TIMEOUT, DEFAULT_SCRAPE_MARGIN);
        timeouts
    }
}

impl Timeouts {
    pub(crate) fn set(&self, default: Duration, margin: Duration) {
        let milliseconds = |time: Duration| time.min(LONGEST).as_millis().try_into().unwrap_or(0);
        self.default.store(milliseconds(default), Ordering::Relaxed);
        self.margin.store(milliseconds(margin), Ordering::Relaxed);
    }

    /// Returns how long a scrape may wait. `timeout` is the timeout that the scraper sent, if any.
    pub(crate) fn limit(&self, timeout: Option<Duration>) -> Duration {
        let milliseconds = |time: &AtomicU64| Duration::from_millis(time.load(Ordering::Relaxed));
        match timeout {
            None => milliseconds(&self.default),
            Some(timeout) => timeout.saturating_sub(milliseconds(&self.margin)).max(timeout / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_waits_less_long_than_the_scraper() {
        let timeouts = Timeouts::default();
        let limit = |seconds| timeouts.limit(Some(Duration::from_secs_f64(seconds))).as_secs_f64();
        assert_eq!(timeouts.limit(None), Duration::from_secs(10));
        assert_eq!((limit(10.0), limit(30.0), limit(0.2)), (9.5, 29.5, 0.1));
        timeouts.set(Duration::MAX, Duration::ZERO);
        assert_eq!((timeouts.limit(None), limit(3.0)), (LONGEST, 3.0));
    }
}
