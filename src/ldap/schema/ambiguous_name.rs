//! Ambiguous name resolution (MS-ADTS §3.1.1.3.1.3.4): one assertion that looks into all the attributes by which
//! people are called.

use super::kind::DirectoryKind;

/// The attribute that asks for it: `(anr=ali)`. No entry has it, so it is never present.
pub const AMBIGUOUS_NAME: &str = "aNR";

/// The attributes that `(anr=…)` looks into: those that Active Directory's base schema flags with fANR
/// (MS-ADTS §3.1.1.2.3). A forest whose schema was extended, as by Exchange, may flag more (`mail`,
/// `mailNickname`); those are not looked into. Empty for directories that do not have it.
#[must_use]
pub const fn anr_attributes(kind: DirectoryKind) -> &'static [&'static str] {
    match kind {
        DirectoryKind::ActiveDirectory => ATTRIBUTES,
        DirectoryKind::OpenLdap => &[],
    }
}

/// The one attribute of the set that is compared as a whole and never by its start.
pub const ANR_WHOLE_ONLY: &str = "legacyExchangeDN";

const ATTRIBUTES: &[&str] = &[
    "displayName",
    "givenName",
    "legacyExchangeDN",
    "msDS-AdditionalSamAccountName",
    "msDS-PhoneticCompanyName",
    "msDS-PhoneticDepartment",
    "msDS-PhoneticDisplayName",
    "msDS-PhoneticFirstName",
    "msDS-PhoneticLastName",
    "name",
    "physicalDeliveryOfficeName",
    "proxyAddresses",
    "sAMAccountName",
    "sn",
];

/// What an assertion value asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmbiguousName<'a> {
    /// Whether values must be equal, which a leading `=` says (`(anr==Smith)`); otherwise they start with it.
    pub exact: bool,
    /// What one of the attributes must hold.
    pub whole: &'a [u8],
    /// Its two parts, if there is a blank with something on either side: what stands before and after the
    /// first one. They may be given name and surname, in either order.
    pub parts: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> AmbiguousName<'a> {
    /// Reads an assertion value. `None` if it names nothing; such an assertion holds for no entry.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let (exact, whole) = match value.strip_prefix(b"=") {
            Some(rest) => (true, rest.trim_ascii()),
            None => (false, value.trim_ascii()),
        };
        let mut parts = whole.splitn(2, |octet| *octet == b' ');
        let (first, second) = (parts.next()?, parts.next());
        let parts = second.map(|second| (first, second.trim_ascii_start()));
        (!whole.is_empty()).then_some(Self { exact, whole, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Syntax, attribute_type};
    use super::*;

    #[test]
    fn the_attributes_are_texts_of_the_schema() {
        for name in anr_attributes(DirectoryKind::ActiveDirectory) {
            let known = attribute_type(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((known.name, known.syntax), (*name, Syntax::CaseIgnore));
        }
        assert!(anr_attributes(DirectoryKind::ActiveDirectory).contains(&ANR_WHOLE_ONLY));
        assert!(anr_attributes(DirectoryKind::OpenLdap).is_empty());
        assert_eq!(attribute_type("anr").unwrap().name, AMBIGUOUS_NAME);
    }

    /// MS-ADTS §3.1.1.3.1.3.4: split at the first blank only.
    #[test]
    fn assertion_values() {
        type Read<'a> = (bool, &'a str, Option<(&'a str, &'a str)>);
        fn read(value: &str) -> Option<Read<'_>> {
            let text = |octets| std::str::from_utf8(octets).unwrap();
            let read = AmbiguousName::read(value.as_bytes())?;
            let parts = read.parts.map(|(first, second)| (text(first), text(second)));
            Some((read.exact, text(read.whole), parts))
        }
        assert_eq!(read("ali"), Some((false, "ali", None)));
        assert_eq!(read("John Smi"), Some((false, "John Smi", Some(("John", "Smi")))));
        assert_eq!(read("=John Smith"), Some((true, "John Smith", Some(("John", "Smith")))));
        assert_eq!(
            read("Anna Maria Sol"),
            Some((false, "Anna Maria Sol", Some(("Anna", "Maria Sol"))))
        );
        assert_eq!(read("John  Smith"), Some((false, "John  Smith", Some(("John", "Smith")))));
        assert_eq!(read(" John "), Some((false, "John", None)), "blanks at the ends split nothing");
        assert_eq!(read("x="), Some((false, "x=", None)));
        for nothing in ["", " ", "=", "= "] {
            assert_eq!(read(nothing), None, "{nothing:?}");
        }
    }
}
