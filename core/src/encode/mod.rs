//! Encodes a registry or a snapshot. Cannot fail, and does no I/O.
//!
//! Names and labels were checked when their metrics were made, so every name and label can be
//! written.

mod client_python;
mod encoding;
mod escape;
mod escaped;
mod escaping;
mod format;
mod lines;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint sends pieces"))]
pub(crate) mod pieces;
mod protobuf;
mod series;
mod text;
mod texts;

use std::time::SystemTime;

use crate::encode::client_python::ClientPython;
use crate::encode::escaped::{Escaped, Names};
use crate::encode::pieces::{KeptLines, Pieces};
use crate::encode::series::{ForGateway, WithCreated};
use crate::encode::text::Writer;
use crate::model::desc::Desc;
use crate::model::snapshot::MetricFamily;
use crate::registry::Registry;
use crate::registry::collector::Sink;
use crate::registry::entries::Entries;

pub use encoding::Encoding;
pub use escaping::Escaping;
pub use format::Format;

/// The Content-Type of [`text`]. Prometheus 3 refuses a scrape without it.
pub const CONTENT_TYPE: &str = Format::Text.content_type();

impl Registry {
    /// Returns the same text as [`encode`] of [`Registry::gather`], in less time, because it takes
    /// no snapshot. Names are those of [`Escaping::Underscores`], which every reader accepts.
    ///
    /// ```
    /// use dataclay_metrics_core::encode::{self, Format};
    /// use dataclay_metrics_core::{Counter, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.register(&Counter::new("hits", "Lookups that hit")?)?;
    /// let text = registry.encode(Format::Text);
    /// assert_eq!(text, encode::text(&registry.gather()));
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    pub fn encode(&self, format: Format) -> String {
        self.entries(|entries| {
            let mut out = String::with_capacity(entries.bytes());
            let read = |sink: &mut dyn Sink| entries.read(sink);
            write(entries, format, Escaping::default(), &mut out, None, read);
            out
        })
    }

    /// Appends the same text to `out`.
    pub fn encode_into(&self, format: Format, out: &mut String) {
        self.entries(|entries| {
            out.reserve(entries.bytes());
            write(entries, format, Escaping::default(), out, None, |sink| entries.read(sink));
        });
    }
}

impl Registry {
    /// Returns the text that `prometheus_client`, the library for Python, writes for the same
    /// metrics. Its labels are in the order of their names, and its numbers are written as `1.0`
    /// and `1e+06`. Test suites in Python compare this text. Whole numbers beyond 2^53 have all
    /// their digits.
    ///
    /// ```
    /// use dataclay_metrics_core::encode::{Escaping, Format};
    /// use dataclay_metrics_core::{Counter, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.register(&Counter::new("hits", "Lookups that hit")?)?;
    /// let text = registry.encode_as_client_python(Format::Text, Escaping::default());
    /// assert!(text.ends_with("\nhits_total 0.0\n"));
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    ///
    /// Start times are exposed if [`Registry::exposes_created`], as gauges `_created` in the text
    /// format.
    pub fn encode_as_client_python(&self, format: Format, escaping: Escaping) -> String {
        self.client_python(format, escaping, |entries, sink| entries.read(sink))
    }

    fn client_python(
        &self,
        format: Format,
        escaping: Escaping,
        read: impl FnOnce(&Entries, &mut ClientPython<'_>),
    ) -> String {
        self.entries(|entries| {
            let mut out = String::with_capacity(entries.bytes());
            let described = |take: &mut dyn FnMut(&Desc)| entries.descs().for_each(take);
            let (created, names) = (entries.exposes_created, Names::new(escaping, &described));
            let mut sink = ClientPython { format, created, escaping, names, out: &mut out };
            read(entries, &mut sink);
            out.push_str(format.end());
            out
        })
    }
}

/// For pushes, because a Pushgateway refuses samples with timestamps, and 1.5 does not know gauge
/// histograms.
#[cfg(feature = "push")]
impl Registry {
    /// Returns the same bytes as [`Registry::encode_as`], without timestamps. In protobuf, a gauge
    /// histogram becomes a histogram, and its count and its sum become gauges, as in the text
    /// format.
    #[doc(hidden)]
    pub fn encode_for_push(&self, encoding: Encoding) -> Vec<u8> {
        self.entries(|entries| encoded(entries, encoding, Escaping::default(), true))
    }

    /// Returns the same text as [`Registry::encode_as_client_python`], without timestamps.
    #[doc(hidden)]
    pub fn encode_for_push_as_client_python(&self) -> String {
        self.client_python(Format::Text, Escaping::default(), |entries, sink| {
            entries.read(&mut ForGateway(sink));
        })
    }
}

impl Registry {
    /// Returns all metrics in an encoding. For a text format, it is the text of
    /// [`Registry::encode`].
    ///
    /// ```
    /// use dataclay_metrics_core::encode::{Encoding, Format};
    /// use dataclay_metrics_core::{Counter, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.register(&Counter::new("hits", "Lookups that hit")?)?;
    /// let message = registry.encode_as(Encoding::Protobuf);
    /// assert_eq!(usize::from(message[0]), message.len() - 1); // its length comes first
    /// assert!(registry.encode_as(Format::Text.into()).ends_with(b"hits_total 0\n"));
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    pub fn encode_as(&self, encoding: Encoding) -> Vec<u8> {
        self.encode_escaped(encoding, Escaping::default())
    }

    /// Returns all metrics in an encoding, under names as `escaping` writes them.
    pub fn encode_escaped(&self, encoding: Encoding, escaping: Escaping) -> Vec<u8> {
        self.entries(|entries| encoded(entries, encoding, escaping, false))
    }
}

impl Registry {
    /// Returns the same bytes as [`Registry::encode_escaped`], in pieces: large families are not
    /// copied.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint sends pieces"))]
    pub(crate) fn encode_pieces(&self, encoding: Encoding, escaping: Escaping) -> Pieces {
        let Encoding::Text(format) = encoding else {
            return self.encode_escaped(encoding, escaping).into();
        };
        self.entries(|entries| {
            let mut out = String::with_capacity(entries.bytes());
            let mut kept = Vec::new();
            let read = |sink: &mut dyn Sink| entries.read(sink);
            write(entries, format, escaping, &mut out, Some(&mut kept), read);
            Pieces::new(out.into_bytes(), kept)
        })
    }
}

fn encoded(entries: &Entries, encoding: Encoding, escaping: Escaping, is_push: bool) -> Vec<u8> {
    let read = |sink: &mut dyn Sink| {
        if is_push {
            entries.read(&mut ForGateway(sink));
        } else {
            entries.read(sink);
        }
    };
    match encoding {
        Encoding::Text(format) => {
            let mut out = String::with_capacity(entries.bytes());
            write(entries, format, escaping, &mut out, None, read);
            out.into_bytes()
        }
        Encoding::Protobuf => {
            let mut out = Vec::with_capacity(entries.bytes());
            escape(entries, escaping, protobuf::prometheus(&mut out), read);
            out
        }
    }
}

fn write(
    entries: &Entries,
    format: Format,
    escaping: Escaping,
    out: &mut String,
    kept: Option<&mut Vec<KeptLines>>,
    read: impl FnOnce(&mut dyn Sink),
) {
    let writer = Writer { format, out: &mut *out, kept };
    escape(entries, escaping, writer, |sink| {
        if entries.exposes_created && format == Format::OpenMetrics {
            read(&mut WithCreated(sink));
        } else {
            read(sink);
        }
    });
    out.push_str(format.end());
}

/// Calls `read` with a sink that writes names as `escaping` writes them.
fn escape(
    entries: &Entries,
    escaping: Escaping,
    sink: impl Sink,
    read: impl FnOnce(&mut dyn Sink),
) {
    let described = |take: &mut dyn FnMut(&Desc)| entries.descs().for_each(take);
    read(&mut Escaped { names: Names::new(escaping, &described), sink });
}

/// Returns the families in the text format 0.0.4. The text ends in a newline unless it is empty.
pub fn text(families: &[MetricFamily]) -> String {
    encode(families, Format::Text)
}

/// Returns the families in OpenMetrics 1.0, with `# EOF` and a newline at the end. A counter of
/// another library that is named without `_total` has the type `unknown`, because OpenMetrics has
/// no such counter. There are no `_created` series; only a registry can write them
/// ([`Registry::expose_created`]).
pub fn open_metrics(families: &[MetricFamily]) -> String {
    encode(families, Format::OpenMetrics)
}

/// Returns the families as an `ExportMetricsServiceRequest` of OTLP, of a resource with these
/// attributes. All points have the time `now`, which should be after the gather, and are
/// cumulative. Points of counters, histograms and summaries also have the time at which they were
/// zero.
///
/// Counters are named without `_total`, and units are in UCUM, as OTLP requires.
///
/// ```
/// use dataclay_metrics_core::{Counter, Registry, encode};
/// use std::time::SystemTime;
///
/// let registry = Registry::new();
/// registry.register(&Counter::new("hits", "Lookups that hit")?)?;
/// let resource = [("service.name".to_owned(), "shop".to_owned())];
/// let request = encode::otlp(registry.gather(), &resource, SystemTime::now());
/// assert_eq!(usize::from(request[1]), request.len() - 2); // one message of that length
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
pub fn otlp(
    families: Vec<MetricFamily>,
    resource: &[(String, String)],
    now: SystemTime,
) -> Vec<u8> {
    let resource = resource.iter().map(|(key, value)| (&**key, &**value));
    protobuf::otlp(families, resource, now)
}

/// Returns the families in an encoding.
pub fn encode_as(families: Vec<MetricFamily>, encoding: Encoding) -> Vec<u8> {
    encode_escaped(families, encoding, Escaping::default())
}

/// Returns the families in an encoding, under names as `escaping` writes them.
pub fn encode_escaped(
    families: Vec<MetricFamily>,
    encoding: Encoding,
    escaping: Escaping,
) -> Vec<u8> {
    match encoding {
        Encoding::Text(format) => {
            let mut out = String::new();
            encode_into(&families, format, escaping, &mut out);
            out.into_bytes()
        }
        Encoding::Protobuf => {
            let descs: Vec<Desc> = families.iter().map(|family| family.desc().clone()).collect();
            let described = |take: &mut dyn FnMut(&Desc)| descs.iter().for_each(take);
            let mut names = Names::new(escaping, &described);
            let mut out = Vec::new();
            let mut sink = protobuf::prometheus(&mut out);
            for family in families {
                sink.family(names.escaped(&family).unwrap_or(family));
            }
            drop(sink);
            out
        }
    }
}

/// Returns the families in `format`.
pub fn encode(families: &[MetricFamily], format: Format) -> String {
    let mut out = String::new();
    encode_into(families, format, Escaping::default(), &mut out);
    out
}

fn encode_into(families: &[MetricFamily], format: Format, escaping: Escaping, out: &mut String) {
    let described =
        |take: &mut dyn FnMut(&Desc)| families.iter().map(MetricFamily::desc).for_each(take);
    let mut names = Names::new(escaping, &described);
    let mut writer = Writer { format, out, kept: None };
    for family in families {
        writer.write(names.escaped(family).as_ref().unwrap_or(family));
    }
    out.push_str(format.end());
}
