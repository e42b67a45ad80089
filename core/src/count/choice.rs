//! Decides whether this process counts in private memory or in a segment: once, at its first count.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::count::segment::attached::Attached;
use crate::count::segment::attached::attach;
use crate::count::segment::record::Identity;
use crate::diagnostics::{events, notes};
use crate::sync::gate::Section;
use crate::sync::locks::{self, Mutex};
use crate::sync::{AtomicBool, Ordering};

/// The place where this process counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    Private,
    Segment(&'static Attached),
}

/// The segment that a process requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) directory: PathBuf,
    pub(crate) identity: Identity,
}

/// The segment that the process has requested, if any.
#[derive(Debug)]
struct Requested {
    request: Option<Request>,
    /// Whether the process has chosen. After that, a request has no effect.
    is_taken: bool,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();
static REQUESTED: Mutex<Requested> = Mutex::new(Requested { request: None, is_taken: false });
/// Returns the request of a process that has made none at its first count.
static DEFAULT: OnceLock<Box<dyn Fn() -> Option<Request> + Send + Sync>> = OnceLock::new();
/// Whether there is a request, or may be one at the first count. A check costs one load.
static MAY_BE_REQUESTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether the thread is choosing. An allocator that counts calls this code recursively.
    static CHOOSING: Cell<bool> = const { Cell::new(false) };
}

/// Requests a segment for the first count of the process. Returns `false`, and changes nothing, if
/// the process has already counted, or has requested another segment.
pub(crate) fn request(request: Request) -> bool {
    let mut requested = REQUESTED.lock();
    if let Some(before) = &requested.request {
        return *before == request;
    }
    if requested.is_taken {
        return false;
    }
    requested.request = Some(request);
    MAY_BE_REQUESTED.store(true, Ordering::SeqCst);
    true
}

/// Makes the first count call `ask`, unless a segment has been requested by then. Only the first
/// call has an effect. `ask` must not count.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "no settings are read"))]
pub(crate) fn request_by_default(ask: impl Fn() -> Option<Request> + Send + Sync + 'static) {
    locks::get_or_init(&DEFAULT, || Box::new(ask));
    MAY_BE_REQUESTED.store(true, Ordering::SeqCst);
}

/// Returns the choice, if the process has chosen.
#[inline]
pub(crate) fn made() -> Option<Choice> {
    CHOICE.get().copied()
}

/// Chooses, and returns whether this process has requested a segment. It counts there, unless
/// attaching failed.
pub(crate) fn is_requested() -> bool {
    make();
    REQUESTED.lock().request.is_some()
}

/// Returns whether this process counts in a segment, or may do so later.
pub(crate) fn may_be_requested() -> bool {
    MAY_BE_REQUESTED.load(Ordering::Relaxed)
}

/// Returns whether this process counts in a segment. Chooses first, if the process may still get a
/// segment.
#[cfg_attr(not(feature = "process"), expect(dead_code, reason = "`process_*` ask"))]
pub(crate) fn is_segment() -> bool {
    let choice = made().or_else(|| may_be_requested().then(make)?);
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
    let mut requested = REQUESTED.lock();
    requested.is_taken = true;
    if requested.request.is_none() {
        requested.request = DEFAULT.get().and_then(|ask| ask());
    }
    let request = requested.request.clone();
    drop(requested);
    let Some(Request { directory, identity }) = request else { return Choice::Private };
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
