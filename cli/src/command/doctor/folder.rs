//! The data folder: whether it can be written, who has it, and what room is left.

use std::fs::{File, TryLockError};
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::Finding;

const MIB: u64 = 1 << 20;
/// Below this a busy server may stop within a day.
const LITTLE_ROOM: u64 = 1024 * MIB;
/// SQLite needs room beside what it stores.
const NO_ROOM: u64 = 64 * MIB;

pub(super) fn check(folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    let nearest = folder.ancestors().find(|place| place.exists()).filter(|place| !place.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !nearest.is_dir() {
        let advice = "choose another with --data or FLOWGATE_DATA";
        return vec![Finding::problem("data folder", format!("{} is no folder", nearest.display()), advice)];
    }
    let written = match access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if folder.exists() => Finding::ok("data folder", format!("{shown} can be written")),
        Ok(()) => Finding::ok("data folder", format!("{shown} is not there yet; serve makes it")),
        Err(error) => {
            let advice = "give it to the user that runs serve, or choose another with --data or FLOWGATE_DATA";
            Finding::problem("data folder", format!("{} cannot be written: {error}", nearest.display()), advice)
        }
    };
    let mut findings = vec![written];
    findings.extend(lock(folder));
    findings.push(room(nearest));
    findings
}

/// Taken and given back at once. A folder without its file was never served.
fn lock(folder: &Path) -> Option<Finding> {
    let file = File::open(folder.join("lock")).ok()?;
    Some(match file.try_lock() {
        Ok(()) => Finding::ok("lock", "no server has the folder"),
        Err(TryLockError::WouldBlock) => Finding::ok("lock", "a server has the folder; a second one on it would end at once"),
        Err(TryLockError::Error(error)) => Finding::problem(
            "lock",
            format!("the folder cannot be locked: {error}"),
            "put it on a local disk: some network ones have no locks",
        ),
    })
}

fn room(place: &Path) -> Finding {
    let free = match statvfs(place) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Finding::warning("disk", format!("its free space is not known: {error}"), "look with: df -h"),
    };
    let message = match free / MIB {
        mib @ 0..10_240 => format!("{mib} MiB are free"),
        mib => format!("{} GiB are free", mib / 1024),
    };
    match free {
        0..NO_ROOM => Finding::problem("disk", message, "make room: what cannot be stored is not accepted"),
        NO_ROOM..LITTLE_ROOM => Finding::warning("disk", message, "make room soon: what cannot be stored is not accepted"),
        _ => Finding::ok("disk", message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_folder_to_come_is_judged_by_the_one_it_will_stand_in() {
        let place = std::env::temp_dir();
        let findings = check(&place.join("not-there").join("at-all"));
        assert_eq!(findings[0].level, Level::Ok);
        assert!(findings[0].message.ends_with("serve makes it"), "{findings:?}");
        assert!(check(&std::env::current_exe().unwrap().join("x")).iter().any(|finding| finding.level == Level::Problem));
    }
}
