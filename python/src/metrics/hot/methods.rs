//! The methods themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dataclay_metrics_core as core;
use pyo3::ffi::{self, PyObject};

use super::method::{Method, Name};
use crate::metrics::counter::Counter;
use crate::metrics::gauge::Gauge;
use crate::metrics::histogram::Histogram;
use crate::metrics::summary::Summary;

static AMOUNT: Name = Name::new("amount");
static VALUE: Name = Name::new("value");

pub(super) struct Inc;

impl Method for Inc {
    type Class = Counter;

    const NAME: &'static str = "inc";
    const ARGUMENT: &'static Name = &AMOUNT;
    const SIGNATURE: &'static str = "($self, amount=1, exemplar=None)";

    #[inline]
    fn without(counter: &core::Counter) -> bool {
        counter.inc();
        true
    }

    #[inline]
    fn with(counter: &core::Counter, amount: f64) -> bool {
        counter.inc_by_f64(amount).is_ok()
    }

    /// Handles ints below 2^64 - 1, exactly.
    #[inline]
    unsafe fn with_int(counter: &core::Counter, amount: *mut PyObject) -> bool {
        // SAFETY: as for this function. The conversion of an exact int runs no Python code.
        unsafe {
            let whole = ffi::PyLong_AsSize_t(amount);
            if whole == usize::MAX {
                // The number is negative, too large, or exactly this number.
                ffi::PyErr_Clear();
                return false;
            }
            counter.inc_by(whole as u64);
            true
        }
    }
}

pub(super) struct Observe;

impl Method for Observe {
    type Class = Histogram;

    const NAME: &'static str = "observe";
    const ARGUMENT: &'static Name = &AMOUNT;
    const SIGNATURE: &'static str = "($self, amount, exemplar=None)";

    #[inline]
    fn with(histogram: &core::Histogram, amount: f64) -> bool {
        histogram.observe(amount);
        true
    }
}

pub(super) struct ObserveSummary;

impl Method for ObserveSummary {
    type Class = Summary;

    const NAME: &'static str = "observe";
    const ARGUMENT: &'static Name = &AMOUNT;
    const SIGNATURE: &'static str = "($self, amount)";

    #[inline]
    fn with(summary: &core::Summary, amount: f64) -> bool {
        summary.observe(amount);
        true
    }
}

pub(super) struct Set;

impl Method for Set {
    type Class = Gauge;

    const NAME: &'static str = "set";
    const ARGUMENT: &'static Name = &VALUE;
    const SIGNATURE: &'static str = "($self, value)";

    #[inline]
    fn with(gauge: &core::Gauge, value: f64) -> bool {
        unless_panics(|| gauge.set(value))
    }
}

pub(super) struct IncGauge;

impl Method for IncGauge {
    type Class = Gauge;

    const NAME: &'static str = "inc";
    const ARGUMENT: &'static Name = &AMOUNT;
    const SIGNATURE: &'static str = "($self, amount=1)";

    #[inline]
    fn without(gauge: &core::Gauge) -> bool {
        Self::with(gauge, 1.0)
    }

    #[inline]
    fn with(gauge: &core::Gauge, amount: f64) -> bool {
        unless_panics(|| gauge.inc_by(amount))
    }
}

pub(super) struct DecGauge;

impl Method for DecGauge {
    type Class = Gauge;

    const NAME: &'static str = "dec";
    const ARGUMENT: &'static Name = &AMOUNT;
    const SIGNATURE: &'static str = "($self, amount=1)";

    #[inline]
    fn without(gauge: &core::Gauge) -> bool {
        Self::with(gauge, 1.0)
    }

    #[inline]
    fn with(gauge: &core::Gauge, amount: f64) -> bool {
        unless_panics(|| gauge.dec_by(amount))
    }
}

/// Returns whether the change was made. Unlike a count, it is not proven free of panics, because
/// the first change in a segment looks up the gauge. If PyO3's method panics too, PyO3 raises the
/// panic.
#[inline]
fn unless_panics(change: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(change)).is_ok()
}
