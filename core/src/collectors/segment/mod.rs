//! Collects segments: that of this process, or one that it only reads.

mod attached;
mod families;
mod reader;

pub use attached::{Siblings, Whole};
#[cfg(feature = "exposition")]
pub(crate) use reader::with_id;
pub use reader::{Reader, list};
