//! The writer of both text formats, straight into a String.

use std::fmt::Write;

use crate::encode::Format;
use crate::model::desc::Desc;
use crate::model::snapshot::{MetricFamily, Sample, Value};
use crate::model::texts::Texts;
use crate::registry::collector::Sink;
use crate::sync::locks;

/// Writes what it takes behind what `out` holds already.
pub(super) struct Writer<'a> {
    pub(super) format: Format,
    pub(super) out: &'a mut String,
}

impl Writer<'_> {
    /// Writes a whole exposition.
    pub(super) fn families(self, families: &[MetricFamily]) {
        for family in families {
            write_family(family, self.format, self.out);
        }
        self.out.push_str(self.format.end());
    }
}

impl Sink for Writer<'_> {
    fn sample(&mut self, desc: &Desc, value: Value) {
        write_plain(desc, value, self.format, self.out);
    }

    fn family(&mut self, family: MetricFamily) {
        write_family(&family, self.format, self.out);
    }
}

/// The family and the one sample of a plain metric. All but labels and number is kept in the
/// description.
fn write_plain(desc: &Desc, value: Value, format: Format, out: &mut String) {
    let head = desc.head(format as usize, || {
        let mut head = String::new();
        write_head(desc, format, &mut head);
        write_name(desc, format, &mut head);
        head.push(' ');
        head.shrink_to_fit();
        head
    });
    if desc.labels().is_empty() {
        out.push_str(head);
    } else {
        out.push_str(head.trim_end());
        desc.labels().write(out);
        out.push(' ');
    }
    write_number(value, out);
}

fn write_family(family: &MetricFamily, format: Format, out: &mut String) {
    /// More than a number and its newline take, as a rule.
    const NUMBER: usize = 24;
    let desc = family.desc();
    write_head(desc, format, out);
    if let Some((children, values)) = family.samples.children() {
        // A labelled family of ours: its name is the same in both formats.
        let lines = locks::get_or_init(children.lines(), || {
            Texts::new(0..values.len(), |at, line| {
                write_name(desc, format, line);
                children.labels(at).write(line);
                line.push(' ');
            })
        });
        out.reserve(lines.bytes() + NUMBER * values.len());
        for (line, value) in lines.iter().zip(values) {
            if let Some(value) = value {
                out.push_str(line);
                write_number(*value, out);
            }
        }
    } else {
        for Sample { suffix, labels, value } in &family.samples {
            write_name(desc, format, out);
            out.push_str(suffix);
            labels.write(out);
            out.push(' ');
            write_number(*value, out);
        }
    }
}

fn write_head(desc: &Desc, format: Format, out: &mut String) {
    let name = format.family_name(desc);
    out.push_str("# HELP ");
    out.push_str(name);
    out.push(' ');
    let mut rest = desc.help();
    while let Some((at, escape)) = format.help_escape(rest) {
        out.push_str(&rest[..at]);
        out.push_str(escape);
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push_str("\n# TYPE ");
    out.push_str(name);
    out.push(' ');
    out.push_str(format.kind(desc.kind()));
    out.push('\n');
    if format == Format::OpenMetrics && !desc.unit().is_empty() {
        for part in ["# UNIT ", name, " ", desc.unit(), "\n"] {
            out.push_str(part);
        }
    }
}

/// The name of the family's samples, without suffix.
fn write_name(desc: &Desc, format: Format, out: &mut String) {
    out.push_str(format.family_name(desc));
    out.push_str(format.sample_suffix(desc));
}

#[inline]
fn write_number(value: Value, out: &mut String) {
    write_value(value, out);
    out.push('\n');
}

/// A number in the labels `le` and `quantile`: with a point, as OpenMetrics demands and Prometheus 3
/// stores it whatever the format.
#[cfg(feature = "prometheus")]
pub(crate) fn bound(number: f64) -> String {
    let mut out = String::new();
    write_value(Value::Float(number), &mut out);
    if out.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        out.push_str(".0");
    }
    out
}

#[inline]
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
    use crate::encode::{open_metrics, text};
    use crate::model::desc::Kind;
    use crate::model::labels::Labels;

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

    #[test]
    fn open_metrics_names_a_counter_without_total_and_its_samples_with_it() {
        let mut families = Vec::new();
        for (kind, name) in [(Kind::Counter, "c"), (Kind::Untyped, "u")] {
            let mut family = MetricFamily::new(kind, name, "a \"b\" \\").expect("a valid name");
            let value = Value::Integer(3);
            family.samples.push(Sample { suffix: "", labels: Labels::default(), value });
            families.push(family);
        }
        assert_eq!(
            open_metrics(&families),
            "# HELP c a \\\"b\\\" \\\\\n# TYPE c counter\nc_total 3\n\
             # HELP u a \\\"b\\\" \\\\\n# TYPE u unknown\nu 3\n# EOF\n"
        );
        assert_eq!(open_metrics(&[]), "# EOF\n");
    }
}
