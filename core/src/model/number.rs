//! Writes numbers as text: in samples, and in the labels `le` and `quantile`.

use std::fmt::Write;

/// Appends a number. A whole number has no decimal point. Other numbers have the shortest digits
/// that parse to the same number, with an exponent if that is shorter.
#[inline]
pub(crate) fn write_f64(number: f64, out: &mut String) {
    /// 2^53: up to this number, an f64 represents every whole number, so all digits are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number {
        _ if number.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("+Inf"),
        f64::NEG_INFINITY => out.push_str("-Inf"),
        _ if number == 0.0 && number.is_sign_negative() => out.push_str("-0.0"),
        #[expect(clippy::cast_possible_truncation)]
        _ if number.fract() == 0.0 && number.abs() < EXACT => {
            out.push_str(itoa::Buffer::new().format(number as i64));
        }
        _ => {
            // Writing to a String never fails.
            let _ = write!(out, "{number:?}");
        }
    }
}

/// Returns the text of a number in a label, as the Go and the Python clients write it. It has a
/// decimal point, or below 1e-4 and from 1e6 on an exponent of two digits. Prometheus 3 stores
/// every label in this form. Earlier versions store the text that they scrape, so all clients must
/// write the same text for one query to match.
pub(crate) fn bound(number: f64) -> String {
    if number == 0.0 {
        return "0.0".into();
    }
    if !number.is_finite() {
        let mut out = String::new();
        write_f64(number, &mut out);
        return out;
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{number:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_in_the_text_format() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0.0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1.5e300, "1.5e300"),
            (1e-7, "1e-7"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            write_f64(number, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_bound_is_written_as_in_go() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (1.0, "1.0"),
            (-2.0, "-2.0"),
            (0.5, "0.5"),
            (100_000.0, "100000.0"),
            (123_456.5, "123456.5"),
            (1_000_000.0, "1e+06"),
            (-1_048_576.0, "-1.048576e+06"),
            (1e30, "1e+30"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.000_025, "2.5e-05"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(bound(number), expected);
        }
    }
}
