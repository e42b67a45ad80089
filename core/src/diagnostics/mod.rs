//! The reports of this library about itself: `events`, which the health metrics expose, and
//! `notes`, log lines that wait until a thread may write them.

pub(crate) mod events;
pub(crate) mod notes;
