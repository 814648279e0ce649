//! Lines made by hand against the library that writes all others.

use std::time::Duration;

use proptest::prelude::*;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as Clock};

use super::*;
use crate::telemetry::{LogConfig, subscriber};
use crate::testing::Lines;

const SHAPES: [(LogFormat, bool); 3] =
    [(LogFormat::Human, false), (LogFormat::Human, true), (LogFormat::Json, false)];

/// One line of each making, with the moment taken out.
fn both(format: LogFormat, colours: bool, text: &str, number: u64) -> [String; 2] {
    let lines = Lines::default();
    let config = LogConfig { level: LogLevel::Debug, format };
    let (subscriber, log) = subscriber(config, lines.clone(), colours);
    let address = std::net::IpAddr::from([127, 0, 0, 1]);
    tracing::subscriber::with_default(subscriber, || {
        let quoted = address.to_string();
        tracing::info!(target: "ldapgate::audit", text, client = %address, quoted, number, "bind");
    });
    let library = lines.take();
    let mut line =
        log.lines().line(SystemTime::UNIX_EPOCH, LogLevel::Info, "ldapgate::audit", "bind");
    line.text("text", text);
    line.plain("client", address);
    line.quoted("quoted", address);
    line.number("number", number);
    log.lines().leave(line);
    [library, lines.take()].map(|line| without_moment(&line))
}

fn without_moment(line: &str) -> String {
    let digit = |character: char| if character.is_ascii_digit() { '0' } else { character };
    let end = line.find('Z').unwrap();
    let start = end - "2026-11-21T07:10:31.123456".len();
    let moment: String = line[start..end].chars().map(digit).collect();
    format!("{}{moment}{}", &line[..start], &line[end..])
}

#[test]
fn lines_look_as_the_library_writes_them() {
    let texts =
        ["", "plain", "CORP\\sam", "\"quoted\"", "müller 漢", "\n\r\t\0", "\u{1b}[31m", "'/"];
    for (format, colours) in SHAPES {
        for (text, number) in texts.into_iter().zip([0, 9, 10, 4711, u64::MAX, 99, 100, 7]) {
            let [library, own] = both(format, colours, text, number);
            assert_eq!(own, library, "{format:?} {colours} {text:?}");
        }
    }
}

#[test]
fn levels_look_as_the_library_writes_them() {
    for (format, colours) in SHAPES {
        let lines = Lines::default();
        let config = LogConfig { level: LogLevel::Debug, format };
        let (subscriber, log) = subscriber(config, lines.clone(), colours);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "x", "said");
            tracing::warn!(target: "x", "said");
            tracing::info!(target: "x", "said");
            tracing::debug!(target: "x", "said");
        });
        let library: Vec<_> = lines.take().lines().map(without_moment).collect();
        let own = LogLevel::ALL.map(|level| {
            log.lines().leave(log.lines().line(SystemTime::UNIX_EPOCH, level, "x", "said"));
            without_moment(lines.take().trim_end())
        });
        assert_eq!(own.as_slice(), library, "{format:?} {colours}");
    }
}

#[test]
fn moments_are_written_to_the_microsecond() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00.000007Z"),
        (951_827_696, "2000-02-29T12:34:56.000007Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000007Z"),
        (1_795_245_031, "2026-11-21T07:10:31.000007Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000007Z"),
    ] {
        let mut octets = Vec::new();
        timestamp(
            &mut octets,
            UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_nanos(7999),
        );
        assert_eq!(String::from_utf8(octets).unwrap(), expected);
    }
    // The library reads the clock itself; its form is what counts.
    let mut library = String::new();
    Clock.format_time(&mut Writer::new(&mut library)).unwrap();
    assert_eq!(library.len(), "2026-11-21T07:10:31.123456Z".len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_looks_as_the_library_writes_it(text in any::<String>(), number in any::<u64>()) {
        for (format, colours) in SHAPES {
            let [library, own] = both(format, colours, &text, number);
            prop_assert_eq!(own, library);
        }
    }

    /// Days count up one by one, through every month and leap year.
    #[test]
    fn the_calendar_has_no_gap(day in 0_u64..2_900_000) {
        let (before, after) = (civil(day), civil(day + 1));
        prop_assert!(before < after && (1..=12).contains(&after.1) && (1..=31).contains(&after.2));
        prop_assert!(after.2 == before.2 + 1 || after.2 == 1);
    }
}
