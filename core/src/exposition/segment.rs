//! The segment of the settings.

use std::path::PathBuf;

use crate::count::choice::{self, Choice, Request};
use crate::count::segment::exported;
use crate::count::segment::record::{Exported, Identity};
use crate::diagnostics::events;
#[cfg(feature = "push")]
use crate::exposition::instance::host_name;
use crate::exposition::thread::logging::warn_later;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::segment::{self, Siblings, Status};
use crate::settings::{SegmentDirectory, Settings};

/// Requests the segment of the settings for the first count. Returns whether the settings name one.
/// Neither the file nor its directory is touched before that count.
///
/// [`Settings::directory`] names the directory. The identity is [`Settings::job`] with
/// [`Settings::instance`]; the default instance is the program's name and the node,
/// `PROGRAM@NODE`.
///
/// # Errors
///
/// As [`segment::attach`].
pub fn request_segment(settings: &Settings) -> Result<bool, Error> {
    let Some(Request { directory, identity }) = request(settings) else { return Ok(false) };
    segment::attach(directory, identity.job, identity.instance)?;
    publish_labels(settings);
    Ok(true)
}

/// Makes the first count request the segment of the settings that `read` returns, if any. Does
/// nothing if a segment was requested by then. An error is logged, and the process counts in
/// private memory.
///
/// Only the first call of a process has an effect. `read` runs on the thread of the first count. It
/// must not count.
pub fn request_segment_at_first_count(read: ReadSettings) {
    choice::request_by_default(move || match read() {
        Ok(settings) => {
            let settings = settings?;
            publish_labels(&settings);
            request(&settings)
        }
        Err(error) => {
            events::SEGMENT_FAILURES.add();
            warn_later(format!("counts will not outlive this process: {error}"));
            None
        }
    });
}

/// Requests the segment of the settings, as [`request_segment`] does. Registers [`Siblings`], so
/// that the process exposes all counts of its identity.
///
/// # Errors
///
/// As [`segment::attach`].
pub fn attach_segment(registry: &Registry, settings: &Settings) -> Result<bool, Error> {
    if !request_segment(settings)? {
        return Ok(false);
    }
    // An earlier exporter may have registered it.
    let _ = registry.unregister(&Siblings);
    registry.register(&Siblings)?;
    Ok(true)
}

/// Publishes the labels of the process to readers of its segment: now, or when it attaches.
fn publish_labels(settings: &Settings) {
    let service = settings.service.clone().unwrap_or_default();
    exported::set(Exported { is_unique: settings.is_unique, service }, settings.is_single);
    if let Some(Choice::Segment(attached)) = choice::made() {
        attached.publish_labels();
    }
}

/// Returns the `instance` under which the process exposes the counts of its segment. Returns `None`
/// without a segment, and if these settings name another one. Attaches now if the process is not
/// attached.
///
/// An instance that is not unique gets the segment's random number, because two containers may have
/// the same host name and program.
pub fn segment_instance(settings: &Settings) -> Option<String> {
    directory(settings)?;
    let Status { id, job, instance, .. } = segment::attach_now()?;
    let identity = identity(settings);
    if (&job, &instance) != (&settings.job, &identity) {
        return None;
    }
    Some(segment::with_id(identity, id, settings.is_unique))
}

/// Reads settings. Returns `None` if they name no segment.
type ReadSettings = fn() -> Result<Option<Settings>, Error>;

fn request(settings: &Settings) -> Option<Request> {
    if settings.enabled == Some(false) {
        return None;
    }
    let directory = directory(settings)?;
    let identity = Identity { job: settings.job.clone(), instance: identity(settings) };
    Some(Request { directory, identity })
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
    let own = settings.shared_instance.as_ref().or(settings.instance.as_ref());
    own.cloned().unwrap_or_else(|| format!("{}@{}", settings.program, node()))
}
