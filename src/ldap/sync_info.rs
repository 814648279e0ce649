//! Sync Info (RFC 4533 §2.5): an intermediate response that tells a phase, a cookie, or many identities.

use super::ber::{BerError, Reader, Writer, boolean, tag};
use super::controls::sync_state::{SyncFault, sync_uuid};
use super::identifier::Guid;

/// The response name of a Sync Info message.
pub const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";

/// The tags are implicit: the cookie stays primitive, a sequence constructed.
const NEW_COOKIE: u8 = 0x80;
const REFRESH_DELETE: u8 = 0xa1;
const REFRESH_PRESENT: u8 = 0xa2;
const SYNC_ID_SET: u8 = 0xa3;

/// The value of a Sync Info message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncInfo {
    /// How far the client is.
    NewCookie(Vec<u8>),
    /// The delete phase is over: what has left the content has been named.
    RefreshDelete {
        /// How far the client is.
        cookie: Option<Vec<u8>>,
        /// Whether the refresh is over.
        refresh_done: bool,
    },
    /// The present phase is over: what has not been named has left the content.
    RefreshPresent {
        /// How far the client is.
        cookie: Option<Vec<u8>>,
        /// Whether the refresh is over.
        refresh_done: bool,
    },
    /// What became of many entries.
    SyncIdSet {
        /// How far the client is.
        cookie: Option<Vec<u8>>,
        /// Whether they have left the content; otherwise they are as they were.
        refresh_deletes: bool,
        /// The entries.
        sync_uuids: Vec<Guid>,
    },
}

impl SyncInfo {
    /// Reads the value of an intermediate response.
    ///
    /// # Errors
    /// See [`SyncFault`].
    pub fn read(value: &[u8]) -> Result<Self, SyncFault> {
        let mut outer = Reader::new(value);
        let choice = outer.element()?;
        outer.finish()?;
        let mut fields = Reader::new(choice.content);
        let info = match choice.tag {
            NEW_COOKIE => return Ok(Self::NewCookie(choice.content.to_vec())),
            REFRESH_DELETE => Self::RefreshDelete {
                cookie: read_cookie(&mut fields)?,
                refresh_done: read_boolean(&mut fields, true)?,
            },
            REFRESH_PRESENT => Self::RefreshPresent {
                cookie: read_cookie(&mut fields)?,
                refresh_done: read_boolean(&mut fields, true)?,
            },
            SYNC_ID_SET => Self::SyncIdSet {
                cookie: read_cookie(&mut fields)?,
                refresh_deletes: read_boolean(&mut fields, false)?,
                sync_uuids: read_uuids(fields.nested(tag::SET)?)?,
            },
            other => return Err(SyncFault::Choice(other)),
        };
        fields.finish()?;
        Ok(info)
    }

    /// The value, encoded. What has its default value is left out, as OpenLDAP does it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::NewCookie(cookie) => writer.element(NEW_COOKIE, cookie),
            Self::RefreshDelete { cookie, refresh_done } => {
                write_phase(&mut writer, REFRESH_DELETE, cookie.as_deref(), *refresh_done);
            }
            Self::RefreshPresent { cookie, refresh_done } => {
                write_phase(&mut writer, REFRESH_PRESENT, cookie.as_deref(), *refresh_done);
            }
            Self::SyncIdSet { cookie, refresh_deletes, sync_uuids } => {
                writer.constructed(SYNC_ID_SET, |w| {
                    write_cookie(w, cookie.as_deref());
                    if *refresh_deletes {
                        w.boolean(true);
                    }
                    w.constructed(tag::SET, |w| {
                        sync_uuids.iter().for_each(|uuid| w.octet_string(&uuid.0));
                    });
                });
            }
        }
        writer.into_octets()
    }

    /// How far the client is, if the message says it.
    #[must_use]
    pub fn cookie(&self) -> Option<&[u8]> {
        match self {
            Self::NewCookie(cookie) => Some(cookie),
            Self::RefreshDelete { cookie, .. }
            | Self::RefreshPresent { cookie, .. }
            | Self::SyncIdSet { cookie, .. } => cookie.as_deref(),
        }
    }
}

fn read_cookie(fields: &mut Reader<'_>) -> Result<Option<Vec<u8>>, BerError> {
    Ok(fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec))
}

fn read_boolean(fields: &mut Reader<'_>, default: bool) -> Result<bool, BerError> {
    fields.optional(tag::BOOLEAN)?.map_or(Ok(default), boolean)
}

fn read_uuids(mut set: Reader<'_>) -> Result<Vec<Guid>, SyncFault> {
    let mut uuids = Vec::new();
    while !set.is_empty() {
        uuids.push(sync_uuid(set.octet_string()?)?);
    }
    Ok(uuids)
}

fn write_phase(writer: &mut Writer, tag: u8, cookie: Option<&[u8]>, refresh_done: bool) {
    writer.constructed(tag, |w| {
        write_cookie(w, cookie);
        if !refresh_done {
            w.boolean(false);
        }
    });
}

fn write_cookie(writer: &mut Writer, cookie: Option<&[u8]>) {
    if let Some(cookie) = cookie {
        writer.octet_string(cookie);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    /// RFC 4533 §2.5 with what OpenLDAP leaves out; other codecs lose the cookie of the middle ones.
    #[test]
    fn defaults_are_left_out() {
        let x = || Some(b"x".to_vec());
        let cases: [(&[u8], SyncInfo); 8] = [
            (&[0x80, 1, b'x'], SyncInfo::NewCookie(b"x".to_vec())),
            (&[0xa1, 0], SyncInfo::RefreshDelete { cookie: None, refresh_done: true }),
            (
                &[0xa1, 3, 0x04, 1, b'x'],
                SyncInfo::RefreshDelete { cookie: x(), refresh_done: true },
            ),
            (
                &[0xa2, 3, 0x04, 1, b'x'],
                SyncInfo::RefreshPresent { cookie: x(), refresh_done: true },
            ),
            (
                &[0xa2, 6, 0x04, 1, b'x', 0x01, 1, 0],
                SyncInfo::RefreshPresent { cookie: x(), refresh_done: false },
            ),
            (
                &[0xa2, 3, 0x01, 1, 0],
                SyncInfo::RefreshPresent { cookie: None, refresh_done: false },
            ),
            (
                &[0xa3, 5, 0x04, 1, b'x', 0x31, 0],
                SyncInfo::SyncIdSet { cookie: x(), refresh_deletes: false, sync_uuids: vec![] },
            ),
            (
                &[0xa3, 5, 0x01, 1, 0xff, 0x31, 0],
                SyncInfo::SyncIdSet { cookie: None, refresh_deletes: true, sync_uuids: vec![] },
            ),
        ];
        for (octets, info) in cases {
            assert_eq!(SyncInfo::read(octets), Ok(info.clone()));
            assert_eq!(info.encode(), octets);
        }
    }

    #[test]
    fn what_is_no_sync_info_is_refused() {
        let short = [&[0xa3, 19, 0x31, 17, 0x04, 15][..], &[7; 15]].concat();
        let cases: [(&[u8], SyncFault); 5] = [
            (&[], SyncFault::Ber(BerError::Truncated)),
            (&[0xa0, 3, 0x04, 1, b'x'], SyncFault::Choice(0xa0)),
            (&[0xa1, 0, 0], SyncFault::Ber(BerError::TrailingData)),
            (&[0xa3, 0], SyncFault::Ber(BerError::Truncated)),
            (&short, SyncFault::Uuid(15)),
        ];
        for (octets, fault) in cases {
            assert_eq!(SyncInfo::read(octets), Err(fault), "{octets:02x?}");
        }
    }

    fn infos() -> impl Strategy<Value = SyncInfo> {
        let cookie = || option::of(vec(any::<u8>(), 0..200));
        let uuids = vec(any::<[u8; 16]>().prop_map(Guid), 0..20);
        prop_oneof![
            vec(any::<u8>(), 0..200).prop_map(SyncInfo::NewCookie),
            (cookie(), any::<bool>())
                .prop_map(|(cookie, done)| SyncInfo::RefreshDelete { cookie, refresh_done: done }),
            (cookie(), any::<bool>())
                .prop_map(|(cookie, done)| SyncInfo::RefreshPresent { cookie, refresh_done: done }),
            (cookie(), any::<bool>(), uuids).prop_map(|(cookie, refresh_deletes, sync_uuids)| {
                SyncInfo::SyncIdSet { cookie, refresh_deletes, sync_uuids }
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn round_trip(info in infos()) {
            prop_assert_eq!(SyncInfo::read(&info.encode()), Ok(info));
        }

        #[test]
        fn hostile_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..64)) {
            if let Ok(info) = SyncInfo::read(&octets) {
                prop_assert_eq!(SyncInfo::read(&info.encode()), Ok(info));
            }
        }
    }
}
