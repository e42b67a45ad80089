//! What a fork does: no lock stays locked, the child counts from zero and exports by itself.
//!
//! The handlers run for every `fork` of the process, whoever calls it (`pthread_atfork`):
//!
//! | when | what |
//! |---|---|
//! | before | the exporters' threads end, their state kept; then no thread is in a section (`locks.rs`) |
//! | after, in the parent | the exporters go on where they were |
//! | after, in the child | all counters are zero; blocks of other threads are free again; inherited sockets are closed; the exporters start anew, under the child's identity |
//!
//! One lock is out of reach: a Rust thread takes a lock of std's for some nanoseconds as it ends, and
//! in a Rust program (not under Python or C, where std does not watch the stacks) as it starts. The
//! exporters' threads have ended before a fork; another Rust thread may be at just that point: one of
//! the application's, or of ours one whose function was too slow, or which looks a name up. The lock
//! is then locked in the child. There counters work; under Python and C so do exporters, whose
//! threads are not waited for at their end (`worker.rs`); in a Rust program they cannot start.
//!
//! `pause` and `resume` do the same to the exporters around a larger stretch: Python 3.12 and
//! newer warn of a fork when the process has a second thread on either side of it.

use std::sync::Once;

#[cfg(unix)]
use crate::count::{events, sum};
#[cfg(unix)]
use crate::sync::locks;
use crate::sync::locks::Section;

/// What is not the same in a forked child.
#[cfg(any(feature = "http", feature = "push"))]
pub(crate) trait Forked: Send + Sync {
    /// Becomes that of the child, where no thread but the caller exists. Must not log.
    fn renew(&self);
}

/// What has threads.
#[cfg(any(feature = "http", feature = "push"))]
pub(crate) trait Exporter: Forked {
    /// Ends the threads in bounded time, and keeps their state.
    fn pause(&self);

    /// Goes on.
    fn resume(&self);
}

#[cfg(any(feature = "http", feature = "push"))]
pub(crate) use exporters::join;
#[cfg(any(feature = "http", feature = "push"))]
pub use exporters::{pause, resume};

#[cfg(any(feature = "http", feature = "push"))]
mod exporters {
    use std::cell::Cell;
    use std::sync::{Arc, Weak};

    use super::{Exporter, install};
    use crate::sync::locks::Mutex;

    struct Exporters {
        all: Vec<Weak<dyn Exporter>>,
        /// Calls of [`pause`] without their [`resume`].
        pauses: usize,
    }

    static EXPORTERS: Mutex<Exporters> = Mutex::new(Exporters { all: Vec::new(), pauses: 0 });

    thread_local! {
        /// The calling thread's share in `pauses`: in the child no other thread will resume.
        static PAUSES: Cell<usize> = const { Cell::new(0) };
    }

    impl Exporters {
        fn alive(&mut self) -> Vec<Arc<dyn Exporter>> {
            self.all.retain(|exporter| exporter.strong_count() > 0);
            self.all.iter().filter_map(Weak::upgrade).collect()
        }
    }

    /// From now on `exporter` is told of forks, until it is dropped. Starts it, unless a fork is
    /// on its way: then it starts after it.
    pub(crate) fn join<E: Exporter + 'static>(exporter: &Arc<E>) {
        install();
        let weak: Weak<E> = Arc::downgrade(exporter);
        let mut exporters = EXPORTERS.lock();
        exporters.all.push(weak);
        if exporters.pauses == 0 {
            exporter.resume();
        }
    }

    /// Ends the threads of all exporters, in bounded time, until [`resume`]; exporters that are
    /// started in between wait for it too. Calls nest; each wants its `resume` on its own thread.
    /// For hosts that must have no second thread around a fork; a plain `fork` needs neither.
    pub fn pause() {
        PAUSES.set(PAUSES.get() + 1);
        let mut exporters = EXPORTERS.lock();
        exporters.pauses += 1;
        if exporters.pauses == 1 {
            exporters.alive().iter().for_each(|exporter| exporter.pause());
        }
    }

    /// The end of [`pause`]: the exporters go on, or in a forked child start anew.
    pub fn resume() {
        PAUSES.set(PAUSES.get().saturating_sub(1));
        let mut exporters = EXPORTERS.lock();
        exporters.pauses = exporters.pauses.saturating_sub(1);
        if exporters.pauses == 0 {
            exporters.alive().iter().for_each(|exporter| exporter.resume());
        }
    }

    pub(super) fn renew() {
        let mut exporters = EXPORTERS.lock();
        exporters.pauses = PAUSES.get();
        exporters.alive().iter().for_each(|exporter| exporter.renew());
    }
}

#[cfg(not(any(feature = "http", feature = "push")))]
mod exporters {
    pub(super) fn pause() {}
    pub(super) fn resume() {}
    pub(super) fn renew() {}
}

/// Runs `work` while no other thread forks: for locks of a binding's own, which no child then finds
/// locked. Waits only while another thread forks; `work` must not wait for one that does.
pub fn section<T>(work: impl FnOnce() -> T) -> T {
    install();
    let _section = Section::enter();
    work()
}

/// Has the handlers called at every fork from now on. Only the first call does anything.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() {
        return;
    }
    let _section = Section::enter();
    INSTALLED.call_once(|| {
        #[cfg(unix)]
        handlers::install();
    });
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "the system's interface to fork is C; see each SAFETY comment")]
mod handlers {
    use super::{events, exporters, locks, sum};

    pub(super) fn install() {
        // SAFETY: the three are functions without arguments that do not unwind (`extern "C"`
        // aborts instead) and live as long as this library; the C library forgets them when it
        // is unloaded. It fails only for want of memory, and then a child counts on from the
        // parent's numbers.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    }

    extern "C" fn before() {
        exporters::pause();
        locks::close();
    }

    extern "C" fn in_parent() {
        locks::open();
        exporters::resume();
    }

    extern "C" fn in_child() {
        sum::restart();
        events::restart();
        exporters::renew();
        locks::open();
        exporters::resume();
    }
}

/// Closes a descriptor that the child has from its parent, and whose owner, a thread, it has not.
#[cfg(all(unix, feature = "http"))]
#[allow(unsafe_code, reason = "only the descriptor's number is left in the child")]
pub(crate) fn close_inherited(descriptor: std::os::fd::RawFd) {
    use std::os::fd::{FromRawFd, OwnedFd};
    // SAFETY: the descriptor is open, because the thread that owned it was alive at the fork, and
    // it has no owner any more, because that thread does not exist in the child.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
}
