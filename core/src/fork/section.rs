//! Runs work during which no other thread forks.

use std::sync::Once;

use crate::fork::handlers;
use crate::sync::gate::Section;

/// Runs `work` while no other thread forks. A lock that `work` takes and releases is never found
/// locked in a child. Language bindings use it for their locks.
///
/// Blocks only while another thread forks. `work` must not wait for a thread that forks.
pub fn section<T>(work: impl FnOnce() -> T) -> T {
    install();
    let _section = Section::enter();
    work()
}

/// Registers the fork handlers of this process. Only the first call does anything.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    if INSTALLED.is_completed() {
        return;
    }
    let _section = Section::enter();
    INSTALLED.call_once(|| {
        handlers::register();
    });
}
