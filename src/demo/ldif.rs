//! LDIF content records (RFC 2849): the text that a demo directory is loaded from.
//!
//! Read are `version:`, comments, folded lines, plain values and base64 values (`::`). Refused with
//! the number of the line are change records, `:<` references and everything else that is not a
//! content record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// One content record: a name and its attributes in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The distinguished name as written.
    pub dn: String,
    /// Attribute descriptions and values, one pair for each line.
    pub attributes: Vec<(String, Vec<u8>)>,
    /// The line of `dn:`, counted from 1.
    pub line: usize,
}

/// Why text is not LDIF.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {reason}")]
pub struct LdifError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, for a person.
    pub reason: String,
}

/// Reads all content records of `text`.
///
/// # Errors
/// The first line that is not part of a content record (RFC 2849), with its number.
pub fn parse(text: &str) -> Result<Vec<Record>, LdifError> {
    let mut records = Vec::new();
    let mut current: Option<Record> = None;
    for (line, content) in logical_lines(text)? {
        if content.is_empty() {
            records.extend(current.take());
            continue;
        }
        let (name, value) = attribute_line(line, &content)?;
        match current.as_mut() {
            Some(record) => record.add(line, name, value)?,
            None if name.eq_ignore_ascii_case("version") && records.is_empty() => {
                if value != b"1" {
                    return Err(error(line, "only version 1 is known"));
                }
            }
            None => current = Some(Record::begin(line, &name, value)?),
        }
    }
    records.extend(current);
    Ok(records)
}

impl Record {
    fn begin(line: usize, name: &str, value: Vec<u8>) -> Result<Self, LdifError> {
        if !name.eq_ignore_ascii_case("dn") {
            return Err(error(line, format!("a record begins with dn:, not with {name}:")));
        }
        let dn = String::from_utf8(value).map_err(|_| error(line, "the dn is not UTF-8"))?;
        Ok(Self { dn, attributes: Vec::new(), line })
    }

    fn add(&mut self, line: usize, name: String, value: Vec<u8>) -> Result<(), LdifError> {
        if name.eq_ignore_ascii_case("dn") {
            return Err(error(
                line,
                "a second dn: in one record; an empty line is missing before it",
            ));
        }
        if name.eq_ignore_ascii_case("changetype") {
            return Err(error(line, "change records are not read"));
        }
        self.attributes.push((name, value));
        Ok(())
    }
}

/// Unfolded lines without comments, each with the number of its first line. Lines of a record are
/// ended by an empty one.
fn logical_lines(text: &str) -> Result<Vec<(usize, String)>, LdifError> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let number = index + 1;
        match raw.strip_prefix(' ') {
            Some(rest) => match lines.last_mut() {
                Some((_, last)) if !last.is_empty() => last.push_str(rest),
                Some(_) | None => return Err(error(number, "a folded line continues nothing")),
            },
            None => lines.push((number, raw.to_owned())),
        }
    }
    lines.retain(|(_, content)| !content.starts_with('#'));
    Ok(lines)
}

fn attribute_line(line: usize, content: &str) -> Result<(String, Vec<u8>), LdifError> {
    let (name, rest) =
        content.split_once(':').ok_or_else(|| error(line, "no colon after the attribute"))?;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-;.".contains(c)) {
        return Err(error(line, format!("{name:?} is not an attribute description")));
    }
    let value = if let Some(encoded) = rest.strip_prefix(':') {
        STANDARD.decode(encoded.trim()).map_err(|cause| error(line, format!("base64: {cause}")))?
    } else if rest.starts_with('<') {
        return Err(error(line, "values from URLs are not read"));
    } else {
        rest.trim_start_matches(' ').as_bytes().to_vec()
    };
    Ok((name.to_owned(), value))
}

fn error(line: usize, reason: impl Into<String>) -> LdifError {
    LdifError { line, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &[u8]) -> (String, Vec<u8>) {
        (name.to_owned(), value.to_vec())
    }

    /// RFC 2849 §2: folded lines, comments (folded too), base64, a value with a colon, no final newline.
    #[test]
    fn content_records() {
        let text = "version: 1\n\n# a comment\n  that goes on\ndn: CN=a,\n DC=x\ncn: a\n\
                    description:: w4TDtsO8\nurl: http://x\nempty:\n\n\ndn:: Q049w7w=\ncn;lang-de: b";
        let records = parse(text).unwrap();
        assert_eq!(
            records,
            [
                Record {
                    dn: "CN=a,DC=x".to_owned(),
                    attributes: vec![
                        pair("cn", b"a"),
                        pair("description", "Äöü".as_bytes()),
                        pair("url", b"http://x"),
                        pair("empty", b""),
                    ],
                    line: 5,
                },
                Record {
                    dn: "CN=ü".to_owned(),
                    attributes: vec![pair("cn;lang-de", b"b")],
                    line: 13
                },
            ]
        );
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line, reason) in [
            ("dn: CN=a\ncn\n", 2, "no colon"),
            ("cn: a\n", 1, "begins with dn"),
            ("dn: CN=a\ncn: a\ndn: CN=b\n", 3, "a second dn"),
            ("dn: CN=a\nchangetype: add\n", 2, "change records"),
            ("dn: CN=a\ncn:: !!\n", 2, "base64"),
            ("dn: CN=a\ncn:< file:///x\n", 2, "URLs"),
            (" x\n", 1, "continues nothing"),
            ("dn: CN=a\n\n x\n", 3, "continues nothing"),
            ("dn:: /w==\n", 1, "not UTF-8"),
            ("version: 2\n", 1, "version 1"),
            ("dn: CN=a\nc n: a\n", 2, "attribute description"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.reason.contains(reason), "{text:?}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn base64_records_come_back(values in proptest::collection::vec(".{0,9}", 1..4)) {
            let mut text = String::from("dn: DC=x\n");
            for value in &values {
                text.push_str(&format!("a:: {}\n", STANDARD.encode(value)));
            }
            let read = parse(&text).unwrap();
            let read: Vec<&[u8]> =
                read.iter().flat_map(|r| &r.attributes).map(|(_, v)| v.as_slice()).collect();
            proptest::prop_assert_eq!(read, values.iter().map(String::as_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn no_text_panics(text in "[ -~\n]{0,60}") {
            let _ = parse(&text);
        }
    }
}
