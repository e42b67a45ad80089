//! The processes that count in the segment of this process: the work that one of them does for all,
//! and the records that they share.
#![cfg_attr(not(all(feature = "http", feature = "push")), allow(dead_code, reason = "exporters"))]

#[cfg(feature = "http")]
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
#[cfg(feature = "push")]
use std::time::Duration;

use crate::count::choice::{self, Choice};
#[cfg(feature = "push")]
use crate::count::created::now;
use crate::count::segment::attached::Attached;
#[cfg(feature = "push")]
pub(crate) use crate::count::segment::leaving::reading as without_own_gauges;

/// Work that one process of an identity does at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// Reads the counts and pushes them. No older sum can overtake a newer one.
    Push,
    /// Serves scrapes.
    Serve,
}

/// A turn of this process. Dropping it ends the turn. So does the end of the process, however it
/// ends.
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
        // A forked child inherits the object, but not the turn.
        if self.process == std::process::id() {
            if let Some(attached) = attached() {
                attached.end_turn(self.turn as usize);
            }
        }
    }
}

/// Returns whether this process counts in a segment.
pub(crate) fn may_exist() -> bool {
    attached().is_some()
}

/// Returns whether another process of the identity lives and has not hidden its gauges.
#[cfg(feature = "push")]
pub(crate) fn exist() -> bool {
    attached().is_some_and(Attached::has_siblings)
}

/// Shows the gauges of this process to other processes again.
#[cfg(feature = "push")]
pub(crate) fn join() {
    if let Some(attached) = attached() {
        attached.show_gauges();
    }
}

/// Hides the gauges of this process, which is about to end, from other processes.
#[cfg(feature = "push")]
pub(crate) fn leave() {
    if let Some(attached) = attached() {
        attached.hide_gauges();
    }
}

/// Returns how long ago a process of the identity pushed.
#[cfg(feature = "push")]
pub(crate) fn last_push() -> Option<Duration> {
    age(attached()?.last_push())
}

/// Returns how long ago an abandoned push began. Its process has ended, or has stopped waiting for
/// the response. The caller has the turn.
#[cfg(feature = "push")]
pub(crate) fn unanswered_push() -> Option<Duration> {
    age(attached()?.unanswered_push())
}

/// Returns how long ago `at` was, which is in milliseconds of Unix time; `None` for 0, and if the
/// clock was set back.
#[cfg(feature = "push")]
pub(crate) fn age(at: u64) -> Option<Duration> {
    (at > 0).then(|| now().checked_sub(at).map(Duration::from_millis)).flatten()
}

/// Records that this process begins a push. The caller has the turn.
#[cfg(feature = "push")]
pub(crate) fn note_request() {
    if let Some(attached) = attached() {
        attached.note_request(now());
    }
}

/// Records that the push has its response, or was not sent. The caller has the turn.
#[cfg(feature = "push")]
pub(crate) fn note_response() {
    if let Some(attached) = attached() {
        attached.note_request(0);
    }
}

/// Records that this process has pushed. The caller has the turn.
#[cfg(feature = "push")]
pub(crate) fn note_push() {
    if let Some(attached) = attached() {
        attached.note_push(now());
    }
}

/// Returns the address at which a process of the identity serves scrapes, or last served them.
#[cfg(feature = "http")]
pub(crate) fn served_at() -> Option<SocketAddr> {
    let ([high, low], port) = attached()?.served_at()?;
    let host = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
    let host = host.to_ipv4_mapped().map_or(IpAddr::V6(host), IpAddr::V4);
    Some(SocketAddr::new(host, port))
}

/// Records the address at which this process serves scrapes. The caller has the turn.
#[cfg(feature = "http")]
pub(crate) fn note_address(address: SocketAddr) {
    let host = match address.ip() {
        IpAddr::V4(host) => host.to_ipv6_mapped(),
        IpAddr::V6(host) => host,
    };
    let bits = host.to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    let halves = [(bits >> 64) as u64, bits as u64];
    if let Some(attached) = attached() {
        attached.note_address(halves, address.port());
    }
}
