//! A set of labels, checked once and shared by every sample that has it.

use std::fmt;
use std::sync::Arc;

use crate::model::error::Error;
use crate::model::names::{check_label_name, is_legacy_label_name};

/// Label names and values, in the order in which they were passed. Cheap to clone. An empty set
/// allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Option<Arc<[(String, String)]>>);

impl Labels {
    /// Makes labels from pairs of name and value. A value may be any text.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if a name is empty, begins with `__`, or occurs twice.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Labels, Error>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        let pairs: Vec<(String, String)> = pairs.collect();
        for (at, (name, _)) in pairs.iter().enumerate() {
            check_label_name(name)?;
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                let rule = "a label name must occur only once in a set of labels";
                return Err(Error::Label { name: name.clone(), rule });
            }
        }
        Ok(Labels::unchecked(pairs))
    }

    /// Makes labels whose names were checked elsewhere.
    pub(crate) fn unchecked(pairs: Vec<(String, String)>) -> Labels {
        Labels(if pairs.is_empty() { None } else { Some(pairs.into()) })
    }

    /// Returns the pairs of name and value.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|pairs| pairs.iter()).map(|(name, value)| (&**name, &**value))
    }

    /// Returns whether the last labels have these values.
    #[inline]
    pub(crate) fn end_in<V: AsRef<str>>(&self, values: &[V]) -> bool {
        let pairs = self.0.as_deref().unwrap_or_default();
        let Some(first) = pairs.len().checked_sub(values.len()) else { return false };
        pairs[first..].iter().zip(values).all(|((_, own), value)| own == value.as_ref())
    }

    /// Returns the same labels in the order of their names: equal for equal sets of labels.
    pub(crate) fn sorted(&self) -> Labels {
        let mut pairs = self.0.as_deref().unwrap_or_default().to_vec();
        pairs.sort();
        Labels::unchecked(pairs)
    }

    /// Returns whether all names match `[a-zA-Z_][a-zA-Z0-9_]*`, as before Prometheus 3.
    pub(crate) fn are_legacy(&self) -> bool {
        self.iter().all(|(name, _)| is_legacy_label_name(name))
    }

    /// Returns whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns these labels and one more, whose name was checked.
    pub(crate) fn with(&self, name: &str, value: &str) -> Labels {
        let own = self.iter().chain([(name, value)]);
        Labels::unchecked(own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl fmt::Display for Labels {
    /// Writes `{a="1",b="2"}`, for error messages; `{}` without labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let labels = Labels::new([("a", "x"), ("b", "\\ \" \n é")]).expect("valid");
        assert_eq!(labels.to_string(), r#"{a="x",b="\\ \" \n é"}"#);
        assert_eq!(labels.iter().next(), Some(("a", "x")));
    }

    #[test]
    fn a_set_of_labels_may_be_empty() {
        let labels = Labels::new::<String, String>([]).expect("valid");
        assert_eq!(labels, Labels::default());
        assert!(labels.is_empty());
        assert_eq!(labels.to_string(), "{}");
    }

    #[test]
    fn a_label_name_must_occur_only_once() {
        let error = Labels::new([("a", "x"), ("a", "y")]).expect_err("twice");
        assert!(error.to_string().starts_with("label \"a\": a label name must occur only once"));
    }
}
