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
mod options;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint sends pieces"))]
pub(crate) mod pieces;
mod protobuf;
mod series;
mod text;
mod texts;

use std::time::SystemTime;

use crate::encode::client_python::ClientPython;
use crate::encode::escaped::{Described, Escaped, Names};
use crate::encode::pieces::{KeptLines, Pieces};
use crate::encode::series::{ForGateway, WithCreated};
use crate::encode::text::Writer;
use crate::model::desc::Desc;
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
        self.with_families(|families| families.text(format, Options::new(format)))
    }

    /// Appends the same text to `out`.
    pub fn encode_into(&self, format: Format, out: &mut String) {
        self.with_families(|families| {
            out.reserve(families.bytes);
            families.write(format, Options::new(format), out, None);
        });
    }

    /// Returns all metrics with these options. [`Options`] has an example.
    pub fn encode_with(&self, options: Options) -> Vec<u8> {
        self.with_families(|families| families.encoded(options))
    }

    /// Returns the same bytes as [`Registry::encode_with`], in pieces: large families are not
    /// copied.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only the endpoint sends pieces"))]
    pub(crate) fn encode_pieces(&self, options: Options) -> Pieces {
        let Encoding::Text(format) = options.encoding else {
            return self.encode_with(options).into();
        };
        self.with_families(|families| {
            let mut out = String::with_capacity(families.bytes);
            let mut kept = Vec::new();
            families.write(format, options, &mut out, Some(&mut kept));
            Pieces::new(out.into_bytes(), kept)
        })
    }

    fn with_families<T>(&self, encode: impl FnOnce(ToEncode<'_>) -> T) -> T {
        self.entries(|entries| {
            encode(ToEncode {
                described: &|take| entries.descs().for_each(take),
                exposes_created: entries.exposes_created,
                bytes: entries.bytes(),
                read: &mut |sink| entries.read(sink),
            })
        })
    }
}

/// The families to encode.
struct ToEncode<'a> {
    described: Described<'a>,
    /// Whether texts have `_created` samples.
    exposes_created: bool,
    /// About how many bytes the exposition takes, or 0.
    bytes: usize,
    /// Passes each family to a sink. Called once.
    read: &'a mut dyn FnMut(&mut dyn Sink),
}

impl ToEncode<'_> {
    fn encoded(self, options: Options) -> Vec<u8> {
        match options.encoding {
            Encoding::Text(format) => self.text(format, options).into_bytes(),
            Encoding::Protobuf => {
                let mut out = Vec::with_capacity(self.bytes);
                let names = Names::new(options.escaping, self.described);
                self.read(options, &mut Escaped { names, sink: protobuf::prometheus(&mut out) });
                out
            }
        }
    }

    fn text(self, format: Format, options: Options) -> String {
        let mut out = String::with_capacity(self.bytes);
        self.write(format, options, &mut out, None);
        out
    }

    /// Appends the text to `out`. `kept` receives kept lines instead, except in the style of
    /// `prometheus_client`.
    fn write(
        self,
        format: Format,
        options: Options,
        out: &mut String,
        kept: Option<&mut Vec<KeptLines>>,
    ) {
        let Options { escaping, like_client_python, .. } = options;
        let (names, created) = (Names::new(escaping, self.described), self.exposes_created);
        if like_client_python {
            let out = &mut *out;
            self.read(options, &mut ClientPython { format, created, escaping, names, out });
        } else {
            let mut sink = Escaped { names, sink: Writer { format, out: &mut *out, kept } };
            if created && format == Format::OpenMetrics {
                self.read(options, &mut WithCreated(&mut sink));
            } else {
                self.read(options, &mut sink);
            }
        }
        out.push_str(format.end());
    }

    fn read(self, options: Options, sink: &mut dyn Sink) {
        if options.for_gateway {
            (self.read)(&mut ForGateway(sink));
        } else {
            (self.read)(sink);
        }
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
pub fn encode_with(mut families: Vec<MetricFamily>, options: Options) -> Vec<u8> {
    let descs: Vec<Desc> = families.iter().map(|family| family.desc().clone()).collect();
    let all = ToEncode {
        described: &|take| descs.iter().for_each(take),
        exposes_created: false,
        bytes: 0,
        read: &mut |sink| families.drain(..).for_each(|family| sink.family(family)),
    };
    all.encoded(options)
}

/// Returns the families in `format`.
pub fn encode(families: &[MetricFamily], format: Format) -> String {
    let described =
        |take: &mut dyn FnMut(&Desc)| families.iter().map(MetricFamily::desc).for_each(take);
    let mut names = Names::new(Escaping::default(), &described);
    let mut out = String::new();
    let mut writer = Writer { format, out: &mut out, kept: None };
    for family in families {
        writer.write(names.escaped(family).as_ref().unwrap_or(family));
    }
    out.push_str(format.end());
    out
}
