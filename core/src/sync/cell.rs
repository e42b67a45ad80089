//! A cell: a count and a sum in two neighbouring words, which are read and written as one.
//!
//! A thread stores to a cell of its block with one aligned 16-byte instruction, and readers load it
//! with one. So no reader sees a count without its sum. Rust's atomics have no such type.
//!
//! * On x86-64, processors with AVX of the vendors below store and load 16 aligned bytes at once.
//!   The two instructions here take two thirds of the time of `portable-atomic`, which calls them
//!   through a pointer. `docs/decisions/22-one-cell-for-each-bucket.md` has the figures.
//! * Other processors use `portable-atomic`, if it takes no lock there.
//! * On a processor that can do neither, cells are not in the blocks of threads. All threads update
//!   shared cells, by compare and swap, or under a lock if the processor has no 16-byte compare and
//!   swap.

use portable_atomic::AtomicU128;

use crate::sync::locks::Mutex;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// The words of a cell, at an address that is a multiple of 16: the count, and the bits of the sum.
pub(crate) type Words = [AtomicU64; 2];

pub(crate) use one_thread::{load, store};

/// Adds to a cell that only the calling thread writes. The count stays at `u64::MAX` when it would
/// be larger.
#[inline]
pub(crate) fn add(words: &Words, count: u64, sum: f64) {
    let before = one_thread::load_own(words);
    store(words, (before.0.saturating_add(count), before.1 + sum));
}

/// Adds to a cell that any thread may write.
pub(crate) fn add_shared(words: &Words, count: u64, sum: f64) {
    let add = |before: (u64, f64)| (before.0.saturating_add(count), before.1 + sum);
    if AtomicU128::is_lock_free() {
        let add = |bits| Some(to_bits(add(from_bits(bits))));
        // Always Ok, because `add` never declines.
        let _ = wide(words).fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    } else {
        add_locked(words, add);
    }
}

/// Takes the value of a cell that any thread may write, and leaves zeros.
pub(crate) fn take_shared(words: &Words) -> (u64, f64) {
    if AtomicU128::is_lock_free() {
        return from_bits(wide(words).swap(0, Ordering::Relaxed));
    }
    let _locked = LOCK.lock();
    let before = load_words(words);
    for word in words {
        word.store(0, Ordering::Relaxed);
    }
    before
}

/// Returns the value of a cell that any thread may write.
pub(crate) fn load_shared(words: &Words) -> (u64, f64) {
    if AtomicU128::is_lock_free() {
        from_bits(wide(words).load(Ordering::Relaxed))
    } else {
        load_locked(words)
    }
}

/// The lock on shared cells, for processors without 16-byte compare and swap.
static LOCK: Mutex<()> = Mutex::new(());

fn add_locked(words: &Words, add: impl Fn((u64, f64)) -> (u64, f64)) {
    let _locked = LOCK.lock();
    let (count, sum) = add(load_words(words));
    words[0].store(count, Ordering::Relaxed);
    words[1].store(sum.to_bits(), Ordering::Relaxed);
}

fn load_locked(words: &Words) -> (u64, f64) {
    let _locked = LOCK.lock();
    load_words(words)
}

/// Loads one word after the other.
#[inline]
fn load_words([count, sum]: &Words) -> (u64, f64) {
    (count.load(Ordering::Relaxed), f64::from_bits(sum.load(Ordering::Relaxed)))
}

/// Returns whether cells may be in blocks: whether this processor stores 16 bytes at once. It asks
/// the processor only once, because CPUID may take microseconds in a virtual machine.
pub(crate) fn are_in_blocks() -> bool {
    /// 0 before the first call, then 1 for no and 2 for yes.
    static ANSWER: AtomicUsize = AtomicUsize::new(0);
    #[cfg(test)]
    if tests::SHARED_ONLY.get() {
        return false;
    }
    if ANSWER.load(Ordering::Relaxed) == 0 {
        ANSWER.store(1 + usize::from(one_thread::works()), Ordering::Relaxed);
    }
    ANSWER.load(Ordering::Relaxed) == 2
}

#[allow(unsafe_code, reason = "see the SAFETY comment")]
fn wide(words: &Words) -> &AtomicU128 {
    let words: *const AtomicU128 = std::ptr::from_ref(words).cast();
    assert!(words.is_aligned(), "a cell begins at a multiple of 16");
    // SAFETY: aligned, as long as the words, and lives as long. Any bytes are valid. All accesses
    // are atomic, and none of another size races with them. A cell is set to zero word by word only
    // while it is closed, and the owner's loads of words race only with loads.
    unsafe { &*words }
}

fn to_bits((count, sum): (u64, f64)) -> u128 {
    u128::from(count) | u128::from(sum.to_bits()) << 64
}

#[expect(clippy::cast_possible_truncation, reason = "one half, then the other")]
fn from_bits(bits: u128) -> (u64, f64) {
    (bits as u64, f64::from_bits((bits >> 64) as u64))
}

/// Cells that one thread writes, on x86-64.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[allow(unsafe_code, reason = "Rust has no 16-byte atomics; see each SAFETY comment")]
mod one_thread {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid;

    use super::Words;

    /// Intel, AMD and Zhaoxin guarantee that aligned 16-byte accesses are atomic on processors with
    /// AVX. Sources: Intel's Software Developer's Manual, volume 3A, 9.1.1, and for the others GCC
    /// bug 104688. The names are those of CPUID, in ebx, edx and ecx.
    const VENDORS: [&[u8; 12]; 4] =
        [b"GenuineIntel", b"AuthenticAMD", b"  Shanghai  ", b"CentaurHauls"];

    pub(super) fn works() -> bool {
        // SAFETY: every x86-64 processor has this instruction.
        #[allow(unused_unsafe, reason = "safe in newer versions of Rust")]
        let leaf = unsafe { __cpuid(0) };
        let vendor = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes);
        std::is_x86_feature_detected!("avx")
            && VENDORS.iter().any(|v| v[..] == *vendor.as_flattened())
    }

    pub(super) use super::load_words as load_own;

    /// Returns what the cell holds.
    #[inline]
    pub(crate) fn load(words: &Words) -> (u64, f64) {
        let (count, sum);
        let words = checked(words);
        // SAFETY: reads 16 aligned bytes that are valid.
        unsafe {
            asm!(
                "movdqa {sum}, xmmword ptr [{words}]",
                "movq {count}, {sum}",
                "punpckhqdq {sum}, {sum}",
                words = in(reg) words,
                count = out(reg) count,
                sum = out(xmm_reg) sum,
                options(nostack, preserves_flags, readonly),
            );
        }
        (count, sum)
    }

    /// Replaces what the cell holds. Only one thread at a time may call this.
    #[inline]
    pub(crate) fn store(words: &Words, (count, sum): (u64, f64)) {
        let words = checked(words);
        // SAFETY: writes 16 aligned bytes that are valid, and that are atomics.
        unsafe {
            asm!(
                "movq {cell}, {count}",
                "punpcklqdq {cell}, {sum}",
                "movdqa xmmword ptr [{words}], {cell}",
                words = in(reg) words,
                count = in(reg) count,
                sum = in(xmm_reg) sum,
                cell = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
    }

    /// Returns the address. The compiler knows the alignment of words in a block, and omits this.
    #[inline]
    fn checked(words: &Words) -> *const Words {
        let words = std::ptr::from_ref(words);
        assert!(words.addr() % 16 == 0, "a cell begins at a multiple of 16");
        words
    }
}

/// Cells that one thread writes, on other processors.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod one_thread {
    use super::{AtomicU128, Ordering, Words, from_bits, to_bits, wide};

    pub(super) fn works() -> bool {
        AtomicU128::is_lock_free()
    }

    pub(super) use load as load_own;

    /// Returns what the cell holds.
    pub(crate) fn load(words: &Words) -> (u64, f64) {
        from_bits(wide(words).load(Ordering::Relaxed))
    }

    /// Replaces what the cell holds. Only one thread at a time may call this.
    pub(crate) fn store(words: &Words, cell: (u64, f64)) {
        wide(words).store(to_bits(cell), Ordering::Relaxed);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// Whether this thread counts as on a processor without 16-byte stores.
        pub(crate) static SHARED_ONLY: Cell<bool> = const { Cell::new(false) };
    }

    #[repr(align(16))]
    struct Aligned(Words);

    fn empty() -> Aligned {
        Aligned([AtomicU64::new(0), AtomicU64::new(0)])
    }

    #[test]
    fn all_implementations_compute_the_same_cell() {
        let (own, shared, locked) = (empty(), empty(), empty());
        for (count, sum) in [(1, 0.5), (7, -3.0), (u64::MAX - 9, 1e300), (5, f64::INFINITY)] {
            add(&own.0, count, sum);
            add_shared(&shared.0, count, sum);
            add_locked(&locked.0, |before| (before.0.saturating_add(count), before.1 + sum));
            assert_eq!(load(&own.0), load_shared(&shared.0));
            assert_eq!(load(&own.0), load_locked(&locked.0));
            assert_eq!(load(&own.0), load_words(&own.0));
        }
        assert_eq!(load(&own.0), (u64::MAX, f64::INFINITY));
        assert_eq!(from_bits(to_bits((3, -0.5))), (3, -0.5));
    }

    #[test]
    #[should_panic(expected = "multiple of 16")]
    fn a_misaligned_cell_is_refused() {
        #[repr(align(16))]
        struct Three([AtomicU64; 3]);
        let three = Three([const { AtomicU64::new(0) }; 3]);
        add(three.0[1..].first_chunk().expect("two words"), 1, 1.0);
    }

    #[test]
    fn a_locked_cell_is_never_torn() {
        let cell = empty();
        let add = || add_locked(&cell.0, |(count, sum)| (count + 1, sum + 0.5));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..1_000).for_each(|_| add()));
            }
            for _ in 0..1_000 {
                let (count, sum) = load_locked(&cell.0);
                assert_eq!((count, count as f64 / 2.0), (count, sum));
            }
        });
        assert_eq!(load_locked(&cell.0), (2_000, 1_000.0));
    }
}
