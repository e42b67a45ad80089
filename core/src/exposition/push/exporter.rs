//! The public interface of the push thread: start and stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exposition::limits::LONGEST;
use crate::exposition::push::destination::Destination;
use crate::exposition::push::gateway::Gateway;
use crate::exposition::push::otlp::OtlpEndpoint;
use crate::exposition::push::pusher::{Config, Pusher};
use crate::exposition::push::turn::PushTurn;
use crate::exposition::siblings;
use crate::exposition::thread::service::Service;
use crate::exposition::thread::worker::Outcome;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::settings::OnExit;
use crate::sync::Ordering;

/// The time that stopping waits for the thread after it has cut off the last push.
const GRACE: Duration = Duration::from_millis(100);
/// The time that dropping an exporter waits: as long as stopping a scrape endpoint.
const DROP_LIMIT: Duration = Duration::from_secs(2);

/// A thread that pushes a registry to its group on a Pushgateway, or to an OTLP endpoint.
///
/// The thread makes the first push at once, and then one in each interval, which varies by 10 % at
/// random. Pushes never overlap, and none takes longer than the interval or five seconds.
///
/// A push that fails is logged with the target `dataclay_metrics`, once for consecutive equal
/// reasons. No count is lost, because the next push has the same totals or higher ones. While
/// pushes fail, the pause doubles, up to eight intervals or a minute.
///
/// A forked child pushes to another group: its label `instance` ends in the child's process id.
/// `host:17` becomes `host:23`, and `edge` becomes `edge:23`.
///
/// Processes that share a segment share a group
/// ([`GroupingKey::is_shared`](crate::exposition::GroupingKey::is_shared)). In each interval one of
/// them pushes the counts of all. Each process pushes once more when it ends. That push omits its
/// gauges, but has the gauges of the others.
///
/// All methods may be called from any thread. Dropping it is [`PushExporter::finish`] with two
/// seconds.
#[derive(Debug)]
pub struct PushExporter {
    service: Arc<Service<Pusher>>,
    on_exit: OnExit,
}

impl PushExporter {
    /// Starts the thread. An interval longer than a year is reduced to a year.
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
        PushExporter::start_to(registry, Arc::new(gateway), interval)
    }

    /// Starts the thread, which sends the registry to an OTLP endpoint.
    ///
    /// If the endpoint responds with 429, 502, 503 or 504, the request is not sent again, because
    /// the next request has newer counts. Before that request, the thread waits as long as the
    /// endpoint asks, and at least as long as after any failure.
    ///
    /// # Errors
    ///
    /// As [`PushExporter::start`].
    pub fn start_otlp(
        registry: Registry,
        endpoint: OtlpEndpoint,
        interval: Duration,
    ) -> Result<PushExporter, Error> {
        PushExporter::start_to(registry, Arc::new(endpoint), interval)
    }

    /// Starts the thread with any destination.
    fn start_to(
        registry: Registry,
        destination: Arc<dyn Destination>,
        interval: Duration,
    ) -> Result<PushExporter, Error> {
        if interval.is_zero() {
            let rule = "must be longer than zero".to_owned();
            return Err(Error::Setting { name: "interval".into(), value: "0".into(), rule });
        }
        let interval = interval.min(LONGEST);
        let (pid, has_pushed) = (std::process::id(), Arc::default());
        let config = Config { registry, destination, interval, pid, has_pushed };
        if config.destination.is_shared() {
            siblings::join();
        }
        let pusher = Pusher::new(&config, Instant::now());
        let service = Service::start(config, pusher)?;
        Ok(PushExporter { service, on_exit: OnExit::Keep })
    }

    /// Sets whether [`PushExporter::finish`], and so dropping the exporter, keeps the group or
    /// deletes it. Without this call it keeps the group.
    #[must_use]
    pub fn on_exit(mut self, on_exit: OnExit) -> PushExporter {
        self.on_exit = on_exit;
        self
    }

    /// Returns the URL of the group, or of the endpoint.
    pub fn url(&self) -> String {
        self.service.config(|config| config.destination.url())
    }

    /// Returns whether the gateway has accepted a push of this process, or of another one that
    /// shares its group.
    pub fn has_pushed(&self) -> bool {
        self.service.config(|config| {
            let by_sibling = || config.destination.is_shared() && siblings::last_push().is_some();
            config.has_pushed.load(Ordering::Relaxed) || by_sibling()
        })
    }

    /// Calls [`PushExporter::stop`] or [`PushExporter::stop_and_delete`], as
    /// [`PushExporter::on_exit`] has set.
    ///
    /// # Errors
    ///
    /// As the method that it calls.
    pub fn finish(&self, limit: Duration) -> Result<(), Error> {
        match self.on_exit {
            OnExit::Keep => self.stop(limit),
            OnExit::Delete => self.stop_and_delete(limit),
        }
    }

    /// Makes a last push and ends the thread, within `limit` (and a tenth of a second). Cuts off a
    /// push that is still in flight at that time. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if the last push did not succeed in time. Even then the thread has ended, or
    /// will end soon.
    pub fn stop(&self, limit: Duration) -> Result<(), Error> {
        match self.service.stop(limit.min(LONGEST), GRACE) {
            None => Ok(()),
            Some(Outcome::Ended(pusher)) => pusher.last.map_err(|failure| failure.error),
            Some(Outcome::Lost | Outcome::TimedOut) => {
                let reason = format!("the last push did not end within {limit:?}");
                Err(Error::Push { url: self.url(), status: None, is_unanswered: false, reason })
            }
        }
    }

    /// Ends the thread and deletes the group, all within `limit` (and a tenth of a second). While
    /// other processes share the group, it does the same as [`PushExporter::stop`].
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if the gateway did not delete the group in time, and always for an OTLP
    /// endpoint.
    pub fn stop_and_delete(&self, limit: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + limit.min(LONGEST);
        let left = || deadline.saturating_duration_since(Instant::now());
        let destination = self.service.config(|config| Arc::clone(&config.destination));
        let turn = PushTurn::take_until(&*destination, deadline);
        if destination.is_shared() {
            // If several processes end at the same time, the last one finds that the others have
            // left.
            siblings::leave();
            if turn.is_err() || siblings::exist() {
                drop(turn);
                return self.stop(left());
            }
        }
        if self.service.stop(Duration::ZERO, GRACE).is_none() {
            return Ok(());
        }
        destination.delete(left())
    }
}

impl Drop for PushExporter {
    fn drop(&mut self) {
        // Drop cannot return an error. A caller who needs it calls `finish` first.
        let _ = self.finish(DROP_LIMIT);
    }
}
