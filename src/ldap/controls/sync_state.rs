//! Sync State (RFC 4533 §2.3): what became of one entry, on that entry's own message.

use thiserror::Error;

use crate::ldap::ber::{BerError, Reader, Writer, tag};
use crate::ldap::control::{Control, oid};
use crate::ldap::identifier::Guid;

/// Why octets are not what RFC 4533 sends.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SyncFault {
    /// Broken BER, or no value.
    #[error("{0}")]
    Ber(#[from] BerError),
    /// A state that RFC 4533 does not name.
    #[error("{0} is no state of an entry")]
    State(i64),
    /// A syncUUID that is not sixteen octets long.
    #[error("an entryUUID of {0} octets")]
    Uuid(usize),
    /// A choice of syncInfoValue that RFC 4533 does not name.
    #[error("0x{0:02x} is no kind of sync information")]
    Choice(u8),
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// It is as it was; only its name comes.
    Present,
    /// It has come into the content.
    Add,
    /// It has changed.
    Modify,
    /// It has left the content; only its name comes.
    Delete,
}

impl SyncState {
    const ALL: [(i64, Self); 4] =
        [(0, Self::Present), (1, Self::Add), (2, Self::Modify), (3, Self::Delete)];

    fn of(number: i64) -> Result<Self, SyncFault> {
        let found = Self::ALL.iter().find(|(known, _)| *known == number);
        found.map(|(_, state)| *state).ok_or(SyncFault::State(number))
    }

    const fn number(self) -> i64 {
        match self {
            Self::Present => 0,
            Self::Add => 1,
            Self::Modify => 2,
            Self::Delete => 3,
        }
    }
}

/// The value of a Sync State control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStateValue {
    /// What became of the entry.
    pub state: SyncState,
    /// The entry's identity, which survives renames.
    pub entry_uuid: Guid,
    /// How far the client is with this message.
    pub cookie: Option<Vec<u8>>,
}

impl SyncStateValue {
    /// Reads the value of a control.
    ///
    /// # Errors
    /// See [`SyncFault`].
    pub fn read(control: &Control) -> Result<Self, SyncFault> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let state = SyncState::of(fields.enumerated()?)?;
        let entry_uuid = sync_uuid(fields.octet_string()?)?;
        let cookie = fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec);
        fields.finish()?;
        Ok(Self { state, entry_uuid, cookie })
    }

    /// The control that carries this value.
    #[must_use]
    pub fn to_control(&self) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            w.enumerated(self.state.number());
            w.octet_string(&self.entry_uuid.0);
            if let Some(cookie) = &self.cookie {
                w.octet_string(cookie);
            }
        });
        let value = Some(writer.into_octets());
        Control { value, ..Control::new(oid::SYNC_STATE, false) }
    }
}

/// A syncUUID (RFC 4533 §2.1): the sixteen octets of an entryUUID.
///
/// # Errors
/// Another number of octets.
pub fn sync_uuid(octets: &[u8]) -> Result<Guid, SyncFault> {
    octets.try_into().map(Guid).map_err(|_| SyncFault::Uuid(octets.len()))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn with_value(octets: &[u8]) -> Control {
        Control { value: Some(octets.to_vec()), ..Control::new(oid::SYNC_STATE, false) }
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let value = |state: i64, uuid: &[u8]| {
            let mut writer = Writer::new();
            writer.constructed(tag::SEQUENCE, |w| {
                w.enumerated(state);
                w.octet_string(uuid);
            });
            SyncStateValue::read(&with_value(writer.octets()))
        };
        assert!(value(3, &[7; 16]).is_ok());
        assert_eq!(value(4, &[7; 16]), Err(SyncFault::State(4)));
        assert_eq!(value(-1, &[7; 16]), Err(SyncFault::State(-1)));
        assert_eq!(value(1, &[7; 15]), Err(SyncFault::Uuid(15)));
        assert_eq!(value(1, b"6f9619ff-8b86-d011-b42d-00c04fc964ff"), Err(SyncFault::Uuid(36)));
        let none = SyncStateValue::read(&Control::new(oid::SYNC_STATE, false));
        assert_eq!(none, Err(SyncFault::Ber(BerError::Truncated)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn round_trip(
            (_, state) in select(SyncState::ALL.to_vec()),
            uuid: [u8; 16],
            cookie: Option<Vec<u8>>,
        ) {
            let value = SyncStateValue { state, entry_uuid: Guid(uuid), cookie };
            prop_assert_eq!(SyncStateValue::read(&value.to_control()), Ok(value));
        }

        #[test]
        fn hostile_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..64)) {
            let _ = SyncStateValue::read(&with_value(&octets));
        }
    }
}
