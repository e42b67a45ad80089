//! The families that are encoded: those of a registry, or those of a snapshot.

use std::cell::Cell;

use crate::model::desc::Desc;
use crate::model::snapshot::MetricFamily;
use crate::registry::collector::Sink;
use crate::registry::entries::Entries;

/// The families of one exposition.
pub(super) trait Families {
    /// Returns the descriptions that are known before the families are read.
    fn descs(&self) -> Box<dyn Iterator<Item = &Desc> + '_>;

    /// Passes each family to a sink. Called once.
    fn read(&self, sink: &mut dyn Sink);

    /// Returns whether texts have `_created` samples.
    fn exposes_created(&self) -> bool {
        false
    }

    /// Returns about how many bytes the exposition takes, or 0.
    fn bytes(&self) -> usize {
        0
    }
}

impl Families for Entries {
    fn descs(&self) -> Box<dyn Iterator<Item = &Desc> + '_> {
        Box::new(Entries::descs(self))
    }

    fn read(&self, sink: &mut dyn Sink) {
        Entries::read(self, sink);
    }

    fn exposes_created(&self) -> bool {
        self.exposes_created
    }

    fn bytes(&self) -> usize {
        Entries::bytes(self)
    }
}

/// Families that were read before.
pub(super) struct Snapshot {
    descs: Vec<Desc>,
    families: Cell<Vec<MetricFamily>>,
}

impl Snapshot {
    pub(super) fn new(families: Vec<MetricFamily>) -> Snapshot {
        let descs = families.iter().map(|family| family.desc().clone()).collect();
        Snapshot { descs, families: Cell::new(families) }
    }
}

impl Families for Snapshot {
    fn descs(&self) -> Box<dyn Iterator<Item = &Desc> + '_> {
        Box::new(self.descs.iter())
    }

    fn read(&self, sink: &mut dyn Sink) {
        self.families.take().into_iter().for_each(|family| sink.family(family));
    }
}
