//! Takes over the address of a parent or a sibling that has ended.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::diagnostics::notes;
use crate::exposition::scrape::listen::{Bound, Ports, bind};
use crate::exposition::siblings::{self, Taken, Turn};

/// The time after a fork in which a child may take over the address of its parent. With `daemon()`
/// the parent ends at once. A parent that waits until its child is ready takes some seconds.
const PARENT_LIMIT: Duration = Duration::from_secs(10);
/// The time after which a child checks again whether its parent has ended.
const PARENT_INTERVAL: Duration = Duration::from_millis(100);
/// The time after which a process checks again whether the sibling that serves has ended. It is
/// so short that a scrape succeeds a second later.
const SIBLING_INTERVAL: Duration = Duration::from_millis(250);
/// The number of times that a process tries to bind the address of a sibling that has ended, before
/// it takes another port. The system may release the address later than the turn.
const TRIES: u32 = 3;

/// A take-over that may happen later.
#[derive(Debug)]
pub(crate) struct Takeover {
    next: Instant,
    from: From,
}

#[derive(Debug)]
enum From {
    Parent { address: SocketAddr, process: u32, until: Instant },
    Sibling { ports: Ports, tries: u32, has_failed: bool },
}

impl Takeover {
    /// Plans to take over a parent's address after the parent has ended.
    pub(crate) fn from_parent(address: SocketAddr, process: u32) -> Takeover {
        let next = Instant::now();
        Takeover { next, from: From::Parent { address, process, until: next + PARENT_LIMIT } }
    }

    /// Plans to take over from the sibling that serves, after that has ended.
    pub(crate) fn from_sibling(ports: Ports) -> Takeover {
        let from = From::Sibling { ports, tries: 0, has_failed: false };
        Takeover { next: Instant::now() + SIBLING_INTERVAL, from }
    }

    /// Returns when the next attempt is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Returns the address of the parent.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.from {
            From::Parent { address, .. } => Some(address),
            From::Sibling { .. } => None,
        }
    }

    /// Listens at the address, if its process has ended and the address is free. Takes the turn to
    /// serve for siblings.
    pub(crate) fn attempt(&mut self, turn: &mut Option<Taken>) -> Option<Bound> {
        match &mut self.from {
            From::Parent { address, process, .. } => {
                // A live parent may use the address again, even if it does not listen now.
                let is_orphan = std::os::unix::process::parent_id() != *process;
                is_orphan.then(|| bind(&[*address]).ok()).flatten()
            }
            From::Sibling { ports, tries, has_failed } => {
                if turn.is_none() {
                    *turn = Turn::Serve.try_take();
                }
                turn.as_ref()?;
                *tries += 1;
                let before = siblings::served_at().and_then(|address| bind(&[address]).ok());
                if before.is_some() || *tries < TRIES {
                    return before;
                }
                match ports.listen() {
                    Ok(bound) => Some(bound),
                    Err(error) => {
                        // A sibling with other settings may find a port.
                        (*turn, *tries) = (None, 0);
                        if !std::mem::replace(has_failed, true) {
                            notes::add(format!("cannot take over scrapes from a sibling: {error}"));
                            notes::deliver();
                        }
                        None
                    }
                }
            }
        }
    }

    /// Plans the next attempt, unless the time for attempts is over.
    pub(crate) fn again(mut self) -> Option<Takeover> {
        let now = Instant::now();
        match self.from {
            From::Parent { until, .. } => {
                self.next = now + PARENT_INTERVAL;
                (now < until).then_some(self)
            }
            From::Sibling { .. } => {
                self.next = now + SIBLING_INTERVAL;
                Some(self)
            }
        }
    }
}
