//! How numbers are written as text: in samples, and in the labels `le` and `quantile`.

use std::fmt::Write;

/// Appends a number: whole ones without a point, others by the shortest digits that read back as
/// the same number, with an exponent where that is shorter.
#[inline]
pub(crate) fn write_f64(number: f64, out: &mut String) {
    /// 2^53: up to here an f64 holds every whole number, and its digits are all true.
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
            // A String takes every write.
            let _ = write!(out, "{number:?}");
        }
    }
}

/// Returns the text of a number in a label. It always has a point: OpenMetrics demands one, and
/// Prometheus 3 stores it so for every format.
pub(crate) fn bound(number: f64) -> String {
    let mut out = String::new();
    write_f64(number, &mut out);
    if out.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        out.push_str(".0");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
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
    fn a_bound_has_a_point() {
        for (number, expected) in [(1.0, "1.0"), (-2.0, "-2.0"), (0.5, "0.5"), (1e30, "1e30")] {
            assert_eq!(bound(number), expected);
        }
        assert_eq!(bound(f64::INFINITY), "+Inf");
    }
}
