//! `dcm_counter`.

use dataclay_metrics_core::{Counter, Registry, Value};

use crate::boundary::{Items, Label, Out, Text, labels, put, required};
use crate::status::Failure;

export! {
    fn dcm_counter_new(
        registry: Option<&Registry>,
        name: Text<'_>,
        help: Text<'_>,
        label_array: Items<'_, Label<'_>>,
        count: usize,
        out: Out<'_, Box<Counter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?;
            let (name, help) = (name.required("name")?, help.required("help")?);
            let counter = Counter::with_const_labels(name, help, labels(&label_array, count)?)?;
            registry.register(&counter)?;
            Ok(Box::new(counter))
        })
    }

    fn dcm_counter_inc(counter: Option<&Counter>) -> () {
        if let Some(counter) = counter {
            counter.inc();
        }
    }

    fn dcm_counter_inc_by(counter: Option<&Counter>, amount: u64) -> () {
        if let Some(counter) = counter {
            counter.inc_by(amount);
        }
    }

    fn dcm_counter_inc_by_double(counter: Option<&Counter>, amount: f64) -> Result<(), Failure> {
        Ok(required("counter", counter)?.inc_by_f64(amount)?)
    }

    fn dcm_counter_get(counter: Option<&Counter>, out: Out<'_, u64>) -> Result<(), Failure> {
        put("out", out, || Ok(required("counter", counter)?.get()))
    }

    fn dcm_counter_get_double(counter: Option<&Counter>, out: Out<'_, f64>) -> Result<(), Failure> {
        put("out", out, || {
            Ok(match required("counter", counter)?.value() {
                #[expect(clippy::cast_precision_loss, reason = "a double is what was asked for")]
                Value::Integer(count) => count as f64,
                Value::Float(sum) => sum,
            })
        })
    }

    fn dcm_counter_register(
        counter: Option<&Counter>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("registry", registry)?.register(required("counter", counter)?)?)
    }

    fn dcm_counter_unregister(
        counter: Option<&Counter>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("registry", registry)?.unregister(required("counter", counter)?)?)
    }

    fn dcm_counter_free(counter: Option<Box<Counter>>) -> () {
        drop(counter);
    }
}
