//! Where this process counts: in private memory, or in a segment. It chooses once, at its first
//! count, and stays there.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::OnceLock;

#[cfg(target_os = "linux")]
use crate::count::segment::attached::Attached;
use crate::count::segment::record::Identity;
use crate::count::{events, notes};
use crate::sync::gate::Section;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, Ordering};

/// Where this process counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    Private,
    #[cfg(target_os = "linux")]
    Segment(&'static Attached),
}

/// The segment that a process asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) directory: PathBuf,
    pub(crate) identity: Identity,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();
static WISH: Mutex<Option<Wish>> = Mutex::new(None);
/// Whether there is a wish: a look that costs one load.
static IS_WISHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether the thread is choosing. An allocator that counts comes here again.
    static CHOOSING: Cell<bool> = const { Cell::new(false) };
}

/// Asks for a segment, for the process's first count. Returns `false`, and changes nothing, if the
/// process has counted already, or has asked for another segment.
pub(crate) fn wish(wish: Wish) -> bool {
    let mut wished = WISH.lock();
    if let Some(before) = &*wished {
        return *before == wish;
    }
    if CHOICE.get().is_some() {
        return false;
    }
    *wished = Some(wish);
    IS_WISHED.store(true, Ordering::SeqCst);
    // A first count that did not see the wish has chosen private memory meanwhile.
    !matches!(CHOICE.get(), Some(Choice::Private))
}

/// Returns the choice, if it was made.
#[inline]
pub(crate) fn made() -> Option<Choice> {
    CHOICE.get().copied()
}

/// Returns whether this process counts in a segment, or will.
pub(crate) fn is_wished() -> bool {
    IS_WISHED.load(Ordering::Relaxed)
}

/// Chooses, unless that was done. The first call opens the segment; others wait for it. Returns
/// `None` to a thread that is choosing, and while another thread forks.
#[cold]
pub(crate) fn make() -> Option<Choice> {
    if let Some(made) = made() {
        return Some(made);
    }
    if CHOOSING.replace(true) {
        return None;
    }
    let section = Section::try_enter();
    let choice = section.map(|_section| *CHOICE.get_or_init(attach));
    CHOOSING.set(false);
    choice
}

fn attach() -> Choice {
    if !IS_WISHED.load(Ordering::SeqCst) {
        return Choice::Private;
    }
    let Some(Wish { directory, identity }) = WISH.lock().clone() else { return Choice::Private };
    match Attached::new(&directory, &identity) {
        Ok(attached) => Choice::Segment(attached),
        Err(error) => {
            events::SEGMENT_FAILURES.fetch_add(1, Ordering::Relaxed);
            notes::add(format!(
                "counts of this process end with it: {error} ({})",
                directory.display()
            ));
            notes::deliver();
            Choice::Private
        }
    }
}
