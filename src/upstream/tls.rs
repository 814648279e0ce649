//! `[io]` TLS towards a controller: which certificates are believed, and why a handshake failed.
//! Reads the system's certificate store when that is what is trusted.
//!
//! One `ClientConfig` belongs to one controller and one trust: a resumed session skips the verifier,
//! so changed trust always means a new `ClientConfig` (a new `Upstream`).

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::certificate::{CertificateRefusal, Flaw};
use super::controller::{ControllerConfig, Trust};
use super::error::UpstreamError;
use crate::certificate::{CertificateFacts, spki_sha256};

/// The TLS side of one controller.
#[derive(Clone)]
pub(super) struct TlsClient {
    /// Makes handshakes.
    pub(super) connector: TlsConnector,
    /// The name that is asked for and checked.
    pub(super) server_name: ServerName<'static>,
}

impl TlsClient {
    /// TLS 1.2 and 1.3 with the controller's trust.
    pub(super) fn new(controller: &ControllerConfig) -> Result<Self, UpstreamError> {
        let refuse =
            |reason: String| UpstreamError(format!("controller {}: {reason}", controller.name));
        let server_name = server_name(&controller.name).map_err(refuse)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = verifier(&controller.trust, &provider).map_err(refuse)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name })
    }
}

/// A controller's name as a certificate has it: SRV targets end in a dot, IPv6 literals may come in
/// brackets.
fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    let bare = name.trim_end_matches('.');
    let bare = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| format!("{name:?} is neither a DNS name nor an IP address"))
}

fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let roots = match trust {
        Trust::SpkiPins(pins) if pins.is_empty() => return Err("no pin is given".to_owned()),
        Trust::SpkiPins(pins) => {
            let provider = Arc::clone(provider);
            return Ok(Arc::new(PinVerifier { pins: pins.clone(), provider }));
        }
        Trust::CaPem(pem) => authorities(pem)?,
        Trust::System => system_store()?,
    };
    let chain =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(Arc::new(ChainVerifier { chain: chain.map_err(|error| error.to_string())? }))
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("CA file: {error}"))?;
        store.add(certificate).map_err(|error| format!("CA file: {error}"))?;
    }
    if store.is_empty() {
        return Err("the CA file has no certificate (PEM, BEGIN CERTIFICATE) in it".to_owned());
    }
    Ok(store)
}

fn system_store() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(format!(
            "the system's certificate store is empty{why}; give a CA file or a pin"
        ));
    }
    Ok(store)
}

/// The usual check of chain, name and dates; a refusal says what was expected and what came.
#[derive(Debug)]
struct ChainVerifier {
    chain: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.chain
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| {
                if let Error::InvalidCertificate(reason) = &error {
                    return refusal(flaw(reason), server_name, end_entity);
                }
                error
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Believes the pinned public keys and nothing else. The handshake proves possession of the key.
#[derive(Debug)]
struct PinVerifier {
    pins: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if spki_sha256(end_entity).is_ok_and(|digest| self.pins.contains(&digest)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(refusal(Flaw::PinMismatch(self.pins.len()), server_name, end_entity))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn refusal(flaw: Flaw, expected: &ServerName<'_>, certificate: &CertificateDer<'_>) -> Error {
    let refusal = CertificateRefusal {
        flaw,
        expected: expected.to_str().into_owned(),
        facts: CertificateFacts::read(certificate).ok(),
    };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

fn flaw(error: &CertificateError) -> Flaw {
    use CertificateError as E;
    if matches!(error, E::UnknownIssuer) {
        Flaw::UnknownIssuer
    } else if matches!(error, E::Expired | E::ExpiredContext { .. }) {
        Flaw::Expired
    } else if matches!(error, E::NotValidYet | E::NotValidYetContext { .. }) {
        Flaw::NotYetValid
    } else if matches!(error, E::NotValidForName | E::NotValidForNameContext { .. }) {
        Flaw::WrongName
    } else {
        let text = error.to_string();
        Flaw::Other(if text.contains("CaUsedAsEndEntity") {
            "an authority's own certificate is used as the server's; pin its key instead".to_owned()
        } else {
            text
        })
    }
}

/// Why a handshake failed, for an operator.
pub(super) fn explain(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(tls) = tls else {
        let gone = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
        if gone.contains(&error.kind()) {
            return "the controller closed the connection during the TLS handshake: \
                    it does not speak TLS on this port, or has no certificate"
                .to_owned();
        }
        return format!("TLS handshake: {error}");
    };
    if let Error::InvalidCertificate(CertificateError::Other(other)) = tls
        && let Some(refusal) = other.0.downcast_ref::<CertificateRefusal>()
    {
        return refusal.to_string();
    }
    if matches!(tls, Error::InvalidMessage(_)) {
        return format!(
            "the controller does not speak TLS on this port ({tls}); is it an ldap:// port?"
        );
    }
    if matches!(tls, Error::AlertReceived(_) | Error::PeerIncompatible(_)) {
        return format!(
            "no common ground with the controller's TLS ({tls}); 1.2 and 1.3 are spoken"
        );
    }
    format!("TLS handshake: {tls}")
}
