//! Checks keys in the environment by form and checksum. Never shows them.

use super::Finding;
use crate::command::serve;

const MIN_ADMIN_KEY_CHARACTERS: usize = 32;

pub(super) fn form(key: Option<&str>) -> Finding {
    let Some(key) = key.map(str::trim).filter(|key| !key.is_empty()) else {
        return Finding::warning(
            "key",
            "none is set",
            "set FLOWGATE_KEY (in .env too): every command but serve, init, validate and schema \
             needs one",
        );
    };
    match key_id(key) {
        Some(id) if has_good_checksum(key) => {
            Finding::ok("key", format!("fg_{id}_…, its checksum is correct"))
        }
        Some(_) => Finding::problem(
            "key",
            "its checksum is wrong: it was mistyped or cut",
            "copy it again, from fg_ to its last 6 characters",
        ),
        None if key.starts_with("fg_") => Finding::problem(
            "key",
            "it begins with fg_ but is not in the form of a key",
            "copy it again: fg_, 12 characters, _, 43, _, 6",
        ),
        None if key.len() >= MIN_ADMIN_KEY_CHARACTERS => {
            Finding::ok("key", format!("an admin credential of {} characters", key.len()))
        }
        None => Finding::problem(
            "key",
            format!(
                "{} characters are neither a key (fg_…) nor an admin credential \
                 ({MIN_ADMIN_KEY_CHARACTERS} or more)",
                key.len()
            ),
            "make a key with: flowgate keys create",
        ),
    }
}

/// Checks the admin credential that `serve` would use.
pub(super) fn admin() -> Option<Finding> {
    match serve::admin_key() {
        Ok(None) => None,
        Ok(Some(key)) => Some(Finding::ok(
            "admin key",
            format!("FLOWGATE_ADMIN_KEY has {} characters", key.len()),
        )),
        Err(error) => Some(Finding::problem(
            "admin key",
            error.to_string(),
            "serve refuses to start with it: choose another",
        )),
    }
}

/// Returns the 12 characters after `fg_`, which are not secret, if the text has the form of a key.
fn key_id(key: &str) -> Option<&str> {
    let (id, rest) = key.strip_prefix("fg_")?.split_once('_')?;
    let (secret, checksum) = rest.split_once('_')?;
    let is_part = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    (is_part(id, 12) && is_part(secret, 43) && is_part(checksum, 6)).then_some(id)
}

/// The checksum is the CRC-32 of everything before it, as six base-62 digits.
fn has_good_checksum(key: &str) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((body, checksum)) = key.rsplit_once('_') else { return false };
    let digit =
        |byte: u8| DIGITS.iter().position(|digit| *digit == byte).unwrap_or_default() as u64;
    checksum.bytes().fold(0, |number, byte| number * 62 + digit(byte))
        == u64::from(crc32fast::hash(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn level(key: &str) -> Level {
        let finding = form(Some(key));
        assert!(
            key.is_empty() || !finding.message.contains(key),
            "it shows the key: {}",
            finding.message
        );
        finding.level
    }

    #[test]
    fn a_key_is_judged_by_its_form_and_checksum() {
        let body = format!("fg_{}_{}", "a".repeat(12), "b".repeat(43));
        let mut rest = u64::from(crc32fast::hash(body.as_bytes()));
        let mut checksum = Vec::new();
        for _ in 0..6 {
            checksum.insert(
                0,
                b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                    [(rest % 62) as usize],
            );
            rest /= 62;
        }
        let key = format!("{body}_{}", String::from_utf8(checksum).unwrap());
        assert_eq!(level(&key), Level::Ok);
        assert_eq!(level(&key.replacen('a', "c", 1)), Level::Problem);
        assert_eq!(level(&key.replacen('b', "c", 1)), Level::Problem);
        assert_eq!(level(&key[..40]), Level::Problem);
        assert_eq!(level(&"x".repeat(32)), Level::Ok);
        assert_eq!(level("short"), Level::Problem);
        assert_eq!(level(""), Level::Warning);
    }
}
