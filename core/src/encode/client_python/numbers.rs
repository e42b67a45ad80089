//! Numbers as Python writes them: each has a decimal point or an exponent.

use std::fmt::Write;

use crate::model::value::Value;

/// Writes the value of a sample.
pub(crate) fn write_value(value: Value, out: &mut String) {
    match value {
        Value::Integer(count) => write_whole(count, out),
        Value::Float(number) => write_float(number, out),
    }
}

/// Writes the value of a sample and ends the line.
pub(crate) fn write_line(value: Value, out: &mut String) {
    write_value(value, out);
    out.push('\n');
}

/// Writes all digits of a whole number.
fn write_whole(count: u64, out: &mut String) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(count);
    match digits.len() {
        0..=6 => out.extend([digits, ".0"]),
        _ => write_exponent(digits, "", digits.len(), out),
    }
}

/// Writes a number as the function `floatToGoString` of `prometheus_client` does: from 10^6 on with
/// an exponent, unless it is negative.
pub(crate) fn write_float(number: f64, out: &mut String) {
    /// 2^53: up to this number, an f64 represents every whole number, so all digits are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number {
        _ if number.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("+Inf"),
        f64::NEG_INFINITY => out.push_str("-Inf"),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole")]
        _ if number.is_sign_positive() && number < EXACT && number.fract() == 0.0 => {
            write_whole(number as u64, out);
        }
        _ => {
            let from = out.len();
            write_repr(number, out);
            let text = out[from..].to_owned();
            match text.split_once('.') {
                Some((whole, rest)) if number > 0.0 && whole.len() > 6 => {
                    out.truncate(from);
                    write_exponent(whole, rest, whole.len(), out);
                }
                _ => {}
            }
        }
    }
}

/// Writes the digits of a number before and after its point, with an exponent of two digits.
fn write_exponent(whole: &str, rest: &str, places: usize, out: &mut String) {
    let (first, others) = whole.split_at(1);
    let fraction = format!("{others}{rest}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    // Writing to a String never fails.
    let _ = write!(out, "{first}{point}{fraction}e+{:02}", places - 1);
}

/// Writes a finite number as Python's `repr` does: with a signed exponent of at least two digits.
pub(crate) fn write_repr(number: f64, out: &mut String) {
    let shortest = format!("{number:?}");
    let (mantissa, exponent) = match shortest.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (&*shortest, None),
    };
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    // If two shortest texts are equally near, Rust writes the larger one, and Python the one with
    // an even digit. This cannot happen with up to 15 digits.
    let even = match exponent {
        _ if mantissa.len() <= f64::DIGITS as usize => None,
        Some(_) => Some(format!("{number:.places$e}")),
        None => Some(format!("{number:.places$}")),
    };
    let text = even.filter(|even| even.parse() == Ok(number)).unwrap_or_else(|| shortest.clone());
    // Writing to a String never fails.
    let _ = match text.split_once('e') {
        None => out.write_str(&text),
        Some((mantissa, exponent)) => {
            let (sign, digits) =
                exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            write!(out, "{mantissa}e{sign}{digits:0>2}")
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_in_python() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (5e-324, "5e-324"),
            (999_999.5, "999999.5"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1_234_567.25, "1.23456725e+06"),
            (-1_234_567.0, "-1234567.0"),
            (1e15, "1e+15"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (88_438_281_327_619.63, "8.843828132761962e+13"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            write_float(number, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn whole_numbers_are_exact() {
        for (count, expected) in [
            (0, "0.0"),
            (999_999, "999999.0"),
            (1_000_000, "1e+06"),
            (1_234_567, "1.234567e+06"),
            (9_007_199_254_740_993, "9.007199254740993e+15"),
            (u64::MAX, "1.8446744073709551615e+19"),
        ] {
            let mut out = String::new();
            write_whole(count, &mut out);
            assert_eq!(out, expected);
        }
    }
}
