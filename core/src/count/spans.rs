//! The spans of slots: which are open, which were closed and may be opened again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use crate::count::block::Slot;
use crate::count::sizes::{OPENED_BEFORE, RUN};

/// Neighbouring slots that one metric opens and closes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: Slot,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn slots(self) -> impl Iterator<Item = Slot> {
        (self.first.0..self.first.0 + self.len).map(Slot)
    }
}

/// The slots in use. Only a thread that holds the lock on this may claim a block or add memory.
pub(super) struct Spans {
    pub(super) opened: u32,
    /// The first slots of closed spans, by the length of the span. The lowest one is opened next,
    /// so that few pages of the blocks are in use.
    closed: BTreeMap<u32, BinaryHeap<Reverse<Slot>>>,
    runs: Vec<Run>,
}

/// The use of the slots whose words are returned to the system together.
#[derive(Default)]
struct Run {
    /// The number of slots that are open now.
    open: u32,
    /// The number of slots that were opened since the words were last returned.
    opened: u32,
}

impl Spans {
    pub(super) fn new() -> Spans {
        Spans { opened: 0, closed: BTreeMap::new(), runs: Vec::new() }
    }

    /// Takes a closed span of this length, if there is one.
    pub(super) fn reopen(&mut self, len: u32) -> Option<Span> {
        let Reverse(first) = self.closed.get_mut(&len)?.pop()?;
        Some(Span { first, len })
    }

    pub(super) fn add_closed(&mut self, span: Span) {
        self.closed.entry(span.len).or_default().push(Reverse(span.first));
    }

    /// Records that the slot is open.
    pub(super) fn note_opened(&mut self, slot: Slot) {
        let run = slot.0 as usize / RUN;
        if self.runs.len() <= run {
            self.runs.resize_with(run + 1, Run::default);
        }
        self.runs[run].open += 1;
        self.runs[run].opened = self.runs[run].opened.saturating_add(1);
    }

    /// Records that the slot is closed. Returns the slots whose words can be returned to the system
    /// now.
    pub(super) fn note_closed(&mut self, slot: Slot) -> Option<Range<usize>> {
        let number = slot.0 as usize / RUN;
        let run = &mut self.runs[number];
        run.open -= 1;
        if run.open > 0 || run.opened < OPENED_BEFORE {
            return None;
        }
        run.opened = 0;
        Some(number * RUN..(number + 1) * RUN)
    }
}
