//! The methods that all Python classes of metrics share.

/// Writes the methods of a Python class that wraps a metric type of the core. They are the
/// constructor, the methods in `methods`, and the methods that all such classes share.
///
/// `called` is the signature that `inspect` shows. `__new__` accepts any arguments, because a
/// subclass may have another `__init__`. The argument of only this type is `positional` or a
/// `keyword`. It becomes the field of `Definition` with the same name.
///
/// This is a macro, because `PyO3` accepts only one block of methods for each class. Its feature
/// `multiple-pymethods` removes that limit, but adds a dependency and code that runs when the
/// module is loaded.
macro_rules! metric_class {
    ($class:ident of $kind:expr, wraps $core:ty, called $signature:literal,
        $(positional {
            #[$of_positional:meta] $positional:ident: $positional_type:ty = $positional_default:expr
        },)?
        $(keyword {
            #[$of_keyword:meta] $keyword:ident: $keyword_type:ty = $keyword_default:expr
        },)?
        methods { $($own:tt)* }
    ) => {
        impl $crate::metrics::metric::Wrapper for $class {
            type Core = $core;

            fn subclass() -> &'static $crate::metrics::subclass::Subclass {
                use $crate::metrics::subclass::Subclass;
                static SUBCLASS: Subclass = Subclass::new();
                &SUBCLASS
            }

            fn metric(&self) -> &$crate::metrics::metric::Metric<$class> {
                &self.0
            }

            fn make_core(
                definition: &$crate::registry::definition::Definition,
            ) -> Result<$core, dataclay_metrics_core::Error> {
                <$core>::with_opts(definition.opts())
            }
        }

        #[pyo3::pymethods]
        impl $class {
            #[pyo3(
                signature = (
                    name, documentation, labelnames = vec![], namespace = String::new(),
                    subsystem = String::new(), unit = String::new(),
                    registry = $crate::registry::registration::Registration::Default,
                    _labelvalues = (), $($positional = $positional_default,)? *,
                    max_children = None $(, $keyword = $keyword_default)?
                )
            )]
            #[expect(clippy::too_many_arguments, reason = "the constructor of prometheus_client")]
            fn __init__(
                slf: &pyo3::Bound<'_, Self>,
                #[pyo3(from_py_with = $crate::registry::arguments::name)] name: String,
                #[pyo3(from_py_with = $crate::registry::arguments::documentation)]
                documentation: String,
                #[pyo3(from_py_with = $crate::registry::arguments::labelnames)]
                labelnames: Vec<String>,
                #[pyo3(from_py_with = $crate::registry::arguments::namespace)] namespace: String,
                #[pyo3(from_py_with = $crate::registry::arguments::subsystem)] subsystem: String,
                #[pyo3(from_py_with = $crate::registry::arguments::unit)] unit: String,
                registry: $crate::registry::registration::Registration,
                #[pyo3(from_py_with = $crate::registry::arguments::no_labelvalues)]
                _labelvalues: (),
                $(#[$of_positional] $positional: $positional_type,)?
                #[pyo3(from_py_with = $crate::registry::definition::max_children)]
                max_children: Option<usize>,
                $(#[$of_keyword] $keyword: $keyword_type,)?
            ) -> pyo3::PyResult<()> {
                use $crate::registry::definition::{Arguments, Definition};
                let arguments = Arguments {
                    name, documentation, labelnames, namespace, subsystem, unit, max_children,
                };
                let definition = Definition::new($kind, arguments)?;
                $(let definition = Definition { $positional, ..definition };)?
                $(let definition = Definition { $keyword, ..definition };)?
                $crate::metrics::metric::Metric::init(slf, definition, registry)
            }

            #[new]
            #[pyo3(signature = (*_arguments, **_keywords), text_signature = $signature)]
            fn new(
                _arguments: &pyo3::Bound<'_, pyo3::types::PyTuple>,
                _keywords: Option<&pyo3::Bound<'_, pyo3::types::PyDict>>,
            ) -> Self {
                Self($crate::metrics::metric::Metric::unset())
            }

            $($own)*

            /// Returns the child with these label values.
            ///
            /// They are positional, in the order of `labelnames`, or by name. Values are converted
            /// with `str`. The first call with a set of values makes the child. Keep a child that
            /// is used often: the lookup costs more than an increment.
            #[pyo3(signature = (*labelvalues, **labelkwargs))]
            fn labels<'py>(
                slf: &pyo3::Bound<'py, Self>,
                labelvalues: &pyo3::Bound<'py, pyo3::types::PyTuple>,
                labelkwargs: Option<&pyo3::Bound<'py, pyo3::types::PyDict>>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, $class>> {
                $crate::metrics::metric::Metric::labels(slf, labelvalues, labelkwargs)
            }

            /// Removes the child with these label values, if there is one.
            #[pyo3(signature = (*labelvalues))]
            fn remove(
                &self,
                labelvalues: &pyo3::Bound<'_, pyo3::types::PyTuple>,
            ) -> pyo3::PyResult<()> {
                self.0.children()?.remove(labelvalues)
            }

            /// Removes the children whose labels have all values of this dict.
            fn remove_by_labels(
                &self,
                labels: &pyo3::Bound<'_, pyo3::PyAny>,
            ) -> pyo3::PyResult<()> {
                self.0.children()?.remove_by_labels(labels)
            }

            /// Removes all children.
            fn clear(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<()> {
                self.0.clear(py)
            }

            /// Returns a list of one `Metric`: this metric with its samples.
            fn collect<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyList>> {
                self.0.collect(py)
            }

            /// Returns a list of one `Metric`: this metric without samples.
            fn describe<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyList>> {
                self.0.definition()?.describe(py)
            }

            /// The exposed name. It ends in `_total` for a counter, and in `_info` for an info.
            #[getter]
            fn name(&self) -> pyo3::PyResult<&str> {
                Ok(&self.0.definition()?.name)
            }

            /// The help text.
            #[getter]
            fn documentation(&self) -> pyo3::PyResult<&str> {
                Ok(&self.0.definition()?.documentation)
            }

            fn __copy__<'py>(
                slf: &pyo3::Bound<'py, Self>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, Self>> {
                $crate::metrics::metric::Metric::copy(slf)
            }

            fn __reduce__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<()> {
                $crate::metrics::metric::refuse_pickling(slf.as_any())
            }

            #[getter]
            fn _labelnames<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyTuple>> {
                pyo3::types::PyTuple::new(py, &self.0.definition()?.label_names)
            }

            #[getter]
            fn _labelvalues<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyTuple>> {
                self.0.label_values(py)
            }

            #[getter]
            fn _unit(&self) -> pyo3::PyResult<&str> {
                Ok(&self.0.definition()?.unit)
            }

            /// A copy of the dict of children, by their label values.
            #[getter]
            fn _children<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyDict>> {
                self.0.child_objects(py)
            }
        }
    };
}
pub(crate) use metric_class;
