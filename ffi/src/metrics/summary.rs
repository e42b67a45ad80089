//! `dcm_summary` and `dcm_summary_family`.

use dataclay_metrics_core::Summary;

use crate::boundary::{Out, put, required};
use crate::status::Failure;

export_metric!(Summary, summary: dcm_summary_new, dcm_summary_new_with, dcm_summary_register,
    dcm_summary_unregister, dcm_summary_free);
export_family!(Summary: dcm_summary_family_new, dcm_summary_family_new_with,
    dcm_summary_family_with_labels, dcm_summary_family_remove, dcm_summary_family_clear,
    dcm_summary_family_register, dcm_summary_family_unregister,
    dcm_summary_family_free);

export! { hot:
    fn dcm_summary_observe(summary: Option<&Summary>, number: f64) -> () {
        if let Some(summary) = summary {
            summary.observe(number);
        }
    }

    fn dcm_summary_observe_n(summary: Option<&Summary>, number: f64, times: u64) -> () {
        if let Some(summary) = summary {
            summary.observe_n(number, times);
        }
    }

    fn dcm_summary_get_count(summary: Option<&Summary>, out: Out<'_, u64>) -> Result<(), Failure> {
        put("out", out, || Ok(required("summary", summary)?.count()))
    }

    fn dcm_summary_get_sum(summary: Option<&Summary>, out: Out<'_, f64>) -> Result<(), Failure> {
        put("out", out, || Ok(required("summary", summary)?.sum()))
    }
}
