//! The series that some formats add to those of a family: start times, and the count and the sum of
//! a gauge histogram.

use crate::encode::format::Format;
use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::snapshot::MetricFamily;
use crate::model::time;
use crate::model::value::Value;
use crate::registry::collector::{Reading, Sink};

/// The suffix of samples whose value is a start time.
pub(super) const CREATED: &str = "_created";

/// Passes each family to a sink, with its `_created` samples.
pub(super) struct WithCreated<'a>(pub(super) &'a mut dyn Sink);

impl Sink for WithCreated<'_> {
    fn family(&mut self, family: MetricFamily) {
        self.0.family(family.with_created_samples());
    }
}

/// Passes families to a sink in a form that every Pushgateway accepts. Samples have no timestamps,
/// because a gateway refuses such a push. There are no gauge histograms, because the page of
/// Pushgateway 1.5 ends at the first one. As in the text format 0.0.4, a gauge histogram becomes a
/// histogram, and its count and its sum become gauges.
pub(super) struct ForGateway<'a>(pub(super) &'a mut dyn Sink);

impl Sink for ForGateway<'_> {
    fn metric(&mut self, metric: &Reading<'_>) {
        // No metric of this crate has timestamps or is a gauge histogram.
        self.0.metric(metric);
    }

    fn family(&mut self, mut family: MetricFamily) {
        let is_list = family.samples.children().is_none();
        if is_list && family.samples.iter().any(|sample| sample.timestamp.is_some()) {
            family.samples.iter_mut().for_each(|sample| sample.timestamp = None);
        }
        if family.kind() != Kind::GaugeHistogram {
            return self.0.family(family);
        }
        for part in set_apart(family, Format::Text) {
            self.0.family(if part.kind() == Kind::GaugeHistogram { histogram(part) } else { part });
        }
    }
}

/// Returns the buckets of a gauge histogram as a histogram.
fn histogram(buckets: MetricFamily) -> MetricFamily {
    let (name, help) = (buckets.desc().name().to_owned(), buckets.desc().help().to_owned());
    let desc = Desc::unchecked(Kind::Histogram, name, help, Labels::default());
    MetricFamily::with_samples(desc, buckets.samples.into_iter().collect::<Vec<_>>())
}

impl MetricFamily {
    /// Returns the same family with a sample `_created` after the samples of each metric with a
    /// known start time, in seconds of Unix time.
    #[doc(hidden)]
    #[must_use]
    pub fn with_created_samples(self) -> MetricFamily {
        if !self.kind().suffixes().contains(&"_created") {
            return self;
        }
        let own = self.kind().sample_label();
        let shared = |labels: &Labels| {
            let pairs = labels.iter().filter(|(name, _)| Some(*name) != own);
            Labels::unchecked(pairs.map(|(name, value)| (name.into(), value.into())).collect())
        };
        let desc = self.desc().clone();
        let mut all = Vec::with_capacity(self.samples.len());
        let mut metric: Option<(Labels, Option<Sample>)> = None;
        for sample in self.samples {
            let labels = shared(&sample.labels);
            let is_next = metric.as_ref().is_none_or(|(known, _)| *known != labels);
            if is_next {
                all.extend(metric.take().and_then(|(_, created)| created));
                metric = Some((labels.clone(), created_sample(&sample, labels)));
            }
            if sample.suffix == CREATED {
                // The collector yields the sample itself.
                metric = metric.map(|(labels, _)| (labels, None));
            }
            all.push(sample);
        }
        all.extend(metric.and_then(|(_, created)| created));
        MetricFamily::with_samples(desc, all)
    }
}

fn created_sample(of: &Sample, labels: Labels) -> Option<Sample> {
    let since = time::since_epoch(of.created?)?;
    Some(Sample {
        created: of.created,
        ..Sample::new(CREATED, labels, Value::Float(since.as_secs_f64()))
    })
}

/// Returns the family without the samples that `format` writes as separate gauges, and these
/// gauges, in the order of their suffixes.
pub(super) fn set_apart(family: MetricFamily, format: Format) -> Vec<MetricFamily> {
    let is_apart = |sample: &Sample| format.sets_apart(sample.suffix);
    if !family.samples.iter().any(is_apart) {
        return vec![family];
    }
    let desc = family.desc().clone();
    let (mut apart, rest): (Vec<Sample>, Vec<Sample>) =
        family.samples.into_iter().partition(is_apart);
    apart.sort_by_key(|sample| sample.suffix);
    let mut families = vec![MetricFamily::with_samples(desc.clone(), rest)];
    for of_suffix in apart.chunk_by(|a, b| a.suffix == b.suffix) {
        families.push(gauges(&desc, of_suffix));
    }
    families
}

/// Returns all samples as gauges, one family for each suffix.
pub(super) fn as_gauges(family: &MetricFamily) -> Vec<MetricFamily> {
    let mut samples: Vec<Sample> = family.samples.to_vec();
    samples.sort_by_key(|sample| sample.suffix);
    let of_suffix = samples.chunk_by(|a, b| a.suffix == b.suffix);
    of_suffix.map(|samples| gauges(family.desc(), samples)).collect()
}

/// Returns samples of one suffix as a family of gauges.
fn gauges(desc: &Desc, samples: &[Sample]) -> MetricFamily {
    let suffix = samples.first().map_or("", |sample| sample.suffix);
    let name = format!("{}{suffix}", desc.stem());
    let desc = Desc::unchecked(Kind::Gauge, name, desc.help().to_owned(), Labels::default());
    let plain = |sample: &Sample| Sample { suffix: "", ..sample.clone() };
    MetricFamily::with_samples(desc, samples.iter().map(plain).collect::<Vec<_>>())
}
