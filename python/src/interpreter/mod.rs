//! The interpreter: entering it, its fork, its end and its logging.

pub(crate) mod attach;
pub(crate) mod callback;
pub(crate) mod door;
pub(crate) mod fork;
pub(crate) mod green;
pub(crate) mod guarded;
pub(crate) mod interrupts;
pub(crate) mod logging;
pub(crate) mod run;
