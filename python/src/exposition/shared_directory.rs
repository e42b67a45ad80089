//! The directory in which programs for the multiprocess mode of `prometheus_client` count. All
//! processes with the same directory count together.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Once;

use dataclay_metrics_core as core;
use dataclay_metrics_core::exposition::warn_later;
use dataclay_metrics_core::segment;
use dataclay_metrics_core::settings::SegmentDirectory;

use crate::registry::multiproc;

/// Makes settings without a directory use the directory of the variable. Processes with the same
/// directory have the same identity, whatever the name of their program is.
pub(crate) fn complete(settings: &mut core::Settings, lookup: impl Fn(&str) -> Option<OsString>) {
    if settings.directory != SegmentDirectory::Unset {
        return;
    }
    let Some(directory) = multiproc::directory(&lookup) else { return };
    if let Some(name) = directory.file_name() {
        settings.program = name.to_string_lossy().into_owned();
    }
    let in_memory = in_memory(directory.clone(), lookup);
    if in_memory != directory {
        static WARNED: Once = Once::new();
        WARNED.call_once(|| {
            let (set, used) = (directory.display(), in_memory.display());
            warn_later(format!(
                "PROMETHEUS_MULTIPROC_DIR={set} is not in tmpfs: processes count together \
                 in {used}; set it, or DATACLAY_METRICS_DIR, to a directory in /dev/shm"
            ));
        });
    }
    settings.directory = SegmentDirectory::Path(in_memory);
}

/// Returns the directory, or one in tmpfs that replaces it.
pub(crate) fn in_memory(directory: PathBuf, lookup: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    if segment::is_in_memory(&directory) {
        return directory;
    }
    let runtime = lookup("XDG_RUNTIME_DIR").map(PathBuf::from);
    let name = directory.to_string_lossy().replace('/', "+");
    segment::auto_directory(runtime.as_deref().filter(|path| *path != Path::new(""))).join(name)
}
