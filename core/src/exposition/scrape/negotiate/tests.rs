use super::*;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::value::Value;

#[test]
fn the_format_follows_the_q_values() {
    for (accept, expected) in [
        ("", Format::Text),
        ("*/*", Format::Text),
        ("text/html, */*;q=0.1", Format::Text),
        ("image/png", Format::Text),
        ("application/openmetrics-text", Format::OpenMetrics),
        ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
        ("application/openmetrics-text;version=2.0.0", Format::Text),
        ("application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.9", Format::Text),
        ("application/openmetrics-text;q=0", Format::Text),
        ("application/openmetrics-text;q=x,*/*;q=0.1", Format::Text),
        // Prometheus 2.42
        (
            "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        // Prometheus 3
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            Format::OpenMetrics,
        ),
        // Prometheus 3 that prefers the text
        (
            "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5",
            Format::Text,
        ),
    ] {
        assert_eq!(encoding(accept), expected.into(), "{accept}");
    }
}

#[test]
fn protobuf_is_sent_to_clients_that_prefer_it() {
    // Prometheus 3.5 with created-timestamp-zero-ingestion
    let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
         encoding=delimited;q=0.6,\
         application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
         text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    assert_eq!(encoding(prometheus), Encoding::Protobuf);
    for (from, to) in [
        ("encoding=delimited", "encoding=text"),
        ("encoding=delimited", "encoding=compact-text"),
        ("q=0.6", "q=0.45"),
        ("q=0.6", "q=0"),
        ("io.prometheus.client.MetricFamily", "io.prometheus.client.Metric"),
    ] {
        let other = prometheus.replacen(from, to, 1);
        assert_eq!(encoding(&other), Format::OpenMetrics.into(), "{other}");
    }
    assert_eq!(encoding("application/vnd.google.protobuf, */*;q=0.1"), Format::Text.into());
}

#[test]
fn the_escaping_is_that_of_the_chosen_format() {
    let open_metrics = "application/openmetrics-text";
    let protobuf = "application/vnd.google.protobuf;\
                    proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let (utf8, dots, default) = (Escaping::AllowUtf8, Escaping::Dots, Escaping::Underscores);
    for (accept, expected) in [
        (String::new(), None),
        ("*/*".into(), None),
        ("text/plain;version=0.0.4;escaping=allow-utf-8".into(), None),
        ("text/plain;escaping=allow-utf-8".into(), None),
        ("text/plain;version=1.0.0;escaping=allow-utf-8".into(), Some(utf8)),
        ("text/plain; Version=1.0.0; escaping=\"dots\"".into(), Some(dots)),
        ("text/plain;version=1.0.0;escaping=else".into(), Some(default)),
        ("text/plain;version=1.0.0".into(), Some(default)),
        (format!("{open_metrics};version=1.0.0"), Some(default)),
        (format!("{open_metrics};version=1.0.0;escaping=dots"), Some(dots)),
        (format!("{open_metrics};version=0.0.1;escaping=dots"), None),
        (format!("{open_metrics};escaping=dots"), None),
        // Prometheus 3
        (
            format!(
                "{open_metrics};version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 {open_metrics};version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=dots;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
            ),
            Some(utf8),
        ),
        // Prometheus 3 that prefers protobuf
        (
            format!(
                "{protobuf};q=0.6,{open_metrics};version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 {open_metrics};version=0.0.1;q=0.4,*/*;q=0.1"
            ),
            Some(utf8),
        ),
        // Prometheus 2 that prefers protobuf
        (format!("{protobuf};q=0.6,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"), None),
        (format!("{protobuf};escaping=values"), Some(Escaping::Values)),
    ] {
        assert_eq!(escaping(&accept, encoding(&accept)), expected, "{accept}");
    }
}

#[test]
fn gzip_follows_the_q_values() {
    for yes in ["gzip", "deflate, gzip;q=0.5", "*", "GZIP ; q=1.0"] {
        assert!(gzip(yes), "{yes}");
    }
    for no in ["", "identity", "gzip;q=0", "gzip;q=0, *", "br", "gzip;q=2"] {
        assert!(!gzip(no), "{no}");
    }
}

#[test]
fn names_select_families_and_samples() {
    let mut histogram = MetricFamily::new(Kind::Histogram, "wait", "").expect("valid");
    for suffix in ["_bucket", "_sum", "_count"] {
        let (labels, value) = (Labels::default(), Value::Integer(1));
        histogram.samples.push(Sample::new(suffix, labels, value));
    }
    let mut gauge = MetricFamily::new(Kind::Gauge, "e", "").expect("valid");
    gauge.samples.push(Sample { suffix: "", ..histogram.samples[0].clone() });
    let chosen = |query: &str| {
        let mut families = vec![histogram.clone(), gauge.clone()];
        choose(&names(query), &mut families);
        families.iter().map(|family| family.samples.len()).collect::<Vec<_>>()
    };
    assert!(names("").is_empty() && names("x=1&name=wait").is_empty());
    assert!(names("name[]=").is_empty());
    assert_eq!(names("name[]=&name[]=e"), ["e"]);
    assert_eq!(chosen("name[]=wait"), [3]);
    assert_eq!(chosen("name%5B%5D=w%61it_sum&name[]=e"), [1, 1]);
    assert_eq!(chosen("name[]=nothing"), [0; 0]);
    assert_eq!(chosen("name[]=%"), [0; 0]);
}
