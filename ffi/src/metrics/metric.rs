//! The common part of all metric types: `dcm_options`, constructors and families.
//!
//! A new metric type names its functions in [`export_metric`] and [`export_family`]. Its file adds
//! only the functions that no other type has.

use dataclay_metrics_core::{Collector, Error, Opts, Registry};

use crate::boundary::{Items, Label, Options, Struct, Text, labels, required, texts};
use crate::status::Failure;

/// Exports the functions of one type of metric. They are in a block with their imports, so that the
/// file of a metric type does not need these imports.
macro_rules! export_metric {
    ($metric:ty, $handle:ident: $new:ident, $new_with:ident, $register:ident, $unregister:ident,
        $free:ident) => {
        const _: () = {
            use dataclay_metrics_core::Registry;

            use $crate::boundary::{Items, Label, Out, Text, put};
            use $crate::metrics::metric::{registered, with_const_labels};
            use $crate::status::Failure;

            export! {
                fn $new(
                    registry: Option<&Registry>,
                    name: Text<'_>,
                    help: Text<'_>,
                    labels: Items<'_, Label<'_>>,
                    count: usize,
                    out: Out<'_, Box<$metric>>,
                ) -> Result<(), Failure> {
                    put("out", out, || {
                        registered(registry, || {
                            let opts = with_const_labels(&name, &help, &labels, count)?;
                            Ok(<$metric>::with_opts(opts)?)
                        })
                    })
                }
            }
        };
        export_metric!($metric, $handle: $new_with, $register, $unregister, $free);
    };
    // A type that needs options has no short constructor.
    ($metric:ty, $handle:ident: $new_with:ident, $register:ident, $unregister:ident,
        $free:ident) => {
        const _: () = {
            use dataclay_metrics_core::Registry;

            use $crate::boundary::{Options, Out, Struct, put, required};
            use $crate::metrics::metric::{for_plain, registered};
            use $crate::status::Failure;

            export! {
                fn $new_with(
                    registry: Option<&Registry>,
                    options: Struct<'_, Options<'_>>,
                    out: Out<'_, Box<$metric>>,
                ) -> Result<(), Failure> {
                    put("out", out, || {
                        registered(registry, || Ok(<$metric>::with_opts(for_plain(&options)?)?))
                    })
                }

                fn $register(
                    $handle: Option<&$metric>,
                    registry: Option<&Registry>,
                ) -> Result<(), Failure> {
                    let metric = required(stringify!($handle), $handle)?;
                    Ok(required("registry", registry)?.register(metric)?)
                }

                fn $unregister(
                    $handle: Option<&$metric>,
                    registry: Option<&Registry>,
                ) -> Result<(), Failure> {
                    let metric = required(stringify!($handle), $handle)?;
                    Ok(required("registry", registry)?.unregister(metric)?)
                }
            }

            export! { hot:
                fn $free($handle: Option<Box<$metric>>) -> () {
                    drop($handle);
                }
            }
        };
    };
}

/// Exports the functions of a family of metrics of one type.
macro_rules! export_family {
    ($metric:ty: $new:ident, $new_with:ident, $with_labels:ident, $remove:ident, $clear:ident,
        $register:ident, $unregister:ident, $free:ident) => {
        const _: () = {
            use dataclay_metrics_core::{Family, Registry};

            use $crate::boundary::{Items, Out, Text, put, texts};
            use $crate::metrics::metric::registered;
            use $crate::status::Failure;

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
                        registered(registry, || {
                            let (name, help) = (name.required("name")?, help.required("help")?);
                            let label_names = texts("label_names", &label_names, count)?;
                            Ok(Family::new(name, help, label_names)?)
                        })
                    })
                }
            }
        };
        export_family!($metric: $new_with, $with_labels, $remove, $clear, $register, $unregister,
            $free);
    };
    ($metric:ty: $new_with:ident, $with_labels:ident, $remove:ident, $clear:ident,
        $register:ident, $unregister:ident, $free:ident) => {
        const _: () = {
            use dataclay_metrics_core::{Family, Registry};

            use $crate::boundary::{
                Items, Options, Out, Struct, Text, boxed, put, required, texts, with_texts,
            };
            use $crate::metrics::metric::{for_family, registered};
            use $crate::status::Failure;

            export! {
                fn $new_with(
                    registry: Option<&Registry>,
                    options: Struct<'_, Options<'_>>,
                    out: Out<'_, Box<Family<$metric>>>,
                ) -> Result<(), Failure> {
                    put("out", out, || {
                        registered(registry, || {
                            let (opts, label_names) = for_family(&options)?;
                            Ok(Family::with_opts(opts, label_names)?)
                        })
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
                    let family = required("family", family)?;
                    Ok(required("registry", registry)?.register(family)?)
                }

                fn $unregister(
                    family: Option<&Family<$metric>>,
                    registry: Option<&Registry>,
                ) -> Result<(), Failure> {
                    let family = required("family", family)?;
                    Ok(required("registry", registry)?.unregister(family)?)
                }

                fn $free(family: Option<Box<Family<$metric>>>) -> () {
                    drop(family);
                }
            }

            export! { hot:
                fn $with_labels(
                    family: Option<&Family<$metric>>,
                    values: Items<'_, Text<'_>>,
                    count: usize,
                    out: Out<'_, Box<$metric>>,
                ) -> Result<(), Failure> {
                    put("out", out, || {
                        let family = required("family", family)?;
                        with_texts("values", &values, count, |values| {
                            boxed(|| Ok(family.with_labels(values)?))
                        })
                    })
                }
            }
        };
    };
}

/// The options of only one metric type. `()` has none. The file of any other type implements this
/// from the type's fields of `dcm_options`.
pub(crate) trait OwnOptions: Default {
    /// The metric type, as [`Options::own`] names it. Every other type refuses these options.
    const OF: &'static str;

    /// Sets these options.
    fn set(opts: Opts<Self>, options: &Options<'_>) -> Result<Opts<Self>, Failure>;
}

impl OwnOptions for () {
    const OF: &'static str = "";

    fn set(opts: Opts, _options: &Options<'_>) -> Result<Opts, Failure> {
        Ok(opts)
    }
}

/// Registers what `make` returns, a metric or a family. On an error nothing is registered.
pub(crate) fn registered<C: Collector + Clone>(
    registry: Option<&Registry>,
    make: impl FnOnce() -> Result<C, Failure>,
) -> Result<Box<C>, Failure> {
    let registry = required("registry", registry)?;
    let metric = make()?;
    registry.register(&metric)?;
    Ok(Box::new(metric))
}

/// Returns core's options for the arguments of a short constructor.
pub(crate) fn with_const_labels<O: OwnOptions>(
    name: &Text<'_>,
    help: &Text<'_>,
    label_array: &Items<'_, Label<'_>>,
    count: usize,
) -> Result<Opts<O>, Failure> {
    let opts = Opts::new(name.required("name")?, help.required("help")?);
    Ok(opts.const_labels(labels("labels", label_array, count)?))
}

/// Returns core's options for a metric that is not a family.
pub(crate) fn for_plain<O: OwnOptions>(
    options: &Struct<'_, Options<'_>>,
) -> Result<Opts<O>, Failure> {
    let (opts, label_names) = for_family(options)?;
    if label_names.is_empty() {
        return Ok(opts);
    }
    let rule = "is an option of families; a metric without labels has no label names";
    Err(refused("label_names", label_names.join(","), rule))
}

/// Returns core's options for a family, and its label names.
pub(crate) fn for_family<'a, O: OwnOptions>(
    options: &Struct<'a, Options<'a>>,
) -> Result<(Opts<O>, Vec<&'a str>), Failure> {
    let options = options.read("options")?;
    options.to_core().map_err(|failure| failure.within("options"))
}

fn refused(name: &str, value: String, rule: impl Into<String>) -> Failure {
    Failure::Core(Error::Setting { name: name.into(), value, rule: rule.into() })
}

impl<'a> Options<'a> {
    fn to_core<O: OwnOptions>(&self) -> Result<(Opts<O>, Vec<&'a str>), Failure> {
        for (name, value, of) in self.own() {
            if let (Some(value), true) = (value, of != O::OF) {
                return Err(refused(name, value, format!("is an option of {of}")));
            }
        }
        let const_labels = labels("const_labels", &self.const_labels, self.const_label_count)?;
        let mut opts = Opts::new(self.name.required("name")?, self.help.required("help")?)
            .unit(self.unit.optional("unit")?.unwrap_or_default())
            .const_labels(const_labels);
        if self.max_children != 0 {
            opts = opts.max_children(self.max_children);
        }
        let label_names = texts("label_names", &self.label_names, self.label_name_count)?;
        Ok((O::set(opts, self)?, label_names))
    }
}
