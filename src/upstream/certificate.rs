//! Why a controller's certificate is refused, in words an operator understands. No trust is decided here.

use std::fmt;

use jiff::Timestamp;

use crate::certificate::CertificateFacts;

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// No trusted authority stands behind it.
    UnknownIssuer,
    /// It is over.
    Expired,
    /// It has not begun.
    NotYetValid,
    /// It is for other names.
    WrongName,
    /// Its key is not one of the pinned ones; how many there are.
    PinMismatch(usize),
    /// Anything else, in the library's words.
    Other(String),
}

/// A refused certificate: carried through the TLS library as its error, so that the message can say
/// what was expected and what came.
#[derive(Clone, Debug)]
pub(super) struct CertificateRefusal {
    /// What is wrong.
    pub(super) flaw: Flaw,
    /// The name it should be for.
    pub(super) expected: String,
    /// What it says, where it could be read.
    pub(super) facts: Option<CertificateFacts>,
}

impl std::error::Error for CertificateRefusal {}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(facts) = &self.facts else {
            return write!(f, "the certificate cannot be read ({:?})", self.flaw);
        };
        match &self.flaw {
            Flaw::UnknownIssuer => write!(
                f,
                "no trusted authority issued the certificate (issuer \"{}\", subject \"{}\")",
                facts.issuer, facts.subject
            ),
            Flaw::Expired => {
                write!(f, "the certificate expired on {}", date(facts.not_after_unix))
            }
            Flaw::NotYetValid => {
                write!(f, "the certificate is valid only from {}", date(facts.not_before_unix))
            }
            Flaw::WrongName => write!(
                f,
                "the certificate is not for the expected name {}, it is for {}",
                self.expected,
                facts.names_text()
            ),
            Flaw::PinMismatch(pins) => write!(
                f,
                "the certificate's public key (SHA-256 {}) is not among the {pins} pinned",
                facts.spki_sha256
            ),
            Flaw::Other(text) => write!(f, "the certificate is refused: {text}"),
        }?;
        if !matches!(self.flaw, Flaw::Expired | Flaw::NotYetValid) {
            write!(f, "; valid until {}", date(facts.not_after_unix))?;
        }
        if !matches!(self.flaw, Flaw::WrongName) {
            write!(f, "; expected name {}, it is for {}", self.expected, facts.names_text())?;
        }
        Ok(())
    }
}

fn date(unix: i64) -> String {
    Timestamp::from_second(unix).map_or_else(|_| format!("second {unix}"), |t| t.to_string())
}
