//! Tests the block protocol under the reorderings that C11 allows, and under every interleaving
//! with up to two preemptions. Loom's atomics replace those of `core/src/sync/mod.rs`. `make loom`
//! runs the models.
//!
//! Blocks are tiny: they contain only slot 0, and all other slots are beyond their end. So each
//! model needs few steps until blocks are handed on, parts are added and slots are reused.

mod models;
mod sync;

#[allow(dead_code, unused_imports, reason = "each model uses a part")]
#[allow(clippy::absurd_extreme_comparisons, reason = "a block of one word has no cell")]
#[path = "../../../core/src/count"]
mod count {
    pub(crate) mod block;
    pub(crate) mod shared;
    pub(crate) mod spans;
    pub(crate) mod store;

    pub(crate) mod sizes {
        pub(crate) const WORDS: usize = 1;
        pub(crate) const FIRST: usize = 1;
        pub(crate) const PARTS: usize = 2;
        pub(crate) const RUN: usize = 1;
        pub(crate) const OPENED_BEFORE: u32 = 1;
        pub(crate) const GROUP: usize = 1;
    }

    /// Memory from the heap, because loom's atomics cannot be in a mapping.
    pub(crate) mod memory {
        use crate::count::block::Block;
        use crate::sync::AtomicU64;

        pub(crate) trait Memory: Sync {
            fn block(&self, number: usize) -> Option<&'static Block>;
            fn release(&self, _words: &[AtomicU64]) {}
        }

        pub(crate) struct Anonymous;

        impl Memory for Anonymous {
            fn block(&self, _number: usize) -> Option<&'static Block> {
                Some(Box::leak(Box::new(Block::new())))
            }
        }

        /// Memory for one block. The flag is from `std`, because the lock on claims guards it, so
        /// loom need not model it.
        #[derive(Default)]
        pub(crate) struct SingleBlock(std::sync::atomic::AtomicBool);

        impl Memory for SingleBlock {
            fn block(&self, number: usize) -> Option<&'static Block> {
                let full = self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
                if full { None } else { Anonymous.block(number) }
            }
        }
    }
}

/// The maximum number of preemptions in an interleaving. Without it, models with three threads
/// take hours.
const PREEMPTIONS: usize = 2;

/// Runs the models. The harness of `cargo test` would also run the unit tests of `count`.
#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    macro_rules! named {
        ($($model:ident)*) => {
            [$((stringify!($model), models::$model as fn())),*]
        };
    }
    let models = named! {
        sums_never_decrease_and_are_exact_at_the_end
        a_sum_at_its_maximum_stays_there
        two_threads_may_claim_at_once
        threads_without_a_block_lose_no_count
        memory_for_one_block_is_enough
        a_block_is_handed_on_while_it_is_read
        a_part_is_added_while_other_threads_count
        a_counter_sent_to_another_thread_finds_its_part
        a_slot_is_reused_and_starts_at_zero
        a_slot_closed_by_another_thread_starts_at_zero
        fractions_are_added_while_they_are_read
        a_cell_is_never_torn
        a_cell_is_reused_and_starts_at_zero
    };
    for (name, model) in models {
        let started = std::time::Instant::now();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS);
        builder.check(model);
        println!("loom: {}: ok, {:.1?}", name.replace('_', " "), started.elapsed());
    }
}
