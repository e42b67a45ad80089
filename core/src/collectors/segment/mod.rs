//! Segments: files in tmpfs in which processes count together, so that counts outlive them.
//!
//! [`attach`] asks for one before the first count. Then every counter of the process counts there,
//! at the cost of private memory. Register [`Siblings`] so that the process also exposes series
//! that it has not made. [`Reader`] exposes the segment of other processes,
//! [`Node`](crate::node::Node) those of a directory.
//!
//! Linux only. `docs/node.md` describes what an operator sees.
//!
//! ```
//! use dataclay_metrics_core::{Counter, Registry, encode, segment};
//!
//! let directory = format!("/dev/shm/dataclay-metrics-doc-{}", std::process::id());
//! segment::attach(&directory, "shop", "till")?;
//! let sales = Counter::new("sales", "Sales")?;
//! sales.inc_by(3);
//!
//! // Another process, while this one runs or after its end:
//! let files = segment::list(&directory)?;
//! let registry = Registry::new();
//! registry.register(&segment::Reader::open(&files[0])?)?;
//! assert!(encode::text(&registry.gather()).ends_with("\nsales_total 3\n"));
//! # std::fs::remove_dir_all(&directory).expect("removed");
//! # Ok::<(), dataclay_metrics_core::Error>(())
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::collectors::segment_families::families;
use crate::count::choice::{self, Choice, Wish};
use crate::count::segment::attached::Attached;
use crate::count::segment::reader::Segment;
use crate::count::segment::reads::Seen;
use crate::count::segment::record::Identity;
use crate::count::segment::unavailable::Unavailable;
use crate::count::segment::{names, permissions};
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::snapshot::MetricFamily;
use crate::registry::call::Call;
use crate::registry::collector::Collector;
use crate::sync::AtomicU64;

/// Asks that this process counts in the segment of a job and an instance, a file in `directory`.
/// Both are created at the process's first count.
///
/// `directory` must lie in tmpfs. Only this user may write to it. If the segment cannot be used,
/// the process counts in private memory. It logs one warning, and counts in
/// `dataclay_metrics_segment_failures_total`.
///
/// A second call with the same values does nothing. A forked child counts in the same segment.
///
/// # Errors
///
/// [`Error::Setting`] if the process has counted already, or has asked for another segment.
pub fn attach(
    directory: impl Into<PathBuf>,
    job: impl Into<String>,
    instance: impl Into<String>,
) -> Result<(), Error> {
    let directory = directory.into();
    let identity = Identity { job: job.into(), instance: instance.into() };
    let value = directory.display().to_string();
    if choice::wish(Wish { directory, identity }) {
        Ok(())
    } else {
        let rule = "a segment must be set before the first count, and only once".into();
        Err(Error::Setting { name: "segment".into(), value, rule })
    }
}

/// The segment that this process counts in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// A random number, which distinguishes segments of one name in different containers.
    pub id: u32,
    /// Whether later processes find the file. Otherwise they count in another one.
    pub is_linked: bool,
    /// The job of the processes that count there.
    pub job: String,
    /// The instance of the processes that count there, as they requested it.
    pub instance: String,
}

/// Returns the segment that this process counts in. `None` before its first count, and if it counts
/// in private memory.
pub fn status() -> Option<Status> {
    match choice::made()? {
        Choice::Private => None,
        Choice::Segment(attached) => {
            let Identity { job, instance } = attached.identity().clone();
            let path = attached.path().to_owned();
            let (id, is_linked) = (attached.id(), attached.is_linked());
            Some(Status { path, id, is_linked, job, instance })
        }
    }
}

/// Attaches now if a segment was asked for, and returns it. For an exporter, whose process may
/// never count.
pub fn attach_now() -> Option<Status> {
    if choice::may_be_wished() {
        choice::make();
    }
    status()
}

/// Attaches now if a segment was asked for, and returns whether one was. The process counts there,
/// unless that failed.
pub fn is_asked_for() -> bool {
    choice::has_wished()
}

/// Returns the directory that the setting `auto` stands for. It is `dataclay-metrics` in `runtime`,
/// the value of `XDG_RUNTIME_DIR`, if that is a tmpfs of this user. Otherwise it is
/// `/dev/shm/dataclay-metrics-UID`.
pub fn auto_directory(runtime: Option<&Path>) -> PathBuf {
    match runtime.filter(|runtime| permissions::is_fit(runtime)) {
        Some(runtime) => runtime.join("dataclay-metrics"),
        None => format!("/dev/shm/dataclay-metrics-{}", permissions::user()).into(),
    }
}

/// Returns whether a directory lies in tmpfs, as the directory of a segment must. One that does not
/// exist yet counts as what it would be.
pub fn is_in_memory(directory: impl AsRef<Path>) -> bool {
    permissions::is_in_memory(directory.as_ref())
}

/// Returns the segments in a directory.
///
/// # Errors
///
/// [`Error::System`] if the directory cannot be read.
pub fn list(directory: impl AsRef<Path>) -> Result<Vec<PathBuf>, Error> {
    names::list(directory.as_ref())
        .map_err(|error| Error::System { what: "list segments", reason: error.to_string() })
}

/// Collects the series of this process's segment that other processes have made. Yields nothing in
/// a process without a segment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Siblings;

impl Collector for Siblings {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(Choice::Segment(attached)) = segment() else { return Vec::new() };
        let mut seen = attached.series();
        // A gauge of many values is exposed here only, with that of this process.
        seen.retain(|seen| !seen.is_made || seen.series.merge.is_each());
        of_attached(attached, &seen)
    }

    fn is_silent(&self) -> bool {
        match segment() {
            Some(Choice::Segment(attached)) => {
                // Looked at here, because each exposition asks.
                attached.is_linked();
                attached.keep_locks();
                attached.has_made_all()
            }
            _ => true,
        }
    }

    fn functions(&self, _: &mut dyn FnMut(Arc<dyn Call>)) -> bool {
        true
    }

    fn id(&self) -> usize {
        // No other collector has the address of this number.
        static ID: AtomicU64 = AtomicU64::new(0);
        (&raw const ID).addr()
    }
}

/// Collects all series of this process's segment: those of this process and of all others. Yields
/// nothing in a process without a segment.
///
/// Register it in a separate registry: in one with the metrics of this process, their samples would
/// occur twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl Collector for Whole {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(Choice::Segment(attached)) = segment() else { return Vec::new() };
        attached.is_linked();
        attached.keep_locks();
        of_attached(attached, &attached.series())
    }

    fn functions(&self, _: &mut dyn FnMut(Arc<dyn Call>)) -> bool {
        true
    }

    fn id(&self) -> usize {
        static ID: AtomicU64 = AtomicU64::new(0);
        (&raw const ID).addr()
    }
}

fn of_attached(attached: &'static Attached, seen: &[Seen]) -> Vec<MetricFamily> {
    families(
        seen,
        |slots, sums| attached.sums(slots, sums),
        |first, sums| attached.cell_sums(&[first], sums.len(), sums),
        |slot, how| attached.gauges(slot, how),
    )
}

fn segment() -> Option<Choice> {
    choice::made().or_else(|| choice::may_be_wished().then(choice::make)?)
}

/// Collects all series of a segment, without counting in it. Clones are the same collector.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Segment>);

impl Reader {
    /// Opens the file of a segment to read it.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if it is not a segment of this user and of this version, or is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, Error> {
        Segment::open(path.as_ref())
            .map(|segment| Reader(Arc::new(segment)))
            .map_err(|error| unavailable(&error))
    }

    /// Returns the job of the processes that count there.
    pub fn job(&self) -> &str {
        &self.0.identity().job
    }

    /// Returns the instance of the processes that count there.
    pub fn instance(&self) -> &str {
        &self.0.identity().instance
    }

    /// Returns the random number of the segment.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns the `instance` under which these processes export: with the random number, unless
    /// their settings declare the instance unique.
    pub fn exported_instance(&self) -> String {
        let is_unique = self.0.exported().is_some_and(|exported| exported.is_unique);
        with_id(self.instance().to_owned(), self.id(), is_unique)
    }

    /// Returns the label `service` under which these processes export, if they have one.
    pub fn service(&self) -> Option<String> {
        self.0.exported().map(|exported| exported.service).filter(|service| !service.is_empty())
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the bytes of RAM that the file takes.
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// Returns how many series the directory has.
    pub fn series(&self) -> usize {
        self.0.series().len()
    }

    /// Deletes the file, and with it the counts. Processes that still count there count on in
    /// memory that nobody reads, and log that.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the file cannot be deleted, or is another one by now.
    pub fn delete(&self) -> Result<(), Error> {
        self.0
            .delete()
            .map_err(|error| Error::System { what: "delete a segment", reason: error.to_string() })
    }

    /// Returns the segment.
    #[cfg(feature = "push")]
    pub(crate) fn segment(&self) -> &Segment {
        &self.0
    }

    /// Returns how many processes have claimed blocks and live.
    pub fn processes(&self) -> usize {
        self.0.processes()
    }

    /// Returns whether the file still has its name.
    pub fn is_linked(&self) -> bool {
        self.0.is_linked()
    }

    /// Returns how many records of its directory were skipped because they are damaged.
    pub fn damaged_records(&self) -> u64 {
        self.0.damaged()
    }
}

/// Returns an instance as it is exported: with the random number of the segment, unless the
/// instance is unique by itself.
pub(crate) fn with_id(instance: String, id: u32, is_unique: bool) -> String {
    if is_unique { instance } else { format!("{instance}:{id:08x}") }
}

fn unavailable(error: &Unavailable) -> Error {
    Error::System { what: "use the segment", reason: error.to_string() }
}

impl Collector for Reader {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let seen = self.0.series();
        families(
            &seen,
            |slots, sums| self.0.sums(slots, sums),
            |first, sums| self.0.cell_sums(&[first], sums.len(), sums),
            |slot, how| self.0.gauges(slot, how),
        )
    }

    fn functions(&self, _: &mut dyn FnMut(Arc<dyn Call>)) -> bool {
        true
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}
