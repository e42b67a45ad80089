//! One process's use of a segment: the file, the blocks that it has claimed, and the counts that
//! the blocks had at the claim.
//!
//! | file | what it holds |
//! |---|---|
//! | `attach` | attaches a process: opens the file, claims its first block |
//! | `claim` | claims blocks for a process, its threads and those that have none |
//! | `resolve` | finds the words of a series, or appends the series |
//! | `reads` | reads the counts, gauges and series |
//! | `kept` | checks what a process can lose unnoticed: the name of the file, locks |
//! | `turns` | what the processes of an identity do one by one: push, serve scrapes |

pub(crate) mod attach;
mod claim;
mod kept;
pub(crate) mod reads;
pub(crate) mod resolve;
mod turns;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::count::block::Block;
use crate::count::segment::claimed::Claimed;
use crate::count::segment::directory::Directory;
use crate::count::segment::file::{self, Opened};
use crate::count::segment::held::Held;
use crate::count::segment::layout::header;
use crate::count::segment::mapping::Mapping;
use crate::count::segment::patience::{Patience, take_soon};
use crate::count::segment::record::{Identity, Series};
use crate::count::segment::unavailable::Unavailable;
use crate::count::segment::{blocks, sealed};
use crate::sync::gate;
use crate::sync::locks::{Guard, Mutex};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// The number that means no block.
const NONE: usize = usize::MAX;

/// A segment, attached for the life of the process.
#[derive(Debug)]
pub(crate) struct Attached {
    mapping: Mapping,
    path: PathBuf,
    id: u32,
    identity: Identity,
    /// The first block of this process, or [`NONE`]. It has the gauges and events of the process. A
    /// thread counts there too, in other words.
    process_block: AtomicUsize,
    /// The block of threads that have none, or [`NONE`]. It is claimed for the first of them.
    shared_block: AtomicUsize,
    /// The most blocks that a reader has seen.
    used: AtomicUsize,
    /// The id of the process that has claimed the blocks. It differs from the current one in a
    /// child in which no fork handler ran.
    process: AtomicU32,
    /// For each turn, whether a thread of this process has it.
    turns: [AtomicBool; 2],
    /// Whether the gauges of this process are hidden from the others.
    hides_gauges: AtomicBool,
    /// Whether the log already says that the file has lost its name.
    logged_unlinked: AtomicBool,
    /// The second of Unix time in which the locks were last checked.
    looked: AtomicU64,
    /// The number of times that this process has lost blocks to another one.
    losses: AtomicU32,
    pub(super) own: Mutex<Own>,
    /// For the lock on `own`.
    pub(super) patience: Patience,
}

/// The state that changes.
#[derive(Debug)]
pub(super) struct Own {
    held: Held,
    directory: Directory,
    claimed: Vec<Claimed>,
    /// The blocks that another process has claimed meanwhile. A thread may still count there.
    lost: Vec<usize>,
    /// For each first word of a series, whether this process has a metric for the series.
    made: Vec<bool>,
    /// The end of the words that this process counts in. They have room in each of its blocks.
    words: usize,
}

impl Own {
    /// Returns whether this process has a metric for a series.
    fn has_made(&self, series: &Series) -> bool {
        self.made.get(series.first as usize).copied().unwrap_or(false)
    }
}

impl Attached {
    /// Opens or creates the segment of an identity. A process never detaches.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] with the first step that failed.
    fn open(directory: &Path, identity: &Identity) -> Result<&'static Attached, Unavailable> {
        let Opened { file, found, path, mapping, identity: there } =
            file::open(directory, identity)?;
        if there != *identity {
            let reason = "it must be the file of this job and instance".to_owned();
            return Err(Unavailable { what: "the file is damaged", reason });
        }
        let id = sealed::load(&mapping.words()[header::ID]).unwrap_or(0);
        Ok(Box::leak(Box::new(Attached {
            mapping,
            path,
            id,
            identity: there,
            process_block: AtomicUsize::new(NONE),
            shared_block: AtomicUsize::new(NONE),
            used: AtomicUsize::new(0),
            process: AtomicU32::new(std::process::id()),
            turns: [const { AtomicBool::new(false) }; 2],
            hides_gauges: AtomicBool::new(false),
            logged_unlinked: AtomicBool::new(false),
            looked: AtomicU64::new(0),
            losses: AtomicU32::new(0),
            own: Mutex::new(Own {
                held: Held::new(file, &found),
                directory: Directory::default(),
                claimed: Vec::new(),
                lost: Vec::new(),
                made: Vec::new(),
                words: 0,
            }),
            patience: Patience::new(),
        })))
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the random number of the segment.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Returns the words of the header and of the directory.
    pub(super) fn words(&self) -> &[AtomicU64] {
        self.mapping.words()
    }

    /// Calls `use_file` with the file through which this process takes locks. `None` if it has
    /// none.
    pub(super) fn with_file<R>(&self, use_file: impl FnOnce(&File) -> R) -> Option<R> {
        self.own.lock().held.get(&self.path).map(use_file)
    }

    /// Returns the job and the instance of the processes that count here.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the number of the first block of this process, if it has one now.
    fn process_number(&self) -> Option<usize> {
        Some(self.process_block.load(Ordering::Acquire)).filter(|number| *number != NONE)
    }

    /// Returns the first block of this process, if it has one now.
    pub(crate) fn process_block(&'static self) -> Option<&'static Block> {
        self.process_number().map(|number| self.mapping.block(number))
    }

    /// Locks the state of this process. Returns `None` if another thread holds the lock, or forks,
    /// for too long.
    fn try_own(&self) -> Option<Guard<std::sync::MutexGuard<'_, Own>>> {
        let try_lock = || self.own.try_lock();
        if gate::is_in_section() {
            // The holder may be this thread, which a signal handler or an allocator that counts has
            // interrupted.
            return take_soon(try_lock);
        }
        self.patience.wait(try_lock)
    }

    /// Returns how many blocks were ever claimed.
    fn used(&self) -> usize {
        blocks::largest_used(&self.mapping, &self.used)
    }
}

impl Attached {
    /// Resets this in a forked child, which has no block and opens the file again. Closing the
    /// inherited descriptor unlocks nothing, because the parent still has it.
    pub(crate) fn restart_in_child(&self) {
        self.restart(&mut self.own.lock());
    }

    /// Resets this in a child in which no fork handler ran. Does nothing if a thread of the parent
    /// held the lock at the fork. Such a child may use its parent's shared block, because threads
    /// update it by compare and swap.
    pub(crate) fn restart_if_free(&self) {
        if let Some(mut own) = self.own.try_lock() {
            self.restart(&mut own);
        }
    }

    fn restart(&self, own: &mut Own) {
        self.process.store(std::process::id(), Ordering::Relaxed);
        self.process_block.store(NONE, Ordering::Relaxed);
        self.shared_block.store(NONE, Ordering::Relaxed);
        self.turns.iter().for_each(|turn| turn.store(false, Ordering::Relaxed));
        self.hides_gauges.store(false, Ordering::Relaxed);
        own.claimed.clear();
        own.lost.clear();
        own.held.replace(&self.path, |file| self.mapping.remap(file));
    }

    /// Returns the process that has claimed the blocks.
    pub(crate) fn process(&self) -> u32 {
        self.process.load(Ordering::Relaxed)
    }

    /// Returns a number that changes when the process block does: in a forked child, and after a
    /// loss.
    pub(crate) fn holder(&self) -> u64 {
        u64::from(self.losses.load(Ordering::Acquire)) << 32 | u64::from(self.process())
    }

    /// Returns whether another process has claimed the blocks. If so, this process is its child,
    /// and no fork handler ran.
    pub(crate) fn is_inherited(&self) -> bool {
        self.process.load(Ordering::Relaxed) != std::process::id()
    }
}
