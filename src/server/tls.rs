//! `[io]` The listeners' certificate: files to a rustls configuration whose certificate can be
//! exchanged while connections are open.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::CertificateFiles;
use crate::certificate::CertificateFacts;
use crate::private_file::{self, PrivateFileError};

/// Why a certificate cannot be served.
#[derive(Debug, Error)]
pub enum TlsError {
    /// One of the files cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The chain file holds no certificate.
    #[error("{path} holds no PEM certificate (-----BEGIN CERTIFICATE-----){hint}", path = .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What it seems to be instead.
        hint: &'static str,
    },
    /// A certificate cannot be read.
    #[error("certificate {position} in {path} cannot be read: {reason}", path = .path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        position: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The key file holds no private key that can be used.
    #[error("{path} holds no usable private key: {reason}", path = .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key belongs to another certificate.
    #[error(
        "the key in {key} does not belong to the first certificate in {chain}{hint}",
        key = .key.display(), chain = .chain.display(),
        hint = match .belongs_to {
            Some(position) => format!(" but to certificate {position}: put that one first"),
            None => String::new(),
        }
    )]
    Mismatch {
        /// The chain file.
        chain: PathBuf,
        /// The key file.
        key: PathBuf,
        /// The certificate of the chain that the key does belong to, counted from 1.
        belongs_to: Option<usize>,
    },
    /// The TLS library refuses the configuration.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// A certificate from files, which new handshakes use in its latest form.
pub struct ServerCertificate {
    files: CertificateFiles,
    current: ArcSwap<Loaded>,
}

struct Loaded {
    key: Arc<CertifiedKey>,
    facts: CertificateFacts,
}

impl ServerCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// A file is missing, the key is open to others, broken, or belongs to another certificate. An
    /// expired certificate is no error: see [`CertificateFacts::validity`].
    pub fn load(files: CertificateFiles) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from_pointee(Loaded::read(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads the files again. Open connections keep what they have.
    ///
    /// # Errors
    /// As [`Self::load`]; the certificate then stays the old one.
    pub fn reload(&self) -> Result<CertificateFacts, TlsError> {
        self.current.store(Arc::new(Loaded::read(&self.files)?));
        Ok(self.facts())
    }

    /// Goes on with what another reading of the same files has. Open connections keep what they have.
    pub fn take_over(&self, read: &Self) {
        self.current.store(read.current.load_full());
    }

    /// What is served now.
    #[must_use]
    pub fn facts(&self) -> CertificateFacts {
        self.current.load().facts.clone()
    }

    /// How many certificates clients are sent, this one included.
    #[must_use]
    pub fn chain_length(&self) -> usize {
        self.current.load().key.cert.len()
    }

    /// Where it comes from.
    #[must_use]
    pub const fn files(&self) -> &CertificateFiles {
        &self.files
    }
}

/// A listener's TLS configuration: TLS 1.2 and 1.3, no client certificates.
///
/// # Errors
/// The TLS library refuses the set-up.
pub fn server_config(certificate: Arc<ServerCertificate>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    // Sessions are resumed from what the client keeps: applications that connect for each login are many
    // more than a memory here would hold.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

/// Passed explicitly: with a second provider in the build, a process-wide default would be a panic.
fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

impl ResolvesServerCert for ServerCertificate {
    /// One listener, one certificate: the name that the client asks for does not choose.
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Loaded {
    fn read(files: &CertificateFiles) -> Result<Self, TlsError> {
        let chain = read_chain(&files.chain)?;
        let facts = facts(&files.chain, &chain)?;
        let key = read_key(&files.key)?;
        let key = match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()) {
            Ok(certified) => Arc::new(certified),
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch {
                    chain: files.chain.clone(),
                    key: files.key.clone(),
                    belongs_to: owner_of(&key, &chain),
                });
            }
            Err(error) => {
                return Err(TlsError::BadKey {
                    path: files.key.clone(),
                    reason: error.to_string(),
                });
            }
        };
        Ok(Self { key, facts })
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut pem = private_file::read_public(path)?;
    if PrivateKeyDer::from_pem_slice(&pem).is_ok() {
        // A chain may be public, the key in the same file may not.
        pem = private_file::read(path)?;
    }
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .enumerate()
        .map(|(index, certificate)| {
            certificate.map_err(|error| TlsError::BadCertificate {
                path: path.to_owned(),
                position: index + 1,
                reason: error.to_string(),
            })
        })
        .collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned(), hint: der_hint(&pem) });
    }
    Ok(chain)
}

/// Binary certificates begin with the SEQUENCE tag, PEM never does.
fn der_hint(content: &[u8]) -> &'static str {
    if content.first() == Some(&0x30) {
        "; it looks like a binary certificate: convert it with openssl x509 -inform der"
    } else {
        ""
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem: Zeroizing<Vec<u8>> = private_file::read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let encrypted = pem.windows(9).any(|window| window == b"ENCRYPTED");
        let reason = if encrypted {
            "it is protected by a passphrase; remove that with openssl pkey -in … -out …".to_owned()
        } else {
            error.to_string()
        };
        TlsError::BadKey { path: path.to_owned(), reason }
    })
}

/// The certificate of the chain that the key belongs to, counted from 1.
fn owner_of(key: &PrivateKeyDer<'static>, chain: &[CertificateDer<'static>]) -> Option<usize> {
    chain
        .iter()
        .position(|certificate| {
            let single = vec![certificate.clone()];
            CertifiedKey::from_der(single, key.clone_key(), &provider()).is_ok()
        })
        .map(|index| index + 1)
}

fn facts(path: &Path, chain: &[CertificateDer<'static>]) -> Result<CertificateFacts, TlsError> {
    let Some(first) = chain.first() else {
        return Err(TlsError::NoCertificate { path: path.to_owned(), hint: "" });
    };
    CertificateFacts::read(first).map_err(|error| TlsError::BadCertificate {
        path: path.to_owned(),
        position: 1,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
