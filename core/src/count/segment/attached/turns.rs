//! Turns: work that only one process of an identity does at a time, such as a push.
//!
//! A turn is a file lock, which the kernel releases when the process ends, however it ends. The
//! header has the time of the last push, and the address at which a process serves scrapes.
#![cfg_attr(not(all(feature = "http", feature = "push")), allow(dead_code, reason = "exporters"))]

use crate::count::segment::attached::Attached;
use crate::count::segment::layout::{header, lock};
use crate::count::segment::{blocks, sealed, system};
use crate::sync::Ordering;

impl Attached {
    /// Takes a turn, which one thread of one process of the identity has at a time. Returns `false`
    /// if another thread has it.
    pub(crate) fn take_turn(&self, turn: usize) -> bool {
        // The lock excludes other processes, and the flag excludes other threads.
        self.keep_locks();
        let flag = &self.turns[turn];
        let taken = self.with_file(|file| {
            // This is under the lock of the process, because `keep_locks` takes the locks whose
            // flags are set.
            if flag.swap(true, Ordering::Acquire) {
                return false;
            }
            let taken = matches!(system::try_lock(file, lock::TURNS + turn as u64), Ok(true));
            flag.store(taken, Ordering::Release);
            taken
        });
        taken == Some(true)
    }

    /// Ends a turn.
    pub(crate) fn end_turn(&self, turn: usize) {
        let ended = self.with_file(|file| {
            self.turns[turn].store(false, Ordering::Release);
            // Fails only for a closed descriptor, whose turn has already ended.
            system::unlock(file, lock::TURNS + turn as u64).ok()
        });
        if ended.is_none() {
            self.turns[turn].store(false, Ordering::Release);
        }
    }

    /// Hides the gauges of this process from other processes, until [`Attached::show_gauges`].
    pub(crate) fn hide_gauges(&self) {
        if let Some(number) = self.process_number() {
            self.with_file(|file| {
                self.hides_gauges.store(true, Ordering::Relaxed);
                // Fails only for a closed descriptor, whose gauges are already hidden.
                system::unlock(file, lock::GAUGES + number as u64).ok()
            });
        }
    }

    /// Shows the gauges of this process again.
    pub(crate) fn show_gauges(&self) {
        if let Some(number) = self.process_number() {
            self.with_file(|file| {
                self.hides_gauges.store(false, Ordering::Relaxed);
                // Fails only for a closed descriptor.
                system::try_lock(file, lock::GAUGES + number as u64).ok()
            });
        }
    }

    /// Returns whether another live process of the identity shows its gauges.
    pub(crate) fn has_siblings(&self) -> bool {
        let others = self.with_file(|file| blocks::locked(file, lock::GAUGES, self.used()));
        matches!(others, Some(Ok(others)) if !others.is_empty())
    }

    /// Returns the time of the identity's last push, in milliseconds of Unix time; 0 before the
    /// first.
    pub(crate) fn last_push(&self) -> u64 {
        self.words()[header::PUSHED].load(Ordering::Relaxed)
    }

    /// Records that the holder of the turn has pushed.
    pub(crate) fn note_push(&self, now: u64) {
        self.words()[header::PUSHED].store(now, Ordering::Relaxed);
    }

    /// Returns when the push without a response began, in milliseconds of Unix time; 0 if every
    /// push has one.
    pub(crate) fn unanswered_push(&self) -> u64 {
        self.words()[header::PUSHING].load(Ordering::Relaxed)
    }

    /// Records when the holder of the turn begins a push; 0 after its response.
    pub(crate) fn note_request(&self, now: u64) {
        self.words()[header::PUSHING].store(now, Ordering::Relaxed);
    }

    /// Returns the address at which a process of the identity serves scrapes, or last served them:
    /// an IPv6 or IPv4-mapped address, and a port.
    pub(crate) fn served_at(&self) -> Option<([u64; 2], u16)> {
        let words = &self.words()[header::SERVED..];
        let port = sealed::load(&words[0]).and_then(|port| u16::try_from(port).ok())?;
        let host = [&words[1], &words[2]].map(|word| word.load(Ordering::Relaxed));
        (port != 0).then_some((host, port))
    }

    /// Records the address at which the holder of the turn serves scrapes.
    pub(crate) fn note_address(&self, host: [u64; 2], port: u16) {
        let words = &self.words()[header::SERVED..];
        for (word, half) in words[1..].iter().zip(host) {
            word.store(half, Ordering::Relaxed);
        }
        sealed::store(&words[0], port.into());
    }
}
