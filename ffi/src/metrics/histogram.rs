//! `dcm_histogram` and `dcm_histogram_family`.

use dataclay_metrics_core::{Buckets, Histogram, HistogramOptions, NativeBuckets, Opts};

use crate::boundary::{self, Items, Label, Options, Out, labels, put, required};
use crate::metrics::metric::OwnOptions;
use crate::status::Failure;

export_metric!(Histogram, histogram: dcm_histogram_new, dcm_histogram_new_with,
    dcm_histogram_register, dcm_histogram_unregister, dcm_histogram_free);
export_family!(Histogram: dcm_histogram_family_new, dcm_histogram_family_new_with,
    dcm_histogram_family_with_labels, dcm_histogram_family_remove, dcm_histogram_family_clear,
    dcm_histogram_family_register, dcm_histogram_family_unregister,
    dcm_histogram_family_free);

impl OwnOptions for HistogramOptions {
    const OF: &'static str = "histograms";

    fn set(opts: Opts<Self>, options: &Options<'_>) -> Result<Opts<Self>, Failure> {
        let bounds = options.buckets.slice("buckets", options.bucket_count)?;
        let opts = if options.buckets.is_null() {
            opts
        } else {
            opts.buckets(Buckets::new(bounds.iter().copied())?)
        };
        Ok(match options.native_buckets.get() {
            None => opts,
            Some(native) => opts.native_buckets(native_buckets(native)?),
        })
    }
}

fn native_buckets(options: &boundary::NativeBuckets) -> Result<NativeBuckets, Failure> {
    let boundary::NativeBuckets { schema, zero_threshold, largest, .. } = *options;
    let mut native = NativeBuckets::new(schema, zero_threshold, largest)?;
    if options.max_buckets > 0 {
        native = native.max_buckets(options.max_buckets);
    }
    Ok(if options.has_negative == 0 { native } else { native.with_negative()? })
}

export! { hot:
    fn dcm_histogram_observe(histogram: Option<&Histogram>, number: f64) -> () {
        if let Some(histogram) = histogram {
            histogram.observe(number);
        }
    }

    fn dcm_histogram_observe_n(histogram: Option<&Histogram>, number: f64, times: u64) -> () {
        if let Some(histogram) = histogram {
            histogram.observe_n(number, times);
        }
    }

    fn dcm_histogram_get_count(histogram: Option<&Histogram>, out: Out<'_, u64>) -> Result<(), Failure> {
        put("out", out, || Ok(required("histogram", histogram)?.count()))
    }

    fn dcm_histogram_get_sum(histogram: Option<&Histogram>, out: Out<'_, f64>) -> Result<(), Failure> {
        put("out", out, || Ok(required("histogram", histogram)?.sum()))
    }
}

export! {
    fn dcm_histogram_observe_with_exemplar(
        histogram: Option<&Histogram>,
        number: f64,
        labels: Items<'_, Label<'_>>,
        count: usize,
    ) -> Result<(), Failure> {
        let histogram = required("histogram", histogram)?;
        let labels = self::labels("labels", &labels, count)?;
        Ok(histogram.observe_with_exemplar(number, labels)?)
    }
}
