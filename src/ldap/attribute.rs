//! Attribute descriptions: a type and its options (RFC 4512 §2.5).

use std::fmt;

/// Longest description that is taken apart, in octets; schemas have none near it.
pub const MAX_LENGTH: usize = 1024;

/// An attribute type by name or object identifier, with options.
///
/// One that came in a filter may be no description at all (see [`AttributeDescription::of_filter`]);
/// [`is_well_formed`](AttributeDescription::is_well_formed) tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributeDescription {
    /// The short name or dotted identifier, spelled as sent.
    pub name: String,
    /// The options without their semicolons, spelled as sent (`binary`, `range=0-1499`).
    pub options: Vec<String>,
}

impl AttributeDescription {
    /// A description without options.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), options: Vec::new() }
    }

    /// Reads `type *( ";" option )`; `None` if it is not that or longer than [`MAX_LENGTH`]. Underscores
    /// are let through, because some applications use them although RFC 4512 §1.4 does not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let mut parts = text.split(';');
        let name = parts.next().filter(|name| is_type(name))?;
        let options: Vec<String> = parts.map(str::to_owned).collect();
        if !options.iter().all(|option| is_option(option)) {
            return None;
        }
        Some(Self { name: name.to_owned(), options })
    }

    /// What a filter on the wire names. If that is no description, the filter item is Undefined and the
    /// request is answered all the same (RFC 4511 §4.5.1.7), so the text is kept whole as the name;
    /// octets that are not UTF-8 become U+FFFD, which no description contains.
    #[must_use]
    pub fn of_filter(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets);
        Self::parse(&text).unwrap_or_else(|| Self { name: text.into_owned(), options: Vec::new() })
    }

    /// Whether this is a description. A filter item on one that is not evaluates to Undefined.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let length: usize = self.options.iter().map(|option| 1 + option.len()).sum();
        is_type(&self.name)
            && self.options.iter().all(|option| is_option(option))
            && self.name.len() + length <= MAX_LENGTH
    }

    /// Whether the option `name` is there, compared without case.
    #[must_use]
    pub fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.eq_ignore_ascii_case(name))
    }
}

/// Whether `name` is an attribute type alone: a short name or a dotted identifier (RFC 4512 §1.4), with
/// the same allowance for underscores as [`AttributeDescription::parse`].
#[must_use]
pub fn is_type(name: &str) -> bool {
    let Some(first) = name.bytes().next() else { return false };
    if first.is_ascii_digit() {
        return name
            .split('.')
            .all(|arc| !arc.is_empty() && arc.bytes().all(|octet| octet.is_ascii_digit()));
    }
    first.is_ascii_alphabetic()
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
}

fn is_option(option: &str) -> bool {
    !option.is_empty()
        && option.bytes().all(|octet| {
            octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'=' | b'*' | b'_')
        })
}

impl fmt::Display for AttributeDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.options.iter().try_for_each(|option| write!(f, ";{option}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        for good in ["cn", "userCertificate;binary", "member;range=0-*", "2.5.4.3", "a-b;x-1"] {
            assert_eq!(AttributeDescription::parse(good).unwrap().to_string(), good);
        }
        for bad in ["", ";binary", "cn;", "c n", "1..2", "2.5.", "*", "+", "cn=x", "日本"] {
            assert!(AttributeDescription::parse(bad).is_none(), "{bad}");
            let kept = AttributeDescription::of_filter(bad.as_bytes());
            assert!(!kept.is_well_formed() && kept.to_string() == bad, "{bad}");
        }
        assert!(!AttributeDescription::of_filter(b"cn\xff").is_well_formed());
        assert!(AttributeDescription::of_filter(b"member;range=0-*").is_well_formed());
        let long = format!("cn;{}", "x".repeat(MAX_LENGTH - 3));
        assert!(AttributeDescription::of_filter(long.as_bytes()).is_well_formed());
        assert!(!AttributeDescription::of_filter(format!("{long}x").as_bytes()).is_well_formed());
        assert!(!AttributeDescription::of_filter(&[b'x'; MAX_LENGTH + 1]).is_well_formed());
    }
}
