//! Plain data: descriptions of metrics, snapshots, and errors.

pub(crate) mod desc;
pub(crate) mod error;
pub(crate) mod exemplar;
pub(crate) mod kept;
pub(crate) mod kind;
pub(crate) mod labels;
pub(crate) mod layout;
pub(crate) mod merge;
pub mod names;
pub(crate) mod native;
pub(crate) mod number;
pub(crate) mod percent;
pub(crate) mod printable;
pub(crate) mod sample;
pub(crate) mod samples;
pub(crate) mod schema;
pub(crate) mod snapshot;
pub(crate) mod stored;
pub(crate) mod time;
pub(crate) mod value;
