//! GeneralizedTime (RFC 4517 §3.3.13) in a form that compares.

/// Octets of a prepared time.
pub(super) const LENGTH: usize = 12;

/// The moment in octets that sort as the moments do.
pub(super) fn prepare(text: &[u8]) -> Option<[u8; LENGTH]> {
    let (seconds, nanoseconds) = generalized_time(text)?;
    let mut prepared = [0; LENGTH];
    let (high, low) = prepared.split_at_mut(8);
    high.copy_from_slice(&(seconds ^ i64::MIN).to_be_bytes());
    low.copy_from_slice(&nanoseconds.to_be_bytes());
    Some(prepared)
}

/// `YYYYMMDDHH[MM[SS]][(.|,)digits](Z|±HH[MM])` as the moment it names: seconds since 1970 and
/// nanoseconds. Fractions of an hour, a minute or a second count to nine digits; the year may be 0000,
/// which password policy uses for "for ever".
#[must_use]
pub fn generalized_time(text: &[u8]) -> Option<(i64, u32)> {
    let mut fields = Fields(text);
    let year = i64::from(fields.digits(4)?);
    let month = fields.digits(2).filter(|month| (1..=12).contains(month))?;
    let day = fields.digits(2).filter(|&day| 1 <= day && day <= days_of(month, year))?;
    let hour = fields.digits(2).filter(|&hour| hour < 24)?;
    let mut unit = 3600;
    let mut of_day = u64::from(hour) * 3600;
    for (part, limit) in [(60, 60), (1, 61)] {
        if !fields.starts_with_digit() {
            break;
        }
        // A second of 60 is a leap second (RFC 4517 §3.3.13).
        unit = part;
        of_day += u64::from(fields.digits(2).filter(|&value| value < limit)?) * unit;
    }
    let fraction = fields.fraction()? * unit;
    let offset = fields.zone()?;
    let seconds = days_before(year, month, day) * 86_400
        + i64::try_from(of_day + fraction / NANOSECONDS).ok()?
        - offset;
    let nanoseconds = u32::try_from(fraction % NANOSECONDS).ok()?;
    Some((seconds, nanoseconds))
}

const NANOSECONDS: u64 = 1_000_000_000;

/// What of the text has not been read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn starts_with_digit(&self) -> bool {
        self.0.first().is_some_and(u8::is_ascii_digit)
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |sum, &octet| Some(sum * 10 + char::from(octet).to_digit(10)?))
    }

    /// Billionths of the unit; 0 without a fraction.
    fn fraction(&mut self) -> Option<u64> {
        let [b'.' | b',', rest @ ..] = self.0 else { return Some(0) };
        let length = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at_checked(length).filter(|_| length > 0)?;
        self.0 = rest;
        let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        Some(padded.fold(0, |sum, &octet| sum * 10 + u64::from(octet - b'0')))
    }

    /// Seconds east of Greenwich; nothing may follow.
    fn zone(&mut self) -> Option<i64> {
        let (&sign, rest) = self.0.split_first()?;
        self.0 = rest;
        let offset = match sign {
            b'Z' => 0,
            b'+' | b'-' => {
                let hours = self.digits(2).filter(|&hours| hours < 24)?;
                let minutes = if self.0.is_empty() { 0 } else { self.digits(2)? };
                let seconds = i64::from(hours * 3600 + minutes * 60);
                if minutes > 59 {
                    return None;
                }
                if sign == b'-' { -seconds } else { seconds }
            }
            _ => return None,
        };
        self.0.is_empty().then_some(offset)
    }
}

const fn days_of(month: u32, year: i64) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this one in the Gregorian calendar, counted over years that start in March so
/// that a leap day comes last.
fn days_before(year: i64, month: u32, day: u32) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month_of_march_year = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_of_march_year + 2) / 5 + i64::from(day) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(text: &str) -> Option<(i64, u32)> {
        let prepared = prepare(text.as_bytes())?;
        let (high, low) = prepared.split_at(8);
        let high = i64::from_be_bytes(high.try_into().unwrap()) ^ i64::MIN;
        Some((high, u32::from_be_bytes(low.try_into().unwrap())))
    }

    /// RFC 4517 §3.3.13, its examples among them.
    #[test]
    fn times() {
        for (text, moment) in [
            ("19700101000000Z", (0, 0)),
            ("199412161032Z", (787_573_920, 0)),
            ("199412160532-0500", (787_573_920, 0)),
            ("20240229120000.0Z", (1_709_208_000, 0)),
            ("20240229120000Z", (1_709_208_000, 0)),
            ("2024022912Z", (1_709_208_000, 0)),
            ("202402291200Z", (1_709_208_000, 0)),
            ("20240229133000+0130", (1_709_208_000, 0)),
            ("20240229130000+01", (1_709_208_000, 0)),
            ("20240229120000.25Z", (1_709_208_000, 250_000_000)),
            ("20240229120000,1234567891Z", (1_709_208_000, 123_456_789)),
            ("202402291200.5Z", (1_709_208_030, 0)),
            ("2024022911.75Z", (1_709_207_100, 0)),
            ("20161231235960Z", (1_483_228_800, 0)),
            ("00000101000000Z", (-62_167_219_200, 0)),
            ("000001010000Z", (-62_167_219_200, 0)),
            ("16010101000000.0Z", (-11_644_473_600, 0)),
            ("99991231235959.0Z", (253_402_300_799, 0)),
        ] {
            assert_eq!(seconds(text), Some(moment), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "Z",
            "20240229",
            "20240229Z",
            "20240229120000",
            "20240229120000.Z",
            "20240229120000.0",
            "20240229120000z",
            "20240229120000Zx",
            "20240229120000 Z",
            "20230229120000Z",
            "20240001000000Z",
            "20241301000000Z",
            "20240132000000Z",
            "20240100000000Z",
            "20240101240000Z",
            "20240101006000Z",
            "20240101000061Z",
            "2024010100000Z",
            "20240101000000+2400",
            "20240101000000+0060",
            "20240101000000+1",
            "+0240101000000Z",
            "2024010100000\u{664}Z",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn later_times_sort_later(
            a in (0_i64..10_000, 1_u32..13, 1_u32..29, 0_u32..24, 0_u32..60, 0_u32..60, 0_u32..10),
            b in (0_i64..10_000, 1_u32..13, 1_u32..29, 0_u32..24, 0_u32..60, 0_u32..60, 0_u32..10),
        ) {
            let prepared = |(y, mo, d, h, mi, s, f)| {
                prepare(format!("{y:04}{mo:02}{d:02}{h:02}{mi:02}{s:02}.{f}Z").as_bytes()).unwrap()
            };
            prop_assert_eq!(prepared(a).cmp(&prepared(b)), a.cmp(&b));
        }

        #[test]
        fn days_follow_each_other(year in 0_i64..10_000, month in 1_u32..13) {
            let last = days_before(year, month, days_of(month, year));
            let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert_eq!(days_before(next.0, next.1, 1), last + 1);
        }
    }
}
