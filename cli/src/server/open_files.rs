//! Raises the limit of open files: each connection, outside call and JavaScript child takes some.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Used where the system states no limit.
const UNLIMITED: u64 = 1 << 20;

/// Raises the soft limit to the hard one and returns the limit that now holds.
pub(super) fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = raised {
        // macOS refuses "no limit" although its hard limit says so.
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
    let limit = getrlimit(Resource::Nofile).current.or(current).unwrap_or(UNLIMITED);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let low = Rlimit { current: Some(256), ..before };
        setrlimit(Resource::Nofile, low).unwrap();
        assert!(raise() > 256);
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
    }
}
