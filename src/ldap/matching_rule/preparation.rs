//! String preparation (RFC 4518): two spellings of one text become the same octets.
//!
//! The steps are those of RFC 4518 §2 with these choices:
//! - Nothing is prohibited (§2.4): what a directory stores can be asked for.
//! - Case is folded character by character to lower case. `ß` stays `ß` and is not `ss` (its capital
//!   `ẞ` becomes `ß`), the final sigma `ς` is `σ`, and the dotted capital `İ` keeps its dot as a
//!   combining mark, so it is neither `i` nor `ı`. Where servers differ (Windows takes `ß` for `ss` and
//!   `é` for `e`, Samba and OpenLDAP do not), the stricter reading is taken: a spelling that is not
//!   recognised is refused, while one that is taken for another's would be let in.
//! - Insignificant spaces (§2.6.1) are squeezed to one and trimmed, with no space added at the ends.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Text prepared for caseIgnoreMatch (RFC 4517 §4.2.11).
///
/// Preparing what is already prepared changes nothing.
#[must_use]
pub fn prepare_case_ignore(text: &str) -> String {
    if text.is_ascii() {
        return squeeze_ascii(text.bytes().map(|octet| octet.to_ascii_lowercase()), text.len());
    }
    // Folding can undo a composition (H + macron below has one only in lower case), hence twice.
    squeeze(text.chars().filter_map(map).nfkc().flat_map(fold).nfkc(), text.len())
}

/// Text prepared for caseExactMatch (RFC 4517 §4.2.4).
#[must_use]
pub fn prepare_case_exact(text: &str) -> String {
    if text.is_ascii() {
        return squeeze_ascii(text.bytes(), text.len());
    }
    squeeze(text.chars().filter_map(map).nfkc(), text.len())
}

/// Text prepared for telephoneNumberMatch (RFC 4517 §4.2.29): without case, and without the blanks and hyphens
/// by which people part the digits (RFC 4518 §2.6.3).
#[must_use]
pub(super) fn prepare_telephone_number(text: &str) -> String {
    let parts = |character: char| {
        matches!(character, ' ' | '-' | '\u{58a}' | '\u{2010}' | '\u{2011}' | '\u{2212}')
    };
    prepare_case_ignore(text).replace(parts, "")
}

/// A piece of a substring assertion: blanks `before` and `after` it count, as one space, where another
/// piece may join.
pub(super) fn prepare_substring(text: &str, fold: bool, before: bool, after: bool) -> String {
    // A character on either side keeps the blanks from being trimmed; it is cut off again.
    let guard = |wanted| if wanted { GUARD } else { "" };
    let guarded = format!("{}{text}{}", guard(before), guard(after));
    let prepared = if fold { prepare_case_ignore(&guarded) } else { prepare_case_exact(&guarded) };
    let piece = if before { prepared.strip_prefix(GUARD).unwrap_or(&prepared) } else { &prepared };
    let piece = if after { piece.strip_suffix(GUARD).unwrap_or(piece) } else { piece };
    piece.to_owned()
}

/// A character that preparation leaves alone and that composes with nothing.
const GUARD: &str = "|";

/// RFC 4518 §2.2: spaces of all kinds become SPACE, what cannot be seen becomes nothing.
const fn map(character: char) -> Option<char> {
    match character {
        '\t'..='\r' | '\u{85}' => Some(' '),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' => Some(' '),
        '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' => None,
        '\u{ad}' | '\u{34f}' | '\u{6dd}' | '\u{70f}' | '\u{1806}' => None,
        '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2060}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' => None,
        '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{1d173}'..='\u{1d17a}' => None,
        '\u{e0001}' | '\u{e0020}'..='\u{e007f}' => None,
        other => Some(other),
    }
}

fn fold(character: char) -> impl Iterator<Item = char> {
    // Lower-casing leaves the final sigma alone, although its capital is that of the other one.
    let character = if character == 'ς' { 'σ' } else { character };
    character.to_lowercase()
}

/// A space that carries a combining mark is not insignificant (RFC 4518 §2.6.1).
fn squeeze(characters: impl Iterator<Item = char>, length: usize) -> String {
    let mut prepared = String::with_capacity(length);
    let mut characters = characters.peekable();
    let mut space_due = false;
    while let Some(character) = characters.next() {
        let marked = characters.peek().is_some_and(|&next| is_combining_mark(next));
        if character == ' ' && !marked {
            space_due = true;
            continue;
        }
        if space_due && !prepared.is_empty() {
            prepared.push(' ');
        }
        space_due = false;
        prepared.push(character);
    }
    prepared
}

fn squeeze_ascii(octets: impl Iterator<Item = u8>, length: usize) -> String {
    let mut prepared = String::with_capacity(length);
    let mut space_due = false;
    for octet in octets {
        match octet {
            b' ' | b'\t'..=b'\r' => space_due = true,
            0..=0x1f | 0x7f => {}
            _ => {
                if space_due && !prepared.is_empty() {
                    prepared.push(' ');
                }
                space_due = false;
                prepared.push(char::from(octet));
            }
        }
    }
    prepared
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 4518 §2.2 to §2.6.
    #[test]
    fn case_ignore() {
        for (text, prepared) in [
            ("", ""),
            ("   ", ""),
            ("  John\t\n SMITH ", "john smith"),
            ("M\u{fc}ller", "m\u{fc}ller"),
            ("Mu\u{308}ller", "m\u{fc}ller"),
            ("\u{410}\u{43d}\u{43d}\u{410}", "\u{430}\u{43d}\u{43d}\u{430}"),
            ("Stra\u{df}e", "stra\u{df}e"),
            ("STRA\u{1e9e}E", "stra\u{df}e"),
            ("\u{3a3}\u{3ac}\u{3c2}", "\u{3c3}\u{3ac}\u{3c3}"),
            ("\u{130}", "i\u{307}"),
            ("\u{131}", "\u{131}"),
            ("so\u{ad}ft", "soft"),
            ("a\u{200b}b\0c", "abc"),
            ("a\u{a0}\u{3000}b", "a b"),
            ("\u{ff21}\u{ff42}", "ab"),
            ("\u{b4}x", " \u{301}x"),
            ("H\u{331}", "\u{1e96}"),
        ] {
            assert_eq!(prepare_case_ignore(text), prepared, "{text:?}");
        }
    }

    #[test]
    fn case_exact_keeps_case_alone() {
        assert_eq!(prepare_case_exact(" Mu\u{308}LLER  x"), "M\u{fc}LLER x");
        assert_eq!(prepare_case_exact(" A  b "), "A b");
    }

    /// RFC 4518 §2.6.3.
    #[test]
    fn telephone_numbers() {
        for spelling in ["+44 20 7946-0000", " +442079460000 ", "+44\u{a0}20\u{2011}79460000"] {
            assert_eq!(prepare_telephone_number(spelling), "+442079460000", "{spelling:?}");
        }
        assert_eq!(prepare_telephone_number("1-800 FLOWERS"), "1800flowers");
        assert_eq!(prepare_telephone_number("(0)20"), "(0)20");
    }

    #[test]
    fn every_character_is_prepared_once_and_for_all() {
        for character in ('\0'..='\u{1ffff}').chain('\u{e0000}'..='\u{e0fff}') {
            let once = prepare_case_ignore(&character.to_string());
            assert_eq!(prepare_case_ignore(&once), once, "{character:?}");
            let lower: String = character.to_lowercase().collect();
            assert_eq!(prepare_case_ignore(&lower), once, "{character:?}");
            let exact = prepare_case_exact(&character.to_string());
            assert_eq!(prepare_case_exact(&exact), exact, "{character:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn preparing_twice_is_preparing_once(text in any::<String>()) {
            let once = prepare_case_ignore(&text);
            prop_assert_eq!(prepare_case_ignore(&once), once);
        }

        #[test]
        fn decomposed_text_is_composed_text(text in any::<String>()) {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(prepare_case_ignore(&decomposed), prepare_case_ignore(&text));
        }

        #[test]
        fn the_quick_way_for_ascii_is_the_long_way(text in "[\\x00-\\x7f]{0,40}") {
            let long = squeeze(text.chars().filter_map(map).nfkc().flat_map(fold).nfkc(), 0);
            prop_assert_eq!(prepare_case_ignore(&text), long);
        }
    }
}
