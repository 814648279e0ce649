//! Filters as people write them: what RFC 4515 allows and means, or what to write instead.
//!
//! Nothing is taken that its writer would be surprised by: `(cn==a)` and `(cn="a")` are filters, and find
//! nobody. What is proposed instead is worked out from the text (`AND` between two parts, missing
//! parentheses …) and is always a filter.

use super::error::Fault;
use crate::ldap::filter::Filter;
use crate::ldap::schema::{self, Syntax};

/// Longest text that something is proposed for, in octets.
const LONGEST: usize = 4096;
/// Most parts within each other that something is proposed for.
const DEEPEST: usize = 32;

const EXAMPLE: &str = "write it after RFC 4515, for example (&(department=Sales)(mail=*))";

/// A search filter.
pub(super) fn filter(text: &str) -> Result<Filter, Fault> {
    let error = match Filter::parse(text) {
        Ok(filter) => match items(text).find_map(doubt) {
            None => return Ok(filter),
            Some(doubt) => {
                return Err(Fault::new(
                    format!("{text:?} is a filter, but not the one that is meant: {doubt}"),
                    proposal(text).map_or_else(|| EXAMPLE.to_owned(), |meant| written(&meant)),
                ));
            }
        },
        Err(error) => error,
    };
    let at = error.offset;
    let (reason, instead) = match proposal(text) {
        Some(meant) => (cause(&error.reason), written(&meant)),
        None => (error.reason.as_str(), EXAMPLE.to_owned()),
    };
    Err(Fault::new(format!("{text:?} is no filter: at position {at}: {reason}"), instead))
}

/// What is wrong, without the advice on the one place: the whole filter is proposed.
fn cause(reason: &str) -> &str {
    let ends = ["; write `", ": write `", "; join them as", "; `("];
    ends.iter().find_map(|end| reason.split_once(end)).map_or(reason, |(cause, _)| cause)
}

/// In double quotes TOML has its own meaning for a backslash.
fn written(filter: &str) -> String {
    if filter.contains('\\') {
        format!("write, in single quotes, '{filter}'")
    } else {
        format!("write {filter}")
    }
}

/// What the text is meant to be, if that can be told.
fn proposal(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = unquoted(text).unwrap_or(text);
    let mut reader = Reader { text: bare, position: 0 };
    let meant =
        Some(bare.len()).filter(|length| *length <= LONGEST).and_then(|_| reader.whole())?;
    let is_right =
        meant != text && Filter::parse(&meant).is_ok() && items(&meant).find_map(doubt).is_none();
    is_right.then_some(meant)
}

/// One item of a filter that can be read: what stands before its `=`, and its value as written.
#[derive(Clone, Copy)]
struct Item<'a> {
    name: &'a str,
    value: &'a str,
}

/// The items of a filter that can be read: parentheses stand nowhere but around its parts.
fn items(text: &str) -> impl Iterator<Item = Item<'_>> {
    text.split('(').filter_map(|part| {
        let (name, value) = part.split(')').next()?.split_once('=')?;
        Some(Item { name: name.trim_end_matches(['<', '>', '~', ':']), value })
    })
}

/// Why an item is not what its writer means.
fn doubt(item: Item<'_>) -> Option<String> {
    let value = item.value;
    if value.starts_with('=') {
        return Some("`==` looks for values that begin with `=`".to_owned());
    }
    if value.starts_with(['<', '>']) {
        return Some("`=<` and `=>` look for values that begin with `<` or `>`".to_owned());
    }
    if unquoted(value).is_some() {
        return Some("quotes are a part of the value".to_owned());
    }
    let joined = (0..value.len()).find_map(|at| connective(value, at));
    if let Some(connective) = joined {
        return Some(format!("`{}` in a value is a part of it", connective.text));
    }
    let is_text = schema::attribute_type(item.name)
        .is_some_and(|known| !matches!(known.syntax, Syntax::OctetString | Syntax::Sid));
    let is_hidden = is_text && std::str::from_utf8(&unescaped(value)).is_err();
    is_hidden.then(|| {
        "a backslash and two hexadecimal digits are one octet; a backslash itself is `\\5c`"
            .to_owned()
    })
}

fn unquoted(text: &str) -> Option<&str> {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\''))
}

/// The octets that a value stands for.
fn unescaped(value: &str) -> Vec<u8> {
    let mut pieces = value.split('\\');
    let mut octets = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (octet, rest) = match hexadecimal(piece) {
            Some(octet) => (octet, piece.get(2..).unwrap_or_default()),
            None => (b'\\', piece),
        };
        octets.push(octet);
        octets.extend_from_slice(rest.as_bytes());
    }
    octets
}

/// The octet that two digits at the start stand for.
fn hexadecimal(text: &str) -> Option<u8> {
    let digits = text.get(..2)?;
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hexadecimal.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// A word or sign between two parts of a filter, as other languages have it.
struct Connective<'a> {
    operator: char,
    text: &'a str,
}

const CONNECTIVES: [(&str, char); 6] =
    [("&&", '&'), ("||", '|'), ("and", '&'), ("or", '|'), ("&", '&'), ("|", '|')];

/// One that begins at `at` and has another part of a filter after it.
fn connective(text: &str, at: usize) -> Option<Connective<'_>> {
    let rest = text.get(at..)?;
    let found = CONNECTIVES.iter().find_map(|(word, operator)| {
        let text = rest.get(..word.len()).filter(|text| text.eq_ignore_ascii_case(word))?;
        Some(Connective { operator: *operator, text })
    })?;
    let after = rest.get(found.text.len()..)?;
    let is_word = found.text.bytes().all(|octet| octet.is_ascii_alphabetic());
    let before = text.get(..at)?;
    let stands_alone = !is_word
        || ((before.is_empty() || before.ends_with([' ', '\t', ')']))
            && after.starts_with([' ', '\t', '(', '!']));
    (stands_alone && begins_part(after)).then_some(found)
}

/// Whether a part of a filter begins here: `(`, `!`, `NOT`, or a name with an operator.
fn begins_part(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with(['(', '!']) || negation(text).is_some() {
        return true;
    }
    let end = text.find(|character: char| !is_in_name(character)).unwrap_or(text.len());
    let Some((name, after)) = text.split_at_checked(end) else { return false };
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && operator(after).is_some()
}

const fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | ';' | '.')
}

/// What follows `NOT`.
fn negation(text: &str) -> Option<&str> {
    let word = text.get(..3).filter(|word| word.eq_ignore_ascii_case("not"))?;
    text.get(word.len()..).filter(|after| after.starts_with([' ', '\t', '(']))
}

/// Operators as they are written, and as they are meant; `!=` is looked after by who asks.
const OPERATORS: [(&str, &str); 9] = [
    ("==", "="),
    ("!=", "!="),
    ("<>", "!="),
    ("=>", ">="),
    ("=<", "<="),
    (">=", ">="),
    ("<=", "<="),
    ("~=", "~="),
    ("=", "="),
];

/// The operator that the text begins with, blanks aside, and what follows it.
fn operator(text: &str) -> Option<(&'static str, &str)> {
    let text = text.trim_start();
    OPERATORS.iter().find_map(|(written, meant)| Some((*meant, text.strip_prefix(written)?)))
}

/// Reads what people write for a filter, and gives it as RFC 4515 has it.
struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) -> Option<String> {
        let read = match self.prefix() {
            Some(operator) => self.list(operator, DEEPEST)?,
            None => self.any(DEEPEST)?,
        };
        // Parentheses that close nothing.
        while self.eat(")") {}
        self.skip_blanks();
        self.rest().is_empty().then_some(read)
    }

    /// Parts with `OR` between them.
    fn any(&mut self, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let mut parts = vec![self.all(depth)?];
        while self.join('|') {
            parts.push(self.all(depth)?);
        }
        Some(joined('|', &parts))
    }

    /// Parts with `AND` between them, or nothing.
    fn all(&mut self, depth: usize) -> Option<String> {
        let mut parts = vec![self.one(depth)?];
        loop {
            let follows = self.join('&') || {
                self.skip_blanks();
                begins_part(self.rest()) && !self.rest().starts_with(')')
            };
            if !follows {
                return Some(joined('&', &parts));
            }
            parts.push(self.one(depth)?);
        }
    }

    fn one(&mut self, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        self.skip_blanks();
        if self.eat("!") {
            return Some(format!("(!{})", self.one(depth)?));
        }
        if let Some(after) = negation(self.rest()) {
            self.position = self.text.len() - after.len();
            return Some(format!("(!{})", self.one(depth)?));
        }
        if !self.eat("(") {
            return self.item();
        }
        let inner = match self.prefix() {
            Some(operator) => self.list(operator, depth)?,
            None => self.any(depth)?,
        };
        self.skip_blanks();
        // What is missing at the end is understood.
        let is_closed = self.eat(")") || self.rest().is_empty();
        is_closed.then_some(inner)
    }

    /// `&`, `&&`, `AND` and the like directly after a parenthesis.
    fn prefix(&mut self) -> Option<char> {
        self.skip_blanks();
        let found = connective(self.rest(), 0)?;
        self.position += found.text.len();
        Some(found.operator)
    }

    fn list(&mut self, operator: char, depth: usize) -> Option<String> {
        let mut parts = Vec::new();
        loop {
            self.skip_blanks();
            if self.rest().is_empty() || self.rest().starts_with(')') {
                return (!parts.is_empty()).then(|| format!("({operator}{})", parts.concat()));
            }
            parts.push(self.one(depth)?);
            while self.join(operator) {}
        }
    }

    /// `name = value`.
    fn item(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest.find(|character| !is_in_name(character)).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        let (name, operator, after) = match operator(after) {
            Some((operator, after)) => (name.to_owned(), operator, after),
            // name:rule:=value
            None => {
                let (rule, after) = after.strip_prefix(':')?.split_once('=')?;
                let is_rule =
                    rule.bytes().all(|o| o.is_ascii_alphanumeric() || b".:-".contains(&o));
                (is_rule && rule.ends_with(':')).then_some(())?;
                (format!("{name}:{rule}"), "=", after)
            }
        };
        self.position = self.text.len() - after.len();
        let value = self.value(&name);
        (!name.is_empty() && !value.is_empty()).then_some(())?;
        Some(match operator {
            "!=" => format!("(!({name}={value}))"),
            operator => format!("({name}{operator}{value})"),
        })
    }

    /// A value up to the parenthesis that ends its item, or to where another part begins.
    fn value(&mut self, name: &str) -> String {
        self.skip_blanks();
        let rest = self.rest();
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let quoted = quote.and_then(|quote| rest.get(1..)?.split_once(quote));
        if let Some((inside, after)) = quoted {
            self.position = self.text.len() - after.len();
            return escaped(inside, name);
        }
        let length = value_length(rest);
        self.position += length;
        escaped(rest.get(..length).unwrap_or_default().trim_end(), name)
    }

    fn join(&mut self, operator: char) -> bool {
        self.skip_blanks();
        let found = connective(self.text, self.position).filter(|one| one.operator == operator);
        self.position += found.as_ref().map_or(0, |found| found.text.len());
        found.is_some()
    }

    fn eat(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(sign);
        self.position += if found { sign.len() } else { 0 };
        found
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }
}

fn joined(operator: char, parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        several => format!("({operator}{})", several.concat()),
    }
}

/// How far a value goes. Parentheses in pairs belong to it, unless a part of a filter is in them.
fn value_length(text: &str) -> usize {
    let mut open = 0_usize;
    for (at, character) in text.char_indices() {
        let after = text.get(at + character.len_utf8()..).unwrap_or_default();
        match character {
            '(' if begins_part(after) => return at,
            '(' => open += 1,
            ')' if open == 0 => return at,
            ')' => open -= 1,
            _ if connective(text, at).is_some() => return at,
            _ => {}
        }
    }
    text.len()
}

/// A value with all escaped that has to be. Escapes that are there stay, unless they make no text.
fn escaped(value: &str, name: &str) -> String {
    let literal = doubt(Item { name, value }).is_some();
    let mut out = String::with_capacity(value.len() + 8);
    let mut rest = value;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match (character, rest.as_bytes().get(1)) {
            ('\\', _) if !literal && rest.strip_prefix('\\').and_then(hexadecimal).is_some() => {
                length = 3;
                out.push_str(rest.get(..length).unwrap_or_default());
            }
            ('\\', Some(next @ (b'*' | b'(' | b')' | b'\\'))) => {
                length = 2;
                out.push_str(&format!("\\{next:02x}"));
            }
            ('\\' | '(' | ')' | '\0', _) => {
                out.push_str(&format!("\\{:02x}", u32::from(character)))
            }
            ('*', _) if out.ends_with('*') => {}
            (other, _) => out.push(other),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests;
