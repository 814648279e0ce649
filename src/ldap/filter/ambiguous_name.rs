//! Ambiguous name resolution, written out as the filter that a controller reads for it.

use super::tree::Filter;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::schema::{ANR_WHOLE_ONLY, AmbiguousName, DirectoryKind, anr_attributes};

impl Filter {
    /// What `(anr=value)` means (MS-ADTS §3.1.1.3.1.3.4): one of the naming attributes starts with the value
    /// (or is it, after a leading `=`), or given name and surname do with its two words, in either order.
    /// The options that would leave out one order (dSHeuristics) are taken as not set.
    ///
    /// The empty Or, which is False, where there is nothing to look for or nowhere to look.
    #[must_use]
    pub fn ambiguous_name(kind: DirectoryKind, value: &[u8]) -> Self {
        let attributes = anr_attributes(kind);
        let Some(wanted) = AmbiguousName::read(value).filter(|_| !attributes.is_empty()) else {
            return Self::Or(Vec::new());
        };
        let one = |name: &&str, value: &[u8]| {
            let attribute = AttributeDescription::new(name);
            let value = value.to_vec();
            if wanted.exact || *name == ANR_WHOLE_ONLY {
                Self::Equality { attribute, value }
            } else {
                Self::Substrings { attribute, initial: Some(value), any: Vec::new(), last: None }
            }
        };
        let mut legs: Vec<Self> = attributes.iter().map(|name| one(name, wanted.whole)).collect();
        if let Some((first, second)) = wanted.parts {
            for [before, after] in [["givenName", "sn"], ["sn", "givenName"]] {
                legs.push(Self::And(vec![one(&before, first), one(&after, second)]));
            }
        }
        Self::Or(legs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_out(value: &str) -> String {
        Filter::ambiguous_name(DirectoryKind::ActiveDirectory, value.as_bytes()).to_string()
    }

    /// MS-ADTS §3.1.1.3.1.3.4.
    #[test]
    fn clauses() {
        let start = written_out("ali");
        assert!(start.starts_with("(|(displayName=ali*)(givenName=ali*)(legacyExchangeDN=ali)"));
        assert!(start.ends_with("(sAMAccountName=ali*)(sn=ali*))"), "{start}");
        let words = written_out("John Smi");
        assert!(
            words.contains("(name=John Smi*)") && words.contains("(legacyExchangeDN=John Smi)")
        );
        assert!(
            words.ends_with("(&(givenName=John*)(sn=Smi*))(&(sn=John*)(givenName=Smi*)))"),
            "{words}"
        );
        let exact = written_out("=John Smith");
        assert!(exact.contains("(name=John Smith)") && !exact.contains('*'), "{exact}");
        assert!(exact.contains("(&(givenName=John)(sn=Smith))"), "{exact}");
        assert_eq!(written_out("="), "(|)");
        assert_eq!(Filter::ambiguous_name(DirectoryKind::OpenLdap, b"ali"), Filter::Or(vec![]));
    }
}
