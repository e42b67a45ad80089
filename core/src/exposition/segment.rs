//! The segment that the settings ask for.

use std::path::PathBuf;

use crate::collectors::segment::{self, Siblings, Status};
use crate::dataclay::directory::SegmentDirectory;
use crate::dataclay::settings::Settings;
#[cfg(feature = "push")]
use crate::exposition::push::instance::host_name;
use crate::model::error::Error;
use crate::registry::Registry;

/// Asks for the segment that the settings name, before the first count. Registers [`Siblings`], so
/// that the process exposes all counts of its identity. Returns whether there is such a segment.
///
/// [`Settings::directory`] names the directory. The identity is [`Settings::job`] with
/// [`Settings::instance`]; the default instance is the program's name and the node,
/// `PROGRAM@NODE`.
///
/// # Errors
///
/// As [`segment::attach`].
pub fn attach_segment(registry: &Registry, settings: &Settings) -> Result<bool, Error> {
    let Some(directory) = directory(settings) else { return Ok(false) };
    segment::attach(directory, &settings.job, identity(settings))?;
    // It may be there from an exporter before.
    let _ = registry.unregister(&Siblings);
    registry.register(&Siblings)?;
    Ok(true)
}

/// Returns the `instance` under which the process exposes the counts of its segment. `None` without
/// a segment, and if these settings name another one. Attaches now if that was not done.
///
/// An instance that is not unique by itself gets the segment's random number: two containers may
/// have one host name and one program.
pub fn segment_instance(settings: &Settings) -> Option<String> {
    directory(settings)?;
    let Status { id, job, instance, .. } = segment::attach_now()?;
    let identity = identity(settings);
    if (&job, &instance) != (&settings.job, &identity) {
        return None;
    }
    Some(if settings.is_unique { identity } else { format!("{identity}:{id:08x}") })
}

fn directory(settings: &Settings) -> Option<PathBuf> {
    match &settings.directory {
        SegmentDirectory::Unset | SegmentDirectory::None => None,
        SegmentDirectory::Path(path) => Some(path.clone()),
        SegmentDirectory::Auto => {
            Some(segment::auto_directory(settings.runtime_directory.as_deref()))
        }
    }
}

fn identity(settings: &Settings) -> String {
    let node = || {
        #[cfg(feature = "push")]
        return host_name();
        #[cfg(not(feature = "push"))]
        return String::new();
    };
    settings.instance.clone().unwrap_or_else(|| format!("{}@{}", settings.program, node()))
}
