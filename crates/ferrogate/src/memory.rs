//! How the process takes memory from the system.

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process was started with huge pages allowed.
#[cfg(target_os = "linux")]
static HAD_HUGE_PAGES: AtomicBool = AtomicBool::new(false);

/// Whether this process, and the program that it becomes, goes without huge pages: with them the
/// allocator would get memory in pieces of 2 MiB and hold several times what is in use. A gateway's
/// heap is small; requests hardly touch it.
#[cfg(target_os = "linux")]
pub(crate) fn avoid_huge_pages(avoid: bool) {
    // Without it the gateway works as well and is only larger.
    let _ = rustix::thread::disable_transparent_huge_pages(avoid);
}

/// The same for this process before anything is allocated: what is huge by the time of `main` stays
/// so, and the allocator and the standard library allocate before it.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "only what the loader calls runs before the allocator"
)]
// SAFETY: the section is a list of such functions, which the loader calls on the first thread, when
// thread-local storage is there; this one makes two system calls, writes a static and allocates
// nothing. The number is for the order: before those of the libraries, which have none or a greater
// one.
#[unsafe(link_section = ".init_array.00001")]
#[used]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn before_main() {
        let had = rustix::thread::transparent_huge_pages_are_disabled() == Ok(false);
        HAD_HUGE_PAGES.store(had, Ordering::Relaxed);
        avoid_huge_pages(true);
    }
    before_main
};

/// Whether huge pages were allowed when this process was started, before it went without them.
#[cfg(target_os = "linux")]
pub(crate) fn had_huge_pages() -> bool {
    HAD_HUGE_PAGES.load(Ordering::Relaxed)
}

/// Elsewhere there is nothing to ask for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn avoid_huge_pages(_: bool) {}

/// Elsewhere nothing is changed that was to be restored.
#[cfg(not(target_os = "linux"))]
pub(crate) fn had_huge_pages() -> bool {
    false
}

/// Returns what this thread's heap holds unused to the system. The allocator does so by itself only
/// after thousands of further allocations, which an idle worker never makes.
pub(crate) fn release() {
    #[expect(unsafe_code, reason = "the allocator's binding declares it so")]
    // SAFETY: it takes no pointer and may be called on any thread at any time.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
