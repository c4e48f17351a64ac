//! The layers that Linux has.

use std::collections::BTreeMap;

use flowgate_child_protocol::Landlock;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError,
    RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Signal};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

/// What computing, pipes that are open, and the end need. Everything else fails with EPERM: files,
/// sockets, processes, threads, signals, tracing, and what future kernels add.
const ALLOWED: [i64; 27] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // A thread that is still starting makes these. Without them the C library aborts.
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
];
/// Allowed for memory that cannot be executed. Their third argument is the protection.
const ALLOWED_WITHOUT_EXECUTION: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];
const PROTECTION_ARGUMENT: u8 = 2;

/// The signal comes when the *thread* that started this process ends.
pub(super) fn die_with_parent() -> bool {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_ok()
}

/// Other processes of this user can then neither trace this one nor read its memory.
pub(super) fn forbid_dumps() -> bool {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

pub(super) fn forbid_new_privileges() -> bool {
    rustix::thread::set_no_new_privs(true).is_ok()
}

/// Allows no file, no TCP port, and no signal or socket to a process outside.
pub(super) fn restrict_files_and_network() -> Landlock {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let abi = ABI::V6;
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?;
        Ok(ruleset.create()?.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => Landlock::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Landlock::Partial,
        Ok(RulesetStatus::NotEnforced) | Err(_) => Landlock::Absent,
    }
}

/// Applies to all threads of the process.
pub(super) fn filter_system_calls() -> bool {
    filter().is_ok_and(|filter| seccompiler::apply_filter_all_threads(&filter).is_ok())
}

fn filter() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.into_iter().map(|call| (call, Vec::new())).collect();
    let without_execution = SeccompRule::new(vec![SeccompCondition::new(
        PROTECTION_ARGUMENT,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64),
        0,
    )?])?;
    rules.extend(ALLOWED_WITHOUT_EXECUTION.map(|call| (call, vec![without_execution.clone()])));
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture)?.try_into()
}
