//! Octets as hexadecimal digits, and back.

/// Two digits for each octet, in lower case.
#[must_use]
pub fn digits(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        text.push(digit(octet >> 4));
        text.push(digit(octet & 0xf));
    }
    text
}

/// The octet of two digits in either case; `None` for anything else, a sign included.
#[must_use]
pub fn octet([high, low]: [u8; 2]) -> Option<u8> {
    let digit =
        |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// The octets of a text that is pairs of digits and nothing else.
#[must_use]
pub fn octets(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks();
    if rest.is_empty() { pairs.iter().map(|pair| octet(*pair)).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(octets(&digits(&all)), Some(all));
        assert_eq!(digits(&[0, 0xab]), "00ab");
        assert_eq!(octets("00aB"), Some(vec![0, 0xab]));
        assert_eq!(octets(""), Some(Vec::new()));
        for text in ["0", "0g", "+f", " 1", "-1", "é1", "0x"] {
            assert_eq!(octets(text), None, "{text}");
        }
    }
}
