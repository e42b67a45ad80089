//! `DATACLAY_METRICS_DIR`: the directory in which processes of one job and instance count together.

use std::path::PathBuf;

/// The directory of segments, as the variable sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SegmentDirectory {
    /// Not set. This means `none`, unless the caller has another default.
    #[default]
    Unset,
    /// `none`: the process counts in private memory.
    None,
    /// `auto`: `$XDG_RUNTIME_DIR/dataclay-metrics`, or else `/dev/shm/dataclay-metrics-UID`.
    Auto,
    /// A directory in tmpfs.
    Path(PathBuf),
}

impl SegmentDirectory {
    /// The rule for values, which errors name.
    pub const RULE: &str = "must be auto, none or an absolute path";

    /// Reads the value of the variable. Returns `None` if it is neither a word nor an absolute
    /// path.
    pub(crate) fn parse(value: &str) -> Option<SegmentDirectory> {
        match value.to_ascii_lowercase().as_str() {
            "none" => Some(SegmentDirectory::None),
            "auto" => Some(SegmentDirectory::Auto),
            _ => Some(PathBuf::from(value))
                .filter(|path| path.is_absolute())
                .map(SegmentDirectory::Path),
        }
    }
}
