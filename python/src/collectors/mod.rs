//! Collectors of the process and of the interpreter.

pub(crate) mod garbage;
pub(crate) mod platform;
pub(crate) mod process;

use crate::registry::registrable::Class;

/// The classes of these collectors.
pub(crate) const CLASSES: &[Class] = &[
    Class::of::<process::ProcessCollector>(),
    Class::of::<platform::PlatformCollector>(),
    Class::of::<garbage::GCCollector>(),
];
