//! Sync Done (RFC 4533 §2.4): how far a refresh came, on the end of the search.

use crate::ldap::ber::{BerError, Reader, Writer, boolean, tag};
use crate::ldap::control::{Control, oid};

/// The value of a Sync Done control.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncDone {
    /// What the next request carries; without one, the last cookie stays.
    pub cookie: Option<Vec<u8>>,
    /// Whether entries that were not named are still there. If not, they have left the content.
    pub refresh_deletes: bool,
}

impl SyncDone {
    /// Reads the value of a control.
    ///
    /// # Errors
    /// No value, or broken BER.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let cookie = fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec);
        let refresh_deletes = match fields.optional(tag::BOOLEAN)? {
            Some(content) => boolean(content)?,
            None => false,
        };
        fields.finish()?;
        Ok(Self { cookie, refresh_deletes })
    }

    /// The control that carries this value.
    #[must_use]
    pub fn to_control(&self) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            if let Some(cookie) = &self.cookie {
                w.octet_string(cookie);
            }
            if self.refresh_deletes {
                w.boolean(true);
            }
        });
        let value = Some(writer.into_octets());
        Control { value, ..Control::new(oid::SYNC_DONE, false) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn with_value(octets: &[u8]) -> Control {
        Control { value: Some(octets.to_vec()), ..Control::new(oid::SYNC_DONE, false) }
    }

    /// RFC 4533 §2.4: either part may be missing without the other.
    #[test]
    fn each_part_stands_alone() {
        let done = |cookie: Option<&[u8]>, refresh_deletes| SyncDone {
            cookie: cookie.map(<[u8]>::to_vec),
            refresh_deletes,
        };
        let cases: [(&[u8], SyncDone); 4] = [
            (&[0x30, 0], done(None, false)),
            (&[0x30, 3, 0x01, 1, 0xff], done(None, true)),
            (&[0x30, 3, 0x04, 1, b'x'], done(Some(b"x"), false)),
            (&[0x30, 6, 0x04, 1, b'x', 0x01, 1, 0xff], done(Some(b"x"), true)),
        ];
        for (octets, value) in cases {
            assert_eq!(SyncDone::read(&with_value(octets)), Ok(value.clone()));
            assert_eq!(value.to_control(), with_value(octets));
        }
        assert!(SyncDone::read(&Control::new(oid::SYNC_DONE, false)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn round_trip(cookie: Option<Vec<u8>>, refresh_deletes: bool) {
            let done = SyncDone { cookie, refresh_deletes };
            prop_assert_eq!(SyncDone::read(&done.to_control()), Ok(done));
        }

        #[test]
        fn hostile_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..64)) {
            let _ = SyncDone::read(&with_value(&octets));
        }
    }
}
