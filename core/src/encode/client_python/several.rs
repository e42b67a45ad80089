//! Metrics with several values, such as histograms. Only their labels are kept: whole lines would
//! take as many times the memory as a metric has values.

use crate::encode::client_python::numbers::{write_float, write_line};
use crate::encode::escape;
use crate::encode::format::Format;
use crate::encode::text::{self, NUMBER, sample_name};
use crate::encode::texts::Texts;
use crate::model::desc::Desc;
use crate::model::labels::Labels;
use crate::model::layout::{Layout, Part, PartLabel};
use crate::model::samples::ChildValues;
use crate::model::value::Value;

/// The labels of each child in the order of their names, in two texts. The label of a value itself,
/// such as `le`, belongs between them. The labels before it end in a comma, and the labels after it
/// start with one.
struct SortedLabels(Texts);

/// Returns whether this file can write such a family: no name is in quotes, and no sample is in
/// another family.
pub(super) fn can_write(desc: &Desc, layout: &Layout, format: Format) -> bool {
    desc.is_legacy() && !layout.parts().iter().any(|part| format.sets_apart(part.suffix))
}

/// Appends a family of children without exemplars.
pub(super) fn write_children(
    desc: &Desc,
    children: &ChildValues,
    format: Format,
    out: &mut String,
) {
    let ChildValues { labels, layout, values, .. } = children;
    let own = own_name(layout);
    let SortedLabels(texts) = labels.kept().get_or_make(|| {
        let texts = labels.len() * 2;
        SortedLabels(Texts::new(0..texts, |at, text| {
            write_half(&labels.labels(at / 2).sorted(), own, at % 2 == 0, text);
        }))
    });
    let parts = part_texts(desc, layout, format);
    text::write_head(desc, format, out);
    let bytes: usize = parts.iter().flatten().map(|part| part.name.len() + part.label.len()).sum();
    out.reserve(texts.bytes() * parts.len() + (bytes + NUMBER * parts.len()) * labels.len());
    let mut texts = texts.iter();
    for values in values.chunks_exact(layout.width()) {
        let halves = [texts.next(), texts.next()].map(Option::unwrap_or_default);
        write_parts(&parts, halves, values, out);
    }
}

/// Appends the family of one metric.
pub(super) fn write_metric(
    desc: &Desc,
    layout: &Layout,
    values: &[Option<Value>],
    format: Format,
    out: &mut String,
) {
    let (labels, own) = (desc.labels().sorted(), own_name(layout));
    let halves = [true, false].map(|is_before| {
        let mut text = String::new();
        write_half(&labels, own, is_before, &mut text);
        text
    });
    text::write_head(desc, format, out);
    write_parts(
        &part_texts(desc, layout, format),
        halves.each_ref().map(|half| &**half),
        values,
        out,
    );
}

/// Returns the name of the label that values of the layout have. All have the same.
fn own_name(layout: &Layout) -> &str {
    layout.parts().iter().find_map(|part| part.label.as_ref()).map_or("", PartLabel::name)
}

/// Writes the labels before or after the label of a value.
fn write_half(sorted: &Labels, own: &str, is_before: bool, out: &mut String) {
    for (name, value) in sorted.iter().filter(|(name, _)| (*name < own) == is_before) {
        if !is_before {
            out.push(',');
        }
        escape::write_label(name, value, out);
        if is_before {
            out.push(',');
        }
    }
}

/// The text of a part of a layout, around the labels of a metric.
struct PartText {
    name: String,
    /// Its label, or nothing.
    label: String,
}

/// Returns the texts of a layout; `None` for a part that the format does not have.
fn part_texts(desc: &Desc, layout: &Layout, format: Format) -> Vec<Option<PartText>> {
    let is_negative = || layout.parts().iter().any(Part::has_negative_bound);
    let omitted = format.omitted_like_client_python(is_negative);
    let text = |part: &Part| {
        if omitted.contains(&part.suffix) {
            return None;
        }
        let mut label = String::new();
        match &part.label {
            Some(PartLabel::Number("le", bound)) => {
                label.push_str("le=\"");
                write_float(*bound, &mut label);
                label.push('"');
            }
            Some(own) => escape::write_label(own.name(), &own.value(), &mut label),
            None => {}
        }
        Some(PartText { name: sample_name(desc, part.suffix, format).concat(), label })
    };
    layout.parts().iter().map(text).collect()
}

/// Writes the samples of one metric.
fn write_parts(
    parts: &[Option<PartText>],
    [before, after]: [&str; 2],
    values: &[Option<Value>],
    out: &mut String,
) {
    for (part, value) in parts.iter().zip(values) {
        let (Some(part), Some(value)) = (part, value) else { continue };
        out.push_str(&part.name);
        let labels = match (&*part.label, before, after) {
            ("", "", after) => ["", after.strip_prefix(',').unwrap_or_default(), ""],
            ("", before, "") => [before.strip_suffix(',').unwrap_or_default(), "", ""],
            ("", before, after) => [before, after.strip_prefix(',').unwrap_or_default(), ""],
            (label, before, after) => [before, label, after],
        };
        let is_empty = labels.iter().all(|text| text.is_empty());
        out.push_str(if is_empty { "" } else { "{" });
        out.extend(labels);
        out.push_str(if is_empty { " " } else { "} " });
        write_line(*value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::options::Options;
    use crate::metrics::buckets::Buckets;
    use crate::metrics::family::Family;
    use crate::metrics::histogram::Histogram;
    use crate::metrics::metric::Metric;
    use crate::metrics::opts::Opts;
    use crate::metrics::state_set::{StateSet, States};
    use crate::metrics::summary::Summary;
    use crate::model::snapshot::MetricFamily;
    use crate::registry::Registry;
    use crate::registry::collector::Collector;

    /// The families of a registry, with their samples in lists.
    #[derive(Clone)]
    struct Listed(Registry);

    impl Collector for Listed {
        fn describe(&self) -> Vec<Desc> {
            Vec::new()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            let listed = |family: MetricFamily| {
                let samples: Vec<_> = family.samples.iter().cloned().collect();
                MetricFamily::with_samples(family.desc().clone(), samples)
            };
            self.0.gather().into_iter().map(listed).collect()
        }

        fn id(&self) -> usize {
            1
        }
    }

    fn family<M: Metric>(
        registry: &Registry,
        opts: Opts<M::Options>,
        names: &[&str],
        change: impl Fn(M),
    ) {
        let family = Family::with_opts(opts, names.iter().copied()).expect("valid");
        registry.register(&family).expect("a new name");
        for value in ["b", "a\"\n"] {
            change(family.with_labels(vec![value; names.len()]).expect("room"));
        }
    }

    #[test]
    fn the_lines_equal_those_of_lists_of_samples() {
        let registry = Registry::new();
        let buckets = |bounds: &[f64]| Buckets::new(bounds.iter().copied()).expect("valid");
        let labels: [&[&str]; 5] = [&["a"], &["z"], &["z", "a"], &["z", "la", "lz", "a"], &[]];
        for (number, names) in labels.into_iter().enumerate() {
            let opts = Opts::new(format!("h{number}"), "help").buckets(buckets(&[0.5, 1e6, 1e21]));
            family(&registry, opts, names, |histogram: Histogram| histogram.observe(2.5));
            let opts = Opts::new(format!("s{number}"), "help");
            family(&registry, opts, names, |summary: Summary| summary.observe(2.5));
            let opts = Opts::<States>::new(format!("state{number}"), "").states(["on", "off"]);
            family(&registry, opts, names, |state: StateSet| state.set("off").expect("a state"));
        }
        let opts = Opts::new("below", "").buckets(buckets(&[-1.0, 1.0]));
        family(&registry, opts, &["a"], |histogram: Histogram| histogram.observe(-2.5));
        let opts = Opts::new("plain", "").buckets(buckets(&[-1.0, 1.0]));
        let plain = Histogram::with_opts(opts).expect("valid");
        plain.observe(3.0);
        registry.register(&plain).expect("a new name");

        let listed = Registry::new();
        listed.register(&Listed(registry.clone())).expect("describes nothing");
        for format in [Format::Text, Format::OpenMetrics] {
            let options = Options::new(format).like_client_python();
            assert_eq!(registry.encode_with(options), listed.encode_with(options));
        }
    }
}
