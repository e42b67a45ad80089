//! The exporters of the process: their threads end before a fork and start again after it.

use std::cell::Cell;
use std::sync::{Arc, Weak};

use crate::sync::locks::Mutex;

/// An exporter as a fork knows it: its threads end before the fork and start again after it.
pub(crate) trait Pausable: Send + Sync {
    /// Ends the threads, in bounded time, and keeps their state.
    fn pause(&self);

    /// Starts the threads again.
    fn resume(&self);

    /// Becomes the exporter of a forked child, where no thread but the caller exists. Starts no
    /// thread and must not log.
    fn restart_in_child(&self);
}

struct Exporters {
    all: Vec<Weak<dyn Pausable>>,
    /// Calls of [`pause`] without their [`resume`].
    pauses: usize,
}

static EXPORTERS: Mutex<Exporters> = Mutex::new(Exporters { all: Vec::new(), pauses: 0 });

thread_local! {
    /// The calling thread's share of `pauses`: in the child no other thread will resume.
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

impl Exporters {
    fn alive(&mut self) -> Vec<Arc<dyn Pausable>> {
        self.all.retain(|exporter| exporter.strong_count() > 0);
        self.all.iter().filter_map(Weak::upgrade).collect()
    }
}

/// Starts an exporter, and takes it through every fork until it is dropped. During a fork it starts
/// after the fork.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "no exporter is built"))]
pub(crate) fn start<E: Pausable + 'static>(exporter: &Arc<E>) {
    let weak: Weak<E> = Arc::downgrade(exporter);
    let mut exporters = EXPORTERS.lock();
    // The memory of an exporter that was dropped stays as long as its entry here.
    exporters.all.retain(|exporter| exporter.strong_count() > 0);
    exporters.all.push(weak);
    if exporters.pauses == 0 {
        exporter.resume();
    }
}

/// Ends the threads of all exporters until [`resume`], in bounded time. Exporters that start in
/// between start at [`resume`].
///
/// Calls nest; each needs its `resume` on the same thread. They are for hosts that must have no
/// second thread around a fork. A plain `fork` needs neither.
pub fn pause() {
    PAUSES.set(PAUSES.get() + 1);
    let mut exporters = EXPORTERS.lock();
    exporters.pauses += 1;
    if exporters.pauses == 1 {
        exporters.alive().iter().for_each(|exporter| exporter.pause());
    }
}

/// Ends a [`pause`]: the exporters continue, or in a forked child start with the child's identity.
pub fn resume() {
    PAUSES.set(PAUSES.get().saturating_sub(1));
    let mut exporters = EXPORTERS.lock();
    exporters.pauses = exporters.pauses.saturating_sub(1);
    if exporters.pauses == 0 {
        exporters.alive().iter().for_each(|exporter| exporter.resume());
    }
}

/// Makes all exporters those of a forked child. They start at [`resume`].
pub(crate) fn restart_in_child() {
    let mut exporters = EXPORTERS.lock();
    exporters.pauses = PAUSES.get();
    exporters.alive().iter().for_each(|exporter| exporter.restart_in_child());
}
