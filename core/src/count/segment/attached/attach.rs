//! Attaches this process to a segment: opens the file, claims the first block, and shares what the
//! other processes read.

use std::path::Path;

use crate::count::segment::attached::Attached;
use crate::count::segment::layout;
use crate::count::segment::record::Identity;
use crate::count::segment::unavailable::Unavailable;
use crate::diagnostics::events;

/// Attaches to the segment of an identity, which it creates if there is none.
///
/// # Errors
///
/// [`Unavailable`] with the first step that failed.
pub(crate) fn attach(
    directory: &Path,
    identity: &Identity,
) -> Result<&'static Attached, Unavailable> {
    let attached = Attached::open(directory, identity)?;
    let claimed = attached.provide_process_block(&mut attached.own.lock());
    let reason = match claimed {
        Ok(true) => {
            attached.publish_labels();
            events::share(attached);
            return Ok(attached);
        }
        Ok(false) => format!("all {} are in use", layout::MAX_BLOCKS),
        Err(error) => error.to_string(),
    };
    Err(Unavailable { what: "cannot claim a block", reason })
}
