//! `dcm_exporter`: a running scrape endpoint or push thread.

use dataclay_metrics_core::Registry;
use dataclay_metrics_core::exposition::{Gateway, HttpExporter, PushExporter};

use crate::boundary::{Out, OwnedText, Text, put, required, seconds};
use crate::status::Failure;

/// An exporter of either kind.
enum Exporter {
    Http(HttpExporter),
    Push(PushExporter),
}

export! {
    fn dcm_exporter_start_http(
        registry: Option<&Registry>,
        host: Text<'_>,
        port: u16,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?.clone();
            let exporter = HttpExporter::start(registry, host.required("host")?, port)?;
            Ok(Box::new(Exporter::Http(exporter)))
        })
    }

    fn dcm_exporter_start_push(
        registry: Option<&Registry>,
        gateway: Option<&Gateway>,
        interval: f64,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?.clone();
            let gateway = required("gateway", gateway)?.clone();
            let interval = seconds("interval", interval)?;
            let exporter = PushExporter::start(registry, gateway, interval)?;
            Ok(Box::new(Exporter::Push(exporter)))
        })
    }

    fn dcm_exporter_url(
        exporter: Option<&Exporter>,
        out: Out<'_, OwnedText>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            OwnedText::new(match required("exporter", exporter)? {
                Exporter::Http(exporter) => format!("http://{}/metrics", exporter.local_addr()),
                Exporter::Push(exporter) => exporter.url(),
            })
        })
    }

    fn dcm_exporter_port(exporter: Option<&Exporter>, out: Out<'_, u16>) -> Result<(), Failure> {
        put("out", out, || match required("exporter", exporter)? {
            Exporter::Http(exporter) => Ok(exporter.local_addr().port()),
            Exporter::Push(_) => Err(Failure::Absent("an exporter that pushes has no port")),
        })
    }

    fn dcm_exporter_stop(exporter: Option<&Exporter>, limit: f64) -> Result<(), Failure> {
        let exporter = required("exporter", exporter)?;
        let limit = seconds("limit", limit)?;
        match exporter {
            Exporter::Push(exporter) => Ok(exporter.stop(limit)?),
            Exporter::Http(exporter) if exporter.stop() => Ok(()),
            Exporter::Http(_) => Err(Failure::Timeout("a scrape that was being answered")),
        }
    }

    fn dcm_exporter_free(exporter: Option<Box<Exporter>>) -> () {
        drop(exporter);
    }
}
