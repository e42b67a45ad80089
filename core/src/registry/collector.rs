//! What a registry reads: collectors, and where they put what they yield.

use crate::model::desc::Desc;
use crate::model::layout::Layout;
use crate::model::snapshot::{MetricFamily, Value};

/// Anything that yields metric families when a registry is gathered.
pub trait Collector: Send + Sync + 'static {
    /// What it can yield; names found here are taken in the registry. May be empty for a source
    /// that does not know, whose samples then give way to those of the same name and labels. Of one
    /// that describes some families and yields others too, those give way to all of the same name.
    fn describe(&self) -> Vec<Desc>;

    /// The families, now. Runs on the thread that gathers, with no lock of the registry held.
    fn collect(&self) -> Vec<MetricFamily>;

    /// The same without copies, for metrics of this crate.
    #[doc(hidden)]
    fn read(&self, sink: &mut dyn Sink) {
        for family in self.collect() {
            sink.family(family);
        }
    }

    /// Returns whether it never yields a family that it did not describe. A registry checks those
    /// that may.
    #[doc(hidden)]
    fn describes_all(&self) -> bool {
        false
    }

    /// What makes it the same collector for [`Registry::unregister`](crate::Registry::unregister): the address of its state,
    /// shared by its clones.
    fn id(&self) -> usize;
}

/// Who takes what collectors yield: a snapshot, or an encoder, which needs none.
#[doc(hidden)]
pub trait Sink {
    /// Takes one metric with all its labels, and its values: those of its layout, of which some may
    /// be absent, but not all.
    fn metric(&mut self, desc: &Desc, layout: &Layout, values: &[Option<Value>]);

    /// Takes any family.
    fn family(&mut self, family: MetricFamily);
}

impl Sink for Vec<MetricFamily> {
    fn metric(&mut self, desc: &Desc, layout: &Layout, values: &[Option<Value>]) {
        self.push(MetricFamily::for_metric(desc, layout, values));
    }

    fn family(&mut self, family: MetricFamily) {
        self.push(family);
    }
}
