//! Where a directory has been read to: what a pass over changes begins from, and what the next one begins
//! from after it. Kept with the copy in one transaction, so that it is never newer than the data.

use serde::{Deserialize, Serialize};

use crate::ldap::identifier::Guid;

use super::strategy::Strategy;

/// A place in the history of a directory, in the terms of one strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum Position {
    /// The cookie of DirSync (MS-ADTS §3.1.1.3.4.1.3): good at every controller of the domain.
    DirSync {
        /// The octets, which mean something to controllers only.
        #[serde(with = "octets")]
        cookie: Vec<u8>,
        /// Whether it was given for what the account may see, and not for everything.
        object_security: bool,
    },
    /// uSNChanged, in the numbering of the controller that was read last. Where others had been read to before
    /// means nothing any more: this one may not have known yet what they had told, and has then set it back.
    Usn {
        /// invocationId: the numbering.
        #[serde(with = "guid")]
        invocation: Guid,
        /// highestCommittedUSN as it was before the changes up to it were read.
        highest: u64,
    },
    /// The cookie of content synchronization (RFC 4533 §1.1).
    Content {
        /// The octets, which mean something to the server only.
        #[serde(with = "octets")]
        cookie: Vec<u8>,
    },
    /// The latest modifyTimestamp that was seen, as the server writes it.
    Timestamps {
        /// GeneralizedTime.
        latest: String,
    },
}

impl Position {
    /// The strategy that it belongs to.
    #[must_use]
    pub const fn strategy(&self) -> Strategy {
        match self {
            Self::DirSync { .. } => Strategy::DirSync,
            Self::Usn { .. } => Strategy::Usn,
            Self::Content { .. } => Strategy::SyncRepl,
            Self::Timestamps { .. } => Strategy::Timestamps,
        }
    }

    /// How far the numbering `invocation` has been read; `None`: it was not, or others were since.
    #[must_use]
    pub fn watermark(&self, invocation: &Guid) -> Option<u64> {
        let Self::Usn { invocation: read, highest } = self else { return None };
        (read == invocation).then_some(*highest)
    }
}

/// Octets as base64, so that a position is text.
mod octets {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(octets))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// An identity as text.
pub(super) mod guid {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::ldap::identifier::Guid;

    pub(in crate::sync) fn serialize<S: Serializer>(guid: &Guid, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(guid)
    }

    pub(in crate::sync) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Guid, D::Error> {
        let text = String::deserialize(from)?;
        Guid::parse(&text).ok_or_else(|| D::Error::custom("no identity"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guid(octet: u8) -> Guid {
        Guid([octet; 16])
    }

    /// MS-ADTS §3.1.1.1.9: each controller counts for itself.
    #[test]
    fn a_watermark_is_for_one_numbering() {
        let position = Position::Usn { invocation: guid(1), highest: 100 };
        assert_eq!(position.watermark(&guid(1)), Some(100));
        assert_eq!(position.watermark(&guid(2)), None);
        assert_eq!(Position::Timestamps { latest: String::new() }.watermark(&guid(1)), None);
    }

    #[test]
    fn a_position_is_kept_as_text() {
        for position in [
            Position::DirSync { cookie: vec![0, 255, 7], object_security: true },
            Position::Usn { invocation: guid(9), highest: u64::MAX },
            Position::Content { cookie: b"rid=000,csn=1".to_vec() },
            Position::Timestamps { latest: "20261121120000Z".to_owned() },
        ] {
            let text = serde_json::to_string(&position).unwrap();
            assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), position, "{text}");
        }
    }
}
