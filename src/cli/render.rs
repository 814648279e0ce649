//! How things are written for people: tables, times, durations, counts.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::exit::CommandError;

/// Columns of text, each as wide as its widest cell; the last one is not padded.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub fn row<I>(&mut self, cells: I)
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The lines, each indented by so many blanks and ended with a line feed.
    #[must_use]
    pub fn render(&self, indent: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for (cell, column) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(column.saturating_sub(width(cell)) + 2));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// The columns that a terminal takes for a text: two for the wide characters of East Asia (UAX #11).
fn width(text: &str) -> usize {
    let wide = |character| {
        matches!(character,
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|character| if wide(character) { 2 } else { 1 }).sum()
}

/// A length of time in its two largest units: `3 d 4 h`, `2 min 5 s`, `0 s`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in UNITS {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// The time between two moments in seconds since 1970; nothing if the second comes first.
#[must_use]
pub fn span(from_unix: i64, to_unix: i64) -> String {
    duration(u64::try_from(to_unix.saturating_sub(from_unix)).unwrap_or(0))
}

/// A moment in UTC: `2026-11-21 07:10:31Z`.
#[must_use]
pub fn moment(unix: i64) -> String {
    Timestamp::from_second(unix).map_or_else(
        |_| format!("second {unix}"),
        |at| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

/// A day in UTC: `2026-11-21`.
#[must_use]
pub fn day(unix: i64) -> String {
    Timestamp::from_second(unix).map_or_else(
        |_| format!("second {unix}"),
        |at| at.to_zoned(TimeZone::UTC).date().to_string(),
    )
}

/// `1 user`, `2 users`.
#[must_use]
pub fn count(number: usize, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}

/// A document as indented JSON, ended with a line feed.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(document: &impl Serialize) -> Result<String, CommandError> {
    serde_json::to_string_pretty(document)
        .map(|text| text + "\n")
        .map_err(|error| CommandError::Failed(format!("cannot write JSON: {error}")))
}

/// Text of others on one line of a terminal: no control character reaches it.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3605, "1 h"),
            (7260, "2 h 1 min"),
            (273_600, "3 d 4 h"),
            (86_400, "1 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(span(100, 90), "0 s");
    }

    #[test]
    fn moments() {
        assert_eq!(moment(1_795_245_031), "2026-11-21 07:10:31Z");
        assert_eq!(day(1_795_245_031), "2026-11-21");
        assert_eq!(moment(i64::MAX), format!("second {}", i64::MAX));
    }

    #[test]
    fn columns_line_up_as_a_terminal_shows_them() {
        let mut table = Table::default();
        table.row(["größe", "up", "x"]);
        table.row(["a", "degraded"]);
        table.row(["张伟", "down", "y"]);
        assert_eq!(
            table.render(2),
            "  größe  up        x\n  a      degraded\n  张伟   down      y\n"
        );
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(printable("a\u{1b}[2Jb\nü"), "a\\u{1b}[2Jb\\nü");
    }
}
