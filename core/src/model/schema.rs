//! The schemas of native histograms: which bucket a number has, and where each bucket ends.
//!
//! Bucket `i` of schema `s` ends at 2^(i * 2^-s), that bound included, and begins where bucket
//! `i - 1` ends. A bucket of negative numbers is the mirror image.

/// The schemas of Prometheus with buckets of exponential width: from 16 doublings in a bucket to
/// 256 buckets in a doubling.
pub(super) const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

/// The bounds of schemas above 0 are products of these, one factor for each schema from 1 on. Their
/// last digits are those of Prometheus, which are not always the nearest f64 to a power of 2.
#[allow(clippy::approx_constant, reason = "the last digit differs")]
const FACTORS: [f64; 8] = [
    1.414_213_562_373_095,
    1.189_207_115_002_721,
    1.090_507_732_665_257_7,
    1.044_273_782_427_413_8,
    1.021_897_148_654_116_6,
    1.010_889_286_051_700_5,
    1.005_429_901_112_802_7,
    1.002_711_275_050_202_5,
];

/// The bounds of schema 8 from one half up to, but not including, 1. They include the bounds of
/// coarser schemas.
static BOUNDS: [f64; 1 << FACTORS.len()] = {
    let mut bounds = [0.5; 1 << FACTORS.len()];
    let mut schema = 0;
    while schema < FACTORS.len() {
        // The bounds that this schema adds are between the bounds of the previous one.
        let step = bounds.len() >> (schema + 1);
        let mut at = step;
        while at < bounds.len() {
            bounds[at] = bounds[at - step] * FACTORS[schema];
            at += 2 * step;
        }
        schema += 1;
    }
    bounds
};

/// Returns the number after a positive one.
pub(super) fn next_up(number: f64) -> f64 {
    f64::from_bits(number.to_bits() + 1)
}

/// Returns the bucket of a positive number that is normal.
pub(super) fn index(schema: i32, number: f64) -> i32 {
    const MANTISSA: u64 = (1 << 52) - 1;
    // The number is `fraction` * 2^`exponent`, where the fraction is at least one half and below 1.
    let exponent = i32::try_from(number.to_bits() >> 52).unwrap_or(0) - 1022;
    let fraction = f64::from_bits(number.to_bits() & MANTISSA | 0.5_f64.to_bits());
    if schema > 0 {
        // The number of bounds of the schema below the fraction: those of schema 8, in steps.
        let below = BOUNDS.partition_point(|bound| *bound < fraction);
        let below = below.div_ceil(BOUNDS.len() >> schema);
        return i32::try_from(below).unwrap_or(0) + ((exponent - 1) << schema);
    }
    let whole = exponent - i32::from(fraction <= 0.5);
    // Rounded up.
    (whole + (1 << -schema) - 1) >> -schema
}

/// Returns the largest number of a bucket.
pub(super) fn upper_bound(schema: i32, index: i32) -> f64 {
    let power = |exponent: i32| 2_f64.powi(exponent);
    let (bound, exponent) = if schema > 0 {
        let at = usize::try_from(index & ((1 << schema) - 1)).unwrap_or(0);
        (BOUNDS[at * (BOUNDS.len() >> schema)], (index >> schema) + 1)
    } else {
        (0.5, (index << -schema) + 1)
    };
    if bound <= 0.5 && exponent == 1025 {
        return f64::MAX;
    }
    // In two steps, because one power may be too large or too small for an f64.
    bound * power(exponent / 2) * power(exponent - exponent / 2)
}

/// Computes the index of a bucket as Prometheus does: from fraction and exponent, or from the
/// exponent alone.
#[cfg(test)]
pub(super) fn index_as_in_prometheus(schema: i32, number: f64) -> i32 {
    if number.is_infinite() {
        return index_as_in_prometheus(schema, f64::MAX) + 1;
    }
    // By repeated halving, so that the test shares no code with the implementation.
    let (mut fraction, mut exponent) = (number, 0);
    while fraction >= 1.0 {
        (fraction, exponent) = (fraction / 2.0, exponent + 1);
    }
    while fraction < 0.5 {
        (fraction, exponent) = (fraction * 2.0, exponent - 1);
    }
    if schema <= 0 {
        let whole: i32 = if fraction > 0.5 { exponent } else { exponent - 1 };
        return whole.div_euclid(1 << -schema) + i32::from(whole.rem_euclid(1 << -schema) > 0);
    }
    let mut bounds = vec![0.5];
    for factor in &FACTORS[..usize::try_from(schema).expect("positive")] {
        bounds = bounds.iter().flat_map(|bound| [*bound, bound * factor]).collect();
    }
    let len = i32::try_from(bounds.len()).expect("few");
    let below = bounds.iter().filter(|bound| **bound < fraction).count();
    i32::try_from(below).expect("few") + (exponent - 1) * len
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the bounds in the source of Prometheus, to the last digit.
    #[test]
    fn bounds_equal_those_of_prometheus() {
        for (schema, index, bound) in [
            (1, -1, 0.707_106_781_186_547_5),
            (2, -1, 0.840_896_415_253_714_4),
            (3, -7, 0.545_253_866_332_628_8),
            (3, -1, 0.917_004_043_204_671_1),
            (4, -3, 0.878_126_080_186_649_5),
            (5, -1, 0.978_572_062_087_699_9),
            (6, -1, 0.989_228_013_193_975_2),
            (7, -1, 0.994_599_423_483_632_8),
            (8, -253, 0.504_077_949_059_208_8),
            (8, -129, 0.705_194_804_108_635_2),
            (8, -1, 0.997_296_056_085_469_8),
            (0, 5, 32.0),
            (-1, 3, 64.0),
            (-4, -8, 2_f64.powi(-128)),
            (3, 8 * 1024, f64::MAX),
            (3, 8 * 1024 + 1, f64::INFINITY),
            (-4, 64, f64::MAX),
        ] {
            let found = upper_bound(schema, index);
            assert_eq!(found.to_bits(), bound.to_bits(), "schema {schema}, bucket {index}");
        }
        for schema in SCHEMAS {
            for at in -300..300 {
                let exact = 2_f64.powf(f64::from(at) * 2_f64.powi(-schema));
                let near = (upper_bound(schema, at) / exact - 1.0).abs();
                assert!(near < 1e-14 || !exact.is_normal(), "schema {schema}, bucket {at}");
            }
        }
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_that_it_ends() {
        for schema in SCHEMAS {
            let [first, last] = [f64::MIN_POSITIVE, f64::MAX].map(|end| index(schema, end));
            let step = usize::try_from((last - first) / 500 + 1).expect("positive");
            for at in (first + 1..last).step_by(step).chain([last - 1]) {
                let bound = upper_bound(schema, at);
                assert!(bound.is_normal(), "{bound}");
                for number in [bound.next_down(), bound, bound.next_up()] {
                    let expected = at + i32::from(number > bound);
                    assert_eq!(index(schema, number), expected, "schema {schema}, {number:e}");
                    assert_eq!(
                        index_as_in_prometheus(schema, number),
                        expected,
                        "{schema} {number:e}"
                    );
                }
            }
        }
    }
}
