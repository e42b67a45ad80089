//! Reads sums: what this process has counted, and what an exposition shows.

use crate::count::block::Slot;
use crate::count::choice::{self, Choice};
use crate::count::claim::STORE;
use crate::count::segment::record::Wanted;
use crate::count::segment::source::Source;
use crate::count::sum::{Handle, Sum, Sums, private};
use crate::count::{place, resets};

/// A metric that consists of one sum.
pub(crate) trait Summed {
    fn handle(&self) -> &Handle;

    fn sum(&self) -> &Sum;

    /// Returns the series of the metric in a segment.
    fn wanted(&self) -> Wanted;
}

/// Returns what this process has counted, as [`Sum::own`] does.
#[inline]
pub(crate) fn own(counter: &impl Summed) -> (u64, f64) {
    match (counter.handle().resolved(), choice::made()) {
        (Some(slot), Some(Choice::Private)) => private(slot),
        _ => counter.sum().own(),
    }
}

/// Returns the sums that an exposition shows: of all processes, if this one has a segment. Neither
/// is ever smaller than in an earlier read.
#[inline]
pub(crate) fn exposed(counter: &impl Summed) -> (u64, f64) {
    match (counter.handle().resolved(), choice::made()) {
        (Some(slot), Some(Choice::Private)) => private(slot),
        _ => exposed_elsewhere(counter),
    }
}

#[cold]
fn exposed_elsewhere(counter: &impl Summed) -> (u64, f64) {
    let mut sum = (0, 0.0);
    exposed_many([counter].into_iter(), |sums| sum = sums[0]);
    sum
}

/// Passes the sums of many counters as an exposition shows them to `take`, some at a time, in their
/// order.
pub(crate) fn exposed_many<'a, S: Summed + 'a>(
    mut counters: impl Iterator<Item = &'a S>,
    mut take: impl FnMut(&[(u64, f64)]),
) {
    /// Read at once: enough to change blocks seldom, few enough for the stack.
    const MANY: usize = 256;
    let choice = choice::made().or_else(|| choice::may_be_requested().then(choice::make)?);
    let (mut slots, mut sums) = ([Slot(0); MANY], [(0, 0.0); MANY]);
    // The places of counters that are in private memory while the process has a segment.
    let mut apart: Vec<(usize, (u64, f64))> = Vec::new();
    loop {
        let mut count = 0;
        apart.clear();
        for (slot, counter) in slots.iter_mut().zip(counters.by_ref()) {
            *slot = match (counter.handle().resolved(), choice) {
                (Some(slot), Some(Choice::Segment(_))) if place::were_left() => {
                    counter.sum().place.settle_late(&Sums);
                    slot
                }
                (Some(slot), _) => slot,
                (None, Some(Choice::Segment(_))) => {
                    let (sum, handle) = (counter.sum(), counter.handle());
                    sum.word(handle, &|| counter.wanted()).unwrap_or_else(|| {
                        apart.push((count, sum.own()));
                        Slot(0)
                    })
                }
                (None, made) => {
                    let first = counter.sum().place.private().first;
                    if made.is_some() {
                        // A clone from before the first count: the next read need not look there.
                        counter.handle().set(first.0);
                    }
                    first
                }
            };
            count += 1;
        }
        if count == 0 {
            return;
        }
        let (slots, sums) = (&slots[..count], &mut sums[..count]);
        match choice {
            Some(Choice::Segment(attached)) => attached.sums(slots, sums),
            _ => resets::read(slots, sums, |sums| STORE.sums(slots, sums)),
        }
        for (at, sum) in &apart {
            sums[*at] = *sum;
        }
        take(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::place::UNRESOLVED;

    struct Counter {
        handle: Handle,
        sum: Sum,
    }

    impl Summed for Counter {
        fn handle(&self) -> &Handle {
            &self.handle
        }

        fn sum(&self) -> &Sum {
            &self.sum
        }

        fn wanted(&self) -> Wanted {
            unreachable!("there is no segment")
        }
    }

    #[test]
    fn a_read_resolves_a_handle_that_was_cloned_before_the_first_count() {
        let sum = Sum::new().expect("room");
        sum.add_first(&sum.handle(), 3, &|| unreachable!("there is no segment"));
        let counter = Counter { handle: Handle::new(UNRESOLVED), sum };
        let mut sums = Vec::new();
        for _ in 0..2 {
            exposed_many([&counter].into_iter(), |read| sums.extend_from_slice(read));
            assert_eq!(counter.handle.resolved(), Some(counter.sum.place.private().first));
        }
        assert_eq!(sums, [(3, 0.0); 2]);
    }
}
