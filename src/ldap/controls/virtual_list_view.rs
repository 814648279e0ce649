//! Virtual list view (draft-ietf-ldapext-ldapv3-vlv-09, MS-ADTS §3.1.1.3.4.1.17): a window of a sorted list.

use crate::ldap::ber::{BerError, Reader, Writer, tag};
use crate::ldap::control::{Control, oid};
use crate::ldap::result::ResultCode;

const BY_OFFSET: u8 = 0xa0;
const GREATER_OR_EQUAL: u8 = 0x81;

/// Which part of the list a client shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualListView {
    /// Entries wanted before the target.
    pub before: u32,
    /// Entries wanted after it.
    pub after: u32,
    /// The entry that the window is around.
    pub target: Target,
    /// What the last answer said, so that the list stays the same.
    pub context: Option<Vec<u8>>,
}

/// The entry a window is around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Its position out of a number of entries, as the client believes there are; 0: it has no idea.
    Offset {
        /// The position, counted from 1.
        offset: u32,
        /// The number of entries.
        count: u32,
    },
    /// The first whose sort key is not before this value.
    GreaterOrEqual(Vec<u8>),
}

impl VirtualListView {
    /// Reads the value of a request control.
    ///
    /// # Errors
    /// No value, broken BER, or a number outside `0..=2^31-1`.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let (before, after) = (count(&mut fields)?, count(&mut fields)?);
        let target = match fields.optional(GREATER_OR_EQUAL)? {
            Some(value) => Target::GreaterOrEqual(value.to_vec()),
            None => {
                let mut offset = fields.nested(BY_OFFSET)?;
                let target =
                    Target::Offset { offset: count(&mut offset)?, count: count(&mut offset)? };
                offset.finish()?;
                target
            }
        };
        let context = fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec);
        fields.finish()?;
        Ok(Self { before, after, target, context })
    }

    /// The request control with this value.
    #[must_use]
    pub fn to_control(&self, criticality: bool) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            w.integer(i64::from(self.before));
            w.integer(i64::from(self.after));
            match &self.target {
                Target::Offset { offset, count } => w.constructed(BY_OFFSET, |w| {
                    w.integer(i64::from(*offset));
                    w.integer(i64::from(*count));
                }),
                Target::GreaterOrEqual(value) => w.element(GREATER_OR_EQUAL, value),
            }
            if let Some(context) = &self.context {
                w.octet_string(context);
            }
        });
        let value = Some(writer.into_octets());
        Control { value, ..Control::new(oid::VIRTUAL_LIST_VIEW, criticality) }
    }
}

fn count(fields: &mut Reader<'_>) -> Result<u32, BerError> {
    let count = i32::try_from(fields.integer()?).ok().and_then(|count| u32::try_from(count).ok());
    count.ok_or(BerError::IntegerRange)
}

/// What a window turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListViewOutcome {
    /// The position of the target, counted from 1; one more than there are entries if none fits.
    pub position: u32,
    /// How many entries the list has.
    pub count: u32,
    /// success, or why there is no window.
    pub result: ResultCode,
    /// What the next request may carry.
    pub context: Option<Vec<u8>>,
}

impl ListViewOutcome {
    /// The response control that says so.
    #[must_use]
    pub fn to_control(&self) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            w.integer(i64::from(self.position));
            w.integer(i64::from(self.count));
            w.enumerated(i64::from(self.result.0));
            if let Some(context) = &self.context {
                w.octet_string(context);
            }
        });
        let value = Some(writer.into_octets());
        Control { value, ..Control::new(oid::VIRTUAL_LIST_VIEW_RESPONSE, false) }
    }

    /// Reads a response control.
    ///
    /// # Errors
    /// No value, broken BER, or a number outside `0..=2^31-1`.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let (position, count) = (count(&mut fields)?, count(&mut fields)?);
        let result = u32::try_from(fields.enumerated()?).map_err(|_| BerError::IntegerRange)?;
        let context = fields.optional(tag::OCTET_STRING)?.map(<[u8]>::to_vec);
        fields.finish()?;
        Ok(Self { position, count, result: ResultCode(result), context })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-ietf-ldapext-ldapv3-vlv-09 §3.
    #[test]
    fn round_trip() {
        for (target, context) in [
            (Target::Offset { offset: 1, count: 0 }, None),
            (Target::Offset { offset: 0x7fff_ffff, count: 7 }, Some(b"x".to_vec())),
            (Target::GreaterOrEqual(b"mue".to_vec()), Some(Vec::new())),
        ] {
            let view = VirtualListView { before: 0, after: 19, target, context };
            assert_eq!(VirtualListView::read(&view.to_control(true)), Ok(view));
        }
        for context in [None, Some(b"1-0".to_vec())] {
            let result = ResultCode::OFFSET_RANGE_ERROR;
            let outcome = ListViewOutcome { position: 3, count: 9, result, context };
            assert_eq!(ListViewOutcome::read(&outcome.to_control()), Ok(outcome));
        }
    }

    #[test]
    fn numbers_outside_the_range_are_refused() {
        for before in [-1_i64, 0x8000_0000] {
            let mut writer = Writer::new();
            writer.constructed(tag::SEQUENCE, |w| {
                w.integer(before);
                w.integer(0);
                w.element(GREATER_OR_EQUAL, b"a");
            });
            let value = Some(writer.into_octets());
            let control = Control { value, ..Control::new(oid::VIRTUAL_LIST_VIEW, false) };
            assert_eq!(VirtualListView::read(&control), Err(BerError::IntegerRange));
        }
    }
}
