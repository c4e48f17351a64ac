//! The ticks of a schedule: a cron expression, read in a time zone.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, CronDateTime};
use flowgate_core::time::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan, Zoned};

const MAX_CRON: usize = 100;
const MAX_TIMEZONE: usize = 64;
/// A tick on a day that its zone left out is an error: the search goes on where the zone did.
const MAX_LEFT_OUT: usize = 3;
/// A search looks no further: 41 years. The rarest day that comes again, a 29 February on a
/// weekday, may be 40 years away.
const MAX_DAYS: usize = 41 * 366;

/// When a schedule is due.
#[derive(Debug)]
pub(crate) struct Ticks {
    cron: Cron,
    zone: TimeZone,
}

/// Which part of a schedule is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Cron(String),
    Timezone(String),
}

impl Ticks {
    /// Returns everything that is wrong.
    pub(crate) fn parse(cron: &str, timezone: &str) -> Result<Self, Vec<Wrong>> {
        match (parse_cron(cron), parse_zone(timezone)) {
            (Ok(cron), Ok(zone)) => Ok(Self { cron, zone }),
            (cron, zone) => Err(cron.err().into_iter().chain(zone.err()).collect()),
        }
    }

    /// Returns the first tick after a time; `None` if it never comes.
    pub(crate) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let from = self.zoned(at)?;
        if !self.has_day_from(&from) {
            return None;
        }
        let mut changes = self.zone.following(from.timestamp()).take(MAX_LEFT_OUT);
        self.find(&from, false).or_else(|| {
            changes.find_map(|at| self.find(&at.timestamp().to_zoned(self.zone.clone()), true))
        })
    }

    fn find(&self, from: &Zoned, inclusive: bool) -> Option<Timestamp> {
        let tick = self.cron.find_next_occurrence(from, inclusive).ok()?;
        Some(Timestamp(tick.timestamp().as_millisecond()))
    }

    /// Without such a day, a search would look at each until the year 5000.
    fn has_day_from(&self, from: &Zoned) -> bool {
        let pattern = &self.cron.pattern;
        from.date().series(1.day()).take(MAX_DAYS).any(|date| {
            let (year, month) = (i32::from(date.year()), date.month().unsigned_abs().into());
            let day = date.day().unsigned_abs().into();
            let weekday = || date.to_datetime(Time::midnight()).civil_weekday();
            pattern.month_match(month).unwrap_or(false)
                && pattern.day_match(year, month, day, weekday()).unwrap_or(false)
        })
    }

    /// Returns the last tick until `now`; at least `first`, which is known to be one.
    pub(crate) fn latest(&self, first: Timestamp, now: Timestamp) -> Timestamp {
        let before = |now: Zoned| self.cron.find_previous_occurrence(&now, true).ok();
        let tick = self.zoned(now).and_then(before);
        let tick = tick.map_or(first, |tick| Timestamp(tick.timestamp().as_millisecond()));
        if tick > now { first } else { tick.max(first) }
    }

    fn zoned(&self, at: Timestamp) -> Option<Zoned> {
        let instant = Instant::from_millisecond(at.millis()).ok()?;
        Some(instant.to_zoned(self.zone.clone()))
    }
}

fn parse_cron(cron: &str) -> Result<Cron, Wrong> {
    if cron.len() > MAX_CRON {
        return Err(Wrong::Cron(format!("`cron` has at most {MAX_CRON} characters")));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(cron).map_err(|error| {
        let rule = "`cron` has five fields: minute, hour, day of the month, month, day of the week";
        Wrong::Cron(format!("{rule} ({error})"))
    })
}

fn parse_zone(name: &str) -> Result<TimeZone, Wrong> {
    let zone = if name.len() <= MAX_TIMEZONE { TimeZone::get(name).ok() } else { None };
    zone.ok_or_else(|| {
        Wrong::Timezone(format!(
            "{name:?} is not a time zone; write an IANA name such as `Europe/Berlin` or `UTC`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use cpu_time::ThreadTime;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn ticks(cron: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
        let ticks = Ticks::parse(cron, timezone).unwrap();
        let next = |last: &Timestamp| ticks.after(*last);
        let times = std::iter::successors(ticks.after(at(after)), next).take(count);
        times.map(|tick| tick.to_string().replace(":00.000Z", "Z")).collect()
    }

    #[test]
    fn ticks_follow_the_zone_through_its_gap_and_its_fold() {
        let berlin = |cron: &str, after: &str, count| ticks(cron, "Europe/Berlin", after, count);
        // The clocks went from 02:00 to 03:00 on 2026-03-29.
        assert_eq!(
            berlin("30 2 * * *", "2026-03-27T12:00:00Z", 3),
            ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"]
        );
        // And from 03:00 back to 02:00 on 2026-10-25: once.
        assert_eq!(
            berlin("30 2 * * *", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]
        );
        assert_eq!(
            berlin("0 9 * * 1-5", "2026-03-27T12:00:00Z", 2),
            ["2026-03-30T07:00Z", "2026-03-31T07:00Z"]
        );
        assert_eq!(ticks("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00Z"]);
    }

    /// Samoa had no 2011-12-30.
    #[test]
    fn a_day_that_a_zone_left_out_is_passed() {
        assert_eq!(
            ticks("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3),
            ["2011-12-29T22:00Z", "2011-12-30T22:00Z", "2011-12-31T22:00Z"]
        );
        assert_eq!(
            ticks("0 * * * *", "Pacific/Apia", "2011-12-30T08:30:00Z", 3),
            ["2011-12-30T09:00Z", "2011-12-30T10:00Z", "2011-12-30T11:00Z"]
        );
    }

    #[test]
    fn what_never_comes_and_what_is_no_schedule() {
        let never = Ticks::parse("0 0 31 2 *", "UTC").unwrap();
        assert_eq!(never.after(at("2026-01-01T00:00:00Z")), None);
        for cron in ["", "x", "* * * *", "0 0 1 1 * 2027", "0 * * * * *", "99 * * * *"] {
            assert!(Ticks::parse(cron, "UTC").is_err(), "{cron:?}");
        }
        assert!(Ticks::parse(&"1,".repeat(100), "UTC").is_err());
        let wrong = Ticks::parse("x", "Europe/Nowhere").unwrap_err();
        assert!(matches!(&wrong[..], [Wrong::Cron(_), Wrong::Timezone(_)]), "{wrong:?}");
        for zone in ["", "../../etc/passwd", "local"] {
            assert!(Ticks::parse("* * * * *", zone).is_err(), "{zone}");
        }
    }

    #[test]
    fn of_missed_ticks_the_last_one_counts() {
        let hourly = Ticks::parse("0 * * * *", "UTC").unwrap();
        let first = at("2026-01-01T00:00:00Z");
        for (now, expected) in [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:59:59Z", "2026-01-01T00:00:00Z"),
            ("2026-06-01T05:59:00Z", "2026-06-01T05:00:00Z"),
            ("2026-06-01T05:00:00Z", "2026-06-01T05:00:00Z"),
            ("2025-12-01T05:00:00Z", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(hourly.latest(first, at(now)), at(expected), "{now}");
        }
    }

    /// Each of these took a search to the year 5000, up to four times.
    #[test]
    fn a_search_is_short() {
        let begun = ThreadTime::now();
        for cron in ["0 0 31 2 *", "0 0 1 * +1#2", "* * 8 * +1#1", "59 23 L 12 +7#4"] {
            let ticks = Ticks::parse(cron, "America/New_York").unwrap();
            assert_eq!(ticks.after(at("2026-01-01T00:00:00Z")), None, "{cron}");
        }
        assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
    }

    /// 2100 is no leap year: from 2072 on, 40 years pass.
    #[test]
    fn the_rarest_day_is_found() {
        let monday = "0 0 29 2 +1";
        assert_eq!(
            ticks(monday, "UTC", "2072-02-28T00:00:00Z", 2),
            ["2072-02-29T00:00Z", "2112-02-29T00:00Z"]
        );
        assert_eq!(ticks(monday, "UTC", "2072-02-29T00:00:00Z", 1), ["2112-02-29T00:00Z"]);
    }
}
