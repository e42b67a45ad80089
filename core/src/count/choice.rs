//! Decides whether this process counts in private memory or in a segment: once, at its first count.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::count::segment::attach;
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
    Segment(&'static Attached),
}

/// The segment that a process requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) directory: PathBuf,
    pub(crate) identity: Identity,
}

/// The segment that the process has requested, if any.
#[derive(Debug)]
struct Wished {
    wish: Option<Wish>,
    /// Whether the process has chosen. After that, a request has no effect.
    is_taken: bool,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();
static WISHED: Mutex<Wished> = Mutex::new(Wished { wish: None, is_taken: false });
/// Returns the request of a process that has made none at its first count.
static DEFAULT: OnceLock<fn() -> Option<Wish>> = OnceLock::new();
/// Whether there is a request, or may be one at the first count. A check costs one load.
static MAY_BE_WISHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether the thread is choosing. An allocator that counts calls this code recursively.
    static CHOOSING: Cell<bool> = const { Cell::new(false) };
}

/// Requests a segment for the first count of the process. Returns `false`, and changes nothing, if
/// the process has already counted, or has requested another segment.
pub(crate) fn wish(wish: Wish) -> bool {
    let mut wished = WISHED.lock();
    if let Some(before) = &wished.wish {
        return *before == wish;
    }
    if wished.is_taken {
        return false;
    }
    wished.wish = Some(wish);
    MAY_BE_WISHED.store(true, Ordering::SeqCst);
    true
}

/// Makes the first count call `ask`, unless a segment has been requested by then. Only the first
/// call has an effect. `ask` must not count.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "no settings are read"))]
pub(crate) fn wish_by_default(ask: fn() -> Option<Wish>) {
    DEFAULT.get_or_init(|| ask);
    MAY_BE_WISHED.store(true, Ordering::SeqCst);
}

/// Returns the choice, if the process has chosen.
#[inline]
pub(crate) fn made() -> Option<Choice> {
    CHOICE.get().copied()
}

/// Chooses, and returns whether this process has requested a segment. It counts there, unless
/// attaching failed.
pub(crate) fn has_wished() -> bool {
    make();
    WISHED.lock().wish.is_some()
}

/// Returns whether this process counts in a segment, or may do so later.
pub(crate) fn may_be_wished() -> bool {
    MAY_BE_WISHED.load(Ordering::Relaxed)
}

/// Returns whether this process counts in a segment. Chooses first, if the process may still get a
/// segment.
#[cfg_attr(not(feature = "process"), expect(dead_code, reason = "`process_*` ask"))]
pub(crate) fn is_segment() -> bool {
    let choice = made().or_else(|| may_be_wished().then(make)?);
    matches!(choice, Some(Choice::Segment(_)))
}

/// Chooses, unless the process has chosen. The first call opens the segment; other threads wait for
/// it. Returns `None` to a thread that is choosing, and while another thread forks.
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
    let mut wished = WISHED.lock();
    wished.is_taken = true;
    if wished.wish.is_none() {
        wished.wish = DEFAULT.get().and_then(|ask| ask());
    }
    let wish = wished.wish.clone();
    drop(wished);
    let Some(Wish { directory, identity }) = wish else { return Choice::Private };
    match attach::attach(&directory, &identity) {
        Ok(attached) => Choice::Segment(attached),
        Err(error) => {
            events::SEGMENT_FAILURES.add();
            notes::add(format!(
                "counts will not outlive this process: {error} ({})",
                directory.display()
            ));
            notes::deliver();
            Choice::Private
        }
    }
}
