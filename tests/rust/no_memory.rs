//! A process without memory for blocks counts on, and claims blocks once it can. The test is alone
//! in its process, which it limits.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "setrlimit exists as a C function only")]

use std::sync::Barrier;
use std::thread;

use dataclay_metrics_core::{Counter, Value};

const THREADS: usize = 4;
/// The address space of a block.
const BLOCK: usize = (2 << 20) - 4096;

/// Returns the bytes of address space that this process uses.
fn address_space() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').next().and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

/// Limits the address space of this process, as `ulimit -v` does. `None` lifts the limit.
fn limit_address_space(bytes: Option<usize>) {
    let current = bytes.map_or(libc::RLIM_INFINITY, |bytes| bytes as libc::rlim_t);
    let limit = libc::rlimit { rlim_cur: current, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid place to read from.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

#[test]
fn threads_without_memory_for_a_block_lose_no_count() {
    let counter = Counter::new("no_room", "A count").expect("a valid name");
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
                // The allocator maps an arena for the thread: before the size is read.
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
        sizes.push(address_space());
        // Enough for other allocations, but not for a block.
        limit_address_space(Some(sizes[0] + BLOCK / 2));
        begin.wait();
        limited.wait();
        limit_address_space(None);
        sizes.push(address_space());
        values.push(counter.value());
        lifted.wait();
        added.wait();
        // While the threads live: each one frees its signal stack when it ends.
        sizes.push(address_space());
        end.wait();
        values.push(counter.value());
    });
    assert!(sizes[1] < sizes[0] + BLOCK, "{sizes:?}: no thread has a block");
    // The allocator may return some pages meanwhile, but not half a block.
    let blocks = (sizes[2] + BLOCK / 2).saturating_sub(sizes[1]) / BLOCK;
    assert!(blocks >= THREADS, "{sizes:?}: each thread has a block");
    let all = 10_000.0 * THREADS as f64 * 1.5;
    assert_eq!(values, [Value::Float(all), Value::Float(2.0 * all)]);
}
