//! The text that `prometheus_client`, the library for Python, writes for the same metrics. Labels
//! are in the order of their names, and each number has a decimal point or an exponent.

mod numbers;
mod several;

use std::fmt::Write;

use crate::encode::client_python::numbers::{write_float, write_line, write_repr, write_value};
use crate::encode::escape;
use crate::encode::escaped::Names;
use crate::encode::escaping::Escaping;
use crate::encode::format::Format;
use crate::encode::lines::{Lines, Number};
use crate::encode::series;
use crate::encode::text::{self, sample_name, write_comments};
use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::names::{is_legacy_label_name, is_legacy_metric_name};
use crate::model::number;
use crate::model::sample::Sample;
use crate::model::samples::ChildValues;
use crate::model::snapshot::MetricFamily;
use crate::model::time::{self, Timestamp};
use crate::model::value::Value;
use crate::registry::collector::{Reading, Sink};

/// Appends each family to `out`.
///
/// Unlike other writers, it escapes the names of samples with their suffixes, not the names of
/// families. [`Escaping::Dots`] also doubles the underscores of legacy names.
pub(super) struct ClientPython<'a> {
    pub(super) format: Format,
    /// Whether all start times are exposed, or only the `_created` samples that collectors yield.
    pub(super) created: bool,
    pub(super) escaping: Escaping,
    /// The names that are not taken yet, under [`Escaping::Underscores`].
    pub(super) names: Names<'a>,
    pub(super) out: &'a mut String,
}

/// The lines of children with one value each, with labels in the order of their names.
struct SortedLines(Lines);

impl Sink for ClientPython<'_> {
    fn metric(&mut self, metric: &Reading<'_>) {
        let Reading { desc, layout, values, .. } = *metric;
        match values {
            [Some(value)] if layout.is_single() && self.keeps_texts(desc) => {
                text::open_single(desc, &desc.labels().sorted(), self.format, self.out);
                write_line(*value, self.out);
            }
            values if self.keeps_texts(desc) && several::can_write(desc, layout, self.format) => {
                several::write_metric(desc, layout, values, self.format, self.out);
            }
            _ => self.family(metric.family()),
        }
    }

    fn family(&mut self, family: MetricFamily) {
        let desc = family.desc();
        match family.samples.children() {
            Some(children) if children.exemplars.is_empty() && self.keeps_texts(desc) => {
                if children.layout.is_single() {
                    self.children(desc, children);
                } else if several::can_write(desc, &children.layout, self.format) {
                    several::write_children(desc, children, self.format, self.out);
                } else {
                    self.any(family);
                }
            }
            _ => self.any(family),
        }
    }
}

impl ClientPython<'_> {
    /// Returns whether the constant texts of a family are the same as in the text format, except
    /// for the order of labels.
    fn keeps_texts(&self, desc: &Desc) -> bool {
        !self.created && self.escaping != Escaping::Dots && self.names.stay(desc)
    }

    /// Appends a family of children that have one value each.
    fn children(&mut self, desc: &Desc, children: &ChildValues) {
        text::write_head(desc, self.format, self.out);
        let ChildValues { labels, values, .. } = children;
        let SortedLines(lines) =
            labels.kept().get_or_make(|| SortedLines(Lines::new(labels.len())));
        let begin = |at, line: &mut String| {
            text::write_series(desc, "", &labels.labels(at).sorted(), self.format, line);
        };
        lines.update(values, begin, number_text, |chunk| text::push_lines(chunk.text(), self.out));
    }

    /// Appends any family.
    fn any(&mut self, family: MetricFamily) {
        let family = if self.created || family.has_created() {
            family.with_created_samples()
        } else {
            family
        };
        let family = if self.escaping == Escaping::Underscores && !self.names.stay(family.desc()) {
            MetricFamily::with_samples(self.names.desc(family.desc()), family.samples)
        } else {
            family
        };
        for family in series::set_apart(family, self.format) {
            self.one(&family);
        }
    }

    fn one(&mut self, family: &MetricFamily) {
        let (format, desc) = (self.format, family.desc());
        write_comments(&self.name(&[format.family_name(desc)]), desc, format, self.out);
        let omitted = format.omitted_like_client_python(|| {
            family.kind() == Kind::Histogram
                && family.samples.iter().any(Sample::has_negative_bound)
        });
        for sample in &family.samples {
            if !omitted.contains(&sample.suffix) {
                self.sample(desc, sample);
            }
        }
    }

    fn sample(&mut self, desc: &Desc, sample: &Sample) {
        let name = self.name(&sample_name(desc, sample.suffix, self.format));
        let is_quoted = name.starts_with('"');
        let before = if is_quoted { ',' } else { '{' };
        if is_quoted {
            self.out.push('{');
        }
        self.out.push_str(&name);
        self.labels(&sample.labels, before, sample.suffix == "_bucket");
        self.out.push_str(if is_quoted || !sample.labels.is_empty() { "} " } else { " " });
        write_value(sample.value, self.out);
        if let Some(timestamp) = sample.timestamp {
            self.timestamp(timestamp);
        }
        if let (Format::OpenMetrics, Some(exemplar)) = (self.format, &sample.exemplar) {
            self.exemplar(exemplar);
        }
        self.out.push('\n');
    }

    /// Writes a time: milliseconds in the text format, and in OpenMetrics the text of Python's
    /// `Timestamp`.
    fn timestamp(&mut self, timestamp: Timestamp) {
        let Some(millis) = timestamp.millis() else { return };
        self.out.push(' ');
        // Writing to a String never fails.
        let _ = match (self.format, timestamp) {
            (Format::Text, _) => write!(self.out, "{millis}"),
            (Format::OpenMetrics, Timestamp::Seconds(seconds)) => write!(self.out, "{seconds}"),
            (Format::OpenMetrics, Timestamp::Float(seconds)) => {
                write_repr(seconds, self.out);
                Ok(())
            }
            (Format::OpenMetrics, Timestamp::Nanos(seconds, nanos)) => {
                write!(self.out, "{seconds}.{nanos:09}")
            }
        };
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        if !exemplar.has_value() {
            return;
        }
        self.out.push_str(if exemplar.labels().is_empty() { " # {" } else { " # " });
        self.labels(exemplar.labels(), '{', false);
        self.out.push_str("} ");
        write_float(exemplar.value(), self.out);
        if let Some(since) = exemplar.time().and_then(time::since_epoch) {
            self.out.push(' ');
            // For today's dates, an f64 in seconds is precise to microseconds only.
            write_repr(since.as_micros() as f64 / 1e6, self.out);
        }
    }

    /// Returns the name of these parts, escaped, or in quotes.
    fn name(&self, parts: &[&str]) -> String {
        let name = parts.concat();
        match self.escaping {
            Escaping::AllowUtf8 => {
                let mut quoted = String::new();
                escape::write_metric_name(&[&name], is_legacy_metric_name(&name), &mut quoted);
                quoted
            }
            Escaping::Dots => Escaping::Dots.escaped(&name, &[':']).into_owned(),
            scheme => scheme.metric_name(&name).into_owned(),
        }
    }

    /// Writes labels in the order of their names, without the closing brace.
    fn labels(&mut self, labels: &Labels, mut before: char, of_bucket: bool) {
        let labels = labels.sorted();
        for ((own, _), (name, value)) in labels.iter().zip(self.escaping.labels(&labels)) {
            let name = match self.escaping {
                Escaping::Dots if is_legacy_label_name(own) => Escaping::Dots.escaped(own, &[]),
                _ => name,
            };
            self.out.push(before);
            match value.parse() {
                Ok(bound) if of_bucket && name == "le" && number::bound(bound) == value => {
                    let mut text = String::new();
                    write_float(bound, &mut text);
                    escape::write_label(&name, &text, self.out);
                }
                _ => escape::write_label(&name, value, self.out),
            }
            before = ',';
        }
    }
}

fn number_text(value: Value, number: &mut Number) -> &str {
    number.text.clear();
    write_value(value, &mut number.text);
    &number.text
}
