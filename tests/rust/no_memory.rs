//! A process without memory for blocks loses no count, and claims blocks as soon as it can. The
//! test limits its process, so no other test may run in it.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "setrlimit exists as a C function only")]

use std::sync::Barrier;
use std::thread;

use dataclay_metrics_core::{Counter, Value};
use dataclay_metrics_tests::measure::address_space_bytes;

const THREADS: usize = 4;
/// The address space of a block.
const BLOCK: usize = (2 << 20) - 4096;

/// Limits the address space of this process, as `ulimit -v` does. `None` lifts the limit.
fn limit_address_space(bytes: Option<usize>) {
    let current = bytes.map_or(libc::RLIM_INFINITY, |bytes| bytes as libc::rlim_t);
    let limit = libc::rlimit { rlim_cur: current, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid place to read from.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

#[test]
fn threads_without_memory_for_a_block_lose_no_count() {
    let counter = Counter::new("no_memory", "A count").expect("a valid name");
    let add = |times| {
        for _ in 0..times {
            counter.inc();
            counter.inc_by_f64(0.5).expect("valid");
        }
    };
    let [started, begin, limited, lifted, added, end] = [(); 6].map(|()| Barrier::new(THREADS + 1));
    let (mut sizes, mut values) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                // The allocator maps an arena for the thread before the size is read.
                drop(std::hint::black_box(vec![0_u8; 64]));
                started.wait();
                begin.wait();
                add(10_000);
                limited.wait();
                lifted.wait();
                add(10_000);
                added.wait();
                end.wait();
            });
        }
        started.wait();
        sizes.push(address_space_bytes());
        // This suffices for other allocations, but not for a block.
        limit_address_space(Some(sizes[0] + BLOCK / 2));
        begin.wait();
        limited.wait();
        limit_address_space(None);
        sizes.push(address_space_bytes());
        values.push(counter.value());
        lifted.wait();
        added.wait();
        // The threads still run, because each frees its signal stack when it ends.
        sizes.push(address_space_bytes());
        end.wait();
        values.push(counter.value());
    });
    assert!(sizes[1] < sizes[0] + BLOCK, "{sizes:?}: a thread has a block");
    // The allocator may return some pages meanwhile, but not half a block.
    let blocks = (sizes[2] + BLOCK / 2).saturating_sub(sizes[1]) / BLOCK;
    assert!(blocks >= THREADS, "{sizes:?}: a thread has no block");
    let all = 10_000.0 * THREADS as f64 * 1.5;
    assert_eq!(values, [Value::Float(all), Value::Float(2.0 * all)]);
}
