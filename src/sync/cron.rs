//! Five-field cron expressions with a time zone.

use std::time::SystemTime;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// The fields of an expression, in order.
const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];

/// A schedule: minute, hour, day of month, month, day of week, in a time zone.
///
/// When a clock change skips a time that a fixed hour names, the run happens after the gap; when it
/// repeats one, the run happens once. Steps such as `*/5` follow real time.
#[derive(Clone, Debug)]
pub struct CronSchedule {
    cron: Cron,
    zone: TimeZone,
}

/// Why a schedule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Not five fields; how many there are.
    #[error("it has {0} fields instead of five (minute, hour, day of month, month, day of week)")]
    FieldCount(usize),
    /// One of the fields.
    #[error("{field}: {reason}")]
    Field {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Each field is right, but no day has all of it (30 February).
    #[error("no date ever matches it")]
    Never,
    /// The time zone is not in the system's database.
    #[error("{0:?} is no time zone that this system knows")]
    Zone(String),
}

impl CronSchedule {
    /// Reads an expression and the name of a time zone (`UTC`, `Europe/Berlin`).
    ///
    /// # Errors
    /// See [`ScheduleError`].
    pub fn parse(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(ScheduleError::FieldCount(fields.len()));
        }
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        for (position, (field, name)) in fields.iter().zip(FIELDS).enumerate() {
            let mut alone = ["*"; 5];
            if let Some(place) = alone.get_mut(position) {
                *place = field;
            }
            if let Err(error) = parser.parse(&alone.join(" ")) {
                return Err(ScheduleError::Field { field: name, reason: error.to_string() });
            }
        }
        let cron = parser.parse(&fields.join(" ")).map_err(|error| ScheduleError::Field {
            field: "expression",
            reason: error.to_string(),
        })?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        let schedule = Self { cron, zone };
        match schedule.next(SystemTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never),
        }
    }

    /// The first moment after `moment` that the schedule names.
    #[must_use]
    pub fn next(&self, moment: SystemTime) -> Option<SystemTime> {
        let start = Timestamp::try_from(moment).ok()?.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&start, false).ok()?;
        Some(SystemTime::from(next.timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn next_runs() {
        for (schedule, zone, from, next) in [
            ("*/5 * * * *", "UTC", "2026-01-31T10:04:59Z", "2026-01-31T10:05:00Z"),
            ("*/5 * * * *", "UTC", "2026-01-31T10:05:00Z", "2026-01-31T10:10:00Z"),
            ("0 2 * * *", "Europe/Berlin", "2026-01-31T10:00:00Z", "2026-02-01T01:00:00Z"),
            ("0 2 * * *", "Europe/Berlin", "2026-07-01T10:00:00Z", "2026-07-02T00:00:00Z"),
            ("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("15  3\t1 * MON", "UTC", "2026-11-02T04:00:00Z", "2026-11-09T03:15:00Z"),
        ] {
            let parsed = CronSchedule::parse(schedule, zone).unwrap();
            assert_eq!(parsed.next(at(from)), Some(at(next)), "{schedule}");
        }
    }

    /// Clocks go forward at 02:00 on 29 March 2026 and back at 03:00 on 25 October in Berlin.
    #[test]
    fn clock_changes() {
        let daily = CronSchedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
        let spring = daily.next(at("2026-03-28T12:00:00Z")).unwrap();
        assert!(spring >= at("2026-03-29T01:00:00Z") && spring <= at("2026-03-29T02:00:00Z"));
        let autumn = daily.next(at("2026-10-24T12:00:00Z")).unwrap();
        assert_eq!(autumn, at("2026-10-25T00:30:00Z"));
        assert_eq!(daily.next(autumn), Some(at("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn errors_name_the_field() {
        let error = |text, zone| CronSchedule::parse(text, zone).map(|_| ()).unwrap_err();
        assert_eq!(error("* * * *", "UTC"), ScheduleError::FieldCount(4));
        assert_eq!(error("0 * * * * *", "UTC"), ScheduleError::FieldCount(6));
        assert_eq!(error("@daily", "UTC"), ScheduleError::FieldCount(1));
        for (text, expected) in [
            ("60 * * * *", "minute"),
            ("* 24 * * *", "hour"),
            ("* * 0 * *", "day of month"),
            ("* * * 13 *", "month"),
            ("* * * * banana", "day of week"),
        ] {
            let ScheduleError::Field { field, .. } = error(text, "UTC") else { panic!("{text}") };
            assert_eq!(field, expected, "{text}");
        }
        assert_eq!(error("0 0 30 2 *", "UTC"), ScheduleError::Never);
        assert_eq!(
            error("* * * * *", "Mars/Olympus"),
            ScheduleError::Zone("Mars/Olympus".to_owned())
        );
    }
}
