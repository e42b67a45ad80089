//! `dcm_exporter`: a running scrape endpoint or push thread.

use std::time::Duration;

use dataclay_metrics_core::exposition::{Gateway, GroupingKey, HttpExporter, PushExporter};
use dataclay_metrics_core::settings::{self, OnExit};
use dataclay_metrics_core::{Error, Registry, Settings};

use crate::boundary::{Out, OwnedText, Text, host_name, put, required, seconds};
use crate::status::Failure;

/// An exporter of either kind, or that of an environment that wants none.
enum Exporter {
    Http(HttpExporter),
    Push(PushExporter, OnExit),
    None,
}

impl Exporter {
    fn from_env(registry: Registry) -> Result<Exporter, Error> {
        let settings = Settings::from_env()?;
        if settings.enabled == Some(false) {
            return Ok(Exporter::None);
        }
        Ok(match settings.exporter {
            settings::ExporterKind::Http => Exporter::Http(HttpExporter::start_in_range(
                registry,
                settings.host(),
                settings.port(),
            )?),
            settings::ExporterKind::Pushgateway => {
                // A push replaces its whole group, so each process has one of its own.
                let own = || format!("{}:{}", host_name(), std::process::id());
                let instance = settings.instance.clone().unwrap_or_else(own);
                let key = GroupingKey::new(&settings.job)?.label("instance", &instance)?;
                let gateway = Gateway::new(&settings.address(), &key)?;
                let interval = settings.push_interval;
                Exporter::Push(PushExporter::start(registry, gateway, interval)?, settings.on_exit)
            }
            settings::ExporterKind::None => Exporter::None,
        })
    }
}

/// What freeing an exporter waits for, as dropping one in Rust.
const FREE_LIMIT: Duration = Duration::from_secs(2);

const NONE: Failure = Failure::Absent("the environment wants no exporter");

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
            Ok(Box::new(Exporter::Push(exporter, OnExit::Keep)))
        })
    }

    fn dcm_exporter_start_env(
        registry: Option<&Registry>,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            Ok(Box::new(Exporter::from_env(required("registry", registry)?.clone())?))
        })
    }

    fn dcm_exporter_url(
        exporter: Option<&Exporter>,
        out: Out<'_, OwnedText>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            OwnedText::new(match required("exporter", exporter)? {
                Exporter::Http(exporter) => format!("http://{}/metrics", exporter.local_addr()),
                Exporter::Push(exporter, _) => exporter.url(),
                Exporter::None => return Err(NONE),
            })
        })
    }

    fn dcm_exporter_port(exporter: Option<&Exporter>, out: Out<'_, u16>) -> Result<(), Failure> {
        put("out", out, || match required("exporter", exporter)? {
            Exporter::Http(exporter) => Ok(exporter.local_addr().port()),
            Exporter::Push(..) => Err(Failure::Absent("an exporter that pushes has no port")),
            Exporter::None => Err(NONE),
        })
    }

    fn dcm_exporter_stop(exporter: Option<&Exporter>, limit: f64) -> Result<(), Failure> {
        let exporter = required("exporter", exporter)?;
        let limit = seconds("limit", limit)?;
        match exporter {
            Exporter::None => Ok(()),
            Exporter::Push(exporter, OnExit::Keep) => Ok(exporter.stop(limit)?),
            Exporter::Push(exporter, OnExit::Delete) => Ok(exporter.stop_and_delete(limit)?),
            Exporter::Http(exporter) if exporter.stop() => Ok(()),
            Exporter::Http(_) => Err(Failure::Timeout("a scrape that was being answered")),
        }
    }

    fn dcm_exporter_stop_and_delete(
        exporter: Option<&Exporter>,
        limit: f64,
    ) -> Result<(), Failure> {
        let limit = seconds("limit", limit)?;
        match required("exporter", exporter)? {
            Exporter::Push(exporter, _) => Ok(exporter.stop_and_delete(limit)?),
            Exporter::Http(_) => Err(Failure::Absent("a scrape endpoint has no group")),
            Exporter::None => Err(NONE),
        }
    }

    fn dcm_exporter_free(exporter: Option<Box<Exporter>>) -> () {
        if let Some(Exporter::Push(exporter, OnExit::Delete)) = exporter.as_deref() {
            // Who wants to know stops it before.
            let _ = exporter.stop_and_delete(FREE_LIMIT);
        }
        drop(exporter);
    }
}
