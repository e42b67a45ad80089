//! `dcm_gauge`.

use std::ffi::{c_int, c_void};

use dataclay_metrics_core::{Gauge, Registry};

use crate::boundary::{Items, Label, Out, Text, UserData, labels, put, required};
use crate::status::Failure;

/// A function of the C program's that is a gauge's value, and what belongs to it.
struct Function {
    call: extern "C" fn(*mut c_void, &mut f64) -> c_int,
    user_data: UserData,
    free: Option<extern "C" fn(*mut c_void)>,
}

impl Function {
    fn value(&self) -> Option<f64> {
        let mut value = 0.0;
        ((self.call)(self.user_data.0, &mut value) == 0).then_some(value)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            free(self.user_data.0);
        }
    }
}

export! {
    fn dcm_gauge_new(
        registry: Option<&Registry>,
        name: Text<'_>,
        help: Text<'_>,
        label_array: Items<'_, Label<'_>>,
        count: usize,
        out: Out<'_, Box<Gauge>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?;
            let (name, help) = (name.required("name")?, help.required("help")?);
            let gauge = Gauge::with_const_labels(name, help, labels(&label_array, count)?)?;
            registry.register(&gauge)?;
            Ok(Box::new(gauge))
        })
    }

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

    fn dcm_gauge_set_function(
        gauge: Option<&Gauge>,
        function: Option<extern "C" fn(*mut c_void, &mut f64) -> c_int>,
        user_data: UserData,
        free: Option<extern "C" fn(*mut c_void)>,
    ) -> Result<(), Failure> {
        let gauge = required("gauge", gauge)?;
        let call = function.ok_or(Failure::Null("function"))?;
        let function = Function { call, user_data, free };
        gauge.set_function(move || function.value());
        Ok(())
    }

    fn dcm_gauge_get(gauge: Option<&Gauge>, out: Out<'_, f64>) -> Result<(), Failure> {
        put("out", out, || {
            let value = required("gauge", gauge)?.get();
            value.ok_or(Failure::Absent("the gauge's function gave no value"))
        })
    }

    fn dcm_gauge_register(
        gauge: Option<&Gauge>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("registry", registry)?.register(required("gauge", gauge)?)?)
    }

    fn dcm_gauge_unregister(
        gauge: Option<&Gauge>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("registry", registry)?.unregister(required("gauge", gauge)?)?)
    }

    fn dcm_gauge_free(gauge: Option<Box<Gauge>>) -> () {
        drop(gauge);
    }
}
