//! Names of the imitated directory: distinguished names, canonical names, GUIDs and SIDs as text.
//!
//! Deliberately not `ldap::dn` and `ldap::identifier`: the gate uses those, and what imitates its
//! counterpart must not share a mistake with it.

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;

/// A distinguished name for comparing and ordering: two spellings of one name are equal, and the
/// names below a name follow it directly in the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DnKey(Vec<String>);

impl DnKey {
    /// Reads a name in any spelling of RFC 4514 or RFC 2253; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut levels = Vec::new();
        for rdn in split_rdns(text)? {
            let mut avas: Vec<String> = rdn
                .iter()
                .map(|(attribute, value)| format!("{attribute}={}", fold(value)))
                .collect();
            avas.sort();
            // A control character cannot come from text, so no value can imitate the separator.
            levels.push(avas.join("\u{1}"));
        }
        levels.reverse();
        Some(Self(levels))
    }

    /// Whether this name is `base` or below it.
    #[must_use]
    pub fn is_within(&self, base: &Self) -> bool {
        self.0.starts_with(&base.0)
    }

    /// The name above; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }

    /// How many RDNs the name has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }
}

/// Text for comparing: composed (NFC), lower case, runs of blanks as one.
#[must_use]
pub fn fold(text: &str) -> String {
    let lower = text.nfc().collect::<String>().to_lowercase();
    lower.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// One attribute (lower case) and its unescaped value.
pub type Ava = (String, String);

/// The RDNs of a name, leaf first; an empty name has none. `None` when the text is not a name.
#[must_use]
pub fn split_rdns(text: &str) -> Option<Vec<Vec<Ava>>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    split_unescaped(text, &[',', ';'])?
        .iter()
        .map(|rdn| split_unescaped(rdn, &['+'])?.iter().map(|ava| read_ava(ava)).collect())
        .collect()
}

/// The text of the name above `dn`, in the spelling of `dn`; `None` for the root and for nonsense.
#[must_use]
pub fn parent_text(dn: &str) -> Option<String> {
    if dn.trim().is_empty() {
        return None;
    }
    let parts = split_unescaped(dn, &[',', ';'])?;
    parts.split_first().map(|(_, above)| above.join(","))
}

/// The text of the leading RDN of `dn`, in the spelling of `dn`; empty for the root and for nonsense.
#[must_use]
pub fn rdn_text(dn: &str) -> &str {
    let Some(parent) = parent_text(dn) else { return "" };
    let behind = if parent.is_empty() { 0 } else { parent.len() + 1 };
    dn.len().checked_sub(behind).and_then(|end| dn.get(..end)).unwrap_or_default()
}

/// `corp.example/People/Alice` (MS-ADTS 3.1.1.4.5.7), with `/` and `\` in values escaped.
#[must_use]
pub fn canonical_name(dn: &str) -> Option<String> {
    let mut labels = Vec::new();
    let mut path = String::new();
    for rdn in split_rdns(dn)?.iter().rev() {
        let (attribute, value) = rdn.first()?;
        if attribute == "dc" && path.is_empty() {
            labels.insert(0, value.clone());
        } else {
            path.push('/');
            path.push_str(&value.replace('\\', "\\\\").replace('/', "\\/"));
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    Some(labels.join(".") + &path)
}

/// The text form of objectGUID octets (MS-DTYP 2.3.4.2): the first three fields are little-endian.
#[must_use]
pub fn guid_text(octets: &[u8]) -> Option<String> {
    let octets: [u8; 16] = octets.try_into().ok()?;
    let [a, b, c, d, e, f, g, h, rest @ ..] = octets;
    let mut text = String::new();
    for (index, octet) in [d, c, b, a, f, e, h, g].iter().chain(&rest).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{octet:02x}");
    }
    Some(text)
}

/// The octets of a UUID's text in the order of the text (RFC 4122 §4.1.2), as entryUUID has them.
#[must_use]
pub fn uuid_octets(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u32> =
        text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.as_chunks::<2>().0.iter();
    let octets: Vec<u8> =
        pairs.map(|[high, low]| u8::try_from(high * 16 + low)).collect::<Result<_, _>>().ok()?;
    octets.try_into().ok().filter(|_| digits.len() == 32)
}

/// `S-1-5-21-…` of objectSid octets (MS-DTYP 2.4.2.2).
#[must_use]
pub fn sid_text(octets: &[u8]) -> Option<String> {
    let (head, subs) = octets.split_at_checked(8)?;
    let [revision, count, authority @ ..] = head else { return None };
    if subs.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
    let mut text = format!("S-{revision}-{authority}");
    for sub in subs.chunks_exact(4) {
        let _ = write!(text, "-{}", u32::from_le_bytes(sub.try_into().ok()?));
    }
    Some(text)
}

/// objectSid octets of `S-1-5-21-…`.
#[must_use]
pub fn sid_octets(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.strip_prefix("S-").or_else(|| text.strip_prefix("s-"))?.split('-');
    let revision: u8 = parts.next()?.parse().ok()?;
    let authority: u64 = parts.next()?.parse().ok()?;
    let subs: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut octets = vec![revision, u8::try_from(subs.len()).ok()?];
    octets.extend(authority.to_be_bytes().iter().skip(2));
    octets.extend(subs.iter().flat_map(|sub| sub.to_le_bytes()));
    Some(octets)
}

/// Splits at separators that are neither escaped nor quoted. `None` for an open quote or escape.
fn split_unescaped(text: &str, separators: &[char]) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let (mut escaped, mut quoted) = (false, false);
    for c in text.chars() {
        if !escaped && !quoted && separators.contains(&c) {
            parts.push(String::new());
            continue;
        }
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => {
                quoted = !quoted;
                escaped = false;
            }
            _ => escaped = false,
        }
        parts.last_mut()?.push(c);
    }
    (!escaped && !quoted).then_some(parts)
}

fn read_ava(text: &str) -> Option<Ava> {
    let (attribute, value) = text.split_once('=')?;
    let attribute = attribute.trim().to_ascii_lowercase();
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if attribute.is_empty() || !attribute.chars().all(valid) {
        return None;
    }
    let attribute = match attribute.as_str() {
        "2.5.4.3" => "cn".to_owned(),
        "2.5.4.11" => "ou".to_owned(),
        "0.9.2342.19200300.100.1.25" => "dc".to_owned(),
        "0.9.2342.19200300.100.1.1" => "uid".to_owned(),
        _ => attribute,
    };
    Some((attribute, unescape(value)?))
}

fn unescape(text: &str) -> Option<String> {
    let text = text.trim_start_matches(' ');
    let mut octets: Vec<u8> = Vec::new();
    // Blanks at the end are dropped unless one was escaped.
    let mut keep = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => continue,
            '\\' => {
                octets.extend(escaped_octets(&mut chars)?);
                keep = octets.len();
            }
            _ => octets.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
        if c != ' ' {
            keep = octets.len();
        }
    }
    octets.truncate(keep);
    String::from_utf8(octets).ok()
}

fn escaped_octets(chars: &mut std::str::Chars<'_>) -> Option<Vec<u8>> {
    let first = chars.next()?;
    match (first.to_digit(16), chars.clone().next().and_then(|c| c.to_digit(16))) {
        (Some(high), Some(low)) => {
            chars.next();
            Some(vec![u8::try_from(high * 16 + low).ok()?])
        }
        _ => Some(first.encode_utf8(&mut [0; 4]).bytes().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4514 §2.4, §4 and RFC 2253 §4.
    #[test]
    fn spellings_of_one_name_are_equal() {
        let key = DnKey::parse("CN=Müller\\, Jürgen,OU=People,DC=corp,DC=example").unwrap();
        for spelling in [
            "cn=müller\\2C jürgen, ou=people , dc=CORP,dc=Example",
            "CN = \"MÜLLER, Jürgen\" ;OU=People;DC=corp;DC=example",
            "2.5.4.3=M\\C3\\BCller\\,  J\\c3\\bcrgen,2.5.4.11=People,dc=corp,dc=example",
            "cn=mu\u{308}ller\\, ju\u{308}rgen,ou=people,dc=corp,dc=example",
        ] {
            assert_eq!(DnKey::parse(spelling).as_ref(), Some(&key), "{spelling}");
        }
        assert_ne!(DnKey::parse("CN=Muller\\, Jurgen,OU=People,DC=corp,DC=example"), Some(key));
    }

    #[test]
    fn multivalued_rdns_compare_in_any_order() {
        assert_eq!(DnKey::parse("a=1+b=2,c=3"), DnKey::parse("B=2 + A=1,c=3"));
        assert_ne!(DnKey::parse("a=1\\+b=2,c=3"), DnKey::parse("a=1+b=2,c=3"));
    }

    #[test]
    fn what_is_no_name() {
        for text in
            ["alice", "CORP\\alice", "alice@corp.example", "cn=a,,dc=b", "=a", "cn=a\\", "cn=\"a"]
        {
            assert_eq!(DnKey::parse(text), None, "{text}");
        }
        assert_eq!(DnKey::parse(""), Some(DnKey::default()));
    }

    #[test]
    fn order_keeps_a_subtree_together() {
        let key = |text| DnKey::parse(text).unwrap();
        let mut keys = [
            key("ou=b,dc=x"),
            key("cn=z,ou=a,dc=x"),
            key("ou=a,dc=x"),
            key("dc=x"),
            key("ou=a-a,dc=x"),
        ];
        keys.sort();
        let within: Vec<bool> = keys.iter().map(|k| k.is_within(&key("ou=a,dc=x"))).collect();
        assert_eq!(within, [false, true, true, false, false]);
        assert_eq!(key("cn=z,ou=a,dc=x").parent(), Some(key("ou=a,dc=x")));
    }

    /// MS-DTYP 2.3.4.2 and 2.4.2.
    #[test]
    fn identifiers() {
        let guid: Vec<u8> = (0..16).collect();
        assert_eq!(guid_text(&guid).unwrap(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
        let sid = sid_octets("S-1-5-21-1-2-4294967295-500").unwrap();
        assert_eq!(sid.len(), 28);
        assert_eq!(sid.get(..12).unwrap(), [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]);
        assert_eq!(sid_text(&sid).unwrap(), "S-1-5-21-1-2-4294967295-500");
        assert_eq!(sid_octets("S-1-5-x"), None);
        assert_eq!(sid_text(sid.get(..27).unwrap()), None);
    }

    /// MS-ADTS 3.1.1.4.5.7.
    #[test]
    fn canonical_names() {
        assert_eq!(
            canonical_name("CN=a/b,OU=People,DC=corp,DC=example").unwrap(),
            "corp.example/People/a\\/b"
        );
        assert_eq!(canonical_name("DC=corp,DC=example").unwrap(), "corp.example/");
    }

    proptest::proptest! {
        /// RFC 4514 §2.4: a value escaped octet by octet and one with only the special characters
        /// escaped are one name.
        #[test]
        fn escapes_do_not_matter(value in "\\PC{1,12}") {
            let octets: String = value.bytes().map(|octet| format!("\\{octet:02X}")).collect();
            let special: String = value
                .chars()
                .flat_map(|c| if ",;+\"\\<>=# ".contains(c) { vec!['\\', c] } else { vec![c] })
                .collect();
            let one = DnKey::parse(&format!("CN={octets},DC=x"));
            proptest::prop_assert!(one.is_some());
            proptest::prop_assert_eq!(one, DnKey::parse(&format!("cn = {special} , dc=X")));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (DnKey::parse(&text), canonical_name(&text), parent_text(&text), sid_octets(&text));
        }
    }
}
