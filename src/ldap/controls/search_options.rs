//! Search options of Active Directory (MS-ADTS §3.1.1.3.4.1.12).

use crate::ldap::ber::{BerError, Reader, tag};
use crate::ldap::control::Control;

/// SERVER_SEARCH_FLAG_DOMAIN_SCOPE: no referrals are wanted.
const DOMAIN_SCOPE: i64 = 1;
/// SERVER_SEARCH_FLAG_PHANTOM_ROOT: naming contexts below the base belong to the search.
const PHANTOM_ROOT: i64 = 2;

/// What a search options control asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchOptions {
    /// No referrals, which never come anyway.
    pub domain_scope: bool,
    /// The search goes on in the naming contexts below its base.
    pub phantom_root: bool,
}

impl SearchOptions {
    /// Reads the value of a control. Flags without a meaning are passed over, as MS-ADTS has it.
    ///
    /// # Errors
    /// No value, or broken BER.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let flags = fields.integer()?;
        fields.finish()?;
        Ok(Self {
            domain_scope: flags & DOMAIN_SCOPE != 0,
            phantom_root: flags & PHANTOM_ROOT != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ber::Writer;
    use crate::ldap::control::oid;

    /// MS-ADTS §3.1.1.3.4.1.12.
    #[test]
    fn flags() {
        for (flags, domain_scope, phantom_root) in
            [(0, false, false), (1, true, false), (2, false, true), (7, true, true)]
        {
            let mut writer = Writer::new();
            writer.constructed(tag::SEQUENCE, |w| w.integer(flags));
            let value = Some(writer.into_octets());
            let control = Control { value, ..Control::new(oid::SEARCH_OPTIONS, true) };
            let expected = SearchOptions { domain_scope, phantom_root };
            assert_eq!(SearchOptions::read(&control), Ok(expected), "{flags}");
        }
        assert!(SearchOptions::read(&Control::new(oid::SEARCH_OPTIONS, true)).is_err());
    }
}
