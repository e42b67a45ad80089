//! Converts the series in the directory of a segment to families.

use std::collections::HashMap;

use crate::count::block::Slot;
use crate::count::segment::attached::reads::Seen;
use crate::count::segment::gauges;
use crate::count::segment::record::Merge;
use crate::count::segment::source::Source;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::sample::{self, Sample};
use crate::model::snapshot::MetricFamily;
use crate::model::value::{self, Value};
use crate::model::{stored, time};

/// Returns the families of these series, in the order of their first series. A series that cannot
/// be read is skipped.
pub(crate) fn families(seen: &[Seen], source: &impl Source) -> Vec<MetricFamily> {
    let slots: Vec<Slot> = seen.iter().map(|seen| Slot(seen.series.first)).collect();
    let mut counts = vec![(0, 0.0); slots.len()];
    source.sums(&slots, &mut counts);
    let mut families: Vec<MetricFamily> = Vec::new();
    let mut at: HashMap<&str, Option<(usize, Layout)>> = HashMap::new();
    for ((seen, slot), (whole, fractions)) in seen.iter().zip(slots).zip(counts) {
        let family = at.entry(&seen.family.name).or_insert_with(|| {
            let (desc, layout) =
                stored::read_definition(&seen.family.name, &seen.family.definition)?;
            families.push(MetricFamily::with_samples(desc, Vec::new()));
            Some((families.len() - 1, layout))
        });
        let (Some((family, layout)), Some(labels)) =
            (family, stored::read_labels(&seen.series.labels))
        else {
            continue;
        };
        let created = time::from_millis(seen.series.created);
        let samples = &mut families[*family].samples;
        if !layout.is_single() {
            let mut sums = vec![(0, 0.0); seen.series.words as usize / 2];
            source.cell_sums(&[slot.0 as usize / 2], sums.len(), &mut sums);
            if sums.len() != layout.cells() {
                continue;
            }
            let mut values = Vec::with_capacity(layout.width());
            value::push_values(layout, &sums, &mut values);
            sample::extend(samples, layout.parts(), &labels, created, &values);
            if let Some(native) = value::native_histogram(layout, &values) {
                samples.push_native(&labels, native);
            }
            continue;
        }
        let sample = |labels, value| Sample::new("", labels, value);
        match seen.series.merge {
            Merge::Count => {
                let count = sample(labels, Value::count(whole, fractions));
                samples.push(Sample { created, ..count });
            }
            Merge::Gauge(how) => {
                let values = source.gauges(slot, how);
                if gauges::is_each(how) {
                    samples.extend(values.into_iter().map(|(value, process)| {
                        sample(with_process(&labels, process), Value::Float(value))
                    }));
                } else if let Some((value, _)) = gauges::merge(how, values.into_iter()) {
                    samples.push(sample(labels, Value::Float(value)));
                }
            }
        }
    }
    families.retain(|family| !family.samples.is_empty());
    families
}

/// Returns the labels with the process, unless they have such a label already.
fn with_process(labels: &Labels, process: u64) -> Labels {
    if labels.iter().any(|(name, _)| name == "pid") {
        return labels.clone();
    }
    labels.with("pid", &process.to_string())
}
