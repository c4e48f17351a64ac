//! The settings of glibc's allocator. It reads them once, from the environment, before `main`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::os::unix::process::CommandExt;

/// Values from 128 KiB on lie apart, and their memory goes back to the system with them: else what
/// one caller's large values took stays with the process. Few arenas, for the same reason.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "4")];

/// Starts this program again with the settings, as the same process. Returns if they are there, or
/// the operator has others, or it cannot be started again: it then works, with more memory.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn settle() {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if SETTINGS.iter().any(|(name, _)| is_set(name)) || is_set("GLIBC_TUNABLES") {
        return;
    }
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It comes back with an error, or not at all.
    let _ = again.args(arguments).envs(SETTINGS).exec();
}

/// Other allocators have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn settle() {}
