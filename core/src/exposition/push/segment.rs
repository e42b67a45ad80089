//! A push of a segment in which other processes count.

use std::time::Duration;

use crate::count::created::now;
use crate::exposition::push::gateway::Gateway;
use crate::exposition::push::grouping_key::GroupingKey;
use crate::exposition::siblings;
use crate::model::error::Error;
use crate::registry::Registry;
use crate::segment::Reader;
use crate::settings::PushFormat;

/// Pushes the counts in a segment of other processes to their group, as these processes would, and
/// takes turns with them. Does not push if one of them has pushed within `interval`, or has begun a
/// push within `timeout` that has no response. Returns whether it has pushed.
///
/// `format` is the format of the push. `address` is the address of the gateway, as in
/// [`Gateway::new`](crate::exposition::Gateway::new).
///
/// # Errors
///
/// [`Error::Setting`] for a wrong address. [`Error::Label`] if the job is empty. [`Error::Push`] if
/// the push fails; it takes at most `timeout`.
pub fn push_segment(
    reader: &Reader,
    address: &str,
    interval: Duration,
    timeout: Duration,
    format: PushFormat,
) -> Result<bool, Error> {
    let mut key = GroupingKey::new(reader.job())?.label("instance", &reader.exported_instance())?;
    if let Some(service) = reader.service() {
        key = key.label("service", &service)?;
    }
    let gateway = Gateway::new(address, &key)?.timeout(timeout).format(format);
    let segment = reader.segment();
    let Some(turn) = segment.try_push() else { return Ok(false) };
    if siblings::age(segment.last_push()).is_some_and(|age| age < interval) {
        return Ok(false);
    }
    // An older sum must not replace this one. After this wait, the gateway has accepted or dropped
    // the older one.
    if siblings::age(segment.unanswered_push()).is_some_and(|age| age < timeout) {
        return Ok(false);
    }
    let registry = Registry::new();
    registry.register(reader)?;
    turn.note_request(now());
    gateway.push(&registry)?;
    turn.note(now());
    Ok(true)
}
