//! Origins of web pages, and which of them may read answers in a browser (CORS).

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flowgate_core::time::Timestamp;

const MAX_ORIGIN: usize = 300;
/// How long the answer of the store counts: as long as a key does.
const FRESH: Duration = Duration::from_secs(4);
/// Anybody can make up origins; at this size the cache is cleared.
const MAX_CACHED: usize = 1_000;

/// Which origins the operator allows for every key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    All,
    Only(BTreeSet<String>),
}

impl Default for AllowedOrigins {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl AllowedOrigins {
    /// Reads a list with commas between; `*` allows all. `Err` holds what is no origin.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut allowed = BTreeSet::new();
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            if text == "*" {
                return Ok(Self::All);
            }
            allowed.insert(parse(text).ok_or_else(|| text.to_owned())?);
        }
        Ok(Self::Only(allowed))
    }

    pub fn contains(&self, origin: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(allowed) => allowed.contains(origin),
        }
    }
}

/// As [`AllowedOrigins::parse`] reads it.
impl fmt::Display for AllowedOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Only(allowed) => {
                f.write_str(&allowed.iter().map(String::as_str).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Returns the origin as browsers send it: scheme and host in lower case, the port only where it is
/// not the scheme's own. `None`: it is no origin, or has a path.
pub fn parse(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_authority = !authority.is_empty()
        && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    if !is_scheme || !is_authority || text.len() > MAX_ORIGIN {
        return None;
    }
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Some(text),
    };
    Some(text.strip_suffix(own_port).map_or_else(|| text.clone(), str::to_owned))
}

/// What the store said lately of origins that keys list.
#[derive(Debug, Default)]
pub(crate) struct OriginCache(Mutex<HashMap<String, (bool, Timestamp)>>);

impl OriginCache {
    pub(crate) fn fresh(&self, origin: &str, now: Timestamp) -> Option<bool> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached
            .get(origin)
            .filter(|(_, read_at)| now.since(*read_at) < FRESH)
            .map(|(known, _)| *known)
    }

    pub(crate) fn keep(&self, origin: &str, known: bool, now: Timestamp) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MAX_CACHED {
            cached.clear();
        }
        cached.insert(origin.to_owned(), (known, now));
    }

    /// A new key may list origins that were not known before.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse(text).as_deref(), expected, "{text}");
        };
        check("https://App.Example.com", Some("https://app.example.com"));
        check("https://a.example:443", Some("https://a.example"));
        check("http://localhost:80", Some("http://localhost"));
        check("http://localhost:5173", Some("http://localhost:5173"));
        check("http://[::1]:8080", Some("http://[::1]:8080"));
        check("capacitor://localhost", Some("capacitor://localhost"));
        for bad in [
            "",
            "*",
            "null",
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example/x",
            "https://u@a.example",
            "https://a.example?x",
            "https://a b",
            "https://*.example",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_list_of_origins_is_read_whole_or_not() {
        let all = AllowedOrigins::parse("https://a.example, http://b.example:81").unwrap();
        assert!(all.contains("https://a.example") && all.contains("http://b.example:81"));
        assert!(!all.contains("http://b.example") && !all.contains("*"));
        assert_eq!(AllowedOrigins::parse("https://a.example,*"), Ok(AllowedOrigins::All));
        assert_eq!(AllowedOrigins::parse(""), Ok(AllowedOrigins::default()));
        assert_eq!(AllowedOrigins::parse("https://a.example,b"), Err("b".to_owned()));
    }
}
