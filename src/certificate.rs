//! What a certificate says, in words an operator understands. No trust is decided here.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::hexadecimal;
use crate::time::Now;

const DAY: i64 = 24 * 3600;

/// The readable parts of a server certificate; facts, no verdict.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CertificateFacts {
    /// The subject's name.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The DNS names and IP addresses it is for (subjectAltName, RFC 5280 §4.2.1.6): what a TLS client
    /// compares with the host it wants. The common name does not count.
    pub names: Vec<String>,
    /// First second of its validity, since 1970.
    pub not_before_unix: i64,
    /// Last second of its validity, since 1970.
    pub not_after_unix: i64,
    /// Whether it is a certificate of an authority. Strict clients refuse such a one from a server.
    pub is_authority: bool,
    /// SHA-256 of its SubjectPublicKeyInfo, as for a pin: 64 hexadecimal digits.
    pub spki_sha256: String,
}

/// Octets that are no certificate, or one whose parts cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotACertificate(String);

/// Where a moment lies in a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Before its first second.
    NotYet,
    /// Valid for so many more whole days.
    Days(i64),
    /// Past its last second, since so many whole days.
    Expired(i64),
}

impl CertificateFacts {
    /// Reads a certificate (DER).
    ///
    /// # Errors
    /// It is none, or its subjectAltName is broken.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        let certificate = parse(der)?;
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: alternative_names(&certificate)?,
            not_before_unix: certificate.validity().not_before.timestamp(),
            not_after_unix: certificate.validity().not_after.timestamp(),
            is_authority: certificate.is_ca(),
            spki_sha256: hexadecimal::digits(&digest(&certificate)),
        })
    }

    /// Whether it is valid now, and for how long.
    #[must_use]
    pub fn validity(&self, now: Now) -> Validity {
        let now = now.unix_seconds();
        if now < self.not_before_unix {
            Validity::NotYet
        } else if now > self.not_after_unix {
            Validity::Expired((now - self.not_after_unix) / DAY)
        } else {
            Validity::Days((self.not_after_unix - now) / DAY)
        }
    }

    /// The names it is for, as a phrase.
    #[must_use]
    pub fn names_text(&self) -> String {
        if self.names.is_empty() {
            return format!(
                "no name at all (no subjectAltName; its subject is \"{}\")",
                self.subject
            );
        }
        self.names.join(", ")
    }
}

/// SHA-256 of the certificate's SubjectPublicKeyInfo.
///
/// # Errors
/// It is not a certificate.
pub fn spki_sha256(der: &[u8]) -> Result<[u8; 32], NotACertificate> {
    parse(der).map(|certificate| digest(&certificate))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, NotACertificate> {
    let parsed = X509Certificate::from_der(der);
    parsed.map(|(_, certificate)| certificate).map_err(|error| NotACertificate(error.to_string()))
}

fn digest(certificate: &X509Certificate<'_>) -> [u8; 32] {
    Sha256::digest(certificate.public_key().raw).into()
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, NotACertificate> {
    let extension = certificate.subject_alternative_name();
    let extension = extension.map_err(|error| NotACertificate(error.to_string()))?;
    let names = extension.map(|extension| extension.value.general_names.as_slice());
    Ok(names.unwrap_or_default().iter().filter_map(host).collect())
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(dns) = name {
        return Some((*dns).to_owned());
    }
    let GeneralName::IPAddress(octets) = name else { return None };
    if let Ok(octets) = <[u8; 4]>::try_from(*octets) {
        return Some(IpAddr::from(octets).to_string());
    }
    <[u8; 16]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2026, 11, 1);
        params.not_after = date_time_ymd(2026, 11, 21);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_and_kind() {
        let der = certificate(&["a.example", "10.0.0.5", "fd00::5"], |_| {});
        let facts = CertificateFacts::read(&der).unwrap();
        assert_eq!(facts.names_text(), "a.example, 10.0.0.5, fd00::5");
        assert!(!facts.is_authority);
        assert_eq!(facts.spki_sha256, hexadecimal::digits(&spki_sha256(&der).unwrap()));
        let authority = certificate(&[], |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        let facts = CertificateFacts::read(&authority).unwrap();
        assert!(facts.is_authority && facts.names_text().contains("no subjectAltName"));
        assert!(CertificateFacts::read(b"0").is_err() && spki_sha256(b"").is_err());
    }

    #[test]
    fn validity_is_said_in_whole_days() {
        let facts = CertificateFacts::read(&certificate(&["a"], |_| {})).unwrap();
        let at = |unix: i64| {
            let wall = UNIX_EPOCH + Duration::from_secs(unix.unsigned_abs());
            facts.validity(Now { wall, ..Now::read() })
        };
        let (first, last) = (facts.not_before_unix, facts.not_after_unix);
        for (moment, validity) in [
            (first - 1, Validity::NotYet),
            (first, Validity::Days(20)),
            (last - DAY, Validity::Days(1)),
            (last, Validity::Days(0)),
            (last + 1, Validity::Expired(0)),
            (last + DAY, Validity::Expired(1)),
        ] {
            assert_eq!(at(moment), validity, "{moment}");
        }
    }
}
