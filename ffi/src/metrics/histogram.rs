//! `dcm_histogram` and `dcm_histogram_family`.

use dataclay_metrics_core::{Buckets, Histogram, HistogramOptions, Opts};

use crate::boundary::{Options, Out, put, required};
use crate::metrics::metric::OwnOptions;
use crate::status::Failure;

export_metric!(Histogram, histogram: dcm_histogram_new, dcm_histogram_new_with, dcm_histogram_register,
    dcm_histogram_unregister, dcm_histogram_free);
export_family!(Histogram: dcm_histogram_family_new, dcm_histogram_family_new_with,
    dcm_histogram_family_with_labels, dcm_histogram_family_remove, dcm_histogram_family_clear,
    dcm_histogram_family_register, dcm_histogram_family_unregister,
    dcm_histogram_family_free);

impl OwnOptions for HistogramOptions {
    fn set(opts: Opts<Self>, options: &Options<'_>) -> Result<Opts<Self>, Failure> {
        let bounds = options.buckets.slice("buckets", options.bucket_count)?;
        if bounds.is_empty() {
            return Ok(opts);
        }
        Ok(opts.buckets(Buckets::new(bounds.iter().copied())?))
    }
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
