//! The metrics of a registry in the form of protobuf encodings: one message for each metric, with
//! all its values. A text format has one line for each value.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::SystemTime;

use crate::encode::protobuf::messages::{Messages, Observed, Read, Type, Values};
use crate::encode::series::CREATED;
use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::{Layout, PartLabel};
use crate::model::sample::Sample;
use crate::model::samples::{ChildValues, Samples};
use crate::model::snapshot::MetricFamily;
use crate::model::time::Timestamp;
use crate::model::value::{self, Value};
use crate::registry::collector::{Reading, Sink};
use crate::sync::{AtomicU64, Ordering};

/// The approximate length of a metric without its labels and values, in bytes.
const METRIC: usize = 24;
/// The approximate length of a value, in bytes.
const VALUE: usize = 16;

/// The start time of the values of a metric, and their timestamp, as in [`Read`].
type Times = (Option<SystemTime>, Option<i64>);

/// The names and values of the labels of a metric.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// A sink that appends the messages of one encoding to `out`.
pub(super) struct Points<'a, M> {
    pub(super) messages: M,
    pub(super) out: &'a mut Vec<u8>,
}

impl<M: Messages> Sink for Points<'_, M> {
    fn metric(&mut self, metric: &Reading<'_>) {
        let Points { messages, out } = self;
        let Reading { desc, layout, created, values } = *metric;
        let of = Type { kind: desc.kind(), is_native: layout.native().is_some() };
        let mut labels = Vec::new();
        write_labels::<M>(of, desc.labels().iter(), &mut labels);
        let bytes = labels.len() + METRIC + VALUE * values.len();
        messages.family(desc, of, bytes, out, |out| {
            let mut writer = Writer::new(messages, of, out);
            writer.values(layout, &labels, created(), values, |_| None)
        });
    }

    fn family(&mut self, family: MetricFamily) {
        let Points { messages, out } = self;
        match family.samples.children() {
            Some(children) => write_children(messages, family.desc(), children, out),
            None => write_samples(messages, family.desc(), &family.samples, out),
        }
    }
}

fn write_labels<'a, M: Messages>(
    of: Type,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    out: &mut Vec<u8>,
) {
    labels.for_each(|(name, value)| M::label(of, name, value, out));
}

/// The encoded labels of all children, one after the other.
struct Encoded<M> {
    all: Vec<u8>,
    /// The end of the labels of each child.
    ends: Vec<usize>,
    encoding: PhantomData<fn() -> M>,
}

/// The constant parts of the metrics of all children with one value, one after the other.
struct Heads<M> {
    all: Vec<u8>,
    /// The end of each part, and the start time in it.
    ends: Vec<(usize, Option<SystemTime>)>,
    /// The version of the start times in the parts.
    version: AtomicU64,
    encoding: PhantomData<fn() -> M>,
}

/// Writes children that have one value each, and no exemplars.
fn write_single_children<M: Messages>(
    messages: &M,
    desc: &Desc,
    of: Type,
    children: &ChildValues,
    out: &mut Vec<u8>,
) {
    let ChildValues { labels: sets, values, .. } = children;
    let head = |at: usize, created, out: &mut Vec<u8>| {
        let mut labels = Vec::new();
        write_labels::<M>(of, sets.labels(at).iter(), &mut labels);
        M::head(of, &labels, created, out);
    };
    let now = sets.created_version();
    let Heads { all, ends, version, .. } = sets.kept().get_or_make(|| {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(sets.len()));
        for at in 0..sets.len() {
            let created = sets.created(at);
            head(at, created, &mut all);
            ends.push((all.len(), created));
        }
        all.shrink_to_fit();
        Heads { all, ends, version: AtomicU64::new(now), encoding: PhantomData::<fn() -> M> }
    });
    // Checking each child would take longer than writing it.
    let is_up_to_date = version.load(Ordering::Relaxed) == now;
    let bytes = all.len() + VALUE * values.len();
    messages.family(desc, of, bytes, out, |out| {
        out.reserve(bytes);
        let (mut from, mut any, mut all_match) = (0, false, true);
        for (at, ((end, kept), value)) in ends.iter().zip(values).enumerate() {
            let own = &all[from..*end];
            from = *end;
            let Some(value) = value else { continue };
            any = true;
            // It changes when the series is found in a segment, and in a forked child.
            match if is_up_to_date { *kept } else { sets.created(at) } {
                created if created == *kept => out.extend_from_slice(own),
                created => {
                    all_match = false;
                    head(at, created, out);
                }
            }
            messages.tail(*value, out);
        }
        if all_match && values.iter().all(Option::is_some) {
            version.store(now, Ordering::Relaxed);
        }
        any
    });
}

fn write_children<M: Messages>(
    messages: &M,
    desc: &Desc,
    children: &ChildValues,
    out: &mut Vec<u8>,
) {
    let ChildValues { labels: sets, layout, values, exemplars } = children;
    let of = Type { kind: desc.kind(), is_native: layout.native().is_some() };
    if layout.is_single() && exemplars.is_empty() {
        return write_single_children(messages, desc, of, children, out);
    }
    let width = layout.width();
    let Encoded { all, ends, .. } = sets.kept().get_or_make(|| {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(sets.len()));
        for at in 0..sets.len() {
            write_labels::<M>(of, sets.labels(at).iter(), &mut all);
            ends.push(all.len());
        }
        all.shrink_to_fit();
        Encoded { all, ends, encoding: PhantomData::<fn() -> M> }
    });
    let bytes = all.len() + METRIC * sets.len() + VALUE * values.len();
    messages.family(desc, of, bytes, out, |out| {
        out.reserve(bytes);
        let mut writer = Writer::new(messages, of, out);
        let mut exemplars = exemplars.iter().peekable();
        let (mut from, mut any) = (0, false);
        for (at, (end, values)) in ends.iter().zip(values.chunks_exact(width)).enumerate() {
            let (labels, created) = (&all[from..*end], sets.created(at));
            from = *end;
            any |= writer.values(layout, labels, created, values, |part| {
                let place = at * width + part;
                exemplars.next_if(|(of, _)| *of == place).map(|(_, exemplar)| exemplar)
            });
        }
        any
    });
}

/// Writes a list of samples. Groups the samples of one metric, even if they are not neighbours in
/// the list.
fn write_samples<M: Messages>(messages: &M, desc: &Desc, samples: &Samples, out: &mut Vec<u8>) {
    let native = samples.native_histograms();
    let of = Type { kind: desc.kind(), is_native: false };
    let Some(own) = of.kind.sample_label() else {
        let bytes = (METRIC + 2 * VALUE) * samples.len();
        return messages.family(desc, of, bytes, out, |out| {
            let mut labels = Vec::new();
            for sample in samples.iter().filter(|sample| sample.suffix != CREATED) {
                let Sample { labels: own, value, exemplar, created, timestamp, .. } = sample;
                labels.clear();
                write_labels::<M>(of, own.iter(), &mut labels);
                let values = Values::Single(*value, exemplar.as_deref());
                let timestamp = timestamp.and_then(Timestamp::millis);
                let read = Read { created: *created, timestamp, values };
                messages.metric(of, &labels, &read, out);
            }
            !samples.is_empty()
        });
    };
    let mut places = HashMap::new();
    let mut metrics: Vec<(Pairs<'_>, Times, Observed)> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.suffix != CREATED) {
        let Sample { suffix, labels, value, exemplar, created, timestamp } = sample;
        let pairs: Pairs<'_> = labels.iter().filter(|(name, _)| *name != own).collect();
        let at = *places.entry(pairs.clone()).or_insert(metrics.len());
        if at == metrics.len() {
            let same = |(labels, _): &&(Labels, _)| labels.iter().eq(pairs.iter().copied());
            let native = native.iter().find(same).map(|(_, native)| native.clone());
            let timestamp = timestamp.and_then(Timestamp::millis);
            let observed = Observed { native, ..Observed::default() };
            metrics.push((pairs, (*created, timestamp), observed));
        }
        let bound = labels.iter().find(|(name, _)| *name == own);
        let bound = bound.and_then(|(_, bound)| bound.parse().ok());
        let bound = bound.filter(|bound: &f64| !bound.is_nan());
        metrics[at].2.add(suffix, bound, *value, exemplar.clone());
    }
    // In a segment, one process may have defined the family with native buckets, and another
    // process without them.
    let is_native = metrics.iter().all(|(_, _, observed)| observed.native.is_some());
    let of = Type { is_native, ..of };
    let bytes = (METRIC + VALUE) * metrics.len() + VALUE * samples.len();
    messages.family(desc, of, bytes, out, |out| {
        let mut labels = Vec::new();
        for (pairs, (created, timestamp), observed) in &mut metrics {
            observed.bounds.sort_by(|a, b| a.at.total_cmp(&b.at));
            // The label `le` may be "1" or "1.0".
            observed.bounds.dedup_by(|later, first| later.at.total_cmp(&first.at).is_eq());
            let values = Values::Observed(observed);
            let read = Read { created: *created, timestamp: *timestamp, values };
            labels.clear();
            write_labels::<M>(of, pairs.iter().copied(), &mut labels);
            messages.metric(of, &labels, &read, out);
        }
        !metrics.is_empty()
    });
}

/// Writes metrics of one type whose values have a layout.
struct Writer<'a, M> {
    messages: &'a M,
    of: Type,
    out: &'a mut Vec<u8>,
    /// Reused, so that a metric allocates nothing.
    labels: Vec<u8>,
    observed: Observed,
}

impl<'a, M: Messages> Writer<'a, M> {
    fn new(messages: &'a M, of: Type, out: &'a mut Vec<u8>) -> Writer<'a, M> {
        Writer { messages, of, out, labels: Vec::new(), observed: Observed::default() }
    }

    /// Writes one metric, or one for each state of a state set. Returns whether there was a value.
    #[inline]
    fn values<'e>(
        &mut self,
        layout: &Layout,
        labels: &[u8],
        created: Option<SystemTime>,
        values: &[Option<Value>],
        mut exemplar: impl FnMut(usize) -> Option<&'e Arc<Exemplar>>,
    ) -> bool {
        let Writer { messages, of, out, labels: with_part, observed } = self;
        let is_observed = matches!(of.kind, Kind::Histogram | Kind::Summary);
        observed.clear();
        let mut any = false;
        for (at, (part, value)) in layout.parts().iter().zip(values).enumerate() {
            let exemplar = exemplar(at);
            let Some(value) = value else { continue };
            any = true;
            if is_observed {
                let bound = match part.label {
                    Some(PartLabel::Number(_, bound)) => Some(bound),
                    _ => None,
                };
                observed.add(part.suffix, bound, *value, exemplar.cloned());
                continue;
            }
            let labels = match &part.label {
                None => labels,
                Some(own) => {
                    with_part.clear();
                    with_part.extend(labels);
                    M::label(*of, own.name(), &own.value(), with_part);
                    &with_part[..]
                }
            };
            let values = Values::Single(*value, exemplar.map(|exemplar| &**exemplar));
            messages.metric(*of, labels, &Read { created, timestamp: None, values }, out);
        }
        if is_observed && any {
            observed.native = value::native_histogram(layout, values);
            let values = Values::Observed(observed);
            messages.metric(*of, labels, &Read { created, timestamp: None, values }, out);
        }
        any
    }
}
