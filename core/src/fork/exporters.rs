//! The exporters of the process: their threads end before a fork and start again after it.

use std::cell::Cell;
use std::sync::{Arc, Weak};

use crate::diagnostics::notes;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, Ordering};

/// An exporter, as a fork uses it.
///
/// A fork calls [`Pausable::ask`], [`Pausable::hurry`] and [`Pausable::wait`], each for all
/// exporters before the next. All count their time from `ask`, so many exporters take as
/// long as one.
pub(crate) trait Pausable: Send + Sync {
    /// Wakes the threads, because there is new work.
    fn wake(&self) {}

    /// Asks the threads to end, and does not wait for them.
    fn ask(&self);

    /// Waits a moment for the threads to end, then cuts off their work.
    fn hurry(&self);

    /// Waits another moment, and keeps the state of threads that have ended.
    fn wait(&self);

    /// Starts the threads again. Returns whether a start failed and must be tried again later.
    fn resume(&self) -> bool;

    /// Makes this the exporter of a forked child. The calling thread is the only one there. This
    /// method must not start a thread or log.
    fn restart_in_child(&self);
}

struct Exporters {
    all: Vec<Weak<dyn Pausable>>,
    /// The number of calls of [`pause`] that wait for their [`resume`].
    pauses: usize,
}

static EXPORTERS: Mutex<Exporters> = Mutex::new(Exporters { all: Vec::new(), pauses: 0 });
/// Whether an exporter could not start, and a later call must try again.
static REFUSED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The calls of the calling thread in `pauses`. In the child, no other thread will resume.
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

/// Starts an exporter, and pauses it around every fork until it is dropped. If a fork is running,
/// starts it after the fork.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "no exporter is built"))]
pub(crate) fn start<E: Pausable + 'static>(exporter: &Arc<E>) {
    let weak: Weak<E> = Arc::downgrade(exporter);
    let mut exporters = EXPORTERS.lock();
    // This list keeps the memory of a dropped exporter until its entry is removed.
    exporters.all.retain(|exporter| exporter.strong_count() > 0);
    exporters.all.push(weak);
    exporters.resume();
}

/// Tries again to start exporters that the system refused to start. Costs one load if there are
/// none.
///
/// In a forked child, only the threads of the application may be running. So all functions of this
/// crate call this, except increments and look-ups of existing children.
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
/// takes longer continues, and does not exist in a forked child. An exporter that is created
/// meanwhile starts at [`resume`].
///
/// Calls nest, and each needs a `resume` on the same thread. They are for host programs that must
/// have no second thread around a fork. A plain `fork` needs neither call.
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

/// Turns all exporters into exporters of a forked child. They start at [`resume`].
pub(crate) fn restart_in_child() {
    let mut exporters = EXPORTERS.lock();
    exporters.pauses = PAUSES.get();
    exporters.alive().iter().for_each(|exporter| exporter.restart_in_child());
}
