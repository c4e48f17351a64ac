//! The settings of glibc's allocator. It reads them once, from the environment, before `main`.

/// Starts this program again with the settings, as the same process. Returns if they are there, or
/// the operator has others, or it cannot be started again: it then works, with more memory.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn settle() {
    use std::os::unix::process::CommandExt;

    // Values from 128 KiB on lie apart, and their memory goes back to the system with them: else
    // what one caller's large values took stays with the process.
    const THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");
    // For the same reason there are few arenas: four, or one for each processor.
    const ARENAS: &str = "MALLOC_ARENA_MAX";

    let is_set = |name: &str| std::env::var_os(name).is_some();
    if [THRESHOLD.0, ARENAS, "GLIBC_TUNABLES"].into_iter().any(is_set) {
        return;
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments).envs([THRESHOLD]).env(ARENAS, processors.max(4).to_string());
    // It comes back with an error, or not at all.
    let _ = again.exec();
}

/// Other allocators have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn settle() {}
