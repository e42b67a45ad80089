//! `dcm_state_set` and `dcm_state_set_family`.

use dataclay_metrics_core::{Opts, StateSet, States};

use crate::boundary::{Options, Text, required, texts};
use crate::metrics::metric::OwnOptions;
use crate::status::Failure;

export_metric!(StateSet, state_set: dcm_state_set_new_with, dcm_state_set_register,
    dcm_state_set_unregister, dcm_state_set_free);
export_family!(StateSet: dcm_state_set_family_new_with, dcm_state_set_family_with_labels,
    dcm_state_set_family_remove, dcm_state_set_family_clear, dcm_state_set_family_register,
    dcm_state_set_family_unregister, dcm_state_set_family_free);

impl OwnOptions for States {
    const OF: &'static str = "state sets";

    fn set(opts: Opts<Self>, options: &Options<'_>) -> Result<Opts<Self>, Failure> {
        Ok(opts.states(texts("states", &options.states, options.state_count)?))
    }
}

export! { hot:
    fn dcm_state_set_set(
        state_set: Option<&StateSet>,
        state: Text<'_>,
    ) -> Result<(), Failure> {
        Ok(required("state_set", state_set)?.set(state.required("state")?)?)
    }
}
