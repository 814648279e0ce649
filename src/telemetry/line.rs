//! Log lines made by hand, in the very shape in which `tracing-subscriber` writes the others. A line for each
//! login has to cost less than the login: the library's way through visitors and formatters does not.

use std::fmt::{self, Display};
use std::io::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::log::{LogFormat, LogLevel};

/// Room that a line begins with, in octets: most fit.
const USUAL: usize = 512;

/// How lines look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    pub(super) format: LogFormat,
    pub(super) colours: bool,
}

/// Where lines go; one call for each whole line.
pub(super) type Taker = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// The log, for lines made by hand. Leaving a line never waits for whoever reads the log.
#[derive(Clone)]
pub struct LineLog {
    shape: Shape,
    taker: Option<Taker>,
}

impl LineLog {
    /// A log that nobody reads.
    #[must_use]
    pub const fn nowhere() -> Self {
        let shape = Shape { format: LogFormat::Human, colours: false };
        Self { shape, taker: None }
    }

    pub(super) fn new(shape: Shape, taker: Taker) -> Self {
        Self { shape, taker: Some(taker) }
    }

    /// Begins a line. Whether the level is written at all is the caller's to ask (`tracing::enabled!`).
    #[must_use]
    pub fn line(&self, wall: SystemTime, level: LogLevel, target: &str, message: &str) -> Line {
        Line::begin(self.shape, wall, level, target, message)
    }

    /// Leaves a line in the log.
    pub fn leave(&self, line: Line) {
        if let Some(taker) = &self.taker {
            taker(&line.finish());
        }
    }
}

impl fmt::Debug for LineLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineLog").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// One line in the making. Fields appear in the order in which they are added.
#[derive(Debug)]
pub struct Line {
    octets: Vec<u8>,
    shape: Shape,
    /// JSON has it at the end.
    target: String,
}

impl Line {
    pub(super) fn begin(
        shape: Shape,
        wall: SystemTime,
        level: LogLevel,
        target: &str,
        message: &str,
    ) -> Self {
        let mut octets = Vec::with_capacity(USUAL);
        match shape.format {
            LogFormat::Human => human_head(&mut octets, shape, wall, level, target, message),
            LogFormat::Json => json_head(&mut octets, wall, level, message),
        }
        let target = if shape.format == LogFormat::Json { target } else { "" };
        Self { octets, shape, target: target.to_owned() }
    }

    /// Adds a text, in quotation marks, with what would break them or the line as escapes.
    pub fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        match self.shape.format {
            LogFormat::Human => human_text(&mut self.octets, value),
            LogFormat::Json => json_text(&mut self.octets, value),
        }
    }

    /// Adds a number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        decimal(&mut self.octets, value);
    }

    /// Adds what cannot hold anything that needs an escape: an address, an identifier. Bare for people, a
    /// text in JSON.
    pub fn plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        match self.shape.format {
            LogFormat::Human => write(&mut self.octets, format_args!("{value}")),
            LogFormat::Json => write(&mut self.octets, format_args!("\"{value}\"")),
        }
    }

    /// As [`Line::plain`], but a text for people, too.
    pub fn quoted(&mut self, name: &str, value: impl Display) {
        self.name(name);
        write(&mut self.octets, format_args!("\"{value}\""));
    }

    /// The whole line with its end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.shape.format == LogFormat::Json {
            let target = std::mem::take(&mut self.target);
            self.text("target", &target);
            self.octets.push(b'}');
        }
        self.octets.push(b'\n');
        self.octets
    }

    fn name(&mut self, name: &str) {
        match (self.shape.format, self.shape.colours) {
            (LogFormat::Human, false) => put(&mut self.octets, &[" ", name, "="]),
            (LogFormat::Human, true) => {
                put(&mut self.octets, &[" \x1b[3m", name, "\x1b[0m\x1b[2m=\x1b[0m"]);
            }
            (LogFormat::Json, _) => put(&mut self.octets, &[",\"", name, "\":"]),
        }
    }
}

fn human_head(
    octets: &mut Vec<u8>,
    shape: Shape,
    wall: SystemTime,
    level: LogLevel,
    target: &str,
    message: &str,
) {
    let word = match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => " WARN",
        LogLevel::Info => " INFO",
        LogLevel::Debug => "DEBUG",
    };
    if !shape.colours {
        timestamp(octets, wall);
        put(octets, &[" ", word, " ", target, ": ", message]);
        return;
    }
    let colour = match level {
        LogLevel::Error => "\x1b[31m",
        LogLevel::Warn => "\x1b[33m",
        LogLevel::Info => "\x1b[32m",
        LogLevel::Debug => "\x1b[34m",
    };
    put(octets, &["\x1b[2m"]);
    timestamp(octets, wall);
    put(octets, &["\x1b[0m ", colour, word, "\x1b[0m "]);
    put(octets, &["\x1b[2m", target, "\x1b[0m\x1b[2m:\x1b[0m ", message]);
}

fn json_head(octets: &mut Vec<u8>, wall: SystemTime, level: LogLevel, message: &str) {
    let word = match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
    };
    put(octets, &["{\"timestamp\":\""]);
    timestamp(octets, wall);
    put(octets, &["\",\"level\":\"", word, "\",\"message\":"]);
    json_text(octets, message);
}

/// The text as Rust writes it for people to read.
fn human_text(octets: &mut Vec<u8>, text: &str) {
    if is_tame(text) {
        put(octets, &["\"", text, "\""]);
    } else {
        write(octets, format_args!("{text:?}"));
    }
}

/// The text as a JSON string (RFC 8259 §7).
fn json_text(octets: &mut Vec<u8>, text: &str) {
    if is_tame(text) {
        put(octets, &["\"", text, "\""]);
    } else {
        // Writing to a Vec cannot fail, and a text is always a JSON string.
        let _ = serde_json::to_writer(&mut *octets, text);
    }
}

/// Whether nothing of it needs an escape in either format.
fn is_tame(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\')
}

/// `2026-11-21T07:10:31.123456Z`: the moment in UTC, to the microsecond.
fn timestamp(octets: &mut Vec<u8>, wall: SystemTime) {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    padded(octets, year, 4);
    for (mark, value, width) in [
        (b'-', month, 2),
        (b'-', day, 2),
        (b'T', of_day / 3600, 2),
        (b':', of_day / 60 % 60, 2),
        (b':', of_day % 60, 2),
        (b'.', u64::from(since.subsec_micros()), 6),
    ] {
        octets.push(mark);
        padded(octets, value, width);
    }
    octets.push(b'Z');
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01. Years begin in March here,
/// so that the day that is there only sometimes is the last of one.
const fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    const FROM_0000_03_01_TO_1970: u64 = 719_468;
    let days = days + FROM_0000_03_01_TO_1970;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, later) =
        if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    (era * 400 + year + later, month, day_of_month)
}

/// The last `width` decimal digits, at most 20.
fn padded(octets: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    for digit in digits.iter_mut().rev().take(width) {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
    octets.extend_from_slice(digits.get(digits.len() - width.min(20)..).unwrap_or_default());
}

fn decimal(octets: &mut Vec<u8>, value: u64) {
    let width = value.checked_ilog10().unwrap_or_default() + 1;
    padded(octets, value, usize::try_from(width).unwrap_or(20));
}

fn put(octets: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        octets.extend_from_slice(piece.as_bytes());
    }
}

fn write(octets: &mut Vec<u8>, arguments: fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = octets.write_fmt(arguments);
}

#[cfg(test)]
mod tests;
