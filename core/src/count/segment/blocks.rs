//! Claims the blocks of a segment by locks, reserves room in them, and sums over them.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use crate::count::block::{Block, Slot};
use crate::count::segment::gauges::{self, Gauge};
use crate::count::segment::layout::{self, block_header, header, lock};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::{sealed, system};
use crate::count::sizes::WORDS;
use crate::sync::{AtomicUsize, Ordering};

/// The number of words that get room together.
const STEP: usize = 256;

/// Returns how many blocks were ever claimed. Returns `None` if that number is damaged.
fn used(mapping: &Mapping) -> Option<usize> {
    let used = sealed::load(&mapping.words()[header::BLOCKS])? as usize;
    (used <= layout::MAX_BLOCKS).then_some(used)
}

/// Returns the number of blocks that were ever claimed, for readers. If the number is damaged now,
/// returns the largest one that was `seen`.
pub(crate) fn largest_used(mapping: &Mapping, seen: &AtomicUsize) -> usize {
    let used = used(mapping).unwrap_or(0);
    seen.fetch_max(used, Ordering::Relaxed).max(used)
}

/// Returns a block and how many words of each row may be touched. If that number is damaged, it
/// is 0.
pub(crate) fn block(mapping: &Mapping, number: usize) -> (&Block, usize) {
    let room = sealed::load(&mapping.block_header(number)[block_header::ROOM]).unwrap_or(0);
    (mapping.block(number), (room as usize).min(WORDS))
}

/// Claims a block for a process, with room for these words. Returns whether it was free and is not
/// damaged.
pub(crate) fn try_claim(
    mapping: &Mapping,
    file: &File,
    number: usize,
    words: usize,
) -> io::Result<bool> {
    let Some(used) = used(mapping) else { return Ok(false) };
    if !system::try_lock(file, lock::CLAIM + number as u64)? {
        return Ok(false);
    }
    // The page of a header needs room before the header is touched. Readers touch all headers, even
    // of an earlier block whose process has not reserved its room yet.
    for number in used..=number {
        let at = layout::block_header(number);
        system::reserve(file, at, layout::block(number) - at)?;
    }
    let header = mapping.block_header(number);
    if sealed::load(&header[block_header::ROOM]).is_none() {
        return Ok(false);
    }
    reserve(mapping, file, number, words)?;
    #[expect(clippy::cast_possible_truncation, reason = "below MAX_BLOCKS")]
    Ok(sealed::raise(&mapping.words()[header::BLOCKS], number as u32 + 1))
}

/// Reserves room for the first words of a block, in both rows. The caller has claimed the block.
pub(crate) fn reserve(
    mapping: &Mapping,
    file: &File,
    number: usize,
    words: usize,
) -> io::Result<()> {
    let (_, room) = block(mapping, number);
    if words <= room {
        return Ok(());
    }
    let words = words.next_multiple_of(STEP).min(WORDS);
    for bytes in Block::bytes(words) {
        system::reserve(file, layout::block(number) + bytes.start, bytes.len())?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most WORDS")]
    sealed::store(&mapping.block_header(number)[block_header::ROOM], words as u32);
    Ok(())
}

/// Adds up the words of each slot over all blocks, in their order, so that no reader sees a sum
/// shrink.
pub(crate) fn sums(mapping: &Mapping, used: usize, slots: &[Slot], sums: &mut [(u64, f64)]) {
    for number in 0..used {
        let (block, room) = block(mapping, number);
        if slots.iter().all(|slot| (slot.0 as usize) < room) {
            block.read_many(slots, sums);
        } else {
            for (slot, sum) in slots.iter().zip(&mut *sums) {
                if (slot.0 as usize) < room {
                    block.read(*slot, sum);
                }
            }
        }
    }
}

/// Adds up `len` cells from each of `firsts`, in the same way.
pub(crate) fn cell_sums(
    mapping: &Mapping,
    used: usize,
    firsts: &[usize],
    len: usize,
    sums: &mut [(u64, f64)],
) {
    for number in 0..used {
        let (block, room) = block(mapping, number);
        for (first, sums) in firsts.iter().zip(sums.chunks_mut(len)) {
            if (first + len) * 2 <= room {
                block.read_cells(*first, sums);
            }
        }
    }
}

/// Returns the blocks that other processes have locked, with [`lock::CLAIM`] or [`lock::GAUGES`].
pub(crate) fn locked(file: &File, base: u64, used: usize) -> io::Result<Vec<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    let until = used as u64;
    while from < until {
        let locked = system::first_lock(file, base + from, until - from)?;
        let Some((first, length)) = locked else { break };
        // Neighbouring locks may be one range.
        let first = first.saturating_sub(base).max(from);
        let end = first.saturating_add(length.max(1)).min(until);
        found.extend((first..end).filter_map(|block| usize::try_from(block).ok()));
        from = end;
    }
    Ok(found)
}

/// Returns a gauge, merged by `how`: the values in `live` blocks, and in all other blocks if ended
/// processes count.
pub(crate) fn gauges(
    mapping: &Mapping,
    live: &[usize],
    used: usize,
    slot: Slot,
    how: u8,
) -> Vec<Gauge> {
    let past = Slot(slot.0 + 1);
    let mut found = Vec::new();
    if gauges::has_ended(how) {
        let ended = (0..used).filter(|number| !live.contains(number));
        found.extend(ended.filter_map(|number| gauge(mapping, number, slot)));
    }
    found.extend(live.iter().filter_map(|number| gauge(mapping, *number, slot)));
    if gauges::has_past(how) {
        found.extend((0..used).filter_map(|number| gauge(mapping, number, past)));
    }
    if gauges::is_each(how) {
        // Processes of two containers may have the same id. The value of the live one counts.
        let mut last = HashMap::new();
        for (at, (_, process)) in found.iter().enumerate() {
            last.insert(*process, at);
        }
        let mut at = 0..;
        found.retain(|(_, process)| last.get(process).copied() == at.next());
    }
    found
}

/// Returns a gauge of a block: its value, and when it was set. Returns `None` if it is not shown.
fn gauge(mapping: &Mapping, number: usize, slot: Slot) -> Option<Gauge> {
    let (block, room) = block(mapping, number);
    let [value, time] = block.pair(slot).filter(|_| (slot.0 as usize) < room)?;
    // Acquire, so that the reader sees the value that the gauge was first set to.
    let time = time.load(Ordering::Acquire);
    let value = f64::from_bits(value.load(Ordering::Relaxed));
    (time > 0).then_some((value, time))
}

/// Empties the words of a gauge for a new owner of its block, so that the old value does not count
/// as the new owner's. If ended processes count, the value is first merged with those of all
/// earlier owners. The caller has claimed the block, and its gauges are still hidden.
pub(crate) fn hand_on(mapping: &Mapping, number: usize, slot: Slot, how: u8) {
    let past = Slot(slot.0 + 1);
    if let (true, Some(last)) = (gauges::has_past(how), gauge(mapping, number, slot)) {
        let values = gauge(mapping, number, past).into_iter().chain([last]);
        let merged = gauges::merge(how, values).unwrap_or(last);
        if let Some([value, time]) = block(mapping, number).0.pair(past) {
            value.store(merged.0.to_bits(), Ordering::Relaxed);
            time.store(merged.1, Ordering::Release);
        }
    }
    for word in block(mapping, number).0.pair(slot).into_iter().flatten() {
        word.store(0, Ordering::Relaxed);
    }
}
