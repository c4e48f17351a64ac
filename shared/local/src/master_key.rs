//! The key that seals provider secrets and the keyring in the file: given by the operator, or in a
//! file of its own beside it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use flowgate_core::clock::Entropy;
use flowgate_core::hash::hex;
use flowgate_core::seal::SealKey;
use flowgate_core::secret::hmac_sha256;
use flowgate_core::system::SystemEntropy;

use crate::folder::{open_private, put_in_place};
use crate::intact;

/// The variable in which an operator gives the key.
pub const VARIABLE: &str = "FLOWGATE_MASTER_KEY";
const FILE: &str = "master.key";
const MAX_FILE_BYTES: u64 = 1024;

/// 32 bytes that seal.
#[derive(Clone)]
pub struct MasterKey {
    seals: SealKey,
    id: String,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl MasterKey {
    /// Reads 64 hex digits or base64, with or without padding, of either alphabet.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let decoded = from_hex(text).or_else(|| {
            [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
                .iter()
                .find_map(|alphabet| alphabet.decode(text).ok())
        });
        let Some(bytes) = decoded else { bail!("it is neither hex nor base64") };
        if bytes.len() != SealKey::BYTES {
            bail!("it has {} bytes, not {}", bytes.len(), SealKey::BYTES);
        }
        Self::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Result<Self> {
        let id = hex(&hmac_sha256(bytes, b"flowgate: the id of a master key")[..8]);
        Ok(Self { seals: SealKey::new(bytes)?, id })
    }

    /// Says which key it is, and nothing about it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn seal(&self, purpose: &str, text: &str) -> Result<String> {
        self.seals.seal(&SystemEntropy, purpose, text)
    }

    pub(crate) fn unseal(&self, purpose: &str, sealed: &str) -> Result<String> {
        self.seals.unseal(purpose, sealed)
    }

    /// Reads the key file of a folder. `None`: there is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = path(folder);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("could not open {}", path.display()));
            }
        };
        let mut text = String::new();
        file.take(MAX_FILE_BYTES)
            .read_to_string(&mut text)
            .with_context(|| format!("could not read {}", path.display()))?;
        Self::parse(&text)
            .map(Some)
            .with_context(|| format!("{} does not hold a master key", path.display()))
    }

    /// Writes a new key file. It is on disk before anything is sealed with it. Its name comes
    /// last: after a crash there is a whole key or none, since a torn one would keep the folder
    /// shut for good.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        let mut bytes = [0; SealKey::BYTES];
        SystemEntropy.fill(&mut bytes);
        let path = path(folder);
        ensure!(!path.try_exists()?, "{} is there already", path.display());
        let write = || -> std::io::Result<()> {
            let new = intact::beside(&path, ".new");
            // What a crash left there may be of any mode.
            match std::fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = open_private(&new)?;
            writeln!(file, "{}", STANDARD.encode(bytes))?;
            file.sync_all()?;
            put_in_place(&new, &path)
        };
        write().with_context(|| format!("could not create {}", path.display()))?;
        Self::of(&bytes)
    }
}

pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * SealKey::BYTES {
        return None;
    }
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    Some(digits?.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_hex_or_base64() {
        let same = [
            "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
            " ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\n",
            "ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8",
        ];
        let ids: Vec<_> = same.map(|text| MasterKey::parse(text).unwrap().id).into();
        assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[0].len() == 16, "{ids:?}");
        for (wrong, why) in [
            ("", "it has 0 bytes, not 32"),
            ("0011", "it has 3 bytes, not 32"),
            ("not a key!", "it is neither hex nor base64"),
            ("a-passphrase-that-somebody-made-up", "it is neither hex nor base64"),
            (&"0".repeat(64)[1..], "it has 47 bytes, not 32"),
        ] {
            assert_eq!(MasterKey::parse(wrong).unwrap_err().to_string(), why, "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_and_never_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        assert!(MasterKey::read(dir.path()).unwrap().is_none());
        // A crash came before the name.
        std::fs::write(intact::beside(&path(dir.path()), ".new"), "half of a longer key").unwrap();
        let key = MasterKey::create(dir.path()).unwrap();
        assert_eq!(path(dir.path()).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(MasterKey::read(dir.path()).unwrap().unwrap().id(), key.id());
        assert!(MasterKey::create(dir.path()).is_err());
        std::fs::write(path(dir.path()), "torn").unwrap();
        let refused = format!("{:#}", MasterKey::read(dir.path()).unwrap_err());
        assert!(refused.contains("does not hold a master key: it has 3 bytes"), "{refused}");
    }
}
