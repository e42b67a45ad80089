//! The layout of a metric: its values, and what distinguishes them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::native::Native;
use crate::model::number;

/// The values of one metric, in the order in which they are exposed. All children of a family have
/// the same. Cheap to clone.
///
/// If a histogram has native buckets, their counts are further values after those of its parts.
/// `native_histogram` in `value.rs` reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    parts: Parts,
    native: Option<Arc<Native>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Parts {
    Single,
    Many(Arc<[Part]>),
}

/// One of the values of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// The suffix of the sample's name, after the name of the family: `"_bucket"`, or `""`.
    pub(crate) suffix: &'static str,
    /// The label that this value has in addition to those of the metric.
    pub(crate) label: Option<PartLabel>,
}

/// The label of one value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PartLabel {
    /// A number, such as the upper bound of a bucket: `le="0.5"`.
    Number(&'static str, f64),
    /// A name and a text, such as the state of a state set.
    Text(String, String),
}

static SINGLE: [Part; 1] = [Part { suffix: "", label: None }];

impl Layout {
    /// The layout of a metric with one value, which has no suffix and no extra label.
    pub(crate) const SINGLE: Layout = Layout { parts: Parts::Single, native: None };

    /// Returns the layout with these values.
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Layout {
        Layout { parts: Parts::Many(parts.into_iter().collect()), native: None }
    }

    /// Returns the same layout with native buckets in addition to the explicit ones.
    pub(crate) fn with_native(self, native: Native) -> Layout {
        Layout { native: Some(Arc::new(native)), ..self }
    }

    /// Refuses a label that the layout adds, in this library or, like the quantiles of a summary,
    /// in others. This is the only such check, for all types and languages.
    ///
    /// # Errors
    ///
    /// [`Error::Label`], which names the label.
    pub(crate) fn check(&self, desc: &Desc) -> Result<(), Error> {
        let constant = desc.labels().iter().map(|(name, _)| name);
        let mut names = constant.chain(desc.label_names().iter().map(String::as_str));
        let is_own = |name: &&str| {
            desc.kind().sample_label() == Some(name)
                || self.parts().iter().any(|part| part.has_label(name))
        };
        match names.find(is_own) {
            None => Ok(()),
            Some(name) => {
                let rule = "is a label that the samples of this metric type have themselves";
                Err(Error::Label { name: name.to_owned(), rule })
            }
        }
    }

    /// Returns whether this is [`Layout::SINGLE`].
    #[inline]
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.parts, Parts::Single)
    }

    /// Returns the values' suffixes and labels.
    pub(crate) fn parts(&self) -> &[Part] {
        match &self.parts {
            Parts::Single => &SINGLE,
            Parts::Many(parts) => parts,
        }
    }

    /// Returns the upper bounds of the explicit buckets of a histogram.
    pub(crate) fn uppers(&self) -> Vec<f64> {
        let upper = |part: &Part| match part.label {
            Some(PartLabel::Number("le", upper)) => Some(upper),
            _ => None,
        };
        self.parts().iter().filter_map(upper).collect()
    }

    /// Returns how many values a metric has: those of its parts, then those of native buckets.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.parts().len() + self.native().map_or(0, Native::len)
    }

    /// Returns the number of cells from which the values of a metric are computed, for any type
    /// that counts in cells. It is at least one: a summary has only totals, of one cell.
    pub(crate) fn cells(&self) -> usize {
        self.native().map_or(self.before_totals().max(1), |native| native.cells().len())
    }

    /// Returns how many parts come before the totals of all cells. Each of them adds one cell.
    pub(crate) fn before_totals(&self) -> usize {
        let parts = self.parts();
        parts.len() - parts.iter().rev().take_while(|part| part.is_total()).count()
    }

    /// Returns the native buckets of a histogram that has them.
    #[inline]
    pub(crate) fn native(&self) -> Option<&Native> {
        self.native.as_deref()
    }
}

impl Part {
    fn has_label(&self, name: &str) -> bool {
        self.label.as_ref().is_some_and(|label| label.name() == name)
    }

    /// Returns whether this is the count or the sum of all cells.
    fn is_total(&self) -> bool {
        self.label.is_none() && matches!(self.suffix, "_count" | "_sum")
    }

    /// Returns whether this is the bucket of a histogram for negative numbers.
    pub(crate) fn has_negative_bound(&self) -> bool {
        matches!(self.label, Some(PartLabel::Number("le", bound)) if bound < 0.0)
    }
}

impl PartLabel {
    /// Returns the label's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            PartLabel::Number(name, _) => name,
            PartLabel::Text(name, _) => name,
        }
    }

    /// Returns the label's value as text.
    pub(crate) fn value(&self) -> Cow<'_, str> {
        match self {
            PartLabel::Number(_, number) => number::bound(*number).into(),
            PartLabel::Text(_, value) => value.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::Kind;
    use crate::model::labels::Labels;

    #[test]
    fn labels_that_the_samples_add_are_refused() {
        let state = Some(PartLabel::Text("s".into(), "open".into()));
        let states = Layout::new([Part { suffix: "", label: state }]);
        for (kind, layout, own) in [
            (Kind::Histogram, Layout::SINGLE, "le"),
            (Kind::Summary, Layout::SINGLE, "quantile"),
            (Kind::StateSet, states, "s"),
        ] {
            let desc = |constant| {
                let labels = Labels::new([(constant, "x")]).expect("valid");
                Desc::new(kind, "s", "", labels).expect("valid")
            };
            let family = |name: &str| desc("a").with_label_names([name.to_owned()].into());
            for refused in [desc(own), family(own).expect("valid")] {
                let error = layout.check(&refused).expect_err("refused").to_string();
                assert!(error.starts_with(&format!("label \"{own}\": ")), "{error}");
            }
            assert_eq!(layout.check(&family("b").expect("valid")), Ok(()));
        }
    }

    #[test]
    fn the_label_of_a_part_has_a_text() {
        let state = PartLabel::Text("state".into(), "open".into());
        assert_eq!((state.name(), &*state.value()), ("state", "open"));
        let bound = PartLabel::Number("le", 1.0);
        assert_eq!((bound.name(), &*bound.value()), ("le", "1.0"));
    }
}
