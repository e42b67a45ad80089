//! Collects the segment that this process counts in.

use std::sync::Arc;

use crate::collectors::segment::families::families;
use crate::count::choice::{self, Choice};
use crate::model::desc::Desc;
use crate::model::snapshot::MetricFamily;
use crate::registry::call::Call;
use crate::registry::collector::Collector;
use crate::sync::AtomicU64;

/// Collects the series of this process's segment that other processes have made. Yields nothing in
/// a process without a segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Siblings;

impl Collector for Siblings {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(Choice::Segment(attached)) = checked() else { return Vec::new() };
        let mut seen = attached.series();
        // If a gauge exposes the value of each process, only this collector exposes it, including
        // the value of this process.
        seen.retain(|seen| !seen.is_made || seen.series.merge.is_each());
        families(&seen, attached)
    }

    fn is_silent(&self) -> bool {
        !matches!(segment(), Some(Choice::Segment(attached)) if !attached.has_made_all())
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        // The address of this static is unique among collectors.
        static ID: AtomicU64 = AtomicU64::new(0);
        (&raw const ID).addr()
    }
}

/// Collects all series of this process's segment, including its own. Yields nothing in a process
/// without a segment.
///
/// Register it in a separate registry. In a registry with the metrics of this process, their
/// samples would occur twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl Collector for Whole {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(Choice::Segment(attached)) = checked() else { return Vec::new() };
        families(&attached.series(), attached)
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        static ID: AtomicU64 = AtomicU64::new(0);
        (&raw const ID).addr()
    }
}

/// Returns the segment, after a check of what this process can lose of it. Each exposition does so,
/// because it reads all collectors, also those that yield nothing.
fn checked() -> Option<Choice> {
    let choice = segment();
    if let Some(Choice::Segment(attached)) = choice {
        attached.is_linked();
        attached.keep_locks();
    }
    choice
}

fn segment() -> Option<Choice> {
    choice::made().or_else(|| choice::may_be_requested().then(choice::make)?)
}
