//! `dcm_counter_family` and `dcm_gauge_family`: one child for each set of label values.

use dataclay_metrics_core::{Counter, Family, Gauge, Registry};

use crate::boundary::{Items, Out, Text, put, required, texts};
use crate::status::Failure;

/// The functions of a family of one type of metric.
macro_rules! export_family {
    ($metric:ty: $new:ident, $with_labels:ident, $remove:ident, $clear:ident, $register:ident,
        $unregister:ident, $free:ident) => {
        export! {
            fn $new(
                registry: Option<&Registry>,
                name: Text<'_>,
                help: Text<'_>,
                label_names: Items<'_, Text<'_>>,
                count: usize,
                out: Out<'_, Box<Family<$metric>>>,
            ) -> Result<(), Failure> {
                put("out", out, || {
                    let registry = required("registry", registry)?;
                    let (name, help) = (name.required("name")?, help.required("help")?);
                    let label_names = texts("label_names", &label_names, count)?;
                    let family = Family::new(name, help, label_names)?;
                    registry.register(&family)?;
                    Ok(Box::new(family))
                })
            }

            fn $with_labels(
                family: Option<&Family<$metric>>,
                values: Items<'_, Text<'_>>,
                count: usize,
                out: Out<'_, Box<$metric>>,
            ) -> Result<(), Failure> {
                put("out", out, || {
                    let family = required("family", family)?;
                    Ok(Box::new(family.with_labels(texts("values", &values, count)?)?))
                })
            }

            fn $remove(
                family: Option<&Family<$metric>>,
                values: Items<'_, Text<'_>>,
                count: usize,
            ) -> Result<(), Failure> {
                let family = required("family", family)?;
                let removed = family.remove(texts("values", &values, count)?);
                removed.then_some(()).ok_or(Failure::Absent("no child has these label values"))
            }

            fn $clear(family: Option<&Family<$metric>>) -> Result<(), Failure> {
                required("family", family)?.clear();
                Ok(())
            }

            fn $register(
                family: Option<&Family<$metric>>,
                registry: Option<&Registry>,
            ) -> Result<(), Failure> {
                Ok(required("registry", registry)?.register(required("family", family)?)?)
            }

            fn $unregister(
                family: Option<&Family<$metric>>,
                registry: Option<&Registry>,
            ) -> Result<(), Failure> {
                Ok(required("registry", registry)?.unregister(required("family", family)?)?)
            }

            fn $free(family: Option<Box<Family<$metric>>>) -> () {
                drop(family);
            }
        }
    };
}

export_family!(Counter: dcm_counter_family_new, dcm_counter_family_with_labels,
    dcm_counter_family_remove, dcm_counter_family_clear, dcm_counter_family_register,
    dcm_counter_family_unregister, dcm_counter_family_free);
export_family!(Gauge: dcm_gauge_family_new, dcm_gauge_family_with_labels,
    dcm_gauge_family_remove, dcm_gauge_family_clear, dcm_gauge_family_register,
    dcm_gauge_family_unregister, dcm_gauge_family_free);
