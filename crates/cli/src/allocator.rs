use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

// The system's allocator gives large blocks back after every use; each new one then costs page faults.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc's header (versions 2 and 3), which the Rust crate does not name.
const PURGE_DELAY: mi_option_t = 15;

/// Lets the process keep its freed pages until it ends; to be called before there are other threads. A training step
/// frees what the next one needs again, and the kernel clears each page that it hands out: up to a quarter of a step's
/// time. `MIMALLOC_PURGE_DELAY` in the environment has precedence.
#[allow(unsafe_code)]
pub fn keep_freed_pages() {
    // SAFETY: stores a number in mimalloc's table of options, which checks the index. No other thread reads it yet.
    unsafe { mi_option_set_default(PURGE_DELAY, -1) }
}
