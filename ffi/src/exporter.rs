//! `dcm_exporter`: a running scrape endpoint or push thread.

use std::ffi::{CString, c_char};
use std::sync::{Mutex, PoisonError};

use dataclay_metrics_core::Registry;
use dataclay_metrics_core::exposition::{HttpExporter, PushExporter};

use crate::boundary::{Out, Text, put, required, seconds};
use crate::gateway::Gateway;
use crate::status::Failure;

/// An exporter of either kind. Locked while it stops, so that two threads may ask for it.
pub(crate) struct Exporter {
    url: CString,
    port: Option<u16>,
    running: Mutex<Running>,
}

enum Running {
    Http(HttpExporter),
    Push(PushExporter),
}

impl Exporter {
    fn http(registry: &Registry, host: &str, port: u16) -> Result<Exporter, Failure> {
        let exporter = HttpExporter::start(registry.clone(), host, port)?;
        let address = exporter.local_addr();
        let url = format!("http://{address}/metrics");
        Ok(Exporter::new(url, Some(address.port()), Running::Http(exporter)))
    }

    fn new(url: String, port: Option<u16>, running: Running) -> Exporter {
        // A URL that was parsed, or made of an address: it holds no NUL.
        let url = CString::new(url).unwrap_or_default();
        Exporter { url, port, running: Mutex::new(running) }
    }
}

export! {
    fn dcm_exporter_start_http(
        registry: Option<&Registry>,
        host: Text<'_>,
        port: u16,
        out: Out<'_, Box<Exporter>>,
    ) -> Result<(), Failure> {
        put("out", out, || {
            let host = host.required("host")?;
            Ok(Box::new(Exporter::http(required("registry", registry)?, host, port)?))
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
            let gateway = required("gateway", gateway)?.get();
            let interval = seconds("interval", interval)?;
            let exporter = PushExporter::start(registry, gateway, interval)?;
            let url = exporter.url().to_owned();
            Ok(Box::new(Exporter::new(url, None, Running::Push(exporter))))
        })
    }

    fn dcm_exporter_url(exporter: Option<&Exporter>) -> *const c_char {
        exporter.map_or(c"".as_ptr(), |exporter| exporter.url.as_ptr())
    }

    fn dcm_exporter_port(exporter: Option<&Exporter>, out: Out<'_, u16>) -> Result<(), Failure> {
        put("out", out, || {
            let port = required("exporter", exporter)?.port;
            port.ok_or(Failure::Absent("an exporter that pushes has no port"))
        })
    }

    fn dcm_exporter_stop(exporter: Option<&Exporter>, limit: f64) -> Result<(), Failure> {
        let exporter = required("exporter", exporter)?;
        let limit = seconds("limit", limit)?;
        match &mut *exporter.running.lock().unwrap_or_else(PoisonError::into_inner) {
            Running::Http(exporter) => {
                let ended = exporter.stop();
                ended.then_some(()).ok_or(Failure::Timeout("a scrape that was being answered"))
            }
            Running::Push(exporter) => Ok(exporter.stop(limit)?),
        }
    }

    fn dcm_exporter_free(exporter: Option<Box<Exporter>>) -> () {
        drop(exporter);
    }
}
