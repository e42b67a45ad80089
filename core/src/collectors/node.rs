//! All segments of a directory as one collector, for a process that only reads them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

use crate::collectors::segment::{Reader, list};
use crate::diagnostics::notes;
use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::snapshot::MetricFamily;
use crate::model::value::Value;
use crate::registry::call::Call;
use crate::registry::collector::Collector;
use crate::sync::locks::Mutex;

/// Collects the series of all segments in a directory, each with the labels `job`, `instance` and,
/// if its processes have one, `service`. If a series has such a label itself, that label becomes
/// `exported_job` and so on, as in Prometheus.
///
/// Each read finds the segments that exist. It skips a segment that cannot be read, and a family
/// that has another type in another segment. It logs each once. In addition to the series, it
/// exposes:
///
/// | family | what |
/// |---|---|
/// | `dataclay_metrics_segment_processes` | live processes that count in a segment |
/// | `dataclay_metrics_segment_damaged_records` | damaged records that were skipped in a segment |
/// | `dataclay_metrics_segments_unreadable` | segments that could not be read |
///
/// Clones are the same collector.
#[derive(Clone, Debug)]
pub struct Node(Arc<State>);

#[derive(Debug)]
struct State {
    directory: PathBuf,
    known: Mutex<Known>,
}

/// The results of earlier reads.
#[derive(Debug, Default)]
struct Known {
    readers: BTreeMap<PathBuf, Reader>,
    /// The reasons that were logged. A reason is removed when the cause is gone.
    logged: Vec<String>,
}

impl Node {
    /// Makes a collector of the segments in `directory`, which may not exist yet.
    pub fn new(directory: impl Into<PathBuf>) -> Node {
        let (directory, known) = (directory.into(), Mutex::default());
        Node(Arc::new(State { directory, known }))
    }

    /// Returns the existing segments, in the order of their names, and the reasons why others
    /// cannot be read.
    pub fn segments(&self) -> (Vec<Reader>, Vec<String>) {
        let paths =
            if self.0.directory.exists() { list(&self.0.directory) } else { Ok(Vec::new()) };
        let mut known = self.0.known.lock();
        let mut failures = Vec::new();
        let paths = paths.unwrap_or_else(|error| {
            failures.push(error.to_string());
            Vec::new()
        });
        known.readers.retain(|path, reader| paths.contains(path) && reader.is_linked());
        for path in paths {
            if let Entry::Vacant(vacant) = known.readers.entry(path) {
                match Reader::open(vacant.key()) {
                    Ok(reader) => drop(vacant.insert(reader)),
                    Err(error) => failures.push(format!("{}: {error}", vacant.key().display())),
                }
            }
        }
        (known.readers.values().cloned().collect(), failures)
    }

    /// Logs reasons that the previous read did not log.
    #[doc(hidden)]
    pub fn log(&self, reasons: Vec<String>) {
        let before = std::mem::replace(&mut self.0.known.lock().logged, reasons.clone());
        for reason in reasons {
            if !before.contains(&reason) {
                notes::add(format!("skipped: {reason}"));
                notes::deliver();
            }
        }
    }
}

impl Collector for Node {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (readers, mut reasons) = self.segments();
        let unreadable = reasons.len() as f64;
        let mut processes = own("segment_processes", "Processes that count in a segment");
        let mut damaged = own("segment_damaged_records", "Damaged records that were skipped");
        let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
        for reader in &readers {
            let labels = labels(reader);
            let sample =
                |value| Sample::new("", Labels::unchecked(labels.clone()), Value::Float(value));
            processes.samples.push(sample(reader.processes() as f64));
            damaged.samples.push(sample(reader.damaged_records() as f64));
            for mut family in reader.collect() {
                family.samples.relabel(|own| with(&labels, own));
                match families.entry(family.name().to_owned()) {
                    Entry::Vacant(vacant) => drop(vacant.insert(family)),
                    Entry::Occupied(mut merged) if merged.get().kind() == family.kind() => {
                        merged.get_mut().samples.append(family.samples);
                    }
                    Entry::Occupied(_) => reasons.push(format!(
                        "{} of {}: another segment has this family with another type",
                        family.name(),
                        reader.path().display()
                    )),
                }
            }
        }
        self.log(reasons);
        let mut none = own("segments_unreadable", "Segments that could not be read");
        let (labels, value) = (Labels::default(), Value::Float(unreadable));
        none.samples.push(Sample::new("", labels, value));
        families.into_values().chain([processes, damaged, none]).collect()
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

fn own(name: &str, help: &str) -> MetricFamily {
    let name = format!("dataclay_metrics_{name}");
    let desc = Desc::unchecked(Kind::Gauge, name, help.into(), Labels::default());
    MetricFamily::with_samples(desc, Vec::new())
}

/// Returns the labels of an identity.
fn labels(reader: &Reader) -> Vec<(String, String)> {
    let mut labels = vec![
        ("job".to_owned(), reader.job().to_owned()),
        ("instance".to_owned(), reader.exported_instance()),
    ];
    labels.extend(reader.service().map(|service| ("service".to_owned(), service)));
    labels
}

/// Returns the labels of an identity and a series.
fn with(identity: &[(String, String)], labels: &Labels) -> Labels {
    let mut all = identity.to_vec();
    for (name, value) in labels.iter() {
        let mut name = name.to_owned();
        while all.iter().any(|(taken, _)| *taken == name) {
            name = format!("exported_{name}");
        }
        all.push((name, value.to_owned()));
    }
    Labels::unchecked(all)
}
