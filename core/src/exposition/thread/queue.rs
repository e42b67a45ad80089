//! The jobs that wait for a thread of the pool.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::registry::call::{Call, Door};

/// The maximum number of threads that wait at a door. The first one that passes makes all calls
/// behind the door. The second makes the other calls if a call of the first takes long.
const MAX_AT_DOOR: usize = 2;

/// Work of this crate that may take long.
pub(crate) trait Work: Send + Sync {
    /// Does the work.
    fn run(&self);
}

/// One job for a thread of the pool.
pub(super) enum Job {
    /// A call of a function of the application.
    Call(Arc<dyn Call>),
    Work(Arc<dyn Work>),
}

impl Job {
    pub(super) fn door(&self) -> Option<Door> {
        match self {
            Job::Call(call) => call.door(),
            Job::Work(_) => None,
        }
    }
}

/// Jobs in their order. Some wait for a door.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Job>);

impl Queue {
    pub(super) fn add(&mut self, job: Job) {
        self.0.push_back(job);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns how many jobs further threads could do now, while `at_door` threads wait.
    pub(super) fn doable(&self, at_door: usize) -> usize {
        let behind = self.0.iter().filter(|job| job.door().is_some()).count();
        self.0.len() - behind + behind.min(MAX_AT_DOOR.saturating_sub(at_door))
    }

    /// Takes the next job that a thread may do now, while `at_door` threads wait.
    pub(super) fn take(&mut self, at_door: usize) -> Option<Job> {
        let is_full = at_door >= MAX_AT_DOOR;
        let at = self.0.iter().position(|job| !is_full || job.door().is_none())?;
        self.0.remove(at)
    }

    /// Takes the next call behind this door.
    pub(super) fn take_behind(&mut self, door: Door) -> Option<Arc<dyn Call>> {
        let same = |other: Door| other as usize == door as usize;
        let at = self.0.iter().position(|job| job.door().is_some_and(same))?;
        match self.0.remove(at)? {
            Job::Call(call) => Some(call),
            Job::Work(_) => None,
        }
    }
}
