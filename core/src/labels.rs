//! A set of labels: checked once, written once, shared by every sample that carries it.

use std::fmt::Write;
use std::sync::Arc;

use crate::error::Error;
use crate::names::check_label_name;

/// Label names and values, in the order they were given. Cheap to clone; the empty set costs
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Option<Arc<Inner>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Inner {
    pairs: Vec<(String, String)>,
    text: String,
}

impl Labels {
    /// Labels from pairs of name and value. A value may be any text.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] if a name does not match `[a-zA-Z_][a-zA-Z0-9_]*`, begins with `__`, or
    /// stands there twice.
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
                let rule = "a label name must stand only once in a set of labels";
                return Err(Error::Label { name: name.clone(), rule });
            }
        }
        Ok(Labels::unchecked(pairs))
    }

    /// Labels whose names were checked by somebody else.
    pub(crate) fn unchecked(pairs: Vec<(String, String)>) -> Labels {
        if pairs.is_empty() {
            return Labels(None);
        }
        let mut text = String::new();
        for (name, value) in &pairs {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            escape_into(value, &mut text);
            text.push('"');
        }
        Labels(Some(Arc::new(Inner { pairs, text })))
    }

    /// The pairs of name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .flat_map(|inner| &inner.pairs)
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The labels as every Prometheus text format writes them: `a="1",b="2"`, values escaped,
    /// without braces; empty without labels.
    pub fn as_text(&self) -> &str {
        self.0.as_ref().map_or("", |inner| &inner.text)
    }
}

/// Escapes `\`, `"` and newline, as the text formats demand of a label value.
fn escape_into(value: &str, out: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_char('{')?;
        f.write_str(self.as_text())?;
        f.write_char('}')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let labels = Labels::new([("a", "x"), ("b", "\\ \" \n é")]).expect("valid");
        assert_eq!(labels.as_text(), r#"a="x",b="\\ \" \n é""#);
        assert_eq!(labels.to_string(), r#"{a="x",b="\\ \" \n é"}"#);
        assert_eq!(labels.iter().next(), Some(("a", "x")));
    }

    #[test]
    fn no_labels() {
        let labels = Labels::new::<String, String>([]).expect("valid");
        assert_eq!(labels, Labels::default());
        assert!(labels.is_empty());
        assert_eq!(labels.as_text(), "");
    }

    #[test]
    fn a_name_stands_once() {
        let error = Labels::new([("a", "x"), ("a", "y")]).expect_err("twice");
        assert!(error.to_string().starts_with("label \"a\": a label name must stand only once"));
    }
}
