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

/// Each kind, at its [`Kind::number`].
const ALL: [Kind; 8] = [
    Kind::Counter,
    Kind::Gauge,
    Kind::Histogram,
    Kind::Summary,
    Kind::Info,
    Kind::Untyped,
    Kind::StateSet,
    Kind::GaugeHistogram,
];

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

    /// Returns the word of the `# TYPE` line in OpenMetrics, which is also that of
    /// `prometheus_client`.
    #[doc(hidden)]
    pub fn in_openmetrics(self) -> &'static str {
        match self {
            Kind::Untyped => "unknown",
            Kind::Info => "info",
            Kind::StateSet => "stateset",
            Kind::GaugeHistogram => "gaugehistogram",
            Kind::Counter | Kind::Gauge | Kind::Histogram | Kind::Summary => self.as_str(),
        }
    }

    /// Returns the kind with this word in OpenMetrics. `untyped` is also accepted.
    #[doc(hidden)]
    pub fn from_openmetrics(word: &str) -> Option<Kind> {
        if word == Kind::Untyped.as_str() {
            return Some(Kind::Untyped);
        }
        ALL.into_iter().find(|kind| kind.in_openmetrics() == word)
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

    /// Returns the name of that label in a family with this name.
    pub(crate) fn sample_label_in(self, family: &str) -> Option<&str> {
        match self {
            Kind::StateSet => Some(family),
            Kind::Counter
            | Kind::Gauge
            | Kind::Histogram
            | Kind::GaugeHistogram
            | Kind::Summary
            | Kind::Info
            | Kind::Untyped => self.sample_label(),
        }
    }

    /// Returns why a name that is only [`Kind::suffix`] is refused.
    pub(super) fn name_rule(self) -> &'static str {
        match self {
            Kind::Counter => "a counter needs a name before _total",
            Kind::Info => "an info needs a name before _info",
            Kind::Gauge
            | Kind::Histogram
            | Kind::GaugeHistogram
            | Kind::Summary
            | Kind::StateSet
            | Kind::Untyped => "must not be empty",
        }
    }

    /// Returns why a unit is refused. Returns `None` if this kind may have one.
    pub(super) fn no_unit_rule(self) -> Option<&'static str> {
        match self {
            Kind::Info => Some("an info has no unit"),
            Kind::StateSet => Some("a state set has no unit"),
            Kind::Counter
            | Kind::Gauge
            | Kind::Histogram
            | Kind::GaugeHistogram
            | Kind::Summary
            | Kind::Untyped => None,
        }
    }

    /// Returns the number of the kind in the records of a segment.
    pub(super) fn number(self) -> usize {
        match self {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Histogram => 2,
            Kind::Summary => 3,
            Kind::Info => 4,
            Kind::Untyped => 5,
            Kind::StateSet => 6,
            Kind::GaugeHistogram => 7,
        }
    }

    /// Returns the kind of a record with this number. No record has a gauge histogram.
    pub(super) fn from_number(number: usize) -> Option<Kind> {
        ALL.get(number).copied().filter(|kind| *kind != Kind::GaugeHistogram)
    }

    /// Returns the suffixes that this kind adds to a family's name, including the empty one.
    #[doc(hidden)]
    pub fn suffixes(self) -> &'static [&'static str] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_number_and_its_word() {
        for (at, kind) in ALL.into_iter().enumerate() {
            assert_eq!(kind.number(), at);
            let stored = (kind != Kind::GaugeHistogram).then_some(kind);
            assert_eq!(Kind::from_number(at), stored);
            assert_eq!(Kind::from_openmetrics(kind.in_openmetrics()), Some(kind));
        }
        assert_eq!(Kind::from_number(ALL.len()), None);
        assert_eq!(Kind::from_openmetrics("untyped"), Some(Kind::Untyped));
        assert_eq!(Kind::from_openmetrics("timer"), None);
    }
}
