//! The exporters of the process: their threads end before a fork and start again after it.

use std::cell::Cell;
use std::sync::{Arc, Weak};

use crate::count::notes;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, Ordering};

/// An exporter as a fork knows it: its threads end before the fork and start again after it.
///
/// A fork calls [`Pausable::ask`], [`Pausable::hurry`] and [`Pausable::wait`], each for all
/// exporters before the next. All count their time from `ask`, so many exporters take as
/// long as one.
pub(crate) trait Pausable: Send + Sync {
    /// Makes the threads check for work that they did not wait for.
    fn wake(&self) {}

    /// Asks the threads to end. Waits for nothing.
    fn ask(&self);

    /// Waits a moment for the threads to end, then cuts their work off.
    fn hurry(&self);

    /// Waits another moment, and keeps the state of threads that have ended.
    fn wait(&self);

    /// Starts the threads again. Returns whether something must be tried again later.
    fn resume(&self) -> bool;

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
/// Whether an exporter could not start, and is to be tried again.
static REFUSED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The calling thread's share of `pauses`: in the child no other thread will resume.
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

impl Exporters {
    fn alive(&mut self) -> Vec<Arc<dyn Pausable>> {
        self.all.retain(|exporter| exporter.strong_count() > 0);
        self.all.iter().filter_map(Weak::upgrade).collect()
    }

    /// Starts the threads of all exporters, unless another thread forks.
    fn resume(&mut self) {
        if self.pauses == 0 {
            REFUSED.store(false, Ordering::Relaxed);
            for exporter in self.alive() {
                if exporter.resume() {
                    REFUSED.store(true, Ordering::Relaxed);
                }
            }
        }
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
    exporters.resume();
}

/// Tries again to start exporters that the system has refused before. Costs one load if there are
/// none.
///
/// A forked child may have only the application's threads. So all functions of this crate call
/// this, except increments and look-ups of existing children.
pub(crate) fn retry() {
    if REFUSED.load(Ordering::Relaxed) {
        EXPORTERS.lock().resume();
        notes::deliver();
    }
}

/// Wakes all exporters, because there is work for them.
pub(crate) fn wake() {
    let alive = EXPORTERS.lock().alive();
    for exporter in alive {
        exporter.wake();
    }
}

/// Ends the threads of all exporters until [`resume`], within a tenth of a second. A thread that
/// takes longer continues, and does not exist in a forked child. Exporters that start in between
/// start at [`resume`].
///
/// Calls nest; each needs its `resume` on the same thread. They are for hosts that must have no
/// second thread around a fork. A plain `fork` needs neither.
pub fn pause() {
    PAUSES.set(PAUSES.get() + 1);
    let mut exporters = EXPORTERS.lock();
    exporters.pauses += 1;
    if exporters.pauses == 1 {
        let alive = exporters.alive();
        for exporter in &alive {
            exporter.ask();
        }
        for exporter in &alive {
            exporter.hurry();
        }
        for exporter in &alive {
            exporter.wait();
        }
    }
}

/// Ends a [`pause`]: the exporters continue, or in a forked child start with the child's identity.
pub fn resume() {
    PAUSES.set(PAUSES.get().saturating_sub(1));
    let mut exporters = EXPORTERS.lock();
    exporters.pauses = exporters.pauses.saturating_sub(1);
    exporters.resume();
    let is_over = exporters.pauses == 0;
    drop(exporters);
    if is_over {
        notes::deliver();
    }
}

/// Turns all exporters into those of a forked child. They start at [`resume`].
pub(crate) fn restart_in_child() {
    let mut exporters = EXPORTERS.lock();
    exporters.pauses = PAUSES.get();
    exporters.alive().iter().for_each(|exporter| exporter.restart_in_child());
}
