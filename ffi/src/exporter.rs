//! `dcm_exporter`: a running scrape endpoint or push thread.

use dataclay_metrics_core::exposition::{
    Exporter, Gateway, HttpExporter, OtlpEndpoint, PushExporter,
};
use dataclay_metrics_core::settings::SegmentDirectory;
use dataclay_metrics_core::{Error, Registry, Settings};

use crate::boundary::{HttpOptions, Out, OwnedText, Struct, Text, put, required, seconds};
use crate::status::Failure;

/// Starts a scrape endpoint with options.
fn start(registry: Registry, options: &HttpOptions<'_>) -> Result<Exporter, Failure> {
    let number = |field: &'static str, value: usize| {
        let rule = "must be a number from 0 to 65535";
        u16::try_from(value).map_err(|_| Failure::argument(field, value, rule))
    };
    let host = options.host.required("host")?;
    let port = number("port", options.port)?;
    let ports = number("port_count", options.port_count)?;
    if let Some(settings) = shared(options, host, port)? {
        if ports != 0 {
            let rule = "must not be set with a directory: its processes share a port";
            return Err(Failure::argument("port_count", ports, rule));
        }
        return Ok(Exporter::from_settings(registry, &settings)?);
    }
    Ok(Exporter::Http(match ports {
        0 => HttpExporter::start(registry, host, port)?,
        ports => HttpExporter::start_on_first_free(registry, host, port, ports)?,
    }))
}

/// Returns the settings of an endpoint with a directory, or `None` if it has no directory.
fn shared(options: &HttpOptions<'_>, host: &str, port: u16) -> Result<Option<Settings>, Failure> {
    let (job, instance) = (options.job.optional("job")?, options.instance.optional("instance")?);
    let Some(directory) = options.directory.optional("directory")? else {
        return match [("job", job), ("instance", instance)].iter().find(|(_, text)| text.is_some())
        {
            Some((field, text)) => {
                let rule = "must not be set without a directory";
                Err(Failure::argument(field, text.unwrap_or_default(), rule))
            }
            None => Ok(None),
        };
    };
    let settings = Settings::for_endpoint(host, port, directory, job, instance);
    let settings = settings.map_err(|error| match error {
        Error::Setting { name, value, .. } if name == "DATACLAY_METRICS_DIR" => {
            Failure::argument("directory", value, SegmentDirectory::RULE)
        }
        other => other.into(),
    })?;
    Ok((settings.directory != SegmentDirectory::None).then_some(settings))
}

const NONE: Failure = Failure::Absent("the environment chooses no exporter");

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

    fn dcm_exporter_start_http_with(
        registry: Option<&Registry>,
        options: Struct<'_, HttpOptions<'_>>,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?.clone();
            let options = options.read("options")?;
            let exporter = start(registry, &options).map_err(|error| error.within("options"))?;
            Ok(Box::new(exporter))
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
            let exporter = PushExporter::start(registry, gateway, seconds("interval", interval)?)?;
            Ok(Box::new(Exporter::Push(exporter)))
        })
    }

    fn dcm_exporter_start_otlp(
        registry: Option<&Registry>,
        otlp: Option<&OtlpEndpoint>,
        interval: f64,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?.clone();
            let otlp = required("otlp", otlp)?.clone();
            let interval = seconds("interval", interval)?;
            Ok(Box::new(Exporter::Push(PushExporter::start_otlp(registry, otlp, interval)?)))
        })
    }

    fn dcm_exporter_start_env(
        registry: Option<&Registry>,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let registry = required("registry", registry)?.clone();
            Ok(Box::new(Exporter::from_settings(registry, &Settings::from_env()?)?))
        })
    }

    fn dcm_exporter_url(
        exporter: Option<&Exporter>,
        out: Out<'_, OwnedText>,
    ) -> Result<(), Failure> {
        put("out", out, || OwnedText::new(required("exporter", exporter)?.url().ok_or(NONE)?))
    }

    fn dcm_exporter_port(exporter: Option<&Exporter>, out: Out<'_, u16>) -> Result<(), Failure> {
        put("out", out, || {
            let exporter = required("exporter", exporter)?;
            exporter.port().ok_or(match exporter {
                Exporter::None => NONE,
                _ => Failure::Absent("an exporter that pushes has no port"),
            })
        })
    }

    fn dcm_exporter_stop(exporter: Option<&Exporter>, limit: f64) -> Result<(), Failure> {
        Ok(required("exporter", exporter)?.stop(seconds("limit", limit)?)?)
    }

    fn dcm_exporter_stop_and_delete(
        exporter: Option<&Exporter>,
        limit: f64,
    ) -> Result<(), Failure> {
        let exporter = required("exporter", exporter)?;
        let limit = seconds("limit", limit)?;
        match exporter {
            Exporter::Push(exporter) => Ok(exporter.stop_and_delete(limit)?),
            Exporter::Http(_) => Err(Failure::Absent("a scrape endpoint has no group")),
            Exporter::None => Err(NONE),
        }
    }

    fn dcm_exporter_free(exporter: Option<Box<Exporter>>) -> () {
        drop(exporter);
    }
}
