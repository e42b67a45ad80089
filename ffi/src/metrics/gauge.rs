//! `dcm_gauge` and `dcm_gauge_family`.

use std::ffi::{c_int, c_void};

use dataclay_metrics_core::{Gauge, GaugeMerge, Opts};

use crate::boundary::{Options, Out, UserData, put, required, uncancelled};
use crate::metrics::metric::OwnOptions;
use crate::status::Failure;

export_metric!(Gauge, gauge: dcm_gauge_new, dcm_gauge_new_with, dcm_gauge_register,
    dcm_gauge_unregister, dcm_gauge_free);
export_family!(Gauge: dcm_gauge_family_new, dcm_gauge_family_new_with,
    dcm_gauge_family_with_labels, dcm_gauge_family_remove, dcm_gauge_family_clear,
    dcm_gauge_family_register, dcm_gauge_family_unregister, dcm_gauge_family_free);

impl OwnOptions for GaugeMerge {
    const OF: &'static str = "gauges";

    fn set(opts: Opts<Self>, options: &Options<'_>) -> Result<Opts<Self>, Failure> {
        /// In the order of `dcm_gauge_merge`.
        const ALL: [GaugeMerge; 10] = [
            GaugeMerge::Sum,
            GaugeMerge::Min,
            GaugeMerge::Max,
            GaugeMerge::MostRecent,
            GaugeMerge::Each,
            GaugeMerge::SumOfAll,
            GaugeMerge::MinOfAll,
            GaugeMerge::MaxOfAll,
            GaugeMerge::MostRecentOfAll,
            GaugeMerge::EachOfAll,
        ];
        let merge = ALL.get(options.gauge_merge).ok_or_else(|| {
            Failure::argument("gauge_merge", options.gauge_merge, "must be a dcm_gauge_merge")
        })?;
        Ok(opts.merge(*merge))
    }
}

/// A C function that computes a gauge's value, and its user data.
struct Function {
    call: extern "C" fn(*mut c_void, &mut f64) -> c_int,
    user_data: UserData,
    free: Option<extern "C" fn(*mut c_void)>,
}

impl Function {
    fn value(&self) -> Option<f64> {
        let mut value = 0.0;
        let status = uncancelled(|| (self.call)(self.user_data.0, &mut value));
        (status == 0).then_some(value)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            uncancelled(|| free(self.user_data.0));
        }
    }
}

export! { hot:
    fn dcm_gauge_set(gauge: Option<&Gauge>, value: f64) -> () {
        if let Some(gauge) = gauge {
            gauge.set(value);
        }
    }

    fn dcm_gauge_inc(gauge: Option<&Gauge>) -> () {
        if let Some(gauge) = gauge {
            gauge.inc();
        }
    }

    fn dcm_gauge_dec(gauge: Option<&Gauge>) -> () {
        if let Some(gauge) = gauge {
            gauge.dec();
        }
    }

    fn dcm_gauge_inc_by(gauge: Option<&Gauge>, amount: f64) -> () {
        if let Some(gauge) = gauge {
            gauge.inc_by(amount);
        }
    }

    fn dcm_gauge_dec_by(gauge: Option<&Gauge>, amount: f64) -> () {
        if let Some(gauge) = gauge {
            gauge.dec_by(amount);
        }
    }

    fn dcm_gauge_get(gauge: Option<&Gauge>, out: Out<'_, f64>) -> Result<(), Failure> {
        put("out", out, || {
            let Some(value) = required("gauge", gauge)?.get() else {
                return Err(Failure::Absent("the gauge's function returned no value"));
            };
            Ok(value)
        })
    }
}

export! {
    fn dcm_gauge_set_function(
        gauge: Option<&Gauge>,
        function: Option<extern "C" fn(*mut c_void, &mut f64) -> c_int>,
        user_data: UserData,
        free: Option<extern "C" fn(*mut c_void)>,
    ) -> Result<(), Failure> {
        let gauge = required("gauge", gauge)?;
        let call = required("function", function)?;
        let function = Function { call, user_data, free };
        gauge.set_function(move || function.value());
        Ok(())
    }
}
