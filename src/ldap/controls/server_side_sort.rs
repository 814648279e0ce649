//! Server-side sorting (RFC 2891): the keys of a request, the outcome of a response.

use crate::ldap::ber::{BerError, Reader, Writer, boolean, tag};
use crate::ldap::control::{Control, oid};
use crate::ldap::result::ResultCode;

/// Most keys read from one control; clients send one, Active Directory takes no more than that.
pub const MAX_SORT_KEYS: usize = 16;

const ORDERING_RULE: u8 = 0x80;
const REVERSE_ORDER: u8 = 0x81;
const ATTRIBUTE_TYPE: u8 = 0x80;

/// One sort key (RFC 2891 §1.1); the first of a list weighs most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The attribute description, as sent.
    pub attribute: String,
    /// The ordering rule by name or object identifier; `None` for the attribute's own.
    pub rule: Option<String>,
    /// From the greatest value to the least.
    pub reverse: bool,
}

/// Why a value is no list of sort keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SortFault {
    /// Broken BER, or no value.
    #[error("{0}")]
    Ber(#[from] BerError),
    /// A name that is not text.
    #[error("a name in the sort keys is not text")]
    NotText,
    /// No key, or more than [`MAX_SORT_KEYS`].
    #[error("there must be 1 to {MAX_SORT_KEYS} sort keys")]
    Count,
}

/// Reads the keys of a request control.
///
/// # Errors
/// See [`SortFault`].
pub fn read_keys(control: &Control) -> Result<Vec<SortKey>, SortFault> {
    let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
    let mut list = outer.nested(tag::SEQUENCE)?;
    outer.finish()?;
    let mut keys = Vec::new();
    while !list.is_empty() {
        if keys.len() == MAX_SORT_KEYS {
            return Err(SortFault::Count);
        }
        keys.push(read_key(list.nested(tag::SEQUENCE)?)?);
    }
    if keys.is_empty() { Err(SortFault::Count) } else { Ok(keys) }
}

fn read_key(mut fields: Reader<'_>) -> Result<SortKey, SortFault> {
    let attribute = text(fields.octet_string()?)?;
    let rule = fields.optional(ORDERING_RULE)?.map(text).transpose()?;
    let reverse = match fields.optional(REVERSE_ORDER)? {
        Some(content) => boolean(content)?,
        None => false,
    };
    fields.finish()?;
    Ok(SortKey { attribute, rule, reverse })
}

fn text(octets: &[u8]) -> Result<String, SortFault> {
    std::str::from_utf8(octets).map(str::to_owned).map_err(|_| SortFault::NotText)
}

/// The request control with these keys.
#[must_use]
pub fn request(keys: &[SortKey], criticality: bool) -> Control {
    let mut writer = Writer::new();
    writer.constructed(tag::SEQUENCE, |w| {
        for key in keys {
            w.constructed(tag::SEQUENCE, |w| {
                w.octet_string(key.attribute.as_bytes());
                if let Some(rule) = &key.rule {
                    w.element(ORDERING_RULE, rule.as_bytes());
                }
                if key.reverse {
                    w.element(REVERSE_ORDER, &[0xff]);
                }
            });
        }
    });
    let value = Some(writer.into_octets());
    Control { value, ..Control::new(oid::SERVER_SIDE_SORT, criticality) }
}

/// What became of the sorting (RFC 2891 §1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortOutcome {
    /// success, or why the entries are not sorted.
    pub result: ResultCode,
    /// The attribute of the key that is to blame.
    pub attribute: Option<String>,
}

impl SortOutcome {
    /// The response control that says so.
    #[must_use]
    pub fn to_control(&self) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            w.enumerated(i64::from(self.result.0));
            if let Some(attribute) = &self.attribute {
                w.element(ATTRIBUTE_TYPE, attribute.as_bytes());
            }
        });
        let value = Some(writer.into_octets());
        Control { value, ..Control::new(oid::SERVER_SIDE_SORT_RESPONSE, false) }
    }

    /// Reads a response control.
    ///
    /// # Errors
    /// See [`SortFault`].
    pub fn read(control: &Control) -> Result<Self, SortFault> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let code = u32::try_from(fields.enumerated()?).map_err(|_| BerError::IntegerRange)?;
        let attribute = fields.optional(ATTRIBUTE_TYPE)?.map(text).transpose()?;
        fields.finish()?;
        Ok(Self { result: ResultCode(code), attribute })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(attribute: &str, rule: Option<&str>, reverse: bool) -> SortKey {
        SortKey { attribute: attribute.to_owned(), rule: rule.map(str::to_owned), reverse }
    }

    /// RFC 2891 §1.1 and §1.2.
    #[test]
    fn round_trip() {
        for keys in [
            vec![key("cn", None, false)],
            vec![key("sn", Some("2.5.13.3"), true), key("givenName", None, true)],
        ] {
            assert_eq!(read_keys(&request(&keys, true)), Ok(keys));
        }
        for (result, attribute) in
            [(ResultCode::SUCCESS, None), (ResultCode::NO_SUCH_ATTRIBUTE, Some("nothing"))]
        {
            let outcome = SortOutcome { result, attribute: attribute.map(str::to_owned) };
            assert_eq!(SortOutcome::read(&outcome.to_control()), Ok(outcome));
        }
    }

    #[test]
    fn what_is_no_list_of_keys() {
        let many = vec![key("cn", None, false); MAX_SORT_KEYS + 1];
        assert_eq!(read_keys(&request(&many, false)), Err(SortFault::Count));
        assert_eq!(read_keys(&request(&[], false)), Err(SortFault::Count));
        let none = Control::new(oid::SERVER_SIDE_SORT, false);
        assert!(matches!(read_keys(&none), Err(SortFault::Ber(_))));
        let value = Some(vec![0x30, 0x05, 0x30, 0x03, 0x04, 0x01, 0xff]);
        let odd = Control { value, ..none };
        assert_eq!(read_keys(&odd), Err(SortFault::NotText));
    }
}
