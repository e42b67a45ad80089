use std::sync::atomic::AtomicU32;

use super::*;
use crate::encode::Format;
use crate::exposition::push::client::Client;
use crate::metrics::gauge::Gauge;

const SECOND: Duration = Duration::from_secs(1);

/// A destination that records pushes. Unlike a gateway, it receives OpenMetrics and may delay the
/// next push.
#[derive(Debug, Default)]
struct Recorder {
    bodies: Mutex<Vec<String>>,
    retry_after: Option<Duration>,
    child: u32,
    deleted: AtomicU32,
}

impl Destination for Recorder {
    fn url(&self) -> String {
        format!("recorder:{}", self.child)
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn prepare(&self, _: Duration) -> Call {
        Client::new().call()
    }

    fn encode(&self, registry: &Registry) -> Vec<u8> {
        registry.encode(Format::OpenMetrics).into_bytes()
    }

    fn send(&self, _: &Call, body: Vec<u8>) -> Result<(), PushFailure> {
        let text = String::from_utf8(body).expect("UTF-8");
        self.bodies.lock().expect("not poisoned").push(text);
        let error = Error::Push {
            url: self.url(),
            status: None,
            is_unanswered: false,
            reason: "refused".into(),
        };
        match self.retry_after {
            None => Ok(()),
            retry_after => Err(PushFailure { error, retry_after }),
        }
    }

    fn delete(&self, _: Duration) -> Result<(), Error> {
        self.deleted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn for_child(&self, _: u32, child: u32) -> Result<Arc<dyn Destination>, Error> {
        Ok(Arc::new(Recorder { child, ..Recorder::default() }))
    }
}

fn config(destination: &Arc<Recorder>, interval: Duration) -> Config {
    let registry = Registry::new();
    let gauge = Gauge::new("level", "").expect("a valid name");
    registry.register(&gauge).expect("the first");
    let destination = Arc::clone(destination) as Arc<dyn Destination>;
    Config { registry, destination, interval, pid: 1, has_pushed: Arc::default() }
}

fn pusher(interval: Duration) -> Pusher {
    Pusher::new(&config(&Arc::default(), interval), Instant::now())
}

#[test]
fn the_destination_chooses_format_and_identity() {
    let recorder = Arc::new(Recorder::default());
    let mut config = config(&recorder, SECOND);
    let mut pusher = Pusher::new(&config, Instant::now());
    pusher.push(&PushTurn::Alone, SECOND, false);
    assert_eq!(pusher.last, Ok(()));
    let bodies = recorder.bodies.lock().expect("not poisoned");
    assert_eq!(*bodies, ["# HELP level \n# TYPE level gauge\nlevel 0\n# EOF\n"]);
    let child = Pusher::for_child(&mut config, Some(pusher)).expect("a child");
    let here = format!("recorder:{}", std::process::id());
    assert_eq!((child.destination.url(), config.destination.url()), (here.clone(), here));
}

#[test]
fn the_server_may_delay_the_next_push() {
    let minute = Duration::from_secs(60);
    let recorder = Arc::new(Recorder { retry_after: Some(minute), ..Recorder::default() });
    let mut pusher = Pusher::new(&config(&recorder, SECOND), Instant::now());
    pusher.push(&PushTurn::Alone, SECOND, false);
    let now = Instant::now();
    pusher.schedule.follow(&pusher.last);
    assert!(pusher.schedule.next().duration_since(now) >= minute);
}

#[test]
fn a_push_that_panics_fails_and_the_next_push_succeeds() {
    let mut pusher = pusher(SECOND);
    let control = Control::stopping(Instant::now());
    pusher.in_flight.replace(Some(Client::new().call()));
    pusher.recover();
    assert!(pusher.last.is_err() && pusher.in_flight.is_cut_off());
    assert!(pusher.schedule.failures == 1 && pusher.schedule.next() > Instant::now());
    pusher.run(&control);
    pusher.push(&PushTurn::Alone, SECOND, false);
    assert_eq!(pusher.last, Ok(()));
}
