//! The exporter that the settings choose: starts, queries and stops it.

use std::time::Duration;

#[cfg(feature = "push")]
use crate::exposition::push::exporter::PushExporter;
#[cfg(feature = "push")]
use crate::exposition::push::gateway::Gateway;
#[cfg(feature = "push")]
use crate::exposition::push::grouping_key::GroupingKey;
#[cfg(feature = "push")]
use crate::exposition::push::otlp::OtlpEndpoint;
#[cfg(feature = "http")]
use crate::exposition::scrape::exporter::HttpExporter;
use crate::exposition::segment::attach_segment;
#[cfg(feature = "http")]
use crate::exposition::segment::segment_instance;
use crate::model::error::Error;
use crate::registry::Registry;
#[cfg(feature = "push")]
use crate::settings::OnExit;
use crate::settings::{ExporterKind, Settings};

/// A running exporter of any kind, or none. Dropping it stops the exporter.
///
/// All methods may be called from any thread.
///
/// ```
/// use dataclay_metrics_core::{Registry, Settings, exposition::Exporter};
/// use std::time::Duration;
///
/// // Set in the environment: DATACLAY_METRICS_HOST=127.0.0.1 DATACLAY_METRICS_PORT=0
/// let variable = |name: &str| match name {
///     "DATACLAY_METRICS_HOST" => Some("127.0.0.1".into()),
///     "DATACLAY_METRICS_PORT" => Some("0".into()),
///     _ => None,
/// };
/// let settings = Settings::from_lookup(variable)?;
/// let exporter = Exporter::from_settings(Registry::new(), &settings)?;
/// assert!(exporter.url().is_some_and(|url| url.ends_with("/metrics")));
/// exporter.stop(Duration::from_secs(2))?;
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
pub enum Exporter {
    /// A scrape endpoint.
    #[cfg(feature = "http")]
    Http(HttpExporter),
    /// A push thread.
    #[cfg(feature = "push")]
    Push(PushExporter),
    /// Nothing runs, because the settings choose no exporter.
    None,
}

impl Exporter {
    /// Starts the exporter that `settings` choose.
    ///
    /// | [`Settings::exporter`] | what starts |
    /// |---|---|
    /// | `http` | a scrape endpoint on the first free port of [`PORT_RANGE`] |
    /// | `pushgateway` | a push thread; its group has `job`, `instance` and, if set, `service` |
    /// | `otlp` | a push thread to the endpoint [`Settings::otlp_endpoint`] |
    /// | `none`, or [`Settings::enabled`] is `Some(false)` | nothing |
    ///
    /// The default instance is `host:pid` ([`default_instance`]). A push replaces its whole group,
    /// so processes may share a group only if they share a segment. Then one of them serves or
    /// pushes the counts of all.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the gateway's address is not valid, or if this build lacks the feature
    /// of the exporter. Also if the process has counted before it requested its segment.
    /// [`Error::Listen`] if no port can be bound. [`Error::System`] if the system refuses a thread
    /// or a descriptor. On an error, nothing runs.
    ///
    /// [`PORT_RANGE`]: crate::exposition::PORT_RANGE
    /// [`default_instance`]: crate::exposition::default_instance
    pub fn from_settings(registry: Registry, settings: &Settings) -> Result<Exporter, Error> {
        if settings.enabled == Some(false) {
            return Ok(Exporter::None);
        }
        attach_segment(&registry, settings)?;
        if settings.created {
            registry.expose_created(true);
        }
        match settings.exporter {
            #[cfg(feature = "http")]
            ExporterKind::Http => {
                let is_shared = segment_instance(settings).is_some();
                let start = if is_shared {
                    HttpExporter::start_for_siblings
                } else {
                    HttpExporter::start_in_range
                };
                start(registry, settings.host(), settings.port())
                    .map(|exporter| {
                        exporter.scrape_timeout(settings.scrape_timeout, settings.scrape_margin)
                    })
                    .map(Exporter::Http)
            }
            #[cfg(feature = "push")]
            ExporterKind::Pushgateway => {
                let key = GroupingKey::from_settings(settings)?;
                let gateway = Gateway::new(&settings.address(), &key)?.format(settings.push_format);
                let exporter = PushExporter::start(registry, gateway, settings.push_interval)?;
                Ok(Exporter::Push(exporter.on_exit(settings.on_exit)))
            }
            #[cfg(feature = "push")]
            ExporterKind::Otlp => {
                if settings.on_exit == OnExit::Delete {
                    let rule = "must be keep: OTLP cannot delete sent metrics".into();
                    let name = "DATACLAY_METRICS_ON_EXIT".into();
                    return Err(Error::Setting { name, value: "delete".into(), rule });
                }
                let endpoint = OtlpEndpoint::from_settings(settings)?;
                PushExporter::start_otlp(registry, endpoint, settings.push_interval)
                    .map(Exporter::Push)
            }
            ExporterKind::None => Ok(Exporter::None),
            #[cfg(not(all(feature = "http", feature = "push")))]
            kind => {
                drop(registry);
                Err(Error::Setting {
                    name: "DATACLAY_METRICS_EXPORTER".into(),
                    value: kind.as_str().into(),
                    rule: "must be an exporter that this program was built with".into(),
                })
            }
        }
    }

    /// Returns the URL of the metrics, or of the group on the gateway; `None` if nothing runs.
    pub fn url(&self) -> Option<String> {
        match self {
            #[cfg(feature = "http")]
            Exporter::Http(exporter) => Some(exporter.url()),
            #[cfg(feature = "push")]
            Exporter::Push(exporter) => Some(exporter.url()),
            Exporter::None => None,
        }
    }

    /// Returns the port on which a scrape endpoint listens; `None` for anything else.
    pub fn port(&self) -> Option<u16> {
        #[cfg(feature = "http")]
        if let Exporter::Http(exporter) = self {
            return Some(exporter.local_addr().port());
        }
        None
    }

    /// Stops the exporter and waits for its thread. A second call does nothing.
    ///
    /// A push exporter makes a last push, or deletes its group if [`Settings::on_exit`] is set so,
    /// within `limit` (and a tenth of a second). A scrape endpoint takes at most two seconds,
    /// whatever the limit.
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if the last push, or the deletion, did not succeed in time.
    /// [`Error::Timeout`] if the endpoint's thread still runs then, for example because the
    /// processors are overloaded. Even then the exporter has stopped, or will stop soon.
    #[cfg_attr(not(feature = "push"), expect(unused_variables, reason = "only a push has a limit"))]
    pub fn stop(&self, limit: Duration) -> Result<(), Error> {
        match self {
            #[cfg(feature = "http")]
            Exporter::Http(exporter) if exporter.stop() => Ok(()),
            #[cfg(feature = "http")]
            Exporter::Http(_) => Err(Error::Timeout { what: "a scrape" }),
            #[cfg(feature = "push")]
            Exporter::Push(exporter) => exporter.finish(limit),
            Exporter::None => Ok(()),
        }
    }
}
