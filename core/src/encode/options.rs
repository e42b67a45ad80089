//! The options of an exposition, which are chosen when it is encoded.

use crate::encode::encoding::Encoding;
use crate::encode::escaping::Escaping;

/// The options of an encoding. All of them combine freely.
///
/// ```
/// use dataclay_metrics_core::encode::{Encoding, Escaping, Format, Options};
/// use dataclay_metrics_core::{Counter, Registry};
///
/// let registry = Registry::new();
/// registry.register(&Counter::new("cache.hits", "Lookups that hit")?)?;
///
/// let options = Options::new(Format::Text).escaping(Escaping::AllowUtf8).like_client_python();
/// let text = registry.encode_with(options);
/// assert!(text.ends_with(b"\n{\"cache.hits_total\"} 0.0\n"));
///
/// let message = registry.encode_with(Options::new(Encoding::Protobuf));
/// assert_eq!(usize::from(message[0]), message.len() - 1); // its length comes first
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) encoding: Encoding,
    pub(super) escaping: Escaping,
    pub(super) like_client_python: bool,
    pub(super) for_gateway: bool,
}

impl Options {
    /// Returns options with this encoding. Names are those of [`Escaping::Underscores`], which
    /// every reader accepts.
    pub fn new(encoding: impl Into<Encoding>) -> Options {
        Options {
            encoding: encoding.into(),
            escaping: Escaping::default(),
            like_client_python: false,
            for_gateway: false,
        }
    }

    /// Sets how names that are not legacy names are written.
    #[must_use]
    pub fn escaping(mut self, escaping: Escaping) -> Options {
        self.escaping = escaping;
        self
    }

    /// Writes a text as `prometheus_client` does, the library for Python. Does not change protobuf.
    ///
    /// Labels are in the order of their names, and numbers are written as `1.0` and `1e+06`. Test
    /// suites in Python compare this text. Whole numbers beyond 2^53 have all their digits.
    ///
    /// Start times are exposed if
    /// [`Registry::exposes_created`](crate::Registry::exposes_created), as gauges `_created` in the
    /// text format.
    #[must_use]
    pub fn like_client_python(mut self) -> Options {
        self.like_client_python = true;
        self
    }

    /// Writes what every Pushgateway accepts: a gateway refuses samples with timestamps, and 1.5
    /// does not know gauge histograms.
    ///
    /// Timestamps are omitted. A gauge histogram becomes a histogram, and its count and its sum
    /// become gauges, in protobuf as in the text format. Gateways do not parse OpenMetrics.
    #[must_use]
    pub fn for_gateway(mut self) -> Options {
        self.for_gateway = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode_with;
    use crate::encode::format::Format;
    use crate::metrics::counter::Counter;
    use crate::model::desc::Desc;
    use crate::model::kind::Kind;
    use crate::model::labels::Labels;
    use crate::model::sample::Sample;
    use crate::model::snapshot::MetricFamily;
    use crate::model::time::Timestamp;
    use crate::model::value::Value;
    use crate::registry::Registry;
    use crate::registry::collector::Collector;

    /// Yields a family that each option changes.
    #[derive(Clone)]
    struct Fill;

    impl Collector for Fill {
        fn describe(&self) -> Vec<Desc> {
            self.collect().iter().map(|family| family.desc().clone()).collect()
        }

        fn collect(&self) -> Vec<MetricFamily> {
            let mut family = MetricFamily::new(Kind::Gauge, "fill.level", "").expect("valid");
            let timestamp = Some(Timestamp::Seconds(7));
            let sample = Sample::new("", Labels::default(), Value::Integer(1));
            family.samples.push(Sample { timestamp, ..sample });
            vec![family]
        }

        fn id(&self) -> usize {
            1
        }
    }

    fn registry() -> Registry {
        let registry = Registry::new();
        registry.register(&Fill).expect("the first");
        registry.register(&Counter::new("hits", "").expect("valid")).expect("the second");
        registry
    }

    #[test]
    fn options_combine_in_texts() {
        let registry = registry();
        for (format, time, end) in
            [(Format::Text, " 7000", ""), (Format::OpenMetrics, " 7", "# EOF\n")]
        {
            for (escaping, name) in [
                (Escaping::AllowUtf8, "{\"fill.level\"}"),
                (Escaping::Underscores, "fill_level"),
                (Escaping::Dots, "fill_dot_level"),
                (Escaping::Values, "U__fill_2e_level"),
            ] {
                let plain = Options::new(format).escaping(escaping);
                let python = plain.like_client_python();
                for (options, point, time) in [
                    (plain, "", time),
                    (plain.for_gateway(), "", ""),
                    (python, ".0", time),
                    (python.for_gateway(), ".0", ""),
                ] {
                    // Only prometheus_client changes legacy names.
                    let is_doubled = escaping == Escaping::Dots && !point.is_empty();
                    let hits = if is_doubled { "hits__total" } else { "hits_total" };
                    let bytes = registry.encode_with(options);
                    let text = String::from_utf8(bytes).expect("a text");
                    let samples = format!("\n{name} 1{point}{time}\n# HELP ");
                    assert!(text.contains(&samples), "{options:?}: {text}");
                    let last = format!("\n{hits} 0{point}\n{end}");
                    assert!(text.ends_with(&last), "{options:?}: {text}");
                    assert_eq!(encode_with(registry.gather(), options), text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn options_combine_in_protobuf() {
        let registry = registry();
        for (escaping, name) in
            [(Escaping::AllowUtf8, "fill.level"), (Escaping::Values, "U__fill_2e_level")]
        {
            let plain = Options::new(Encoding::Protobuf).escaping(escaping);
            let message = registry.encode_with(plain);
            let has = |text: &str| message.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(has(name), "{escaping:?}");
            let pushed = registry.encode_with(plain.for_gateway());
            // Without the timestamp: its tag, and 7,000 as two bytes.
            assert_eq!(message.len() - pushed.len(), 3);
            for options in [plain, plain.for_gateway()] {
                let bytes = registry.encode_with(options);
                assert_eq!(registry.encode_with(options.like_client_python()), bytes);
                assert_eq!(encode_with(registry.gather(), options), bytes);
            }
        }
    }
}
