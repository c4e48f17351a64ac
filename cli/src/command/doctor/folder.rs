//! The data folder: whether it is writable, who holds its lock, and how much space is free.

use std::fs::{File, TryLockError};
use std::path::Path;

use flowgate_local::{KeyCheck, KeyPlace, MASTER_KEY_VARIABLE};
use rustix::fs::{Access, access, statvfs};

use super::{Finding, serve};

const MIB: u64 = 1 << 20;
/// Below this a busy server may stop within a day.
const LITTLE_ROOM: u64 = 1024 * MIB;
/// SQLite needs some space beyond its data.
const NO_ROOM: u64 = 64 * MIB;

pub(super) fn check(folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    let nearest = folder
        .ancestors()
        .find(|place| place.exists())
        .filter(|place| !place.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !nearest.is_dir() {
        let advice = "choose another with --data or FLOWGATE_DATA";
        return vec![Finding::problem(
            "data folder",
            format!("{} is not a folder", nearest.display()),
            advice,
        )];
    }
    let written = match access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if folder.exists() => Finding::ok("data folder", format!("{shown} is writable")),
        Ok(()) => {
            Finding::ok("data folder", format!("{shown} does not exist yet; serve creates it"))
        }
        Err(error) => {
            let advice = "give it to the user that runs serve, or choose another with --data or \
                          FLOWGATE_DATA";
            Finding::problem(
                "data folder",
                format!("{} is not writable: {error}", nearest.display()),
                advice,
            )
        }
    };
    let mut findings = vec![written];
    findings.extend(lock(folder));
    findings.extend(master_key(folder));
    findings.push(room(nearest));
    findings
}

/// Takes the lock of the folder and releases it at once.
fn lock(folder: &Path) -> Option<Finding> {
    let file = File::open(folder).ok()?;
    Some(match file.try_lock() {
        Ok(()) => Finding::ok("lock", "no server uses the folder"),
        Err(TryLockError::WouldBlock) => {
            Finding::ok("lock", "a server uses the folder; a second one would exit at once")
        }
        Err(TryLockError::Error(error)) => Finding::problem(
            "lock",
            format!("the folder cannot be locked: {error}"),
            "put it on a local disk: some network file systems have no locks",
        ),
    })
}

/// Whether the next start finds the key that seals the folder's secrets, and nobody else does.
fn master_key(folder: &Path) -> Option<Finding> {
    const ABOUT: &str = "master key";
    let given = match serve::master_key() {
        Ok(given) => given,
        Err(error) => {
            let advice = "make one with: openssl rand -base64 32";
            return Some(Finding::problem(ABOUT, format!("{error:#}"), advice));
        }
    };
    Some(match flowgate_local::check_key(folder, given.as_ref()) {
        Ok(KeyCheck::NoDatabase) => return None,
        Ok(KeyCheck::NotSealed) => {
            Finding::ok(ABOUT, "the secrets are not sealed yet; the next start seals them")
        }
        Ok(KeyCheck::Found(KeyPlace::Given)) => {
            Finding::ok(ABOUT, format!("{MASTER_KEY_VARIABLE} opens the folder's secrets"))
        }
        Ok(KeyCheck::Found(KeyPlace::File(file))) => key_file(&file),
        Ok(KeyCheck::Missing(error)) => {
            Finding::problem(ABOUT, format!("{error:#}"), "restore the key before you start serve")
        }
        Err(error) => Finding::problem(
            ABOUT,
            format!("could not read which key seals the folder: {error:#}"),
            "check that the file is a database of serve, and readable",
        ),
    })
}

fn key_file(file: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_or(0, |file| file.permissions().mode() & 0o777);
    let shown = file.display();
    if mode & 0o077 == 0 {
        return Finding::ok("master key", format!("{shown} opens the folder's secrets"));
    }
    let message = format!("others may read {shown} (its mode is {mode:o})");
    Finding::warning("master key", message, format!("chmod 600 {shown}"))
}

fn room(place: &Path) -> Finding {
    let free = match statvfs(place) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            return Finding::warning(
                "disk",
                format!("could not read the free space: {error}"),
                "check with: df -h",
            );
        }
    };
    let message = match free / MIB {
        mib @ 0..10_240 => format!("{mib} MiB free"),
        mib => format!("{} GiB free", mib / 1024),
    };
    match free {
        0..NO_ROOM => Finding::problem(
            "disk",
            message,
            "free some space: the server accepts only what it can store",
        ),
        NO_ROOM..LITTLE_ROOM => Finding::warning(
            "disk",
            message,
            "free some space soon: the server accepts only what it can store",
        ),
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
        assert!(findings[0].message.ends_with("serve creates it"), "{findings:?}");
        assert!(
            check(&std::env::current_exe().unwrap().join("x"))
                .iter()
                .any(|finding| finding.level == Level::Problem)
        );
    }
}
