//! What an `https` endpoint has to prove: one configuration, shared by all probes.
//!
//! Building one takes milliseconds and reads the machine's certificates; copying one is nearly
//! free. Sessions are never resumed, because a resumed session is not verified again: an expired
//! certificate would go unnoticed.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::check::Certificate;
use crate::health::StartError;

/// The configurations of TLS, one for each [`Certificate`].
#[derive(Debug)]
pub(super) struct Tls {
    /// Or why no certificate can be verified on this machine.
    verified: Result<ClientConfig, String>,
    any: ClientConfig,
}

impl Tls {
    pub(super) fn new(roots: &[CertificateDer<'static>]) -> Result<Self, StartError> {
        for (index, root) in roots.iter().enumerate() {
            RootCertStore::empty()
                .add(root.clone())
                .map_err(|source| StartError::Root { number: index + 1, source })?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let any = config(&provider, Arc::new(AnyCertificate(Arc::clone(&provider))))
            .map_err(StartError::Tls)?;
        let verified = Verifier::new_with_extra_roots(roots.iter().cloned(), Arc::clone(&provider))
            .and_then(|verifier| config(&provider, Arc::new(verifier)))
            .map_err(|error| format!("certificates cannot be verified on this machine: {error}"));
        if let Err(reason) = &verified {
            tracing::warn!("https endpoints will be down: {reason}");
        }
        Ok(Self { verified, any })
    }

    /// The configuration for endpoints that have to prove this much, or why there is none.
    pub(super) fn config(&self, certificate: Certificate) -> Result<&ClientConfig, &str> {
        match certificate {
            Certificate::Verified => self.verified.as_ref().map_err(String::as_str),
            Certificate::Any => Ok(&self.any),
        }
    }

    /// A configuration for requests that do not use TLS, which a client has to be given all the
    /// same, or it builds its own at great cost.
    pub(super) fn unused(&self) -> &ClientConfig {
        &self.any
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Takes every certificate, as the operator asked ([`Certificate::Any`]). The endpoint still has to
/// hold its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
