//! The checksum of records in a segment, and the hash of its index. Both are a part of the layout,
//! because all processes must compute the same values.
//!
//! It mixes as `MurmurHash3` does. A library's CRC-32 first asks the processor which instructions
//! it has. In a virtual machine that takes 40 microseconds, which would double the time of
//! attaching.

/// Returns the hash of bytes that continue those of an earlier hash, which is 0 at the start.
///
/// A change of one byte always changes the hash, because each step is a bijection of its word and
/// of the previous hash.
pub(crate) fn hash(before: u32, bytes: &[u8]) -> u32 {
    let mut hash = before;
    for chunk in bytes.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u32::from_le_bytes(word).wrapping_mul(0xcc9e_2d51).rotate_left(15);
        hash = (hash ^ word.wrapping_mul(0x1b87_3593)).rotate_left(13);
        hash = hash.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the low bits tell lengths apart")]
    let mixed = hash ^ bytes.len() as u32;
    let mixed = (mixed ^ mixed >> 16).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
    mixed ^ mixed >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_equals_that_of_the_layout() {
        // Other numbers need a new version of the layout.
        let hashes = [(0, ""), (0, "a"), (7, "a"), (0, "hits_total")];
        let hashes = hashes.map(|(before, text)| hash(before, text.as_bytes()));
        assert_eq!(hashes, [0, 0x2b03_8801, 0x7c9f_dfbf, 0x445d_6de7]);
    }

    #[test]
    fn a_change_of_any_byte_changes_the_hash() {
        let text = b"hits_total{code=\"200\"}";
        for at in 0..text.len() {
            for damage in 1..=255 {
                let mut damaged = *text;
                damaged[at] ^= damage;
                assert_ne!(hash(0, &damaged), hash(0, text), "{at} {damage}");
            }
        }
    }
}
