//! DirSync (MS-ADTS §3.1.1.3.4.1.3): what has changed in a naming context since a cookie was given out.

use crate::ldap::ber::{BerError, Reader, Writer, tag};
use crate::ldap::control::{Control, oid};

/// How DirSync answers; flags are joined with [`DirSyncFlags::with`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirSyncFlags(pub u32);

impl DirSyncFlags {
    /// No flags: all that the replication right (DS-Replication-Get-Changes) shows.
    pub const NONE: Self = Self(0);
    /// LDAP_DIRSYNC_OBJECT_SECURITY: what the account may read, without the replication right.
    pub const OBJECT_SECURITY: Self = Self(0x1);
    /// LDAP_DIRSYNC_ANCESTORS_FIRST_ORDER: parents before their children.
    pub const ANCESTORS_FIRST_ORDER: Self = Self(0x800);
    /// LDAP_DIRSYNC_PUBLIC_DATA_ONLY: no secret attributes.
    pub const PUBLIC_DATA_ONLY: Self = Self(0x2000);
    /// LDAP_DIRSYNC_INCREMENTAL_VALUES: of a linked attribute only the values that came (`;range=1-1`) and
    /// went (`;range=0-0`).
    pub const INCREMENTAL_VALUES: Self = Self(0x8000_0000);

    /// These flags and `others`.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are set.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// The value of a request control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirSyncRequest {
    /// How it is answered.
    pub flags: DirSyncFlags,
    /// Octets of attribute values wanted in one answer, `0..=2^31-1`; only a hint.
    pub max_bytes: u32,
    /// Where to go on; empty at the start.
    pub cookie: Vec<u8>,
}

impl DirSyncRequest {
    /// Reads the value of a request control.
    ///
    /// # Errors
    /// No value, broken BER, flags beyond 32 bits, or a size outside `0..=2^31-1`.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let (flags, max_bytes, cookie) = read_fields(control)?;
        // The highest flag comes as a negative number from Windows, as a positive one from others.
        let flags = match i32::try_from(flags) {
            Ok(signed) => signed.cast_unsigned(),
            Err(_) => u32::try_from(flags).map_err(|_| BerError::IntegerRange)?,
        };
        let max_bytes = i32::try_from(max_bytes).ok().and_then(|size| u32::try_from(size).ok());
        let max_bytes = max_bytes.ok_or(BerError::IntegerRange)?;
        Ok(Self { flags: DirSyncFlags(flags), max_bytes, cookie })
    }

    /// The control that carries this value, critical: without it the answer would be an ordinary search's. A
    /// size beyond the limit is brought down to it.
    #[must_use]
    pub fn to_control(&self) -> Control {
        let max_bytes = self.max_bytes.min(i32::MAX.cast_unsigned());
        // In 32 bits the highest flag is the sign: four octets, as Windows writes it, and not five.
        control(true, self.flags.0.cast_signed().into(), max_bytes.into(), &self.cookie)
    }
}

/// The value of a response control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirSyncResponse {
    /// Whether another request with the new cookie brings more.
    pub more: bool,
    /// What the next request carries.
    pub cookie: Vec<u8>,
}

impl DirSyncResponse {
    /// Reads the value of a response control.
    ///
    /// # Errors
    /// No value, or broken BER.
    pub fn read(control: &Control) -> Result<Self, BerError> {
        let (more_results, _unused, cookie) = read_fields(control)?;
        Ok(Self { more: more_results != 0, cookie })
    }

    /// The control that carries this value.
    #[must_use]
    pub fn to_control(&self) -> Control {
        control(false, self.more.into(), 0, &self.cookie)
    }
}

/// Both values have the same shape.
fn read_fields(control: &Control) -> Result<(i64, i64, Vec<u8>), BerError> {
    let mut outer = Reader::new(control.value.as_deref().ok_or(BerError::Truncated)?);
    let mut fields = outer.nested(tag::SEQUENCE)?;
    outer.finish()?;
    let (first, second) = (fields.integer()?, fields.integer()?);
    let cookie = fields.octet_string()?.to_vec();
    fields.finish()?;
    Ok((first, second, cookie))
}

fn control(criticality: bool, first: i64, second: i64, cookie: &[u8]) -> Control {
    let mut writer = Writer::new();
    writer.constructed(tag::SEQUENCE, |w| {
        w.integer(first);
        w.integer(second);
        w.octet_string(cookie);
    });
    let value = Some(writer.into_octets());
    Control { value, ..Control::new(oid::DIR_SYNC, criticality) }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// MS-ADTS §3.1.1.3.4.1.3. The other form is five octets long.
    #[test]
    fn the_highest_flag_is_a_sign() {
        let flags = DirSyncFlags::INCREMENTAL_VALUES.with(DirSyncFlags::OBJECT_SECURITY);
        let request = DirSyncRequest { flags, max_bytes: 0, cookie: Vec::new() };
        let octets = [0x30, 11, 0x02, 4, 0x80, 0, 0, 1, 0x02, 1, 0, 0x04, 0];
        let control = request.to_control();
        assert!(control.criticality);
        assert_eq!(control.value.as_deref(), Some(octets.as_slice()));
        let positive = super::control(true, 0x8000_0001, 0, b"");
        assert_eq!(DirSyncRequest::read(&positive), Ok(request));
        assert!(flags.has(DirSyncFlags::OBJECT_SECURITY));
        assert!(!flags.has(DirSyncFlags::PUBLIC_DATA_ONLY.with(DirSyncFlags::OBJECT_SECURITY)));
    }

    #[test]
    fn numbers_outside_the_range_are_refused() {
        for (flags, max_bytes) in [(0x1_0000_0000, 0), (-0x8000_0001, 0), (0, -1), (0, 1 << 31)] {
            let control = control(true, flags, max_bytes, b"x");
            assert_eq!(DirSyncRequest::read(&control), Err(BerError::IntegerRange));
        }
        let none = Control::new(oid::DIR_SYNC, true);
        assert_eq!(DirSyncResponse::read(&none), Err(BerError::Truncated));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn round_trip(flags: u32, max_bytes in 0..=0x7fff_ffff_u32, cookie: Vec<u8>, more: bool) {
            let flags = DirSyncFlags(flags);
            let request = DirSyncRequest { flags, max_bytes, cookie: cookie.clone() };
            prop_assert_eq!(DirSyncRequest::read(&request.to_control()), Ok(request));
            let response = DirSyncResponse { more, cookie };
            prop_assert_eq!(DirSyncResponse::read(&response.to_control()), Ok(response));
        }

        #[test]
        fn hostile_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..64)) {
            let control = Control { value: Some(octets), ..Control::new(oid::DIR_SYNC, false) };
            let _ = DirSyncRequest::read(&control);
            if let Ok(response) = DirSyncResponse::read(&control) {
                prop_assert_eq!(DirSyncResponse::read(&response.to_control()), Ok(response));
            }
        }
    }
}
