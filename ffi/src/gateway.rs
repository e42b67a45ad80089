//! `dcm_gateway`: one group on a Pushgateway.

use std::ffi::c_int;

use dataclay_metrics_core::Registry;
use dataclay_metrics_core::exposition::{Gateway, GroupingKey};
use dataclay_metrics_core::settings::PushFormat;

use crate::boundary::{Items, Label, Out, Text, pairs, put, required, seconds};
use crate::status::Failure;

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
            for (name, value) in pairs("labels", &labels, count)? {
                key = key.label(name, value)?;
            }
            Ok(Box::new(Gateway::new(address, &key)?))
        })
    }

    fn dcm_gateway_set_timeout(gateway: Option<&mut Gateway>, limit: f64) -> Result<(), Failure> {
        let gateway = required("gateway", gateway)?;
        *gateway = gateway.clone().timeout(seconds("seconds", limit)?);
        Ok(())
    }

    fn dcm_gateway_set_basic_auth(
        gateway: Option<&mut Gateway>,
        user: Text<'_>,
        password: Text<'_>,
    ) -> Result<(), Failure> {
        let gateway = required("gateway", gateway)?;
        let (user, password) = (user.required("user")?, password.secret("password")?);
        if user.contains(':') {
            let rule = "a user name must not contain a colon (RFC 7617)";
            return Err(Failure::argument("user", format!("{user:?}"), rule));
        }
        *gateway = gateway.clone().basic_auth(user, password);
        Ok(())
    }

    fn dcm_gateway_set_gzip(gateway: Option<&mut Gateway>, gzip: c_int) -> Result<(), Failure> {
        let gateway = required("gateway", gateway)?;
        if !matches!(gzip, 0 | 1) {
            return Err(Failure::argument("gzip", gzip, "must be 0 or 1"));
        }
        *gateway = gateway.clone().gzip(gzip == 1);
        Ok(())
    }

    fn dcm_gateway_set_format(gateway: Option<&mut Gateway>, format: c_int) -> Result<(), Failure> {
        let gateway = required("gateway", gateway)?;
        let format = match format {
            0 => PushFormat::Text,
            2 => PushFormat::Protobuf,
            _ => {
                let rule = "must be DCM_FORMAT_TEXT or DCM_FORMAT_PROTOBUF";
                return Err(Failure::argument("format", format, rule));
            }
        };
        *gateway = gateway.clone().format(format);
        Ok(())
    }

    fn dcm_gateway_push(
        gateway: Option<&Gateway>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("gateway", gateway)?.push(required("registry", registry)?)?)
    }

    fn dcm_gateway_push_add(
        gateway: Option<&Gateway>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("gateway", gateway)?.push_add(required("registry", registry)?)?)
    }

    fn dcm_gateway_delete(gateway: Option<&Gateway>) -> Result<(), Failure> {
        Ok(required("gateway", gateway)?.delete()?)
    }

    fn dcm_gateway_free(gateway: Option<Box<Gateway>>) -> () {
        drop(gateway);
    }
}
