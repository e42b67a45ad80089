//! Collectors, which a registry reads, and sinks, which take what they yield.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::desc::Desc;
use crate::model::layout::Layout;
use crate::model::snapshot::MetricFamily;
use crate::model::value::Value;
use crate::registry::call::Call;

/// Anything that yields metric families when a registry is gathered.
pub trait Collector: Send + Sync + 'static {
    /// Returns descriptions of the families that it can yield. The registry reserves their names.
    ///
    /// A collector that cannot know them returns none. Its samples are skipped where another
    /// collector yields the same name and labels. If a collector yields a family that it did not
    /// describe, that family is skipped if another collector describes one of that name.
    fn describe(&self) -> Vec<Desc>;

    /// Returns the families as they are now. Runs on the gathering thread, with no lock held.
    fn collect(&self) -> Vec<MetricFamily>;

    /// Passes the families to `sink`, for metrics of this crate without copies.
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

    /// Returns every function of the application that [`Collector::read`] calls. `None` means that
    /// reading may take long itself: an exporter then runs it as it runs such a function.
    #[doc(hidden)]
    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        None
    }

    /// Returns whether it would yield nothing now. A registry reads in a shorter way if all
    /// collectors that describe nothing are silent.
    #[doc(hidden)]
    fn is_silent(&self) -> bool {
        false
    }

    /// Returns about how many samples it yields. An exporter reads large collectors on a separate
    /// thread.
    #[doc(hidden)]
    fn series(&self) -> usize {
        1
    }

    /// Returns the address of its state, which its clones share: collectors with the same id are
    /// the same for [`Registry::unregister`](crate::Registry::unregister).
    fn id(&self) -> usize;
}

/// One metric with all its labels, as it was read.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub desc: &'a Desc,
    pub layout: &'a Layout,
    /// Returns when its values were zero. Most sinks do not call it.
    pub created: &'a dyn Fn() -> Option<SystemTime>,
    /// Its numbers, as its layout has them. Some may be absent, but not all.
    pub values: &'a [Option<Value>],
}

impl Reading<'_> {
    /// Returns it as a family of one metric.
    pub fn family(&self) -> MetricFamily {
        MetricFamily::for_metric(self.desc, self.layout, (self.created)(), self.values)
    }
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reading { desc, values, .. } = self;
        f.debug_struct("Reading")
            .field("desc", desc)
            .field("values", values)
            .finish_non_exhaustive()
    }
}

/// Takes what collectors yield: a snapshot or an encoder.
#[doc(hidden)]
pub trait Sink {
    /// Takes one metric.
    fn metric(&mut self, metric: &Reading<'_>) {
        self.family(metric.family());
    }

    /// Takes any family.
    fn family(&mut self, family: MetricFamily);
}

impl Sink for Vec<MetricFamily> {
    fn family(&mut self, family: MetricFamily) {
        self.push(family);
    }
}
