//! Turns: work that one process of an identity does at a time, such as to push.
//!
//! A turn is a lock of the kernel, which ends with its process, however that ends. The header says
//! what came of it, such as when a process pushed last.
#![cfg_attr(not(all(feature = "http", feature = "push")), allow(dead_code, reason = "exporters"))]

use crate::count::segment::attached::Attached;
use crate::count::segment::layout::{header, lock};
use crate::count::segment::{blocks, system};
use crate::sync::Ordering;

impl Attached {
    /// Takes a turn that one thread of one process of the identity has at a time. Returns `false`
    /// if another one has it.
    pub(crate) fn take_turn(&self, turn: usize) -> bool {
        // The lock keeps processes apart, and the flag threads.
        if self.turns[turn].swap(true, Ordering::Acquire) {
            return false;
        }
        let taken = self.with_file(|file| system::try_lock(file, lock::TURNS + turn as u64));
        let taken = matches!(taken, Some(Ok(true)));
        self.turns[turn].store(taken, Ordering::Release);
        taken
    }

    /// Ends a turn.
    pub(crate) fn end_turn(&self, turn: usize) {
        // Fails only for a closed descriptor, and then the turn has ended.
        self.with_file(|file| system::unlock(file, lock::TURNS + turn as u64).ok());
        self.turns[turn].store(false, Ordering::Release);
    }

    /// Hides the gauges of this process from the others, until [`Attached::show_gauges`].
    pub(crate) fn hide_gauges(&self) {
        if let Some(number) = self.process_number() {
            // Fails only for a closed descriptor, and then nobody sees them.
            self.with_file(|file| system::unlock(file, lock::GAUGES + number as u64).ok());
        }
    }

    /// Shows them again.
    pub(crate) fn show_gauges(&self) {
        if let Some(number) = self.process_number() {
            // Fails only for a closed descriptor.
            self.with_file(|file| system::try_lock(file, lock::GAUGES + number as u64).ok());
        }
    }

    /// Returns whether another process of the identity lives and shows its gauges.
    pub(crate) fn has_siblings(&self) -> bool {
        let others = self.with_file(|file| blocks::locked(file, lock::GAUGES, self.used()));
        matches!(others, Some(Ok(others)) if !others.is_empty())
    }

    /// Returns when a process of the identity pushed last, in milliseconds of Unix time; 0 if none
    /// did.
    pub(crate) fn last_push(&self) -> u64 {
        self.words()[header::PUSHED].load(Ordering::Relaxed)
    }

    /// Notes that the holder of the turn has pushed.
    pub(crate) fn note_push(&self, now: u64) {
        self.words()[header::PUSHED].store(now, Ordering::Relaxed);
    }
}
