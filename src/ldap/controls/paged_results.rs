//! Simple paged results (RFC 2696): the same value shape in requests and responses.

use crate::ldap::ber::{BerError, Reader, Writer, tag};
use crate::ldap::control::{Control, oid};

/// The value of a paged results control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagedResults {
    /// In a request the wanted page size, in a response the estimated total (0: unknown).
    pub size: u32,
    /// Where to go on; empty at the start and at the end.
    pub cookie: Vec<u8>,
}

impl PagedResults {
    /// Reads the value of a control.
    ///
    /// # Errors
    /// No value, broken BER, or a size outside `0..=2^31-1` (RFC 2696 §2).
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let value = control.value.as_deref().ok_or(BerError::Truncated)?;
        let mut outer = Reader::new(value);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let size = fields.integer()?;
        let cookie = fields.octet_string()?.to_vec();
        fields.finish()?;
        let size = i32::try_from(size).ok().and_then(|size| u32::try_from(size).ok());
        Ok(Self { size: size.ok_or(BerError::IntegerRange)?, cookie })
    }

    /// The control that carries this value.
    #[must_use]
    pub fn to_control(&self, criticality: bool) -> Control {
        let mut writer = Writer::new();
        writer.constructed(tag::SEQUENCE, |w| {
            w.integer(i64::from(self.size));
            w.octet_string(&self.cookie);
        });
        Control {
            oid: oid::PAGED_RESULTS.to_owned(),
            criticality,
            value: Some(writer.into_octets()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for (size, cookie) in
            [(0, b"".to_vec()), (1000, b"abc".to_vec()), (0x7fff_ffff, vec![0; 300])]
        {
            let value = PagedResults { size, cookie };
            assert_eq!(PagedResults::read(&value.to_control(true)), Ok(value));
        }
    }

    /// RFC 2696 §2: size INTEGER (0..maxInt).
    #[test]
    fn sizes_outside_the_range_are_refused() {
        for value in [-1_i64, 0x8000_0000] {
            let mut writer = Writer::new();
            writer.constructed(tag::SEQUENCE, |w| {
                w.integer(value);
                w.octet_string(b"");
            });
            let control = Control {
                value: Some(writer.into_octets()),
                ..Control::new(oid::PAGED_RESULTS, false)
            };
            assert_eq!(PagedResults::read(&control), Err(BerError::IntegerRange));
        }
    }
}
