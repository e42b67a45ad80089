//! The Prometheus text format 0.0.4.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use std::fmt::Write;

use crate::labels::Labels;
use crate::snapshot::{MetricFamily, Value};

/// The Content-Type of this format. Prometheus 3 refuses a scrape without it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The families in the text format 0.0.4. Ends in a newline unless it is empty.
pub fn text(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    text_into(families, &mut out);
    out
}

/// The same, behind what `out` holds already.
pub fn text_into(families: &[MetricFamily], out: &mut String) {
    out.reserve(families.iter().map(expected_bytes).sum());
    for family in families {
        write_head(family, out);
        family.samples.each(|suffix, labels, value| {
            write_sample(family.name(), suffix, labels, value, out);
        });
    }
}

/// What most families need, so that the text is seldom moved while it grows.
fn expected_bytes(family: &MetricFamily) -> usize {
    /// `# HELP`, `# TYPE` and the type.
    const HEAD: usize = 40;
    /// Labels, blanks, newline and a number.
    const SAMPLE: usize = 48;
    let name = family.name().len();
    HEAD + 2 * name + family.help().len() + family.samples.capacity() * (name + SAMPLE)
}

fn write_head(family: &MetricFamily, out: &mut String) {
    out.push_str("# HELP ");
    out.push_str(family.name());
    out.push(' ');
    if family.help().contains(['\\', '\n']) {
        out.push_str(&family.help().replace('\\', "\\\\").replace('\n', "\\n"));
    } else {
        out.push_str(family.help());
    }
    out.push_str("\n# TYPE ");
    out.push_str(family.name());
    out.push(' ');
    out.push_str(family.kind().as_str());
    out.push('\n');
}

fn write_sample(name: &str, suffix: &str, labels: &Labels, value: Value, out: &mut String) {
    out.push_str(name);
    out.push_str(suffix);
    if labels.is_empty() {
        out.push(' ');
    } else {
        out.push('{');
        out.push_str(labels.as_text());
        out.push_str("} ");
    }
    write_value(value, out);
    out.push('\n');
}

/// A number as the text formats write it, also in the labels `le` and `quantile`.
#[cfg(feature = "prometheus")]
pub(crate) fn number(number: f64) -> String {
    let mut out = String::new();
    write_value(Value::Float(number), &mut out);
    out
}

fn write_value(value: Value, out: &mut String) {
    /// 2^53: up to here an f64 holds every whole number, and its digits are all true.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Integer(count) => out.push_str(itoa::Buffer::new().format(count)),
        Value::Float(number) if number.is_nan() => out.push_str("NaN"),
        Value::Float(f64::INFINITY) => out.push_str("+Inf"),
        Value::Float(f64::NEG_INFINITY) => out.push_str("-Inf"),
        Value::Float(number) if number == 0.0 && number.is_sign_negative() => out.push_str("-0.0"),
        #[expect(clippy::cast_possible_truncation)]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => {
            out.push_str(itoa::Buffer::new().format(number as i64));
        }
        // Debug writes the shortest digits that read back as the same number, with an exponent
        // where that is shorter.
        Value::Float(number) => {
            // A String takes every write.
            let _ = write!(out, "{number:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desc::Kind;
    use crate::snapshot::Sample;

    fn written(value: Value) -> String {
        let mut out = String::new();
        write_value(value, &mut out);
        out
    }

    #[test]
    fn numbers() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0.0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1.5e300, "1.5e300"),
            (1e-7, "1e-7"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(written(Value::Float(number)), expected);
        }
        assert_eq!(written(Value::Integer(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn a_family() {
        let mut family = MetricFamily::new(Kind::Gauge, "g", "back\\slash\nand \"quotes\"")
            .expect("a valid name");
        let labels = Labels::new([("path", "C:\\ \"x\"\n")]).expect("valid labels");
        family.samples.push(Sample { suffix: "", labels, value: Value::Float(-0.5) });
        assert_eq!(
            text(&[family]),
            "# HELP g back\\\\slash\\nand \"quotes\"\n# TYPE g gauge\n\
             g{path=\"C:\\\\ \\\"x\\\"\\n\"} -0.5\n"
        );
        assert_eq!(text(&[]), "");
    }
}
