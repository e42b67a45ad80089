//! The push thread: one push at once, one every interval, one last at the end.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::Method;

use crate::encode;
use crate::error::Error;
use crate::exposition::LOG_TARGET;
use crate::exposition::gateway::Gateway;
use crate::exposition::worker::Worker;
use crate::registry::Registry;

/// No push takes longer than this, however long the interval is.
const MAX_TIMEOUT: Duration = Duration::from_secs(5);
/// What stopping waits for the thread after it has cut the last push off.
const GRACE: Duration = Duration::from_millis(100);

/// A thread that pushes a registry to its group on a Pushgateway. The first push goes out at once,
/// from the thread; then one every interval, never two at a time. A push that fails is logged (the
/// first of a row, target `dataclay_metrics`) and changes nothing: the next one holds the same
/// totals and more.
#[derive(Debug)]
pub struct PushExporter {
    url: String,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    worker: Worker<Result<(), Error>>,
    /// Tells the thread until when its last push must be over.
    stop: Sender<Instant>,
    /// The client of the push that is in flight.
    in_flight: Arc<Mutex<Option<Agent>>>,
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
        let url = gateway.url().to_owned();
        let (stop, stopped) = mpsc::channel();
        let in_flight = Arc::new(Mutex::new(None));
        let mut pusher = Pusher {
            registry,
            gateway: gateway.timeout(interval.min(MAX_TIMEOUT)),
            in_flight: Arc::clone(&in_flight),
            failing: false,
        };
        let worker = Worker::spawn("dcm-push", move || pusher.run(interval, &stopped))?;
        Ok(PushExporter { url, running: Some(Running { worker, stop, in_flight }) })
    }

    /// The URL of the group.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Pushes once more and ends the thread, all within `limit` (and a tenth of a second): a push
    /// that is still in flight then is cut off. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if the last push did not succeed in time. The thread has ended, or ends by
    /// itself, all the same.
    pub fn stop(&mut self, limit: Duration) -> Result<(), Error> {
        let Some(Running { worker, stop, in_flight }) = self.running.take() else { return Ok(()) };
        // An error means that the thread has ended.
        let _ = stop.send(Instant::now() + limit);
        let cut_off = move || {
            let agent = in_flight.lock().unwrap_or_else(PoisonError::into_inner).take();
            agent.into_iter().for_each(Agent::shutdown);
        };
        worker.join_within(limit, cut_off, GRACE).unwrap_or_else(|| {
            let reason = format!("not over within {limit:?}");
            Err(Error::Push { url: self.url.clone(), reason })
        })
    }
}

impl Drop for PushExporter {
    /// As [`PushExporter::stop`] with two seconds.
    fn drop(&mut self) {
        // Who wants to know stops it before.
        let _ = self.stop(Duration::from_secs(2));
    }
}

struct Pusher {
    registry: Registry,
    gateway: Gateway,
    in_flight: Arc<Mutex<Option<Agent>>>,
    failing: bool,
}

impl Pusher {
    /// Pushes until it is told to stop; the result is that of the last push.
    fn run(&mut self, interval: Duration, stopped: &Receiver<Instant>) -> Result<(), Error> {
        let mut next = Instant::now();
        loop {
            let pushed = self.push();
            self.report(&pushed);
            next = (next + interval).max(Instant::now());
            match stopped.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return pushed,
                Ok(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return pushed;
                    }
                    self.gateway = self.gateway.clone().timeout(left);
                    return self.push();
                }
            }
        }
    }

    fn push(&self) -> Result<(), Error> {
        let agent = self.gateway.agent();
        *self.in_flight.lock().unwrap_or_else(PoisonError::into_inner) = Some(agent.clone());
        let body = encode::text(&self.registry.gather());
        let pushed = self.gateway.send(&agent, Method::PUT, body);
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).take();
        pushed
    }

    /// Logs a failure once, and once that it is over.
    fn report(&mut self, pushed: &Result<(), Error>) {
        match pushed {
            Ok(()) if self.failing => {
                log::warn!(target: LOG_TARGET, "push to {} works again", self.gateway.url());
            }
            Err(error) if !self.failing => log::warn!(target: LOG_TARGET, "{error}"),
            Ok(()) | Err(_) => {}
        }
        self.failing = pushed.is_err();
    }
}
