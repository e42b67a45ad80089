//! The processes that count in the segment of this one: what one of them does for all, and what
//! each tells the others.
#![cfg_attr(not(all(feature = "http", feature = "push")), allow(dead_code, reason = "exporters"))]

use crate::count::choice::{self, Choice};
use crate::count::segment::attached::Attached;
#[cfg(feature = "push")]
pub(crate) use crate::count::segment::leaving::reading as without_own_gauges;

/// Work that one process of an identity does at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// Reads the counts and pushes them, so that no older sum overtakes a newer one.
    Push,
}

/// A turn of this process. Dropping it ends the turn. So does the end of the process, in whatever
/// way.
#[derive(Debug)]
pub(crate) struct Taken {
    turn: Turn,
    process: u32,
}

fn attached() -> Option<&'static Attached> {
    match choice::made()? {
        Choice::Private => None,
        Choice::Segment(attached) => Some(attached),
    }
}

impl Turn {
    /// Takes the turn. Returns `None` if another process or thread has it, and without a segment.
    pub(crate) fn try_take(self) -> Option<Taken> {
        let taken = attached()?.take_turn(self as usize);
        taken.then(|| Taken { turn: self, process: std::process::id() })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // A forked child inherits the object, and not the turn.
        if self.process == std::process::id() {
            if let Some(attached) = attached() {
                attached.end_turn(self.turn as usize);
            }
        }
    }
}

/// Returns whether another process of the identity lives, and has not left.
#[cfg(feature = "push")]
pub(crate) fn exist() -> bool {
    attached().is_some_and(Attached::has_siblings)
}

/// Shows the gauges of this process to the others again.
#[cfg(feature = "push")]
pub(crate) fn join() {
    if let Some(attached) = attached() {
        attached.show_gauges();
    }
}

/// Hides the gauges of this process, which is about to end, from the others.
#[cfg(feature = "push")]
pub(crate) fn leave() {
    if let Some(attached) = attached() {
        attached.hide_gauges();
    }
}

/// Returns how long ago a process of the identity pushed.
#[cfg(feature = "push")]
pub(crate) fn last_push() -> Option<std::time::Duration> {
    let at = attached()?.last_push();
    // A clock that was set back makes no time.
    (at > 0)
        .then(|| crate::count::word::now().checked_sub(at).map(std::time::Duration::from_millis))
        .flatten()
}

/// Tells the others that this process has pushed. It has the turn.
#[cfg(feature = "push")]
pub(crate) fn note_push() {
    if let Some(attached) = attached() {
        attached.note_push(crate::count::word::now());
    }
}
