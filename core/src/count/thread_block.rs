//! The calling thread's block: a pointer in thread-local storage, null until the thread has one.
//!
//! It has no destructor, so the increment needs no check of its state and works until the thread's
//! very end.
//!
//! In an executable `thread_local!` is one instruction. In a shared library for x86-64 it is a call
//! of `__tls_get_addr`, half of an increment's cost. The feature `tlsdesc` asks a TLS descriptor
//! instead: if the library fits in the 512 bytes that glibc sets aside (336 are used), the answer
//! is two instructions away; if it does not, glibc looks the place up, and the library is slower,
//! but is always loaded. Initial-exec would not be.
//!
//! `dcm_counter_inc` through `dlopen` on one thread, in empty calls: minima of ten runs, in each of
//! which both libraries took turns; 4 virtual x86-64 processors, glibc 2.36:
//!
//! | | there is room | there is none |
//! |---|---:|---:|
//! | `thread_local!` | 1.9 to 2.4 | 2.0 to 2.1 |
//! | `tlsdesc` | 1.4 to 1.9 | 1.6 to 1.7 |
//!
//! In Python `inc(2)` takes 1.31 instead of 1.39 calls of a C method, `inc(2.5)` 1.44 instead of
//! 1.49 (CPython 3.11.2, minima of three such runs).
//!
//! It is a feature of core for shared libraries. An executable gains nothing, and its compiler cannot
//! move the look-up out of a loop. Elsewhere it has no effect: on aarch64 Rust asks a descriptor by itself.

use crate::count::block::Block;

pub(crate) use place::{get, set};

#[cfg(not(all(
    feature = "tlsdesc",
    target_arch = "x86_64",
    target_pointer_width = "64",
    target_os = "linux",
    target_env = "gnu",
    not(miri)
)))]
mod place {
    use std::cell::Cell;

    use super::Block;

    thread_local!(static BLOCK: Cell<Option<&'static Block>> = const { Cell::new(None) });

    #[inline]
    pub(crate) fn get() -> Option<&'static Block> {
        BLOCK.get()
    }

    pub(crate) fn set(block: Option<&'static Block>) {
        BLOCK.set(block);
    }
}

#[cfg(all(
    feature = "tlsdesc",
    target_arch = "x86_64",
    target_pointer_width = "64",
    target_os = "linux",
    target_env = "gnu",
    not(miri)
))]
#[allow(unsafe_code, reason = "the figures above; see each SAFETY comment")]
mod place {
    use std::arch::{asm, global_asm};
    use std::ptr;

    use super::Block;

    // One pointer, null in every new thread. Hidden: each library or program that this crate is
    // linked into has its own, as it has its own blocks; two copies in one do not link.
    global_asm!(
        ".pushsection .tbss.dataclay_metrics_core_thread_block, \"awT\", @nobits",
        ".globl dataclay_metrics_core_thread_block",
        ".hidden dataclay_metrics_core_thread_block",
        ".type dataclay_metrics_core_thread_block, @object",
        ".size dataclay_metrics_core_thread_block, 8",
        ".p2align 3",
        "dataclay_metrics_core_thread_block:",
        ".zero 8",
        ".popsection",
    );

    /// Has `$access` find the pointer at `%fs:(%rax)`.
    ///
    /// The first two instructions are those that linkers know: where the place is known when they
    /// link, they put it there. The call changes nothing but rax, says the ABI of TLS descriptors
    /// (Oliva and Araujo, "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T"). glibc
    /// before 2.40 does not keep the vector registers (its bug 31372). So all that a C function
    /// may change is declared changed, which costs nothing that can be measured.
    macro_rules! with_place {
        ($access:literal, $($operand:tt)*) => {
            asm!(
                "leaq dataclay_metrics_core_thread_block@tlsdesc(%rip), %rax",
                "call *dataclay_metrics_core_thread_block@tlscall(%rax)",
                $access,
                $($operand)*,
                clobber_abi("C"),
                options(att_syntax)
            )
        };
    }

    #[inline]
    pub(crate) fn get() -> Option<&'static Block> {
        let block: *const Block;
        // SAFETY: reads the eight bytes above, which are there as long as the thread runs code.
        unsafe { with_place!("movq %fs:(%rax), %rax", out("rax") block) };
        // SAFETY: null, or what `set` was given, because only `set` writes there.
        unsafe { block.as_ref() }
    }

    pub(crate) fn set(block: Option<&'static Block>) {
        let block = block.map_or(ptr::null(), ptr::from_ref);
        // SAFETY: writes to the eight bytes above, which only these two functions touch, each in
        // its own thread's. No C function changes r12.
        unsafe { with_place!("movq %r12, %fs:(%rax)", in("r12") block, out("rax") _) };
    }
}
