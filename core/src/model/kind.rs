//! The types of metrics.

/// The type of a metric family, as in the `# TYPE` line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets, a sum and a count.
    Histogram,
    /// Buckets, a sum and a count of the current values, all of which may go down. Only custom
    /// collectors have this kind.
    GaugeHistogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// One of a few states, each a sample that is 1 or 0.
    StateSet,
    /// Facts, as the labels of a gauge that is 1; named `_info`.
    Info,
    /// A metric whose source does not know its type.
    #[default]
    Untyped,
}

impl Kind {
    /// Returns the word of the `# TYPE` line in the text format 0.0.4.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Info | Kind::StateSet => "gauge",
            Kind::Histogram | Kind::GaugeHistogram => "histogram",
            Kind::Summary => "summary",
            Kind::Untyped => "untyped",
        }
    }

    /// Returns the name of the type in messages, which call an info an info, not a gauge.
    #[doc(hidden)]
    pub fn word(self) -> &'static str {
        if self == Kind::Info { "info" } else { self.as_str() }
    }

    /// Returns the suffix that OpenMetrics requires for samples of this kind.
    #[doc(hidden)]
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge
            | Kind::Histogram
            | Kind::GaugeHistogram
            | Kind::Summary
            | Kind::StateSet
            | Kind::Untyped => "",
        }
    }

    /// Returns the name of the label that distinguishes samples of one metric of this kind,
    /// whichever library exposes it. The label of a state set has the name of its family.
    #[doc(hidden)]
    pub fn sample_label(self) -> Option<&'static str> {
        match self {
            Kind::Histogram | Kind::GaugeHistogram => Some("le"),
            Kind::Summary => Some("quantile"),
            Kind::Counter | Kind::Gauge | Kind::StateSet | Kind::Info | Kind::Untyped => None,
        }
    }

    /// Returns the suffixes that this kind adds to a family's name, including the empty one.
    pub(super) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge | Kind::StateSet | Kind::Untyped => &[""],
            Kind::Info => &["", "_info"],
            Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            Kind::GaugeHistogram => &["", "_bucket", "_gsum", "_gcount"],
            Kind::Summary => &["", "_sum", "_count", "_created"],
        }
    }
}
