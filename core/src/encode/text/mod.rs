//! The writer of both text formats, straight into a String.

use std::fmt::Write;
use std::slice;
use std::sync::Arc;

use crate::encode::escape;
use crate::encode::format::Format;
use crate::encode::lines::{Lines, Number};
use crate::encode::pieces::KeptLines;
use crate::encode::series;
use crate::encode::texts::Texts;
use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::{Layout, Part};
use crate::model::names::is_legacy_metric_name;
use crate::model::number;
use crate::model::sample::Sample;
use crate::model::samples::ChildValues;
use crate::model::snapshot::MetricFamily;
use crate::model::time::{self, Timestamp};
use crate::model::value::Value;
use crate::registry::collector::{Reading, Sink};

/// The minimum length of lines that a response shares, in bytes. Copying shorter lines costs less
/// than another part of a vectored write.
const MIN_PIECE: usize = 1024;
/// More bytes than a number and its newline usually take.
pub(super) const NUMBER: usize = 24;

/// Writes families to `out`.
pub(super) struct Writer<'a> {
    pub(super) format: Format,
    pub(super) out: &'a mut String,
    /// Receives kept lines instead of `out`. `None` if `out` receives a copy of them.
    pub(super) kept: Option<&'a mut Vec<KeptLines>>,
}

impl Writer<'_> {
    /// Appends one family.
    pub(super) fn write(&mut self, family: &MetricFamily) {
        match family.samples.children() {
            Some(children) if children.layout.is_single() => {
                write_head(family.desc(), self.format, self.out);
                self.write_single_children(family.desc(), children);
            }
            _ => write_family(family, self.format, self.out),
        }
    }

    /// Writes the samples of children that have one value each. Their lines are the same in both
    /// formats, because the samples have the same names.
    fn write_single_children(&mut self, desc: &Desc, children: &ChildValues) {
        let Writer { format, ref mut out, ref mut kept } = *self;
        let ChildValues { labels, values, exemplars, .. } = children;
        let begin = |at, line: &mut String| write_series(desc, "", labels.labels(at), format, line);
        let lines = labels.kept().get_or_make(|| Lines::new(labels.len()));
        let mut exemplars = exemplars.iter().peekable();
        let mut first = 0;
        lines.update(values, begin, number_text, |chunk| {
            let text = chunk.text();
            let next = first + chunk.len();
            let mut from = 0;
            while let Some((at, exemplar)) = exemplars.next_if(|(at, _)| *at < next) {
                if let Some(end) = chunk.end(at - first) {
                    push_lines(&text[from..end], out);
                    write_exemplar(exemplar, format, out);
                    from = end;
                }
            }
            first = next;
            match kept {
                Some(kept) if from == 0 && text.len() >= MIN_PIECE => {
                    kept.push(KeptLines { place: out.len(), lines: Arc::clone(text) });
                }
                _ => push_lines(&text[from..], out),
            }
        });
    }
}

/// Appends a copy of kept lines.
pub(super) fn push_lines(lines: &[u8], out: &mut String) {
    out.push_str(std::str::from_utf8(lines).expect("texts and digits were written"));
}

impl Sink for Writer<'_> {
    #[inline]
    fn metric(&mut self, metric: &Reading<'_>) {
        let Reading { desc, layout, values, .. } = *metric;
        match values {
            [Some(value)] if layout.is_single() => {
                write_single(desc, *value, self.format, self.out);
            }
            _ => write_several(desc, layout, values, self.format, self.out),
        }
    }

    fn family(&mut self, family: MetricFamily) {
        self.write(&family);
    }
}

/// The labels of children with several values each, without the closing brace.
struct OpenLabels(Texts);

/// Writes the family and the only sample of a plain metric.
#[inline]
fn write_single(desc: &Desc, value: Value, format: Format, out: &mut String) {
    open_single(desc, desc.labels(), format, out);
    write_number(value, out);
}

/// Writes the family and the only sample of a plain metric up to its number, with labels in the
/// order of `labels`.
#[inline]
pub(super) fn open_single(desc: &Desc, labels: &Labels, format: Format, out: &mut String) {
    let head = desc.kept().get_or_make(usize::from(format == Format::OpenMetrics), || {
        let mut head = String::new();
        write_head(desc, format, &mut head);
        let before = open_series(desc, "", format, &mut head);
        head.push_str(end_series(before));
        head.shrink_to_fit();
        head
    });
    if labels.is_empty() {
        out.push_str(head);
    } else {
        let head = head.trim_end();
        // Only a name in quotes ends with its brace.
        let (head, before) = head.strip_suffix('}').map_or((head, '{'), |head| (head, ','));
        out.push_str(head);
        escape::open_labels(labels, before, out);
        out.push_str("} ");
    }
}

/// Writes the family and the samples of a plain metric that has several.
#[inline(never)] // It would slow down `Sink::metric` for those that have one.
fn write_several(
    desc: &Desc,
    layout: &Layout,
    values: &[Option<Value>],
    format: Format,
    out: &mut String,
) {
    write_head(desc, format, out);
    let mut labels = String::new();
    escape::open_labels(desc.labels(), before_labels(desc), &mut labels);
    write_parts(&part_texts(desc, layout, format), &labels, values, out);
}

fn write_family(family: &MetricFamily, format: Format, out: &mut String) {
    if format == Format::Text && family.kind() == Kind::GaugeHistogram {
        let families = series::set_apart(family.clone(), format);
        return families.iter().for_each(|family| write_samples(family, format, out));
    }
    let desc = family.desc();
    match family.samples.children() {
        Some(children) => {
            write_head(desc, format, out);
            write_children(desc, children, format, out);
        }
        None => write_samples(family, format, out),
    }
}

/// Writes a family whose samples are a list.
fn write_samples(family: &MetricFamily, format: Format, out: &mut String) {
    let desc = family.desc();
    write_head(desc, format, out);
    let omitted = format.omitted(|| {
        desc.kind() == Kind::Histogram && family.samples.iter().any(Sample::has_negative_bound)
    });
    for Sample { suffix, labels, value, exemplar, timestamp, .. } in &family.samples {
        match *suffix {
            suffix if omitted.contains(&suffix) => continue,
            series::CREATED if format == Format::Text => continue,
            suffix => write_series(desc, suffix, labels, format, out),
        }
        write_number(*value, out);
        if let Some(timestamp) = timestamp {
            write_timestamp(*timestamp, format, out);
        }
        if let Some(exemplar) = exemplar {
            write_exemplar(exemplar, format, out);
        }
    }
}

/// Returns the parts of a sample's name. The sample of a start time has the
/// family's name without `_total`.
pub(super) fn sample_name<'a>(desc: &'a Desc, suffix: &'a str, format: Format) -> [&'a str; 3] {
    if suffix == series::CREATED {
        [desc.stem(), "", suffix]
    } else {
        [format.family_name(desc), format.sample_suffix(desc), suffix]
    }
}

/// Writes the time of a sample at the end of the last line: milliseconds in the text format,
/// seconds in OpenMetrics. Nothing for a time that is not finite.
#[cold]
fn write_timestamp(timestamp: Timestamp, format: Format, out: &mut String) {
    let Some(millis) = timestamp.millis() else { return };
    out.pop();
    out.push(' ');
    if format == Format::OpenMetrics {
        number::write_f64(timestamp.seconds(), out);
    } else {
        // Writing to a String never fails.
        let _ = write!(out, "{millis}");
    }
    out.push('\n');
}

/// Writes an exemplar at the end of the last line, in OpenMetrics.
#[cold]
fn write_exemplar(exemplar: &Exemplar, format: Format, out: &mut String) {
    if format != Format::OpenMetrics || !exemplar.has_value() {
        return;
    }
    out.pop();
    out.push_str(" # ");
    if exemplar.labels().is_empty() {
        out.push_str("{}");
    }
    escape::write_labels(exemplar.labels(), out);
    out.push(' ');
    number::write_f64(exemplar.value(), out);
    let time = exemplar.time().and_then(time::since_epoch);
    if let Some(time) = time {
        let (seconds, millis) = (time.as_secs(), time.subsec_millis());
        // Writing to a String never fails.
        let _ = write!(out, " {seconds}.{millis:03}");
    }
    out.push('\n');
}

/// Writes the samples of children that have several values each. Only their labels are kept: whole
/// lines would take as many times the memory as a child has values.
fn write_children(desc: &Desc, children: &ChildValues, format: Format, out: &mut String) {
    let ChildValues { labels, layout, values, exemplars } = children;
    let OpenLabels(texts) = labels.kept().get_or_make(|| {
        let before = before_labels(desc);
        let write = |at, text: &mut String| escape::open_labels(labels.labels(at), before, text);
        OpenLabels(Texts::new(0..labels.len(), write))
    });
    let parts = part_texts(desc, layout, format);
    let bytes: usize = parts.iter().flatten().map(PartText::bytes).sum();
    out.reserve(texts.bytes() * parts.len() + (bytes + NUMBER * parts.len()) * labels.len());
    let mut exemplars = exemplars.iter().peekable();
    let width = layout.width();
    for (at, (labels, values)) in texts.iter().zip(values.chunks_exact(width)).enumerate() {
        if exemplars.peek().is_none_or(|(of, _)| *of / width != at) {
            write_parts(&parts, labels, values, out);
            continue;
        }
        for (place, (part, value)) in (at * width..).zip(parts.iter().zip(values)) {
            write_parts(slice::from_ref(part), labels, slice::from_ref(value), out);
            if let Some((_, exemplar)) = exemplars.next_if(|(of, _)| *of == place) {
                write_exemplar(exemplar, format, out);
            }
        }
    }
}

/// The text of a part of a layout, around the labels of a metric.
struct PartText {
    /// The sample's name.
    name: String,
    /// The text after the name, if there are no other labels.
    after_none: String,
    /// The text after labels without the closing brace.
    after_some: String,
}

impl PartText {
    fn bytes(&self) -> usize {
        self.name.len() + self.after_some.len()
    }
}

/// Returns the texts of a layout; `None` for a part that the format does not have.
fn part_texts(desc: &Desc, layout: &Layout, format: Format) -> Vec<Option<PartText>> {
    let omitted = format.omitted(|| layout.parts().iter().any(Part::has_negative_bound));
    let text = |part: &Part| {
        if omitted.contains(&part.suffix) {
            return None;
        }
        let mut name = String::new();
        let before = open_series(desc, part.suffix, format, &mut name);
        let Some(label) = &part.label else {
            let after_none = end_series(before).into();
            return Some(PartText { name, after_none, after_some: "} ".into() });
        };
        let mut own = String::new();
        escape::write_label(label.name(), &label.value(), &mut own);
        let (after_none, after_some) = (format!("{before}{own}}} "), format!(",{own}}} "));
        Some(PartText { name, after_none, after_some })
    };
    layout.parts().iter().map(text).collect()
}

/// Writes the samples of one metric. `labels` has no closing brace.
fn write_parts(
    parts: &[Option<PartText>],
    labels: &str,
    values: &[Option<Value>],
    out: &mut String,
) {
    for (part, value) in parts.iter().zip(values) {
        if let (Some(part), Some(value)) = (part, value) {
            out.push_str(&part.name);
            out.push_str(labels);
            out.push_str(if labels.is_empty() { &part.after_none } else { &part.after_some });
            write_number(*value, out);
        }
    }
}

/// Writes the comments of a family: `# HELP`, `# TYPE`, and in OpenMetrics `# UNIT`.
pub(super) fn write_head(desc: &Desc, format: Format, out: &mut String) {
    let name = format.family_name(desc);
    if !has_legacy_name(desc) {
        let mut quoted = String::new();
        escape::write_metric_name(&[name], false, &mut quoted);
        return write_comments(&quoted, desc, format, out);
    }
    write_comments(name, desc, format, out);
}

/// Writes these comments with `name`, which may be in quotes.
pub(super) fn write_comments(name: &str, desc: &Desc, format: Format, out: &mut String) {
    for part in ["# HELP ", name, " "] {
        out.push_str(part);
    }
    escape::write_help(desc.help(), format, out);
    for part in ["\n# TYPE ", name, " ", format.kind(desc), "\n"] {
        out.push_str(part);
    }
    if format == Format::OpenMetrics && !desc.unit().is_empty() {
        for part in ["# UNIT ", name, " ", desc.unit(), "\n"] {
            out.push_str(part);
        }
    }
}

/// Writes a sample up to its number.
pub(super) fn write_series(
    desc: &Desc,
    suffix: &str,
    labels: &Labels,
    format: Format,
    out: &mut String,
) {
    let before = open_series(desc, suffix, format, out);
    escape::open_labels(labels, before, out);
    out.push_str(if labels.is_empty() { end_series(before) } else { "} " });
}

/// Writes the name of a sample: in quotes after the opening brace, if it is not a legacy name.
/// Returns what comes before the first label.
fn open_series(desc: &Desc, suffix: &str, format: Format, out: &mut String) -> char {
    let name = sample_name(desc, suffix, format);
    let is_legacy = has_legacy_name(desc);
    if !is_legacy {
        out.push('{');
    }
    escape::write_metric_name(&name, is_legacy, out);
    before_labels(desc)
}

/// Returns what comes before the first label of a sample.
fn before_labels(desc: &Desc) -> char {
    if has_legacy_name(desc) { '{' } else { ',' }
}

/// Returns what follows the name of a sample that has no labels.
fn end_series(before_labels: char) -> &'static str {
    if before_labels == '{' { " " } else { "} " }
}

#[inline]
fn has_legacy_name(desc: &Desc) -> bool {
    desc.is_legacy() || is_legacy_metric_name(desc.name())
}

#[inline]
fn number_text(value: Value, number: &mut Number) -> &str {
    match value {
        Value::Integer(count) => number.digits.format(count),
        Value::Float(float) => {
            number.text.clear();
            number::write_f64(float, &mut number.text);
            &number.text
        }
    }
}

#[inline]
fn write_number(value: Value, out: &mut String) {
    match value {
        Value::Integer(count) => out.push_str(itoa::Buffer::new().format(count)),
        Value::Float(number) => number::write_f64(number, out),
    }
    out.push('\n');
}

#[cfg(test)]
mod tests;
