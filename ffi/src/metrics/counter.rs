//! `dcm_counter` and `dcm_counter_family`.

use dataclay_metrics_core::{Counter, Value};

use crate::boundary::{Items, Label, Out, labels, put, required};
use crate::status::Failure;

export_metric!(Counter, counter: dcm_counter_new, dcm_counter_new_with, dcm_counter_register,
    dcm_counter_unregister, dcm_counter_free);
export_family!(Counter: dcm_counter_family_new, dcm_counter_family_new_with,
    dcm_counter_family_with_labels, dcm_counter_family_remove, dcm_counter_family_clear,
    dcm_counter_family_register, dcm_counter_family_unregister, dcm_counter_family_free);

export! { hot:
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
                #[expect(clippy::cast_precision_loss, reason = "the caller asked for a double")]
                Value::Integer(count) => count as f64,
                Value::Float(sum) => sum,
            })
        })
    }
}

export! {
    fn dcm_counter_inc_by_with_exemplar(
        counter: Option<&Counter>,
        amount: f64,
        labels: Items<'_, Label<'_>>,
        count: usize,
    ) -> Result<(), Failure> {
        let counter = required("counter", counter)?;
        let labels = self::labels("labels", &labels, count)?;
        Ok(counter.inc_by_with_exemplar(amount, labels)?)
    }
}
