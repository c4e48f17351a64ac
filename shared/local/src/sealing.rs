//! Which key seals a file's secrets: found at its opening, or the opening fails.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OptionalExtension, params};

use crate::master_key::{self, MasterKey};

/// Where the key of an open folder is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// In [`master_key::VARIABLE`].
    Given,
    File(PathBuf),
}

/// The file's key, and where it is.
pub(crate) struct Sealing {
    pub(crate) key: MasterKey,
    pub(crate) place: KeyPlace,
}

/// Finds the key that the file was sealed with. Seals a file that is not: a new one, or one of an
/// earlier release. A file whose key is missing is left alone: nothing is created in its place.
pub(crate) fn open(
    connection: &mut Connection,
    folder: &Path,
    given: Option<MasterKey>,
) -> Result<Sealing> {
    let sealing = match sealed_by(connection)? {
        None => {
            let sealing = new_key(folder, given)?;
            seal_all(connection, None, &sealing.key)?;
            sealing
        }
        Some(id) => match (find(&id, folder, given.as_ref())?, given) {
            // The operator moves from the file's key to one of their own.
            (Sealing { key: old, place: KeyPlace::File(_) }, Some(key)) => {
                seal_all(connection, Some(&old), &key)?;
                Sealing { key, place: KeyPlace::Given }
            }
            (sealing, _) => sealing,
        },
    };
    scrub(connection)?;
    Ok(sealing)
}

/// Whether the folder's key is there, for a check that changes nothing.
#[derive(Debug)]
pub enum KeyCheck {
    /// The folder was never served.
    NoDatabase,
    /// It was served by an earlier release alone. The next start seals it.
    NotSealed,
    Found(KeyPlace),
    /// The start will fail, for this reason.
    Missing(anyhow::Error),
}

/// Checks without the folder's lock: a server may use it.
pub fn check_key(folder: &Path, given: Option<&MasterKey>) -> Result<KeyCheck> {
    let file = folder.join(crate::folder::DATABASE);
    if std::fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
        return Ok(KeyCheck::NoDatabase);
    }
    let connection = crate::schema::open_reader(&file)?;
    let is_sealed =
        connection.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sealed_by'")?.exists([])?;
    let id = if is_sealed { sealed_by(&connection)? } else { None };
    let Some(id) = id else { return Ok(KeyCheck::NotSealed) };
    Ok(match find(&id, folder, given) {
        Ok(sealing) => KeyCheck::Found(sealing.place),
        Err(error) => KeyCheck::Missing(error),
    })
}

/// The purpose that a provider secret's value is sealed for.
pub(crate) fn of_secret(name: &str) -> String {
    format!("secret/{name}")
}

pub(crate) const OF_KEYRING: &str = "keyring";

fn sealed_by(connection: &Connection) -> Result<Option<String>> {
    Ok(connection.query_row("SELECT key FROM sealed_by", [], |row| row.get(0)).optional()?)
}

fn new_key(folder: &Path, given: Option<MasterKey>) -> Result<Sealing> {
    if let Some(key) = given {
        return Ok(Sealing { key, place: KeyPlace::Given });
    }
    let key = match MasterKey::read(folder)? {
        Some(key) => key,
        None => MasterKey::create(folder)?,
    };
    Ok(Sealing { key, place: KeyPlace::File(master_key::path(folder)) })
}

/// Finds the key with this id: the given one, or that in the folder's file.
fn find(id: &str, folder: &Path, given: Option<&MasterKey>) -> Result<Sealing> {
    if let Some(key) = given.filter(|key| key.id() == id) {
        return Ok(Sealing { key: key.clone(), place: KeyPlace::Given });
    }
    let path = master_key::path(folder);
    match MasterKey::read(folder)?.filter(|key| key.id() == id) {
        Some(key) => Ok(Sealing { key, place: KeyPlace::File(path) }),
        None => bail!(missing(id, &path, given)),
    }
}

fn missing(id: &str, path: &Path, given: Option<&MasterKey>) -> String {
    let (variable, path) = (master_key::VARIABLE, path.display());
    let found = match given {
        Some(given) => format!("{variable} is another key ({})", given.id()),
        None => format!("{variable} is not set"),
    };
    format!(
        "the provider secrets and the keyring in this folder are sealed with the master key {id}, \
         which is not here: {found}, and {path} does not hold it. Put the file back from its \
         backup, or set {variable} to that key. Without the key the folder cannot be used: start \
         with another folder, and store the secrets and create the keys there again"
    )
}

/// Seals every value with `key`: plain ones, or those sealed with `old`. All or none.
fn seal_all(connection: &mut Connection, old: Option<&MasterKey>, key: &MasterKey) -> Result<()> {
    let transaction = connection.transaction()?;
    let plain = |purpose: &str, stored: String| match old {
        Some(old) => old.unseal(purpose, &stored),
        None => Ok(stored),
    };
    let secrets: Vec<(String, String)> = transaction
        .prepare("SELECT name, value FROM secrets")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (name, stored) in secrets {
        let purpose = of_secret(&name);
        let sealed = key.seal(&purpose, &plain(&purpose, stored)?)?;
        transaction
            .execute("UPDATE secrets SET value = ?2 WHERE name = ?1", params![name, sealed])?;
    }
    let keyring: Option<String> =
        transaction.query_row("SELECT keyring FROM keyring", [], |row| row.get(0)).optional()?;
    let is_new = keyring.is_none();
    if let Some(stored) = keyring {
        let sealed = key.seal(OF_KEYRING, &plain(OF_KEYRING, stored)?)?;
        transaction.execute("UPDATE keyring SET keyring = ?1", [sealed])?;
    }
    transaction.execute(
        "INSERT INTO sealed_by (only, key, scrubbed) VALUES (1, ?1, ?2)
        ON CONFLICT (only) DO UPDATE SET key = excluded.key",
        params![key.id(), is_new],
    )?;
    transaction.commit()?;
    Ok(())
}

/// Rewrites a file that held plain values once, so that no earlier copy is left in its free space.
fn scrub(connection: &Connection) -> Result<()> {
    let is_due: bool =
        connection.query_row("SELECT scrubbed = 0 FROM sealed_by", [], |row| row.get(0))?;
    if is_due {
        connection
            .execute_batch("VACUUM; UPDATE sealed_by SET scrubbed = 1;")
            .context("could not rewrite the file, which takes as much free space as it has")?;
    }
    crate::schema::truncate_log(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use flowgate_core::secret::{Keyring, SecretRecord, Secrets};
    use flowgate_core::system::SystemEntropy;
    use flowgate_core::time::Timestamp;

    use super::*;
    use crate::Local;
    use crate::group::Group;

    const CANARY: &str = "CANARY-sk-0123456789";
    const EARLIER: &str = "EARLIER-sk-0123456789";

    fn key(digit: &str) -> MasterKey {
        MasterKey::parse(&digit.repeat(64)).unwrap()
    }

    fn opened(folder: &Path, given: Option<MasterKey>) -> Result<Local> {
        Local::open_sealed(folder, given)
    }

    fn error(folder: &Path, given: Option<MasterKey>) -> String {
        format!("{:#}", opened(folder, given).map(drop).unwrap_err())
    }

    /// Returns the files that hold the text.
    fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(holds).collect()
    }

    async fn check(local: &Local, ring: &Keyring) {
        let keyring = local.keyring(Keyring::generate(&SystemEntropy)).await.unwrap();
        assert!(keyring == *ring, "the keyring is another one");
        assert_eq!(local.get("NAME").await.unwrap(), Some(CANARY.into()));
    }

    #[tokio::test]
    async fn nothing_is_stored_in_plain_and_the_key_opens_it_again() {
        let dir = tempfile::tempdir().unwrap();
        let local = opened(dir.path(), None).unwrap();
        let ring = local.keyring(Keyring::generate(&SystemEntropy)).await.unwrap();
        local.put("NAME", &SecretRecord::from(EARLIER), Timestamp(1)).await.unwrap();
        local.put("NAME", &SecretRecord::from(CANARY), Timestamp(2)).await.unwrap();
        assert_eq!(*local.key_place(), KeyPlace::File(dir.path().join("master.key")));
        for text in [CANARY, EARLIER, &ring.bootstrap_token, &ring.seal, &ring.peppers[&1]] {
            assert_eq!(files_with(dir.path(), text), Vec::<PathBuf>::new(), "{text}");
        }
        drop(local);
        check(&opened(dir.path(), None).unwrap(), &ring).await;
    }

    #[tokio::test]
    async fn a_value_in_anothers_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let local = opened(dir.path(), None).unwrap();
        local.put("A", &SecretRecord::from("a"), Timestamp(1)).await.unwrap();
        local.put("B", &SecretRecord::from("b"), Timestamp(1)).await.unwrap();
        let swap = |connection: &Group<'_>| {
            let sql = "UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'A')";
            Ok(connection.execute(sql, [])?)
        };
        local.write(swap).await.unwrap();
        assert_eq!(local.get("A").await.unwrap(), Some("a".into()));
        assert!(local.get("B").await.is_err());
    }

    #[tokio::test]
    async fn a_folder_of_an_earlier_release_is_sealed_in_place() {
        for given in [None, Some(key("a"))] {
            let dir = tempfile::tempdir().unwrap();
            let ring = Keyring::generate(&SystemEntropy);
            let old = crate::schema::of_earlier_release(&dir.path().join("flowgate.db"));
            let put = "INSERT OR REPLACE INTO secrets (name, value, updated_at) VALUES (?1, ?2, 1)";
            for (name, value) in [("NAME", EARLIER), ("GONE", EARLIER), ("NAME", CANARY)] {
                old.execute(put, [name, value]).unwrap();
            }
            // Whole pages of it: they are free afterwards, and keep what they held.
            for n in 0..200 {
                let value = format!("{EARLIER} {}", "x".repeat(2_000));
                old.execute(put, [format!("GONE_{n}"), value]).unwrap();
            }
            old.execute("DELETE FROM secrets WHERE name LIKE 'GONE%'", []).unwrap();
            let text = serde_json::to_string(&ring).unwrap();
            old.execute("INSERT INTO keyring (only, keyring) VALUES (1, ?1)", [text]).unwrap();
            drop(old);
            for text in [CANARY, EARLIER] {
                assert_eq!(files_with(dir.path(), text).len(), 1, "the search finds it");
            }

            let local = opened(dir.path(), given.clone()).unwrap();
            check(&local, &ring).await;
            for text in [CANARY, EARLIER, &ring.bootstrap_token, &ring.seal] {
                assert_eq!(files_with(dir.path(), text), Vec::<PathBuf>::new(), "{text}");
            }
            drop(local);
            check(&opened(dir.path(), given).unwrap(), &ring).await;
        }
    }

    #[tokio::test]
    async fn without_its_key_a_folder_does_not_open_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let local = opened(dir.path(), None).unwrap();
        let ring = local.keyring(Keyring::generate(&SystemEntropy)).await.unwrap();
        local.put("NAME", &SecretRecord::from(CANARY), Timestamp(1)).await.unwrap();
        drop(local);
        let file = dir.path().join("master.key");
        let kept = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        for (given, why) in [
            (None, "FLOWGATE_MASTER_KEY is not set, and"),
            (Some(key("a")), "FLOWGATE_MASTER_KEY is another key"),
        ] {
            let said = error(dir.path(), given);
            assert!(said.contains(why) && said.contains("Put the file back"), "{said}");
            assert!(!file.exists(), "no key is created in its place");
        }
        // Another folder's key.
        let other = tempfile::tempdir().unwrap();
        drop(opened(other.path(), None).unwrap());
        std::fs::copy(other.path().join("master.key"), &file).unwrap();
        assert!(error(dir.path(), None).contains("does not hold it"));

        std::fs::write(&file, kept).unwrap();
        check(&opened(dir.path(), None).unwrap(), &ring).await;
    }

    #[tokio::test]
    async fn an_operators_key_takes_over_from_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let local = opened(dir.path(), None).unwrap();
        let ring = local.keyring(Keyring::generate(&SystemEntropy)).await.unwrap();
        local.put("NAME", &SecretRecord::from(CANARY), Timestamp(1)).await.unwrap();
        drop(local);
        let local = opened(dir.path(), Some(key("a"))).unwrap();
        assert_eq!(*local.key_place(), KeyPlace::Given);
        check(&local, &ring).await;
        drop(local);
        assert!(error(dir.path(), None).contains("FLOWGATE_MASTER_KEY is not set"));
        std::fs::remove_file(dir.path().join("master.key")).unwrap();
        check(&opened(dir.path(), Some(key("a"))).unwrap(), &ring).await;
    }
}
