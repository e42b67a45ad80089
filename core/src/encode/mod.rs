//! Encodes a registry or a snapshot. Cannot fail, and does no I/O.
//!
//! Names and labels were checked when their metrics were made, so every name and label can be
//! written.

mod client_python;
mod encoding;
mod escape;
mod escaped;
mod escaping;
mod families;
mod format;
mod lines;
mod options;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint sends pieces"))]
pub(crate) mod pieces;
mod protobuf;
mod series;
mod text;
mod texts;

use std::time::SystemTime;

use crate::encode::client_python::ClientPython;
use crate::encode::escaped::{Escaped, Names};
use crate::encode::families::{Families, Snapshot};
use crate::encode::pieces::{KeptLines, Pieces};
use crate::encode::series::{ForGateway, WithCreated};
use crate::encode::text::Writer;
use crate::model::snapshot::MetricFamily;
use crate::registry::Registry;
use crate::registry::collector::Sink;

pub use encoding::Encoding;
pub use escaping::Escaping;
pub use format::Format;
pub use options::Options;

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
        text_of(&*self.entries(), format, Options::new(format))
    }

    /// Appends the same text to `out`.
    pub fn encode_into(&self, format: Format, out: &mut String) {
        let entries = self.entries();
        out.reserve(entries.bytes());
        write(&*entries, format, Options::new(format), out, None);
    }

    /// Returns all metrics with these options. [`Options`] has an example.
    pub fn encode_with(&self, options: Options) -> Vec<u8> {
        encoded(&*self.entries(), options)
    }

    /// Returns the same bytes as [`Registry::encode_with`], in pieces: large families are not
    /// copied.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint sends pieces"))]
    pub(crate) fn encode_pieces(&self, options: Options) -> Pieces {
        let Encoding::Text(format) = options.encoding else {
            return self.encode_with(options).into();
        };
        let entries = self.entries();
        let mut out = String::with_capacity(entries.bytes());
        let mut kept = Vec::new();
        write(&*entries, format, options, &mut out, Some(&mut kept));
        Pieces::new(out.into_bytes(), kept)
    }
}

fn encoded(families: &impl Families, options: Options) -> Vec<u8> {
    match options.encoding {
        Encoding::Text(format) => text_of(families, format, options).into_bytes(),
        Encoding::Protobuf => {
            let mut out = Vec::with_capacity(families.bytes());
            let names = Names::new(options.escaping, families);
            read(families, options, &mut Escaped { names, sink: protobuf::prometheus(&mut out) });
            out
        }
    }
}

fn text_of(families: &impl Families, format: Format, options: Options) -> String {
    let mut out = String::with_capacity(families.bytes());
    write(families, format, options, &mut out, None);
    out
}

/// Appends the text to `out`. `kept` receives kept lines instead, except in the style of
/// `prometheus_client`.
fn write(
    families: &impl Families,
    format: Format,
    options: Options,
    out: &mut String,
    kept: Option<&mut Vec<KeptLines>>,
) {
    let Options { escaping, like_client_python, .. } = options;
    let (names, created) = (Names::new(escaping, families), families.exposes_created());
    if like_client_python {
        let out = &mut *out;
        read(families, options, &mut ClientPython { format, created, escaping, names, out });
    } else {
        let mut sink = Escaped { names, sink: Writer { format, out: &mut *out, kept } };
        if created && format == Format::OpenMetrics {
            read(families, options, &mut WithCreated(&mut sink));
        } else {
            read(families, options, &mut sink);
        }
    }
    out.push_str(format.end());
}

fn read(families: &impl Families, options: Options, sink: &mut dyn Sink) {
    if options.for_gateway {
        families.read(&mut ForGateway(sink));
    } else {
        families.read(sink);
    }
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

/// Returns the families with these options.
pub fn encode_with(families: Vec<MetricFamily>, options: Options) -> Vec<u8> {
    encoded(&Snapshot::new(families), options)
}

/// Returns the families in `format`.
pub fn encode(families: &[MetricFamily], format: Format) -> String {
    text_of(&Snapshot::new(families.to_vec()), format, Options::new(format))
}
