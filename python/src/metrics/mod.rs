//! The metric classes of Python, which wrap the metric types of the core.

pub(crate) mod children;
pub(crate) mod class;
pub(crate) mod context_managers;
pub(crate) mod counter;
pub(crate) mod gauge;
pub(crate) mod histogram;
pub(crate) mod hot;
pub(crate) mod info;
pub(crate) mod label_values;
pub(crate) mod metric;
pub(crate) mod state_set;
pub(crate) mod subclass;
pub(crate) mod summary;

use crate::registry::registrable::Class;

/// The metric classes of the module. A new class needs one line here.
pub(crate) const CLASSES: &[Class] = &[
    Class::of::<counter::Counter>(),
    Class::of::<gauge::Gauge>(),
    Class::of::<histogram::Histogram>(),
    Class::of::<info::Info>(),
    Class::of::<state_set::Enum>(),
    Class::of::<summary::Summary>(),
];
