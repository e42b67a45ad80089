//! The calling thread's block: a pointer in thread-local storage, null until the thread has one.
//!
//! The pointer has no destructor. So an increment does not need to check whether it is alive, and
//! works until the thread ends.
//!
//! In an executable, `thread_local!` is one instruction. In a shared library for x86-64 it is a
//! call of `__tls_get_addr`, which is half of the cost of an increment. The feature `tlsdesc` calls
//! a TLS descriptor instead. It takes two instructions if the library fits in the 512 bytes that
//! glibc reserves; it uses 336. Otherwise glibc looks up the address, and the library still loads.
//! `docs/decisions/13-tls-descriptors.md` has the figures.
//!
//! The feature is for shared libraries. In an executable it is not faster, and the compiler cannot
//! move the look-up out of a loop. On other targets it has no effect: for aarch64, Rust itself uses
//! descriptors.

use crate::count::block::Block;

pub(crate) use place::{get, set};

#[cfg(not(all(
    feature = "tlsdesc",
    target_arch = "x86_64",
    target_pointer_width = "64",
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
    target_env = "gnu",
    not(miri)
))]
#[allow(unsafe_code, reason = "a descriptor is called in assembly; see each SAFETY comment")]
mod place {
    use std::arch::{asm, global_asm};
    use std::ptr;

    use super::Block;

    // One pointer, null in every new thread. The symbol is hidden: each library or program with
    // this crate has its own pointer, as it has its own blocks. Two copies of this crate in one
    // library or program do not link.
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

    /// Runs `$access` with the pointer at `%fs:(%rax)`.
    ///
    /// Linkers recognise the first two instructions, and replace them if the address is known at
    /// link time. By the ABI of TLS descriptors, the call changes nothing but rax (Oliva and
    /// Araujo, "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T"). But glibc before 2.40
    /// changes the vector registers (its bug 31372). So this declares every register that a C
    /// function may change as changed, at no measurable cost.
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
        // SAFETY: reads the eight bytes above, which exist as long as the thread runs code.
        unsafe { with_place!("movq %fs:(%rax), %rax", out("rax") block) };
        // SAFETY: null, or a reference that `set` stored, because only `set` writes there.
        unsafe { block.as_ref() }
    }

    pub(crate) fn set(block: Option<&'static Block>) {
        let block = block.map_or(ptr::null(), ptr::from_ref);
        // SAFETY: writes to the eight bytes above. Only these two functions touch them, each those
        // of the calling thread. No C function changes r12.
        unsafe { with_place!("movq %r12, %fs:(%rax)", in("r12") block, out("rax") _) };
    }
}
