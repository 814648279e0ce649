//! `[io]` The key of the chain: random, in a file of its own, made when it is first needed.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::hexadecimal;
use crate::private_file::{self, Access, Existing, PrivateFileError};

use super::files::TrailError;

const OCTETS: usize = 32;

/// The key. Whoever has it can write a trail that passes every check: it should be kept elsewhere, too, and nobody
/// should read it who may write the trail.
pub struct Key(Zeroizing<[u8; OCTETS]>);

impl Key {
    /// A key of these octets.
    #[must_use]
    pub fn new(octets: [u8; OCTETS]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The key in a file, as 64 hexadecimal digits.
    ///
    /// # Errors
    /// It cannot be read, others than its owner may read it, or it holds something else.
    pub fn read(path: &Path) -> Result<Self, TrailError> {
        let text = private_file::read(path)?;
        let text = std::str::from_utf8(&text).unwrap_or_default().trim();
        let octets = hexadecimal::octets(text).map(Zeroizing::new);
        let octets = octets.and_then(|octets| <[u8; OCTETS]>::try_from(octets.as_slice()).ok());
        octets.map(Self::new).ok_or_else(|| TrailError::NoKey { path: path.to_owned() })
    }

    /// The key in a file; a random one is written there first if there is no file. Says whether that was so.
    ///
    /// # Errors
    /// As [`Key::read`], or the file cannot be written.
    pub(super) fn read_or_make(path: &Path) -> Result<(Self, bool), TrailError> {
        match Self::read(path) {
            Err(TrailError::Key(PrivateFileError::Io { source, .. }))
                if source.kind() == io::ErrorKind::NotFound => {}
            read => return Ok((read?, false)),
        }
        let mut octets = Zeroizing::new([0; OCTETS]);
        getrandom::fill(octets.as_mut_slice())
            .map_err(|error| TrailError::io(path, io::Error::other(error)))?;
        let text = Zeroizing::new(hexadecimal::digits(octets.as_slice()) + "\n");
        private_file::write(path, text.as_bytes(), Access::Owner, Existing::Keep)
            .map_err(|source| TrailError::io(path, source))?;
        Ok((Self(octets), true))
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The key under which names are hashed.
    pub(super) fn of_names(&self) -> [u8; 32] {
        use hmac::{Hmac, KeyInit, Mac};
        Hmac::<sha2::Sha256>::new_from_slice(self.octets()).map_or([0; 32], |mut mac| {
            mac.update(b"names");
            mac.finalize().into_bytes().into()
        })
    }
}
