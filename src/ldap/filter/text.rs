//! Filters from text (RFC 4515), for configuration files and the command line.
//!
//! Nothing that RFC 4515 does not allow is guessed at; the error says where it stands and what to write
//! instead. The one allowance is blanks and line breaks between filters, where they mean nothing.

use thiserror::Error;

use super::print::has_text_form;
use super::tree::{Budget, Filter, MAX_COMPONENTS, MAX_DEPTH};
use crate::ldap::attribute::{self, AttributeDescription};

/// Why text is not a filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("at position {offset}: {reason}")]
pub struct FilterTextError {
    /// Where it goes wrong, in octets from the start.
    pub offset: usize,
    /// What is wrong and what to write instead, for a person.
    pub reason: String,
}

impl Filter {
    /// Reads RFC 4515 text.
    ///
    /// # Errors
    /// Not a filter, nested deeper than [`MAX_DEPTH`], or of more than [`MAX_COMPONENTS`] parts.
    pub fn parse(text: &str) -> Result<Self, FilterTextError> {
        let mut parser = Parser { text, position: 0, budget: Budget::new() };
        parser.skip_blanks();
        if parser.peek().is_none() {
            return parser.fail("the filter is empty; write `(objectClass=*)` for everything");
        }
        if parser.peek() != Some(b'(') {
            let whole = shorten(parser.rest().trim_end());
            return parser.fail(format!("a filter stands in parentheses; write `({whole})`"));
        }
        let filter = parser.filter(MAX_DEPTH)?;
        parser.skip_blanks();
        match parser.peek() {
            None => Ok(filter),
            Some(b')') => parser.fail("there is a `)` too many"),
            Some(b'(') => parser.fail("a second filter follows; join them as `(&(…)(…))`"),
            Some(_) => parser.fail("there is text after the end of the filter"),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    budget: Budget,
}

type Outcome<T> = Result<T, FilterTextError>;

impl<'a> Parser<'a> {
    /// Reads a filter from its `(` to its `)`; `depth` operators may still be nested.
    fn filter(&mut self, depth: usize) -> Outcome<Filter> {
        self.take()?;
        let start = self.position;
        self.position += 1;
        let filter = match self.peek() {
            Some(operator @ (b'&' | b'|' | b'!')) => {
                let Some(depth) = depth.checked_sub(1) else {
                    return fail(start, format!("filters are nested deeper than {MAX_DEPTH}"));
                };
                self.position += 1;
                match operator {
                    b'&' => Filter::And(self.set(depth, '&')?),
                    b'|' => Filter::Or(self.set(depth, '|')?),
                    _ => Filter::Not(Box::new(self.negated(depth)?)),
                }
            }
            _ => self.item()?,
        };
        match self.peek() {
            Some(b')') => self.position += 1,
            Some(_) => return self.fail("`)` is expected here"),
            None => return self.fail("the closing `)` is missing"),
        }
        Ok(filter)
    }

    fn set(&mut self, depth: usize, operator: char) -> Outcome<Vec<Filter>> {
        let mut filters = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'(') => filters.push(self.filter(depth)?),
                Some(b')') | None => return Ok(filters),
                Some(_) if filters.is_empty() => return self.bare_item(operator),
                Some(_) => return self.fail("`(` or `)` is expected here"),
            }
        }
    }

    fn negated(&mut self, depth: usize) -> Outcome<Filter> {
        self.skip_blanks();
        let filter = match self.peek() {
            Some(b'(') => self.filter(depth)?,
            Some(b')') | None => return self.fail("`!` needs a filter: write `(!(…))`"),
            Some(_) => return self.bare_item('!'),
        };
        self.skip_blanks();
        if self.peek() == Some(b'(') {
            return self
                .fail("`!` takes one filter; join several: `(!(&(…)(…)))` or `(!(|(…)(…)))`");
        }
        Ok(filter)
    }

    /// `(!objectClass=computer)`, as some vendors document it, is not a filter.
    fn bare_item<T>(&self, operator: char) -> Outcome<T> {
        let item = shorten(self.rest().split(['(', ')']).next().unwrap_or_default().trim_end());
        self.fail(format!(
            "what follows `{operator}` stands in its own parentheses: write `({operator}({item}))`"
        ))
    }

    fn item(&mut self) -> Outcome<Filter> {
        let start = self.position;
        let name =
            self.until(|octet| matches!(octet, b'=' | b'<' | b'>' | b'~' | b':' | b'(' | b')'));
        let operator = self.peek();
        if operator == Some(b':') {
            return self.extensible(start, name);
        }
        if name.is_empty() && matches!(operator, Some(b')') | None) {
            return fail(start, "an item like `name=value` is missing in the parentheses");
        }
        let attribute = attribute_of(start, name, self.rest())?;
        match operator {
            Some(b'=') => {
                self.position += 1;
                self.equality_or_substrings(attribute)
            }
            Some(operator @ (b'<' | b'>' | b'~')) => {
                let sign = char::from(operator);
                self.position += 1;
                if self.peek() != Some(b'=') {
                    return self.fail(format!(
                        "`{sign}` alone is no operator; write `{name}{sign}=…` \
                         (with `=` the bound itself is included)"
                    ));
                }
                self.position += 1;
                let value = self.value(&format!("{sign}="))?;
                Ok(match operator {
                    b'<' => Filter::LessOrEqual { attribute, value },
                    b'>' => Filter::GreaterOrEqual { attribute, value },
                    _ => Filter::Approx { attribute, value },
                })
            }
            _ => self.fail(format!(
                "an operator is missing: `=`, `>=`, `<=`, `~=` or `:=`; `({name}=*)` asks for any value"
            )),
        }
    }

    fn equality_or_substrings(&mut self, attribute: AttributeDescription) -> Outcome<Filter> {
        let first = self.piece()?;
        if self.peek() != Some(b'*') {
            return Ok(Filter::Equality { attribute, value: first });
        }
        let mut any = Vec::new();
        let mut last = Vec::new();
        while self.peek() == Some(b'*') {
            // What was read before this asterisk was not the last piece after all.
            if !last.is_empty() {
                any.push(std::mem::take(&mut last));
            }
            self.position += 1;
            if self.peek() == Some(b'*') {
                return self
                    .fail("two `*` follow each other; write one, or `\\2a` for an asterisk");
            }
            last = self.piece()?;
            self.take()?;
        }
        let given = |piece: Vec<u8>| Some(piece).filter(|piece| !piece.is_empty());
        let (initial, last) = (given(first), given(last));
        if initial.is_none() && any.is_empty() && last.is_none() {
            return Ok(Filter::Present(attribute));
        }
        Ok(Filter::Substrings { attribute, initial, any, last })
    }

    /// `[attribute] [":dn"] [":" rule] ":=" value`, the first colon being next.
    fn extensible(&mut self, start: usize, name: &str) -> Outcome<Filter> {
        let attribute =
            if name.is_empty() { None } else { Some(attribute_of(start, name, self.rest())?) };
        let mut dn_attributes = false;
        let mut rule = None;
        loop {
            self.position += 1;
            if self.peek() == Some(b'=') {
                self.position += 1;
                break;
            }
            let part_start = self.position;
            let part = self.until(|octet| matches!(octet, b':' | b'=' | b'(' | b')'));
            if self.peek() != Some(b':') {
                return self.fail("`:=` is missing before the value");
            }
            if part.eq_ignore_ascii_case("dn") && !dn_attributes && rule.is_none() {
                dn_attributes = true;
            } else if rule.is_none() && attribute::is_type(part) {
                rule = Some(part.to_owned());
            } else {
                let part = shorten(part);
                return fail(
                    part_start,
                    format!("`{part}` is not a matching rule's name or number"),
                );
            }
        }
        if attribute.is_none() && rule.is_none() {
            return fail(start, "`:=` needs an attribute or a matching rule before it");
        }
        let value = self.value(":=")?;
        Ok(Filter::Extensible { rule, attribute, value, dn_attributes })
    }

    /// A value in which an asterisk would have no meaning.
    fn value(&mut self, operator: &str) -> Outcome<Vec<u8>> {
        let value = self.piece()?;
        if self.peek() == Some(b'*') {
            return self
                .fail(format!("`*` has no meaning after `{operator}`; the character is `\\2a`"));
        }
        Ok(value)
    }

    /// Octets up to the next `*` or `)`, escapes taken out.
    fn piece(&mut self) -> Outcome<Vec<u8>> {
        let mut octets = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'*' | b')') => return Ok(octets),
                Some(b'(') => return self.fail("a `(` in a value is written `\\28`"),
                Some(0) => return self.fail("a NUL in a value is written `\\00`"),
                Some(b'\\') => octets.push(self.escape()?),
                Some(other) => {
                    octets.push(other);
                    self.position += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Outcome<u8> {
        let mut digits = self.rest().chars().skip(1).map(|digit| digit.to_digit(16));
        if let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next())
            && let Ok(octet) = u8::try_from(high << 4 | low)
        {
            self.position += 3;
            return Ok(octet);
        }
        self.fail(match self.rest().as_bytes().get(1) {
            Some(octet @ (b'*' | b'(' | b')' | b'\\')) => {
                format!("`\\{}` is written `\\{octet:02x}`", char::from(*octet))
            }
            _ => "a backslash is followed by two hexadecimal digits; a backslash itself is `\\5c`"
                .to_owned(),
        })
    }

    /// Reads up to the first octet that `ends` accepts.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let length = rest.bytes().position(ends).unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.position += 1;
        }
    }

    fn take(&mut self) -> Outcome<()> {
        if self.budget.take() {
            Ok(())
        } else {
            self.fail(format!("the filter has more than {MAX_COMPONENTS} parts"))
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Outcome<T> {
        fail(self.position, reason)
    }
}

fn fail<T>(offset: usize, reason: impl Into<String>) -> Outcome<T> {
    Err(FilterTextError { offset, reason: reason.into() })
}

/// The attribute description before an operator; `rest` starts at the operator.
fn attribute_of(start: usize, name: &str, rest: &str) -> Outcome<AttributeDescription> {
    if let Some(attribute) = AttributeDescription::parse(name).filter(has_text_form) {
        return Ok(attribute);
    }
    if let Some(name) = name.strip_suffix('!') {
        let value = shorten(rest.trim_start_matches('=').split(')').next().unwrap_or_default());
        let name = shorten(name);
        return fail(start, format!("`!=` is no operator; write `(!({name}={value}))`"));
    }
    if name.is_empty() {
        return fail(start, "an attribute name is missing before the operator");
    }
    let trimmed = name.trim();
    if trimmed.len() < name.len() && AttributeDescription::parse(trimmed).is_some() {
        return fail(
            start,
            format!("there is a blank beside the attribute name; write `{trimmed}`"),
        );
    }
    fail(start, format!("`{}` is not an attribute name", shorten(name)))
}

/// At most 60 characters of what somebody wrote, for an error message.
fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
