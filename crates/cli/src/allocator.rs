use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

// The system's allocator gives large blocks back after every use; each new one then costs page faults.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc's header, which the Rust crate does not name.
const PURGE_DELAY: mi_option_t = 15;

/// Lets the process keep its freed pages until it ends. A training step frees what the next one needs again, and the kernel
/// clears each page that it hands out: up to a quarter of a step's time.
#[allow(unsafe_code)]
pub fn keep_freed_pages() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        // SAFETY: sets a number that mimalloc reads when it frees; the option exists in every version that has this header.
        unsafe { mi_option_set(PURGE_DELAY, -1) }
    }
}
