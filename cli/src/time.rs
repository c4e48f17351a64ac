//! Times on the command line.

use flowgate_core::clock::Clock;
use flowgate_core::system::SystemClock;
use flowgate_core::time::Timestamp;

/// Reads a time, or how long ago.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    at(text, SystemClock.now())
        .ok_or_else(|| "give a time such as 2026-01-31T08:00:00Z, 90m, 24h or 7d".to_owned())
}

fn at(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    let seconds = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let ago = seconds.into_iter().find_map(|(unit, seconds)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds * 1_000).filter(|ago| *ago >= 0)
    })?;
    now.millis().checked_sub(ago).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_points_or_how_long_ago() {
        let now = Timestamp(1_000_000_000);
        let at = |text: &str| at(text, now).map(Timestamp::millis);
        assert_eq!(at("90s"), Some(1_000_000_000 - 90_000));
        assert_eq!(at("2h"), Some(1_000_000_000 - 7_200_000));
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1_000));
        for wrong in ["", "h", "-1h", "1w", "yesterday", "99999999999999999999d"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
