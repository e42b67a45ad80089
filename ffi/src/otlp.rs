//! `dcm_otlp`: an OTLP endpoint, and the resource that describes the process.

use std::ffi::c_int;

use dataclay_metrics_core::Registry;
use dataclay_metrics_core::exposition::OtlpEndpoint;

use crate::boundary::{Out, Text, put, required, seconds};
use crate::status::Failure;

export! {
    fn dcm_otlp_new(
        url: Text<'_>,
        service: Text<'_>,
        instance: Text<'_>,
        out: Out<'_, Box<OtlpEndpoint>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let (url, service) = (url.required("url")?, service.required("service")?);
            Ok(Box::new(OtlpEndpoint::new(url, service, instance.required("instance")?)?))
        })
    }

    fn dcm_otlp_set_attribute(
        otlp: Option<&mut OtlpEndpoint>,
        key: Text<'_>,
        value: Text<'_>,
    ) -> Result<(), Failure> {
        let otlp = required("otlp", otlp)?;
        *otlp = otlp.clone().attribute(key.required("key")?, value.required("value")?);
        Ok(())
    }

    fn dcm_otlp_set_header(
        otlp: Option<&mut OtlpEndpoint>,
        name: Text<'_>,
        value: Text<'_>,
    ) -> Result<(), Failure> {
        let otlp = required("otlp", otlp)?;
        *otlp = otlp.clone().header(name.required("name")?, value.secret("value")?)?;
        Ok(())
    }

    fn dcm_otlp_set_timeout(otlp: Option<&mut OtlpEndpoint>, limit: f64) -> Result<(), Failure> {
        let otlp = required("otlp", otlp)?;
        *otlp = otlp.clone().timeout(seconds("seconds", limit)?);
        Ok(())
    }

    fn dcm_otlp_set_gzip(otlp: Option<&mut OtlpEndpoint>, gzip: c_int) -> Result<(), Failure> {
        let otlp = required("otlp", otlp)?;
        if !matches!(gzip, 0 | 1) {
            return Err(Failure::argument("gzip", gzip, "must be 0 or 1"));
        }
        *otlp = otlp.clone().gzip(gzip == 1);
        Ok(())
    }

    fn dcm_otlp_export(
        otlp: Option<&OtlpEndpoint>,
        registry: Option<&Registry>,
    ) -> Result<(), Failure> {
        Ok(required("otlp", otlp)?.export(required("registry", registry)?)?)
    }

    fn dcm_otlp_free(otlp: Option<Box<OtlpEndpoint>>) -> () {
        drop(otlp);
    }
}
