//! Controls (RFC 4511 §4.1.11): read with their criticality and raw value, whatever they are.

use thiserror::Error;

use super::ber::{self, BerError, Reader, Writer, tag};

/// Object identifiers of the controls this program knows by name.
pub mod oid {
    /// Paged results (RFC 2696).
    pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
    /// ManageDsaIT (RFC 3296).
    pub const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";
    /// Password policy (draft-behera-ldap-password-policy).
    pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
    /// Domain scope (MS-ADTS 3.1.1.3.4.1.4): no referrals are wanted.
    pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
    /// Search options (MS-ADTS 3.1.1.3.4.1.12).
    pub const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1340";
    /// Server-side sort, request (RFC 2891).
    pub const SERVER_SIDE_SORT: &str = "1.2.840.113556.1.4.473";
    /// Server-side sort, response (RFC 2891).
    pub const SERVER_SIDE_SORT_RESPONSE: &str = "1.2.840.113556.1.4.474";
    /// Virtual list view, request (draft-ietf-ldapext-ldapv3-vlv-09).
    pub const VIRTUAL_LIST_VIEW: &str = "2.16.840.1.113730.3.4.9";
    /// Virtual list view, response (draft-ietf-ldapext-ldapv3-vlv-09).
    pub const VIRTUAL_LIST_VIEW_RESPONSE: &str = "2.16.840.1.113730.3.4.10";
    /// Show deleted objects (MS-ADTS 3.1.1.3.4.1.14).
    pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
    /// Show recycled objects, deleted ones included (MS-ADTS 3.1.1.3.4.1.26).
    pub const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
    /// DirSync, request and response (MS-ADTS 3.1.1.3.4.1.3).
    pub const DIR_SYNC: &str = "1.2.840.113556.1.4.841";
    /// Change notification (MS-ADTS 3.1.1.3.4.1.9). It has no value.
    pub const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
    /// Sync Request (RFC 4533 §2.2).
    pub const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
    /// Sync State (RFC 4533 §2.3).
    pub const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
    /// Sync Done (RFC 4533 §2.4).
    pub const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
}

/// The context tag of the controls in an LDAPMessage.
pub const CONTROLS_TAG: u8 = 0xa0;
/// Most controls read from one message; clients send a handful.
pub const MAX_CONTROLS: usize = 32;

/// Why octets are not controls.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ControlFault {
    /// Broken BER.
    #[error("controls: {0}")]
    Ber(#[from] BerError),
    /// An object identifier that is not even text.
    #[error("the identifier of a control is not text")]
    Identifier,
    /// More than [`MAX_CONTROLS`].
    #[error("more than {MAX_CONTROLS} controls")]
    TooMany,
}

/// One control as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The object identifier in dotted form.
    pub oid: String,
    /// Whether the operation must fail if the control is not served.
    pub criticality: bool,
    /// The value, undecoded.
    pub value: Option<Vec<u8>>,
}

impl Control {
    /// A control without a value.
    #[must_use]
    pub fn new(oid: &str, criticality: bool) -> Self {
        Self { oid: oid.to_owned(), criticality, value: None }
    }

    /// Reads the content of the `[0] Controls` element.
    ///
    /// # Errors
    /// Broken BER, an identifier that is not text, or more than [`MAX_CONTROLS`].
    pub fn read_all(content: &[u8]) -> Result<Vec<Self>, ControlFault> {
        let mut reader = Reader::new(content);
        let mut controls = Vec::new();
        while !reader.is_empty() {
            if controls.len() == MAX_CONTROLS {
                return Err(ControlFault::TooMany);
            }
            controls.push(Self::read(reader.nested(tag::SEQUENCE)?)?);
        }
        Ok(controls)
    }

    fn read(mut fields: Reader<'_>) -> Result<Self, ControlFault> {
        let oid =
            std::str::from_utf8(fields.octet_string()?).map_err(|_| ControlFault::Identifier)?;
        let criticality = match fields.optional(tag::BOOLEAN)? {
            Some(content) => ber::boolean(content)?,
            None => false,
        };
        let value = fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec);
        fields.finish()?;
        Ok(Self { oid: oid.to_owned(), criticality, value })
    }

    /// Appends the control as a SEQUENCE.
    pub fn write(&self, writer: &mut Writer) {
        writer.constructed(tag::SEQUENCE, |w| {
            w.octet_string(self.oid.as_bytes());
            if self.criticality {
                w.boolean(true);
            }
            if let Some(value) = &self.value {
                w.octet_string(value);
            }
        });
    }

    /// Appends the whole `[0] Controls` element; nothing if there are none.
    pub fn write_all(controls: &[Self], writer: &mut Writer) {
        if controls.is_empty() {
            return;
        }
        writer.constructed(CONTROLS_TAG, |w| {
            for control in controls {
                control.write(w);
            }
        });
    }
}
