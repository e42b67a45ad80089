//! Writes names, help texts and labels of the text formats, and escapes them.

use crate::encode::format::Format;
use crate::model::labels::Labels;
use crate::model::names;

/// Appends the name of a metric, in quotes if it is not a legacy name.
pub(super) fn write_metric_name(name: &[&str], is_legacy: bool, out: &mut String) {
    if is_legacy {
        out.extend(name.iter().copied());
    } else {
        out.push('"');
        for part in name {
            write_escaped(part, is_escaped_in_quotes, out);
        }
        out.push('"');
    }
}

/// Appends labels as every text format writes them: `{a="1",b="2"}`, or nothing without labels.
pub(super) fn write_labels(labels: &Labels, out: &mut String) {
    open_labels(labels, '{', out);
    if !labels.is_empty() {
        out.push('}');
    }
}

/// Appends labels without the closing brace, and `before` before the first one: `{a="1",b="2"`, or
/// nothing without labels.
pub(super) fn open_labels(labels: &Labels, mut before: char, out: &mut String) {
    for (name, value) in labels.iter() {
        out.push(before);
        write_label(name, value, out);
        before = ',';
    }
}

/// Appends one label: `a="1"`, or `"a.b"="1"`.
pub(super) fn write_label(name: &str, value: &str, out: &mut String) {
    if names::is_legacy_label_name(name) {
        out.push_str(name);
    } else {
        out.push('"');
        write_escaped(name, is_escaped_in_quotes, out);
        out.push('"');
    }
    out.push_str("=\"");
    write_escaped(value, is_escaped_in_quotes, out);
    out.push('"');
}

fn is_escaped_in_quotes(byte: u8) -> bool {
    matches!(byte, b'\\' | b'"' | b'\n')
}

/// Appends a HELP text. OpenMetrics escapes quotes as well.
pub(super) fn write_help(help: &str, format: Format, out: &mut String) {
    let quotes = format == Format::OpenMetrics;
    write_escaped(help, |byte| matches!(byte, b'\\' | b'\n') || (quotes && byte == b'"'), out);
}

/// Appends `text`, with a backslash before each byte that is `escaped`, a newline as `\n`.
fn write_escaped(text: &str, escaped: impl Fn(u8) -> bool, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(&escaped) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'\n' => "\\n",
            _ => "\\\"",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_escaped() {
        let labels = Labels::new([("a", "x"), ("b", "\\ \" \n é")]).expect("valid");
        let mut out = String::new();
        write_labels(&labels, &mut out);
        assert_eq!(out, r#"{a="x",b="\\ \" \n é"}"#);
        write_labels(&Labels::default(), &mut out);
        assert!(out.ends_with('}'));
        let labels = Labels::new([("a.\"\n\\", "é"), ("b", "x")]).expect("valid");
        out.clear();
        open_labels(&labels, ',', &mut out);
        assert_eq!(out, r#","a.\"\n\\"="é",b="x""#);
    }

    #[test]
    fn help_is_escaped() {
        for (format, expected) in [
            (Format::Text, "back\\\\slash \\n \"quotes\""),
            (Format::OpenMetrics, "back\\\\slash \\n \\\"quotes\\\""),
        ] {
            let mut out = String::new();
            write_help("back\\slash \n \"quotes\"", format, &mut out);
            assert_eq!(out, expected);
        }
    }
}
