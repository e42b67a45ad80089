//! Waits for a lock that another thread or process holds for a moment.
//!
//! A count that does not get the lock stays in private memory for a while, where `SIGKILL` loses
//! it. A holder needs microseconds, but the system may suspend it for longer. So a thread first
//! tries without a pause, and then a thousand times with one.

use std::thread;
use std::time::Duration;

use crate::sync::{AtomicBool, Ordering};

/// The number of tries without a pause. A holder needs about 20 to 50 microseconds, and each try
/// yields to it.
const TRIES: u32 = 2_000;
/// The pause before each later try.
const PAUSE: Duration = Duration::from_millis(1);
/// The number of later tries. A container that has used up its processor time is suspended
/// until the next period, which begins after 0.1 s by default (`cfs_period_us`).
const LATER: u32 = 1_000;

/// The limit of waits for one lock. Threads wait for it for up to a second. After a wait in vain
/// they wait for milliseconds, until one of them gets the lock. The holder may be stopped.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    is_over: AtomicBool,
}

impl Patience {
    pub(crate) const fn new() -> Patience {
        Patience { is_over: AtomicBool::new(false) }
    }

    /// Calls `take` until it returns the lock. Returns `None` if that takes too long.
    pub(crate) fn wait<L>(&self, mut take: impl FnMut() -> Option<L>) -> Option<L> {
        let mut taken = take_soon(&mut take);
        if taken.is_none() && !self.is_over() {
            for _ in 0..LATER {
                thread::sleep(PAUSE);
                taken = take();
                if taken.is_some() {
                    break;
                }
            }
        }
        self.is_over.store(taken.is_none(), Ordering::Relaxed);
        taken
    }

    /// Returns whether the last wait was in vain.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// Calls `take` until it returns the lock, or for about a millisecond.
pub(crate) fn take_soon<L>(mut take: impl FnMut() -> Option<L>) -> Option<L> {
    for _ in 0..TRIES {
        if let Some(taken) = take() {
            return Some(taken);
        }
        thread::yield_now();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_wait_shortens_the_next_waits() {
        let patience = Patience::new();
        // Returns the result of a wait whose first tries fail.
        let after = |failures: u32| {
            let mut tries = 0..failures;
            patience.wait(|| tries.next().is_none().then_some(()))
        };
        assert_eq!(after(TRIES + LATER), None);
        assert_eq!(after(TRIES), None);
        assert_eq!(after(TRIES - 1), Some(()));
        assert_eq!(after(TRIES), Some(()), "a success makes the next wait long again");
    }
}
