//! The collectors of a registry, in their order, and how they are read.

use std::fmt;
use std::sync::Arc;

use crate::model::desc::Desc;
use crate::model::snapshot::MetricFamily;
use crate::registry::call::Call;
use crate::registry::callback::Callback;
use crate::registry::collector::{Collector, Reading, Sink};
use crate::registry::families::{leave_out, merge};
use crate::registry::results;
use crate::sync::{AtomicUsize, Ordering};

/// Collectors, those of one family side by side.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the facts are independent")]
pub(crate) struct Entries {
    list: Vec<Entry>,
    /// Whether two entries that are not side by side describe a family of the same name.
    families_overlap: bool,
    /// Whether an entry describes nothing. Unless it is silent, it may yield any family.
    has_undescribed: bool,
    /// Whether any two entries describe a family of the same name.
    has_relatives: bool,
    /// About how many bytes an exposition takes, without the children of labelled families.
    bytes: usize,
    /// Whether texts have `_created` samples.
    pub(crate) exposes_created: bool,
}

#[derive(Clone)]
pub(crate) struct Entry {
    collector: Arc<dyn Collector>,
    descs: Arc<[Desc]>,
    /// Whether an entry before this one may yield samples of the same family.
    has_relatives: bool,
    /// Whether the collector yields no other family than those of `descs`.
    describes_all: bool,
    /// Reads a collector that may take long.
    whole: Option<Whole>,
}

/// A collector as one function of the application.
#[derive(Clone)]
struct Whole {
    function: Arc<Callback<Vec<MetricFamily>>>,
    /// The number of samples that it returned last.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint asks"))]
    samples: Arc<AtomicUsize>,
}

impl Entries {
    /// Adds a collector: the last one, or behind its family.
    pub(crate) fn add(
        &mut self,
        collector: Arc<dyn Collector>,
        descs: Vec<Desc>,
        has_relatives: bool,
    ) {
        let relative = |entry: &Entry| {
            entry.descs.iter().any(|old| descs.iter().any(|new| old.same_family(new)))
        };
        let behind = if has_relatives { self.list.iter().rposition(relative) } else { None };
        let at = behind.map_or(self.list.len(), |last| last + 1);
        self.list.insert(
            at,
            Entry {
                describes_all: collector.describes_all(),
                whole: whole(&collector, &descs),
                collector,
                descs: descs.into(),
                has_relatives,
            },
        );
        self.recompute();
    }

    /// Returns the place of the collector with this id.
    pub(crate) fn position(&self, id: usize) -> Option<usize> {
        self.list.iter().position(|entry| entry.collector.id() == id)
    }

    /// Removes the collector at a place that exists, and returns it.
    pub(crate) fn remove(&mut self, at: usize) -> Entry {
        let removed = self.list.remove(at);
        self.recompute();
        removed
    }

    /// Returns those that may yield a wanted family: they describe one, or nothing.
    pub(crate) fn only(&self, wanted: impl Fn(&Desc) -> bool) -> Entries {
        let list = self.list.iter().filter(|entry| entry.may_yield(&wanted)).cloned().collect();
        let exposes_created = self.exposes_created;
        let mut entries = Entries { list, exposes_created, ..Entries::default() };
        entries.recompute();
        entries
    }

    /// Returns every function of the application that a read of what is `wanted` calls.
    pub(crate) fn functions(&self, wanted: impl Fn(&Desc) -> bool) -> Vec<Arc<dyn Call>> {
        let mut functions = Vec::new();
        for entry in self.list.iter().filter(|entry| entry.may_yield(&wanted)) {
            match &entry.whole {
                Some(whole) => functions.push(Arc::clone(&whole.function) as Arc<dyn Call>),
                None => functions.extend(entry.collector.functions().into_iter().flatten()),
            }
        }
        functions
    }

    /// Returns about how many samples a read of what is `wanted` has.
    #[cfg(feature = "http")]
    pub(crate) fn series(&self, wanted: impl Fn(&Desc) -> bool) -> usize {
        let wanted = self.list.iter().filter(|entry| entry.may_yield(&wanted));
        wanted.map(Entry::series).sum()
    }

    /// Recomputes what follows from the list.
    fn recompute(&mut self) {
        let overlaps = |entry: &Entry| entry.descs.len() > 1 && entry.has_relatives;
        self.families_overlap = self.list.iter().any(overlaps);
        self.has_undescribed =
            self.list.len() > 1 && self.list.iter().any(|entry| entry.descs.is_empty());
        self.has_relatives = self.list.iter().any(|entry| entry.has_relatives);
        // The name stands in three lines, with words and a number.
        let bytes = |desc: &Desc| 3 * desc.name().len() + desc.help().len() + 64;
        self.bytes = self.descs().map(bytes).sum();
    }

    /// Returns about how many bytes an exposition takes, without the children of families.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns what the collectors describe.
    pub(crate) fn descs(&self) -> impl Iterator<Item = &Desc> {
        self.list.iter().flat_map(Entry::descs)
    }

    /// Reads every family, in the order of exposition.
    pub(crate) fn read(&self, sink: &mut dyn Sink) {
        let mut undescribed = Vec::new();
        let is_loud = |entry: &Entry| entry.descs.is_empty() && !entry.collector.is_silent();
        let overlap =
            self.families_overlap || self.has_undescribed && self.list.iter().any(is_loud);
        if overlap || self.has_relatives {
            self.read_relatives(overlap, sink, &mut undescribed);
        } else {
            self.list.iter().for_each(|entry| entry.read(sink, &mut undescribed));
        }
        let mut last = Vec::new();
        for family in undescribed {
            if self.descs().any(|desc| desc.name() == family.name()) {
                leave_out(&family, "another collector describes one of that name");
            } else {
                merge(&mut last, family);
            }
        }
        for family in last {
            sink.family(family);
        }
    }

    /// Reads entries of which some may share families; all of them, if families `overlap`.
    fn read_relatives(
        &self,
        overlap: bool,
        sink: &mut dyn Sink,
        undescribed: &mut Vec<MetricFamily>,
    ) {
        let mut rest = &self.list[..];
        while let Some((first, others)) = rest.split_first() {
            let together = |entry: &&Entry| overlap || entry.has_relatives;
            let relatives = others.iter().take_while(together).count();
            if relatives == 0 {
                first.read(sink, undescribed);
            } else {
                read_together(overlap, &rest[..=relatives], sink, undescribed);
            }
            rest = &others[relatives..];
        }
    }
}

impl Entry {
    pub(crate) fn descs(&self) -> &[Desc] {
        &self.descs
    }

    fn may_yield(&self, wanted: impl Fn(&Desc) -> bool) -> bool {
        self.descs.is_empty() || self.descs.iter().any(wanted)
    }

    #[cfg(feature = "http")]
    fn series(&self) -> usize {
        match &self.whole {
            Some(whole) => whole.samples.load(Ordering::Relaxed),
            None => self.collector.series(),
        }
    }

    #[inline]
    fn read(&self, sink: &mut dyn Sink, undescribed: &mut Vec<MetricFamily>) {
        if self.describes_all {
            return self.collector.read(sink);
        }
        let mut sink = Described { descs: &self.descs, sink, undescribed };
        match &self.whole {
            Some(whole) if results::since().is_some() => {
                let families = whole.function.call().unwrap_or_default();
                for family in families {
                    sink.family(family);
                }
            }
            _ => self.collector.read(&mut sink),
        }
    }
}

/// Reads entries that may share families.
fn read_together(
    overlap: bool,
    entries: &[Entry],
    sink: &mut dyn Sink,
    undescribed: &mut Vec<MetricFamily>,
) {
    let mut families = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.has_relatives {
            let mut own = Vec::new();
            entry.read(&mut own, undescribed);
            for family in own {
                merge(&mut families, family);
            }
        } else {
            entry.read(&mut families, undescribed);
        }
    }
    if overlap {
        // Then these entries are all that there are.
        for family in undescribed.drain(..) {
            merge(&mut families, family);
        }
    }
    for family in families {
        sink.family(family);
    }
}

/// Returns the function that reads a collector which may take long; `None` for any other.
fn whole(collector: &Arc<dyn Collector>, descs: &[Desc]) -> Option<Whole> {
    if collector.functions().is_some() {
        return None;
    }
    let names: Vec<&str> = descs.iter().map(Desc::name).collect();
    let what = format!("the collector of {}", names.join(", "));
    let what = if names.is_empty() { "a collector".to_owned() } else { what };
    let (collector, samples) = (Arc::clone(collector), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&samples);
    let function = Callback::new(what, move || {
        let families = collector.collect();
        let samples = families.iter().map(|family| family.samples.most()).sum();
        counted.store(samples, Ordering::Relaxed);
        Some(families)
    });
    Some(Whole { function, samples })
}

/// Separates the families that a collector described from all others.
struct Described<'a> {
    descs: &'a [Desc],
    sink: &'a mut dyn Sink,
    undescribed: &'a mut Vec<MetricFamily>,
}

impl Sink for Described<'_> {
    fn metric(&mut self, metric: &Reading<'_>) {
        self.sink.metric(metric);
    }

    fn family(&mut self, family: MetricFamily) {
        if self.descs.iter().any(|desc| desc.name() == family.name()) {
            self.sink.family(family);
        } else {
            self.undescribed.push(family);
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&*self.descs).finish()
    }
}
