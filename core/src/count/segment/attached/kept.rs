//! Checks the name of the file and the locks on the blocks, which a process can lose unnoticed.
//! Each exposition and each turn runs these checks.
//!
//! A process that is restored from a checkpoint has its memory and its descriptors, but no file
//! locks unless the checkpoint has them. Until it checks its locks, another process may claim a
//! block.

use crate::count::block::Block;
use crate::count::created::now;
use crate::count::segment::attached::{Attached, NONE, Own};
use crate::count::segment::layout::lock;
use crate::count::segment::{names, system};
use crate::diagnostics::{events, notes};
use crate::sync::Ordering;

impl Attached {
    /// Returns whether later processes find the file. If not, they count in another file, and this
    /// logs that once.
    pub(crate) fn is_linked(&self) -> bool {
        let mut own = self.own.lock();
        let file = own.held.get(&self.path);
        let is_linked = file.is_some_and(|file| names::is_found(file, &self.path));
        if !is_linked && !self.logged_unlinked.swap(true, Ordering::Relaxed) {
            fail(format!(
                "counts will not outlive this process: {} was deleted or replaced",
                self.path.display()
            ));
        }
        is_linked
    }

    /// Takes the locks again that this process has lost, and leaves the blocks that another process
    /// has claimed meanwhile. Does not touch locks that the process still has. Checks at most once
    /// a second.
    pub(crate) fn keep_locks(&self) {
        let second = now() / 1000;
        if self.looked.swap(second, Ordering::Relaxed) == second {
            return;
        }
        let mut own = self.own.lock();
        let Own { held, claimed, lost, .. } = &mut *own;
        let Some(file) = held.locking(&self.path) else { return };
        // After an error, the state of the lock is unknown.
        let is_kept = |byte| !matches!(system::try_lock(file, byte), Ok(false));
        let before = lost.len();
        claimed.retain(|claimed| {
            let is_kept = is_kept(lock::CLAIM + claimed.number as u64);
            if !is_kept {
                lost.push(claimed.number);
            }
            is_kept
        });
        for block in [&self.process_block, &self.shared_block] {
            if lost.contains(&block.load(Ordering::Relaxed)) {
                block.store(NONE, Ordering::Release);
            }
        }
        if let Some(number) = self.process_number() {
            if !self.hides_gauges.load(Ordering::Relaxed) {
                is_kept(lock::GAUGES + number as u64);
            }
        }
        for (turn, _) in (0..).zip(&self.turns).filter(|(_, taken)| taken.load(Ordering::Relaxed)) {
            is_kept(lock::TURNS + turn);
        }
        if lost.len() > before {
            self.losses.fetch_add(1, Ordering::Release);
            let path = self.path.display();
            fail(format!(
                "{path}: another process has claimed blocks of this one, whose locks were lost, \
                 such as in a checkpoint: counts of both may be lost"
            ));
        }
    }

    /// Returns whether another process has claimed this block of this process.
    pub(crate) fn has_lost(&self, block: &Block) -> bool {
        let is_it = |number: &usize| std::ptr::eq(self.mapping.block(*number), block);
        // A signal handler that counts may have interrupted the holder of the lock.
        self.losses.load(Ordering::Acquire) > 0
            && self.own.try_lock().is_some_and(|own| own.lost.iter().any(is_it))
    }
}

fn fail(line: String) {
    events::SEGMENT_FAILURES.add();
    notes::add(line);
    notes::deliver();
}
