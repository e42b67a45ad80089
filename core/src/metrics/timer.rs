//! A timer, which observes the time since its start.

use std::time::Instant;

/// Receives the seconds of a timer.
pub(crate) trait Observe {
    fn observe(&self, seconds: f64);
}

/// Measures a time and observes it in seconds, when it is dropped or when it is stopped.
///
/// ```
/// use dataclay_metrics_core::Histogram;
///
/// let seconds = Histogram::new("work_seconds", "Time of one piece of work")?;
/// {
///     let _timer = seconds.start_timer();
///     // ... work ...
/// }
/// let taken = seconds.start_timer().stop_and_record();
/// seconds.start_timer().stop_and_discard();
/// assert_eq!(seconds.count(), 2);
/// assert!(seconds.sum() >= taken);
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it observes when it is dropped"]
#[expect(private_bounds, reason = "only histograms and summaries start timers")]
pub struct Timer<M: Observe> {
    start: Instant,
    /// `None` once it is stopped.
    metric: Option<M>,
}

#[expect(private_bounds, reason = "only histograms and summaries start timers")]
impl<M: Observe> Timer<M> {
    pub(crate) fn start(metric: M) -> Timer<M> {
        Timer { start: Instant::now(), metric: Some(metric) }
    }

    /// Observes the seconds since the start, and returns them.
    pub fn stop_and_record(mut self) -> f64 {
        let seconds = self.seconds();
        if let Some(metric) = self.metric.take() {
            metric.observe(seconds);
        }
        seconds
    }

    /// Returns the seconds since the start without observing them.
    pub fn stop_and_discard(mut self) -> f64 {
        self.metric = None;
        self.seconds()
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

impl<M: Observe> Drop for Timer<M> {
    fn drop(&mut self) {
        if let Some(metric) = self.metric.take() {
            metric.observe(self.seconds());
        }
    }
}
