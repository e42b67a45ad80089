//! Collects a segment without counting in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::collectors::segment::families::families;
use crate::count::segment::names;
use crate::count::segment::reader::Segment;
use crate::count::segment::unavailable::Unavailable;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::snapshot::MetricFamily;
use crate::registry::call::Call;
use crate::registry::collector::Collector;

/// Collects all series of a segment, without counting in it. Clones are the same collector.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Segment>);

impl Reader {
    /// Opens the file of a segment to read it.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the file is not a segment of this user and version, or is damaged.
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

    /// Returns the `instance` under which these processes export: with the random number appended,
    /// unless their settings declare the instance unique.
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

    /// Deletes the file, and with it the counts. Processes that use it continue to count in memory
    /// that nobody reads, and log that.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the file cannot be deleted, or has been replaced by another one.
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

    /// Returns how many live processes have claimed blocks.
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

impl Collector for Reader {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let seen = self.0.series();
        families(&seen, &*self.0)
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
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

/// Returns the exported form of an instance: with the random number of the segment, unless the
/// instance is unique without it.
pub(crate) fn with_id(instance: String, id: u32, is_unique: bool) -> String {
    if is_unique { instance } else { format!("{instance}:{id:08x}") }
}

fn unavailable(error: &Unavailable) -> Error {
    Error::System { what: "use the segment", reason: error.to_string() }
}
