//! The cage: takes everything from this process that it does not need to compute. Entered before
//! the first request is read, and never left.
//!
//! Each layer is best effort, and the child reports which ones hold: a kernel, a container or
//! Lambda may refuse some. Without seccomp and landlock, the limits still stop opened files,
//! sockets and (for users other than root) new processes.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::io;

use flowgate_child_protocol::Layers;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use other as system;

/// Limits addresses, not only what is in use: the engine's 64 MiB, a request and a copy of it, the
/// reply, the program, and the reserve of the allocator's second arena (64 MiB).
#[cfg(unix)]
const MAX_ADDRESS_SPACE: u64 = 384 * 1024 * 1024;

/// How many numbers of files are tried where the system does not list the open ones.
#[cfg(unix)]
const MAX_GUESSED_FILES: i32 = 1_024;

/// Enters the cage. Closes all files but stdin, stdout and stderr. Fails if `parent` is not this
/// process's parent any more: the signal of its death would never come.
///
/// `start_threads` starts all threads of this process, and returns when they run: later, none can
/// start.
pub fn enter(parent: u32, start_threads: impl FnOnce() -> io::Result<()>) -> io::Result<Layers> {
    let parent_death = system::die_with_parent();
    if !is_parent(parent) {
        return Err(io::Error::other("the parent is gone"));
    }
    close_inherited_files();
    let not_dumpable = system::forbid_dumps();
    let no_new_privileges = system::forbid_new_privileges();
    // It needs a free file descriptor, and the thread inherits it.
    let landlock = system::restrict_files_and_network();
    start_threads()?;
    let limits = limit_resources();
    let seccomp = system::filter_system_calls();
    Ok(Layers { parent_death, not_dumpable, no_new_privileges, landlock, limits, seccomp })
}

#[cfg(unix)]
fn is_parent(parent: u32) -> bool {
    let now = rustix::process::getppid().map(|id| id.as_raw_nonzero().get());
    now == i32::try_from(parent).ok()
}

#[cfg(not(unix))]
fn is_parent(_: u32) -> bool {
    true
}

/// Closes what the programs that started the parent left open: it may be a file, a socket or a
/// pipe, and a filter for system calls does not stop its use.
#[cfg(unix)]
fn close_inherited_files() {
    for file in open_files().unwrap_or_else(|_| (3..MAX_GUESSED_FILES).collect()) {
        // The one that listed the files is closed already.
        let _ = nix::unistd::close(file);
    }
}

#[cfg(unix)]
fn open_files() -> io::Result<Vec<i32>> {
    let listed = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"))?;
    let numbers = listed.filter_map(|file| file.ok()?.file_name().to_str()?.parse().ok());
    Ok(numbers.filter(|number| *number > 2).collect())
}

#[cfg(not(unix))]
fn close_inherited_files() {}

/// Stdin, stdout and stderr stay open; nothing else can be opened. A pipe has no size, so stdout
/// works with files of no size.
#[cfg(unix)]
fn limit_resources() -> bool {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limits = [
        (Resource::As, MAX_ADDRESS_SPACE),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 3),
        (Resource::Nproc, 0),
    ];
    let set = limits.map(|(resource, limit)| {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
    });
    set.iter().all(Result::is_ok)
}

#[cfg(not(unix))]
fn limit_resources() -> bool {
    false
}
