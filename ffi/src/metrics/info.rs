//! `dcm_info` and `dcm_info_family`.

use dataclay_metrics_core::Info;

use crate::boundary::{Items, Label, pairs, required};
use crate::status::Failure;

export_metric!(Info, info: dcm_info_new, dcm_info_new_with, dcm_info_register, dcm_info_unregister,
    dcm_info_free);
export_family!(Info: dcm_info_family_new, dcm_info_family_new_with, dcm_info_family_with_labels,
    dcm_info_family_remove, dcm_info_family_clear, dcm_info_family_register,
    dcm_info_family_unregister, dcm_info_family_free);

export! {
    fn dcm_info_set(
        info: Option<&Info>,
        facts: Items<'_, Label<'_>>,
        count: usize,
    ) -> Result<(), Failure> {
        Ok(required("info", info)?.set(pairs("facts", &facts, count)?)?)
    }
}
