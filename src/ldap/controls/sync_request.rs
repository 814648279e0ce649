//! Sync Request (RFC 4533 §2.2): a search whose answer says what has changed since a cookie.

use crate::ldap::ber::{BerError, Reader, Writer, boolean, tag};
use crate::ldap::control::{Control, oid};

const REFRESH_ONLY: i64 = 1;
const REFRESH_AND_PERSIST: i64 = 3;

/// What follows when everything has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// The search ends.
    RefreshOnly,
    /// The search goes on and tells what changes from then on.
    RefreshAndPersist,
}

/// The value of a Sync Request control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// What follows the refresh.
    pub mode: SyncMode,
    /// How far the client is; `None` for a client that has nothing.
    pub cookie: Option<Vec<u8>>,
    /// Whether the client would rather have everything anew than an error, where the cookie is of no use.
    pub reload_hint: bool,
}

impl SyncRequest {
    /// Reads the value of a control.
    ///
    /// # Errors
    /// No value, broken BER, or another mode.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let mode = match fields.enumerated()? {
            REFRESH_ONLY => SyncMode::RefreshOnly,
            REFRESH_AND_PERSIST => SyncMode::RefreshAndPersist,
            _ => return Err(BerError::IntegerRange),
        };
        let cookie = fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec);
        let reload_hint = match fields.optional(tag::BOOLEAN)? {
            Some(content) => boolean(content)?,
            None => false,
        };
        fields.finish()?;
        Ok(Self { mode, cookie, reload_hint })
    }

    /// The control that carries this value, critical: without it the answer would be an ordinary search's.
    #[must_use]
    pub fn to_control(&self) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            w.enumerated(match self.mode {
                SyncMode::RefreshOnly => REFRESH_ONLY,
                SyncMode::RefreshAndPersist => REFRESH_AND_PERSIST,
            });
            if let Some(cookie) = &self.cookie {
                w.octet_string(cookie);
            }
            if self.reload_hint {
                w.boolean(true);
            }
        });
        let value = Some(writer.into_octets());
        Control { value, ..Control::new(oid::SYNC_REQUEST, true) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn with_value(octets: &[u8]) -> Control {
        Control { value: Some(octets.to_vec()), ..Control::new(oid::SYNC_REQUEST, true) }
    }

    /// RFC 4533 §2.2, as OpenLDAP's clients write it.
    #[test]
    fn what_is_default_is_left_out() {
        let first = SyncRequest { mode: SyncMode::RefreshOnly, cookie: None, reload_hint: false };
        assert_eq!(first.to_control(), with_value(&[0x30, 3, 0x0a, 1, 1]));
        let octets = [0x30, 9, 0x0a, 1, 3, 0x04, 1, b'x', 0x01, 1, 0xff];
        let mode = SyncMode::RefreshAndPersist;
        let again = SyncRequest { mode, cookie: Some(b"x".to_vec()), reload_hint: true };
        assert_eq!(again.to_control(), with_value(&octets));
        for mode in [0, 2, 4] {
            let other = with_value(&[0x30, 3, 0x0a, 1, mode]);
            assert_eq!(SyncRequest::read(&other), Err(BerError::IntegerRange));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn round_trip(persist: bool, cookie: Option<Vec<u8>>, reload_hint: bool) {
            let mode = if persist { SyncMode::RefreshAndPersist } else { SyncMode::RefreshOnly };
            let request = SyncRequest { mode, cookie, reload_hint };
            prop_assert_eq!(SyncRequest::read(&request.to_control()), Ok(request));
        }

        #[test]
        fn hostile_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..64)) {
            let _ = SyncRequest::read(&with_value(&octets));
        }
    }
}
