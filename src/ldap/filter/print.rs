//! Filters as text: escaped is what RFC 4515 §3 asks for, and control characters, so that a filter in a
//! log stays on its line.

use std::fmt;
use std::fmt::Write as _;

use super::tree::Filter;
use crate::ldap::attribute::{self, AttributeDescription};

impl fmt::Display for Filter {
    /// RFC 4515 text. A name that is no attribute description, or that the text has no way to write,
    /// is printed after a `?`, which the parser refuses: such text is for people, and can never be
    /// read as another filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        match self {
            Self::And(filters) => write_set(f, "&", filters)?,
            Self::Or(filters) => write_set(f, "|", filters)?,
            Self::Not(filter) => write!(f, "!{filter}")?,
            Self::Equality { attribute, value } => write_item(f, attribute, "=", value)?,
            Self::Substrings { attribute, initial, any, last } => {
                write_attribute(f, attribute)?;
                f.write_str("=")?;
                write_value(f, initial.as_deref().unwrap_or_default())?;
                for piece in any {
                    f.write_str("*")?;
                    write_value(f, piece)?;
                }
                f.write_str("*")?;
                write_value(f, last.as_deref().unwrap_or_default())?;
            }
            Self::GreaterOrEqual { attribute, value } => write_item(f, attribute, ">=", value)?,
            Self::LessOrEqual { attribute, value } => write_item(f, attribute, "<=", value)?,
            Self::Present(attribute) => {
                write_attribute(f, attribute)?;
                f.write_str("=*")?;
            }
            Self::Approx { attribute, value } => write_item(f, attribute, "~=", value)?,
            Self::Extensible { rule, attribute, value, dn_attributes } => {
                if let Some(attribute) = attribute {
                    write_attribute(f, attribute)?;
                }
                if *dn_attributes {
                    f.write_str(":dn")?;
                }
                if let Some(rule) = rule {
                    f.write_str(":")?;
                    // Without the flag, a rule of that name would be read as the flag.
                    let clear = *dn_attributes || !rule.eq_ignore_ascii_case("dn");
                    write_name(f, rule, clear && attribute::is_type(rule))?;
                }
                f.write_str(":=")?;
                write_value(f, value)?;
            }
        }
        f.write_str(")")
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, operator: &str, filters: &[Filter]) -> fmt::Result {
    f.write_str(operator)?;
    filters.iter().try_for_each(|filter| write!(f, "{filter}"))
}

fn write_item(
    f: &mut fmt::Formatter<'_>,
    attribute: &AttributeDescription,
    operator: &str,
    value: &[u8],
) -> fmt::Result {
    write_attribute(f, attribute)?;
    f.write_str(operator)?;
    write_value(f, value)
}

fn write_attribute(f: &mut fmt::Formatter<'_>, attribute: &AttributeDescription) -> fmt::Result {
    write_name(f, &attribute.to_string(), has_text_form(attribute))
}

/// Whether the text of a filter can name this attribute. `;range=0-*` is an option, but its equals sign
/// would end the attribute there.
pub(super) fn has_text_form(attribute: &AttributeDescription) -> bool {
    attribute.is_well_formed()
        && attribute.options.iter().all(|option| !option.contains(['=', '*']))
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str, clear: bool) -> fmt::Result {
    if clear {
        return f.write_str(name);
    }
    f.write_str("?")?;
    for octet in name.bytes() {
        match octet {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b';' | b'_' => {
                f.write_char(char::from(octet))?;
            }
            other => write!(f, "\\{other:02x}")?,
        }
    }
    Ok(())
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '(' | ')' | '*' | '\\' | '\0'..='\u{1f}' | '\u{7f}' => {
                    write!(f, "\\{:02x}", u32::from(character))?
                }
                other => f.write_char(other)?,
            }
        }
        chunk.invalid().iter().try_for_each(|octet| write!(f, "\\{octet:02x}"))?;
    }
    Ok(())
}
