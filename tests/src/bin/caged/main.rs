//! Tries what the child's cage must refuse, and prints how each try ended. JavaScript has no way to
//! try it, so this program enters the cage itself.
//!
//! `caged free | caged | refusing FILE ADDRESS PARENT`: without the cage, in it, or in it on a
//! kernel that refuses seccomp and landlock.

#[cfg(target_os = "linux")]
mod tries;

fn main() {
    #[cfg(target_os = "linux")]
    tries::main();
}
