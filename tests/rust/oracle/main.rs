//! Counters, histograms and families against simple models, called oracles, in random steps.

mod counters;
mod families;
mod histograms;

use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

/// The number of metrics in a test.
const METRICS: usize = 5;
const THREADS: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs the jobs that it receives, and confirms each.
struct Worker {
    jobs: Sender<(Job, Sender<()>)>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start() -> Worker {
        let (jobs, received) = channel::<(Job, Sender<()>)>();
        let run = move || {
            for (job, done) in received {
                job();
                done.send(()).expect("the sender");
            }
        };
        Worker { jobs, thread: Builder::new().spawn(run).expect("a thread") }
    }

    /// Runs a job to its end.
    fn run(&self, job: impl FnOnce() + Send + 'static) {
        let (done, confirmation) = channel();
        self.jobs.send((Box::new(job), done)).expect("the worker");
        confirmation.recv().expect("the worker");
    }

    fn end(self) {
        drop(self.jobs);
        self.thread.join().expect("the worker");
    }
}
