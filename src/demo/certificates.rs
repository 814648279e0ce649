//! The certificate authority of an imitated domain; keys live in memory only.

use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

/// A certificate could not be made or used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// From making it.
    #[error(transparent)]
    Make(#[from] rcgen::Error),
    /// From using it.
    #[error(transparent)]
    Use(#[from] rustls::Error),
}

/// A certificate authority that several controllers share.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new authority with a new key.
    ///
    /// # Errors
    /// No randomness.
    pub fn new() -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ldapgate demo authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The authority's certificate for clients to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server's TLS settings with a new certificate for these DNS names and addresses. It is valid
    /// around `now`, or ended the day before when `expired`.
    ///
    /// # Errors
    /// A name that is neither, or no randomness.
    pub fn server(
        &self,
        names: &[String],
        expired: bool,
        now: SystemTime,
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let mut params = CertificateParams::new(names.to_vec())?;
        if let Some(name) = names.first() {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let day = std::time::Duration::from_secs(86_400);
        let (from, until) =
            if expired { (now - 30 * day, now - day) } else { (now - day, now + 365 * day) };
        params.not_before = from.into();
        params.not_after = until.into();
        let key = KeyPair::generate()?;
        let certificate: CertificateDer<'static> =
            params.signed_by(&key, &self.issuer)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        Ok(Arc::new(config))
    }
}
