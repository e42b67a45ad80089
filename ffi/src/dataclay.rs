//! `dcm_dataclay`: the five metrics that dataClay documents.

use dataclay_metrics_core::dataclay::{DataClay, Role};
use dataclay_metrics_core::{Counter, Gauge, Registry};

use crate::boundary::{Out, Text, put, required};
use crate::status::Failure;

export! {
    fn dcm_dataclay_new(
        registry: Option<&Registry>,
        role: Text<'_>,
        out: Out<'_, Box<DataClay>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?;
            let role: Role = role.required("role")?.parse()?;
            let metrics = DataClay::new()?;
            metrics.register(role, registry)?;
            Ok(Box::new(metrics))
        })
    }

    fn dcm_dataclay_inmemory_objects(dataclay: Option<&DataClay>) -> Option<&Gauge> {
        dataclay.map(|metrics| &metrics.inmemory_objects)
    }

    fn dcm_dataclay_loaded_objects(dataclay: Option<&DataClay>) -> Option<&Gauge> {
        dataclay.map(|metrics| &metrics.loaded_objects)
    }

    fn dcm_dataclay_stored_objects(dataclay: Option<&DataClay>) -> Option<&Gauge> {
        dataclay.map(|metrics| &metrics.stored_objects)
    }

    fn dcm_dataclay_inmemory_misses_total(dataclay: Option<&DataClay>) -> Option<&Counter> {
        dataclay.map(|metrics| &metrics.inmemory_misses_total)
    }

    fn dcm_dataclay_inmemory_hits_total(dataclay: Option<&DataClay>) -> Option<&Counter> {
        dataclay.map(|metrics| &metrics.inmemory_hits_total)
    }

    fn dcm_dataclay_free(dataclay: Option<Box<DataClay>>) -> () {
        drop(dataclay);
    }
}
