//! Segments: files in tmpfs in which processes count together, so that counts outlive them.
//!
//! [`attach`] requests a segment before the first count. Then every counter of the process counts
//! in the segment, as fast as in private memory. Register [`Siblings`] so that the process also
//! exposes series of other processes. [`Reader`] exposes the segment of other processes,
//! [`Node`](crate::node::Node) all segments in a directory.
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

use crate::count::choice::{self, Choice, Request};
use crate::count::segment::permissions;
use crate::count::segment::record::Identity;
use crate::model::error::Error;

#[cfg(feature = "exposition")]
pub(crate) use crate::collectors::segment::with_id;
pub use crate::collectors::segment::{Reader, Siblings, Whole, list};

/// Requests that this process counts in the segment of a job and an instance, a file in
/// `directory`. The first count of the process creates file and directory.
///
/// `directory` must be in tmpfs, and only this user may write to it. If the segment cannot be used,
/// the process counts in private memory. It logs one warning, and counts in
/// `dataclay_metrics_segment_failures_total`.
///
/// A second call with the same values does nothing. A forked child counts in the same segment.
///
/// # Errors
///
/// [`Error::Setting`] if the process has already counted, or has requested another segment.
pub fn attach(
    directory: impl Into<PathBuf>,
    job: impl Into<String>,
    instance: impl Into<String>,
) -> Result<(), Error> {
    let directory = directory.into();
    let identity = Identity { job: job.into(), instance: instance.into() };
    let value = directory.display().to_string();
    if choice::request(Request { directory, identity }) {
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
    /// A random number, which distinguishes segments with the same name in different containers.
    pub id: u32,
    /// Whether later processes find the file. Otherwise they count in another one.
    pub is_linked: bool,
    /// The job of the processes that count there.
    pub job: String,
    /// The instance of the processes that count there, as they requested it.
    pub instance: String,
}

/// Returns the segment that this process counts in. Returns `None` before its first count, and if
/// it counts in private memory.
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

/// Attaches now if a segment was requested, and returns it. Exporters use this, because their
/// process may never count.
pub fn attach_now() -> Option<Status> {
    if choice::may_be_requested() {
        choice::make();
    }
    status()
}

/// Attaches now if a segment was requested, and returns whether one was. The process counts in the
/// segment, unless attaching failed.
pub fn is_requested() -> bool {
    choice::is_requested()
}

/// Returns the directory that the setting `auto` means. It is `dataclay-metrics` in `runtime`, the
/// value of `XDG_RUNTIME_DIR`, if that is a tmpfs of this user. Otherwise it is
/// `/dev/shm/dataclay-metrics-UID`.
pub fn auto_directory(runtime: Option<&Path>) -> PathBuf {
    match runtime.filter(|runtime| permissions::is_fit(runtime)) {
        Some(runtime) => runtime.join("dataclay-metrics"),
        None => format!("/dev/shm/dataclay-metrics-{}", permissions::user()).into(),
    }
}

/// Returns whether a directory is in tmpfs, as the directory of a segment must be. For a directory
/// that does not exist yet, returns whether it would be.
pub fn is_in_memory(directory: impl AsRef<Path>) -> bool {
    permissions::is_in_memory(directory.as_ref())
}
