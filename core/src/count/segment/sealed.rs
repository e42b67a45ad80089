//! A number in a word that detects damage: half of the word is a checksum of the other half. So one
//! store publishes the number with its checksum.

use crate::sync::{AtomicU64, Ordering};

/// Returns the word of a number. It is never 0, which means that no number was stored.
pub(crate) fn seal(number: u32) -> u64 {
    u64::from(check(number)) << 32 | u64::from(number)
}

/// Returns the number in a word: 0 if none was ever stored, or `None` if the word is damaged.
pub(crate) fn unseal(word: u64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    let number = word as u32;
    (word == 0 || word == seal(number)).then_some(number)
}

/// Returns the checksum, which differs for each number, because no step loses a bit. The factors
/// are from `MurmurHash3`.
fn check(number: u32) -> u32 {
    let mixed = (number ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b);
    (mixed ^ mixed >> 15).wrapping_mul(0xc2b2_ae35)
}

/// Loads a number, with acquire ordering.
pub(crate) fn load(word: &AtomicU64) -> Option<u32> {
    unseal(word.load(Ordering::Acquire))
}

/// Stores a number, with release ordering.
pub(crate) fn store(word: &AtomicU64, number: u32) {
    word.store(seal(number), Ordering::Release);
}

/// Raises the stored number to `number`, unless it is already as large. Returns `false` if the word
/// is damaged.
pub(crate) fn raise(word: &AtomicU64, number: u32) -> bool {
    let mut known = word.load(Ordering::Acquire);
    loop {
        match unseal(known) {
            None => return false,
            Some(there) if there >= number => return true,
            Some(_) => {}
        }
        let (ok, failed) = (Ordering::AcqRel, Ordering::Acquire);
        match word.compare_exchange_weak(known, seal(number), ok, failed) {
            Ok(_) => return true,
            Err(now) => known = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_damaged_byte_is_refused() {
        for number in [0, 1, 7, 255, 256, 65_536, 130_560, u32::MAX] {
            let word = seal(number);
            assert_eq!(unseal(word), Some(number));
            for byte in 0..8 {
                for damage in 1..=255_u64 {
                    let damaged = word ^ damage << (8 * byte);
                    assert!(unseal(damaged).is_none(), "{number}, byte {byte}, {damage}");
                }
            }
        }
        assert_eq!(unseal(0), Some(0), "no number was stored yet");
    }

    #[test]
    fn a_number_is_raised_and_never_lowered() {
        let word = AtomicU64::new(0);
        for (number, expected) in [(3, 3), (2, 3), (9, 9)] {
            assert!(raise(&word, number));
            assert_eq!(load(&word), Some(expected));
        }
        word.store(1, Ordering::Relaxed);
        assert!(!raise(&word, 10) && load(&word).is_none());
    }
}
