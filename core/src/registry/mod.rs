//! A registry: registers and unregisters collectors, and gathers what they yield.

use std::collections::{HashMap, HashSet, hash_map};
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

pub(crate) mod call;
pub(crate) mod callback;
pub(crate) mod collector;
pub(crate) mod entries;
mod families;
pub(crate) mod refreshed;
pub(crate) mod results;
pub(crate) mod running;

use crate::fork::{exporters, section};
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::snapshot::MetricFamily;
use crate::registry::call::Call;
use crate::registry::collector::Collector;
use crate::registry::entries::Entries;
use crate::sync::locks::RwLock;

/// A set of collectors with unique names. Cheap to clone; clones are the same registry. All methods
/// may be called from any thread.
///
/// ```
/// use dataclay_metrics_core::{Counter, Registry, encode};
///
/// let registry = Registry::new();
/// let hits = Counter::new("hits", "Lookups that hit")?;
/// registry.register(&hits)?;
/// hits.inc();
/// assert_eq!(
///     encode::text(&registry.gather()),
///     "# HELP hits_total Lookups that hit\n# TYPE hits_total counter\nhits_total 1\n"
/// );
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    state: Arc<RwLock<State>>,
    /// The collectors for gathers. `None` after a change, until the next gather.
    published: Arc<ArcSwapOption<Entries>>,
    /// The descriptions for `prometheus`, which takes references only.
    #[cfg(feature = "prometheus")]
    pub(crate) prometheus_descs: Arc<std::sync::OnceLock<Vec<prometheus::core::Desc>>>,
}

#[derive(Debug, Default)]
struct State {
    /// Copied on write, because gathers may read it. Before a change, `published` becomes `None`.
    /// So only gathers that run at that time cause a copy.
    entries: Arc<Entries>,
    names: Names,
}

/// The collectors when a gather began. Holds no lock.
pub(crate) struct Published(Guard<Option<Arc<Entries>>>);

impl Deref for Published {
    type Target = Entries;

    fn deref(&self) -> &Entries {
        self.0.as_deref().expect("a gather has collectors")
    }
}

impl Default for Registry {
    fn default() -> Registry {
        Registry::new()
    }
}

impl Registry {
    /// Returns an empty registry.
    pub fn new() -> Registry {
        section::install();
        Registry {
            state: Arc::default(),
            published: Arc::default(),
            #[cfg(feature = "prometheus")]
            prometheus_descs: Arc::default(),
        }
    }

    /// Registers a collector. Collectors of one family, which have the same name, help and label
    /// names but other label values, are exposed together.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`], which names both metrics, if one of the same name is registered that
    /// belongs to another family or has the same labels. Nothing is registered then.
    pub fn register<C: Collector + Clone>(&self, collector: &C) -> Result<(), Error> {
        exporters::retry();
        let descs = collector.describe();
        let mut state = self.state.write();
        let has_relatives = descs.iter().any(|desc| state.names.has_family(desc));
        for (at, desc) in descs.iter().enumerate() {
            if let Err(error) = state.names.take(desc) {
                descs[..at].iter().for_each(|taken| state.names.give_back(taken));
                return Err(error);
            }
        }
        let collector: Arc<dyn Collector> = Arc::new(collector.clone());
        self.change(&mut state).add(collector, descs, has_relatives);
        Ok(())
    }

    /// Unregisters a collector. A clone is the same collector.
    ///
    /// # Errors
    ///
    /// [`Error::NotRegistered`] if it is not here; nothing is removed then.
    pub fn unregister<C: Collector>(&self, collector: &C) -> Result<(), Error> {
        let mut state = self.state.write();
        let Some(at) = state.entries.position(collector.id()) else {
            let metric = match &collector.describe()[..] {
                [] => "the collector".to_owned(),
                [only] => only.to_string(),
                all @ [first, ..] => format!("{first}, one of {} families,", all.len()),
            };
            return Err(Error::NotRegistered { metric });
        };
        let removed = self.change(&mut state).remove(at);
        removed.descs().iter().for_each(|desc| state.names.give_back(desc));
        drop(state);
        // Dropped here, not under the lock: a drop may run the application's code.
        drop(removed);
        Ok(())
    }

    /// Sets whether OpenMetrics has a sample `_created` for each counter, histogram and summary:
    /// the time when it was zero. Off by default, because it doubles the series of counters, and
    /// Prometheus uses these samples only with a feature flag. PrometheusProto always has the
    /// times.
    ///
    /// ```
    /// use dataclay_metrics_core::{Counter, Registry, encode::Format};
    ///
    /// let registry = Registry::new();
    /// registry.register(&Counter::new("hits", "Lookups that hit")?)?;
    /// registry.expose_created(true);
    /// let text = registry.encode(Format::OpenMetrics);
    /// assert!(text.contains("\nhits_total 0\nhits_created 1"), "{text}");
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    pub fn expose_created(&self, exposes: bool) {
        if self.exposes_created() != exposes {
            self.change(&mut self.state.write()).exposes_created = exposes;
        }
    }

    /// Returns what [`Registry::expose_created`] has set.
    pub fn exposes_created(&self) -> bool {
        self.state.read().entries.exposes_created
    }

    /// Returns the collectors, to change them. The next gather publishes them again.
    fn change<'a>(&self, state: &'a mut State) -> &'a mut Entries {
        self.published.store(None);
        Arc::make_mut(&mut state.entries)
    }

    /// Returns the collectors as they are now. Takes a lock only after a change.
    pub(crate) fn entries(&self) -> Published {
        exporters::retry();
        let published = self.published.load();
        if published.is_some() {
            return Published(published);
        }
        let state = self.state.read();
        let entries = Some(Arc::clone(&state.entries));
        self.published.store(entries.clone());
        Published(Guard::from_inner(entries))
    }

    /// Returns the families of all collectors, in the order of registration. Families that no
    /// collector describes come last. Holds no lock while it reads them. Each sample is read once;
    /// the snapshot as a whole is not one point in time.
    pub fn gather(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        self.entries().read(&mut families);
        families
    }

    /// Returns the families of the collectors that describe a `wanted` family, or describe nothing.
    /// Does not read the others.
    pub fn gather_where(&self, wanted: impl Fn(&Desc) -> bool) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        self.entries().only(wanted).read(&mut families);
        families
    }

    /// Returns about how many samples a reading of what is `wanted` has.
    #[cfg(feature = "http")]
    pub(crate) fn series(&self, wanted: impl Fn(&Desc) -> bool) -> usize {
        self.entries().series(wanted)
    }

    /// Returns every function of the application that reading what is `wanted` calls.
    #[doc(hidden)]
    pub fn functions(&self, wanted: impl Fn(&Desc) -> bool) -> Vec<Arc<dyn Call>> {
        self.entries().functions(wanted)
    }
}

/// The reserved names, each with its family.
#[derive(Debug, Default)]
struct Names {
    /// The family of each reserved name, as its first member described it, and how many members
    /// it has.
    families: HashMap<String, (Desc, usize)>,
    members: HashSet<(String, Labels)>,
}

impl Names {
    fn has_family(&self, desc: &Desc) -> bool {
        self.families.get(desc.name()).is_some_and(|(family, _)| family.same_family(desc))
    }

    fn take(&mut self, new: &Desc) -> Result<(), Error> {
        let duplicate = |old: &Desc, why| {
            let (name, new) = (new.name().to_owned(), new.to_string());
            Err(Error::Duplicate { name, new, existing: format!("{old}, {why}") })
        };
        for name in new.reserved() {
            if let Some((family, _)) = self.families.get(&name) {
                if let Some(difference) = family.difference(new) {
                    return duplicate(family, difference);
                }
            }
        }
        if !self.members.insert((new.name().to_owned(), new.labels().sorted())) {
            return match self.families.get(new.name()) {
                Some((old, _)) if old.label_names() != new.label_names() => {
                    duplicate(old, "which has its label names in another order")
                }
                _ => duplicate(new, "which has the same labels"),
            };
        }
        for name in new.reserved() {
            self.families.entry(name).or_insert_with(|| (new.clone(), 0)).1 += 1;
        }
        Ok(())
    }

    fn give_back(&mut self, old: &Desc) {
        self.members.remove(&(old.name().to_owned(), old.labels().sorted()));
        for name in old.reserved() {
            if let hash_map::Entry::Occupied(mut family) = self.families.entry(name) {
                family.get_mut().1 -= 1;
                if family.get().1 == 0 {
                    family.remove();
                }
            }
        }
    }
}
