//! Reads what the client prefers: the format by the q-values of Accept, gzip, and the chosen
//! metrics.

use crate::encode::{Encoding, Escaping, Format};
use crate::model::percent;
use crate::model::snapshot::MetricFamily;

/// Returns the encoding that the q-values of the header Accept prefer.
///
/// The text format is the default, if the header prefers no other format or names none.
pub fn encoding(accept: &str) -> Encoding {
    let text = quality(accept, is_text);
    let open_metrics = quality(accept, is_open_metrics);
    let protobuf = quality(accept, is_protobuf);
    let (text, open_metrics) = (text.unwrap_or(0), open_metrics.unwrap_or(0));
    match protobuf.unwrap_or(0) {
        protobuf if protobuf > text.max(open_metrics) => Encoding::Protobuf,
        _ if open_metrics > text => Format::OpenMetrics.into(),
        _ => Format::Text.into(),
    }
}

/// Returns the escaping scheme that the header Accept names for an encoding, in its element with
/// the highest q-value. Returns `None` if that element names a version without schemes.
///
/// Prometheus 3 names a scheme only for the text formats. Protobuf then uses the same scheme, so
/// that a server gets the same names in every format.
pub fn escaping(accept: &str, encoding: Encoding) -> Option<Escaping> {
    let named = |parameter: Parameter<'_, '_>| {
        let scheme = parameter("escaping").and_then(Escaping::from_name);
        (parameter("version") == Some("1.0.0")).then(|| scheme.unwrap_or_default())
    };
    let of = |is_one: Matches| {
        let found =
            best(accept, |range, parameter| is_one(range, parameter).then(|| named(parameter)));
        found.and_then(|(_, escaping)| escaping)
    };
    match encoding {
        Encoding::Text(Format::Text) => of(is_text),
        Encoding::Text(Format::OpenMetrics) => of(is_open_metrics),
        Encoding::Protobuf => {
            let own = best(accept, |range, parameter| {
                is_protobuf(range, parameter)
                    .then(|| parameter("escaping").map(Escaping::from_name))
            });
            let own = own.and_then(|(_, escaping)| escaping).map(Option::unwrap_or_default);
            own.or_else(|| of(is_open_metrics)).or_else(|| of(is_text))
        }
    }
}

/// Finds a parameter of an element of a header.
type Parameter<'f, 'a> = &'f dyn Fn(&str) -> Option<&'a str>;

/// Returns whether an element of the header names an encoding.
type Matches = fn(&str, Parameter<'_, '_>) -> bool;

fn is_text(range: &str, parameter: Parameter<'_, '_>) -> bool {
    match range {
        "text/plain" => matches!(parameter("version"), None | Some("0.0.4" | "1.0.0")),
        "text/*" | "*/*" => true,
        _ => false,
    }
}

fn is_open_metrics(range: &str, parameter: Parameter<'_, '_>) -> bool {
    range == "application/openmetrics-text"
        && matches!(parameter("version"), None | Some("1.0.0" | "0.0.1"))
}

fn is_protobuf(range: &str, parameter: Parameter<'_, '_>) -> bool {
    range == "application/vnd.google.protobuf"
        && parameter("proto") == Some("io.prometheus.client.MetricFamily")
        && parameter("encoding") == Some("delimited")
}

/// Returns whether the header Accept-Encoding accepts gzip.
pub fn gzip(accept_encoding: &str) -> bool {
    let named = quality(accept_encoding, |coding, _| matches!(coding, "gzip" | "x-gzip"));
    let any = quality(accept_encoding, |coding, _| coding == "*");
    named.or(any).is_some_and(|quality| quality > 0)
}

/// Returns the highest q-value, in thousandths, of the header's elements that match.
fn quality(header: &str, matches: impl Fn(&str, Parameter<'_, '_>) -> bool) -> Option<u32> {
    let found = best(header, |name, parameter| matches(name, parameter).then_some(()));
    found.map(|(quality, ())| quality)
}

/// Returns the highest q-value, in thousandths, of the header's elements that match (RFC 9110,
/// 12.4.2), and what `matches` returned for the first of them. `matches` takes an element's
/// lower-case name, and a function that finds its parameters.
fn best<'a, T>(
    header: &'a str,
    matches: impl Fn(&str, Parameter<'_, 'a>) -> Option<T>,
) -> Option<(u32, T)> {
    let element = |element: &'a str| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameter = |wanted: &str| {
            let mut parameters = parameters.clone();
            let found = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim().trim_matches('"'))
        };
        let found = matches(&name, &parameter)?;
        Some((parameter("q").map_or(1000, thousandths), found))
    };
    header
        .split(',')
        .filter_map(element)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
}

/// Parses a q-value, from 0 to 1 with three decimals, into thousandths. An invalid value is 0.
fn thousandths(value: &str) -> u32 {
    let value: f32 = value.parse().unwrap_or(0.0);
    if !(0.0..=1.0).contains(&value) {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let thousandths = (value * 1000.0).round() as u32;
    thousandths
}

/// Returns a path in the normal form of RFC 3986, 6.2.2: decoded, without segments that are empty
/// or a dot. Some configurations end paths with a slash, or join two paths with two slashes.
pub(crate) fn normalized(path: &str) -> String {
    let Some(path) = path.strip_prefix('/') else { return path.to_owned() };
    let path = decoded(path);
    let segments: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("/{}", segments.join("/"))
}

/// Returns the names that the query chooses by `name[]=`, as in `prometheus_client`; no name means
/// all metrics, and an empty name is ignored.
pub(crate) fn names(query: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let names = pairs.filter(|(key, _)| decoded(key) == "name[]").map(|(_, name)| decoded(name));
    names.filter(|name| !name.is_empty()).collect()
}

/// Keeps the families with these names, and from other families only the samples with these names.
pub(crate) fn choose(names: &[String], families: &mut Vec<MetricFamily>) {
    families.retain_mut(|family| {
        let name = family.name().to_owned();
        if !names.contains(&name) {
            family.samples.retain(|sample| {
                names.iter().any(|wanted| wanted.strip_prefix(&name) == Some(sample.suffix))
            });
        }
        !family.samples.is_empty()
    });
}

/// Decodes a percent-encoded part of a URL, in which a plus means a space.
fn decoded(text: &str) -> String {
    percent::decoded(&text.replace('+', " "))
}

#[cfg(test)]
mod tests;
