//! `dcm_gateway`: one group on a Pushgateway.

use std::sync::{Mutex, PoisonError};

use dataclay_metrics_core::Registry;
use dataclay_metrics_core::exposition::{self, GroupingKey};

use crate::boundary::{Items, Label, Out, Text, pairs, put, required, seconds};
use crate::status::Failure;

/// Replaced as a whole when it is configured, so that every function may run on any thread.
pub(crate) struct Gateway(Mutex<exposition::Gateway>);

impl Gateway {
    pub(crate) fn get(&self) -> exposition::Gateway {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, change: impl FnOnce(exposition::Gateway) -> exposition::Gateway) {
        let mut gateway = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *gateway = change(gateway.clone());
    }
}

export! {
    fn dcm_gateway_new(
        address: Text<'_>,
        job: Text<'_>,
        labels: Items<'_, Label<'_>>,
        count: usize,
        out: Out<'_, Box<Gateway>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let address = address.required("address")?;
            let mut key = GroupingKey::new(job.required("job")?)?;
            for (name, value) in pairs(&labels, count)? {
                key = key.label(name, value)?;
            }
            Ok(Box::new(Gateway(Mutex::new(exposition::Gateway::new(address, &key)?))))
        })
    }

    fn dcm_gateway_set_timeout(gateway: Option<&Gateway>, limit: f64) -> Result<(), Failure> {
        let gateway = required("gateway", gateway)?;
        let limit = seconds("seconds", limit)?;
        gateway.set(|gateway| gateway.timeout(limit));
        Ok(())
    }

    fn dcm_gateway_push(
        gateway: Option<&Gateway>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("gateway", gateway)?.get().push(required("registry", registry)?)?)
    }

    fn dcm_gateway_push_add(
        gateway: Option<&Gateway>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("gateway", gateway)?.get().push_add(required("registry", registry)?)?)
    }

    fn dcm_gateway_delete(gateway: Option<&Gateway>) -> Result<(), Failure> {
        Ok(required("gateway", gateway)?.get().delete()?)
    }

    fn dcm_gateway_free(gateway: Option<Box<Gateway>>) -> () {
        drop(gateway);
    }
}
