//! `[io]` `ldapgate certs`: a local authority and a server certificate signed by it, for places that have
//! no authority of their own.
//!
//! Four files in one directory: `ca.pem` (for the applications), `ca.key`, `server.pem` (server and
//! authority) and `server.key`. The authority is made once and then used again, so that applications
//! import it once; keys are 0600 from their first octet on.

use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, DnsName};
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::private_file::{self, Access, Existing, PrivateFileError};
use crate::time::Now;

/// Validity of the authority.
const AUTHORITY_DAYS: u32 = 3650;

/// Longest validity of a server certificate that common clients accept.
pub const MAX_DAYS: u32 = 824;

/// Validity of a server certificate where none is asked for.
pub const DEFAULT_DAYS: u32 = 397;

const AUTHORITY_CERTIFICATE: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca.key";
const SERVER_CERTIFICATE: &str = "server.pem";
const SERVER_KEY: &str = "server.key";

/// Why no certificate was made.
#[derive(Debug, Error)]
pub enum CertsError {
    /// No name was given.
    #[error(
        "a server certificate needs the names that applications connect to, for example: \
             ldapgate certs ldap.corp.example 10.0.0.5"
    )]
    NoNames,
    /// A name is neither a host name nor an IP address.
    #[error("{name:?} is neither a host name nor an IP address: {reason}")]
    Name {
        /// As given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The validity is out of bounds.
    #[error(
        "a validity of {0} days is not possible; choose 1 to {MAX_DAYS}, more is refused by common clients"
    )]
    Days(u32),
    /// There is a server key and replacing it was not asked for.
    #[error("{path} exists already; with --force a new key and certificate take its place", path = .0.display())]
    KeyExists(PathBuf),
    /// The authority has only one of its two files.
    #[error("{present} is there but {missing} is not; restore it, or remove both for a new authority \
             (applications must then import the new ca.pem)", present = .present.display(), missing = .missing.display())]
    HalfAuthority {
        /// The file that exists.
        present: PathBuf,
        /// The one that does not.
        missing: PathBuf,
    },
    /// The authority's files are not what this command makes.
    #[error("the authority in {directory} cannot be used: {reason}", directory = .directory.display())]
    Authority {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key cannot be read.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A file cannot be written.
    #[error("{path} cannot be written: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The clock is out of any calendar.
    #[error("the clock is wrong: {0}")]
    Clock(String),
    /// The certificate library fails.
    #[error("the certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// What was made, and what to do with it. Its text is the command's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where the files are.
    pub directory: PathBuf,
    /// Whether the authority is new, so that applications have to import it.
    pub authority_is_new: bool,
    /// The names in the server certificate.
    pub names: Vec<String>,
    /// Its last day, as `2027-01-31`.
    pub last_day: String,
}

/// Makes a server certificate for `names` (host names and IP addresses), valid for `days`, in
/// `directory`; the authority too if there is none. An existing server key is only replaced with `force`.
///
/// # Errors
/// Names or days that no client accepts, an existing key, files that cannot be read or written.
pub fn make(
    directory: &Path,
    names: &[String],
    days: u32,
    force: bool,
    now: Now,
) -> Result<Report, CertsError> {
    check_names(names)?;
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(CertsError::Days(days));
    }
    let key_path = directory.join(SERVER_KEY);
    if !force && key_path.exists() {
        return Err(CertsError::KeyExists(key_path));
    }
    let directory = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .and_then(|()| fs::canonicalize(directory))
        .map_err(|source| CertsError::Write { path: directory.to_owned(), source })?;
    let directory = directory.as_path();

    let (authority, authority_is_new) = authority(directory, now)?;
    let (params, last_day) = server_params(names, days, now)?;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority.issuer)?;
    check_issuer(directory, certificate.der(), &authority.subject)?;

    let existing = if force { Existing::Replace } else { Existing::Keep };
    let chain = format!("{}{}", certificate.pem(), authority.pem);
    write(&key_path, key.serialize_pem().as_bytes(), Access::Owner, existing)?;
    write(
        &directory.join(SERVER_CERTIFICATE),
        chain.as_bytes(),
        Access::Everybody,
        Existing::Replace,
    )?;
    Ok(Report {
        directory: directory.to_owned(),
        authority_is_new,
        names: names.to_vec(),
        last_day,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |name: &str| self.directory.join(name).display().to_string();
        let (state, hint) = if self.authority_is_new {
            ("new", "import it into every application that connects by TLS")
        } else {
            ("kept", "applications that trust it need nothing new")
        };
        writeln!(f, "authority    {} ({state}): {hint}", file(AUTHORITY_CERTIFICATE))?;
        writeln!(f, "             {} stays here, 0600", file(AUTHORITY_KEY))?;
        writeln!(f, "certificate  {}, until {}", file(SERVER_CERTIFICATE), self.last_day)?;
        writeln!(f, "             for {}", self.names.join(", "))?;
        writeln!(f, "key          {}, 0600", file(SERVER_KEY))?;
        writeln!(f)?;
        writeln!(f, "In the [[listener]] section of the configuration:")?;
        writeln!(f, "  certificate = \"{}\"", file(SERVER_CERTIFICATE))?;
        writeln!(f, "  key = \"{}\"", file(SERVER_KEY))?;
        writeln!(f)?;
        writeln!(f, "Try it:")?;
        // OpenLDAP's tools take "localhost" for this machine's full name, which the certificate lacks.
        let named = |name: &&String| name.as_str() != "localhost";
        let host = self.names.iter().find(named).or(self.names.first());
        let host = host.map_or("localhost", String::as_str);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        writeln!(
            f,
            "  LDAPTLS_CACERT={} ldapsearch -x -H ldaps://{host} -s base -b ''",
            file(AUTHORITY_CERTIFICATE)
        )
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// Its subject in DER; a certificate that it signs must name exactly this.
    subject: Vec<u8>,
}

fn authority(directory: &Path, now: Now) -> Result<(Authority, bool), CertsError> {
    let certificate = directory.join(AUTHORITY_CERTIFICATE);
    let key = directory.join(AUTHORITY_KEY);
    match (certificate.exists(), key.exists()) {
        (true, true) => Ok((read_authority(directory, &certificate, &key, now)?, false)),
        (false, false) => Ok((make_authority(&certificate, &key, now)?, true)),
        (true, false) => Err(CertsError::HalfAuthority { present: certificate, missing: key }),
        (false, true) => Err(CertsError::HalfAuthority { present: key, missing: certificate }),
    }
}

fn make_authority(certificate: &Path, key: &Path, now: Now) -> Result<Authority, CertsError> {
    let pair = KeyPair::generate()?;
    let mark: String =
        pair.der_bytes().iter().rev().take(3).map(|octet| format!("{octet:02x}")).collect();
    // The mark tells two authorities apart in an application's trust store.
    let mut params = authority_params(&format!("ldapgate local authority {mark}"));
    set_validity(&mut params, AUTHORITY_DAYS, now)?;
    let signed = params.self_signed(&pair)?;
    write(key, pair.serialize_pem().as_bytes(), Access::Owner, Existing::Keep)?;
    write(certificate, signed.pem().as_bytes(), Access::Everybody, Existing::Keep)?;
    let subject = parse(signed.der()).map(|parsed| parsed.subject().as_raw().to_vec());
    let subject = subject.unwrap_or_default();
    Ok(Authority { issuer: Issuer::new(params, pair), pem: signed.pem(), subject })
}

fn read_authority(
    directory: &Path,
    certificate: &Path,
    key: &Path,
    now: Now,
) -> Result<Authority, CertsError> {
    let bad = |reason: &str| CertsError::Authority {
        directory: directory.to_owned(),
        reason: reason.to_owned(),
    };
    let pem = private_file::read_public(certificate)?;
    let pem = String::from_utf8(pem.to_vec()).map_err(|_| bad("ca.pem is not PEM text"))?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| bad(&format!("ca.pem: {error}")))?;
    let parsed = parse(&der).ok_or_else(|| bad("ca.pem is not a certificate"))?;
    if !parsed.is_ca() {
        return Err(bad("ca.pem is not the certificate of an authority"));
    }
    if parsed.validity().not_after.timestamp() <= now.unix_seconds() {
        return Err(bad("it has expired; remove ca.pem and ca.key to make a new one"));
    }
    let name = parsed.subject().iter_common_name().next();
    let name = name.and_then(|name| name.as_str().ok()).ok_or_else(|| bad("it has no name"))?;

    let text = private_file::read(key)?;
    let text = std::str::from_utf8(&text).map_err(|_| bad("ca.key is not PEM text"))?;
    let pair = KeyPair::from_pem(text).map_err(|error| bad(&format!("ca.key: {error}")))?;
    if pair.subject_public_key_info() != parsed.public_key().raw {
        return Err(bad("ca.key does not belong to ca.pem"));
    }
    let subject = parsed.subject().as_raw().to_vec();
    Ok(Authority { issuer: Issuer::new(authority_params(name), pair), pem, subject })
}

/// The signer's name in a certificate is rebuilt from the authority's common name. With an authority
/// that something else made it may differ, and no client would find the signer.
fn check_issuer(
    directory: &Path,
    signed: &CertificateDer<'_>,
    subject: &[u8],
) -> Result<(), CertsError> {
    if parse(signed).is_some_and(|parsed| parsed.issuer().as_raw() == subject) {
        return Ok(());
    }
    Err(CertsError::Authority {
        directory: directory.to_owned(),
        reason: "its name is not one that this command gives; sign the server's certificate with \
                 the tool that made the authority"
            .to_owned(),
    })
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed)
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(
    names: &[String],
    days: u32,
    now: Now,
) -> Result<(CertificateParams, String), CertsError> {
    let mut params = CertificateParams::new(names.to_vec())?;
    let last_day = set_validity(&mut params, days, now)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    // Clients compare the alternative names; a common name has at most 64 characters (X.520).
    let common_name = names.iter().map(String::as_str).find(|name| name.len() <= 64);
    params.distinguished_name.push(DnType::CommonName, common_name.unwrap_or("ldapgate"));
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok((params, last_day))
}

/// Sets the validity, from yesterday on so that clocks that are behind accept it too, and gives the
/// last day in words.
fn set_validity(params: &mut CertificateParams, days: u32, now: Now) -> Result<String, CertsError> {
    let today = Timestamp::from_second(now.unix_seconds())
        .map_err(|error| CertsError::Clock(error.to_string()))?
        .to_zoned(TimeZone::UTC)
        .date();
    let shifted = |days: i64| {
        today
            .checked_add(Span::new().days(days))
            .map_err(|error| CertsError::Clock(error.to_string()))
    };
    let (first, last) = (shifted(-1)?, shifted(i64::from(days))?);
    // A calendar date has neither a negative month nor a negative day.
    let month = |date: Date| date.month().unsigned_abs();
    let day = |date: Date| date.day().unsigned_abs();
    params.not_before = date_time_ymd(first.year().into(), month(first), day(first));
    params.not_after = date_time_ymd(last.year().into(), month(last), day(last));
    Ok(last.to_string())
}

fn check_names(names: &[String]) -> Result<(), CertsError> {
    if names.is_empty() {
        return Err(CertsError::NoNames);
    }
    names.iter().try_for_each(|name| {
        check_name(name).map_err(|reason| CertsError::Name { name: name.clone(), reason })
    })
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if name.contains("://") {
        return Err("write the host alone, without ldap://");
    }
    if !name.is_ascii() {
        return Err("write an international name in its xn-- form");
    }
    if name.contains(':') || name.contains('/') {
        return Err("write the host alone, without a port or a path");
    }
    let host = name.strip_prefix("*.").unwrap_or(name);
    DnsName::try_from(host).map(|_| ()).map_err(|_| "a host name has letters, digits, - and dots")
}

fn write(
    path: &Path,
    content: &[u8],
    access: Access,
    existing: Existing,
) -> Result<(), CertsError> {
    private_file::write(path, content, access, existing).map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists && path.ends_with(SERVER_KEY) {
            CertsError::KeyExists(path.to_owned())
        } else {
            CertsError::Write { path: path.to_owned(), source }
        }
    })
}

#[cfg(test)]
mod tests;
