//! What an endpoint has to prove by TLS: configurations that all probes share, and what is made of
//! the certificate's end.
//!
//! Building one takes milliseconds and reads the machine's certificates; copying one is nearly
//! free. Sessions are never resumed, because a resumed session is not verified again: an expired
//! certificate would go unnoticed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::connect::Secure;
use crate::check::{Certificate, TlsOptions};
use crate::health::StartError;
use crate::outcome::Outcome;

const DAY: u64 = 24 * 3600;

/// What will be spoken over a connection (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Nothing is said of it.
    Any,
    Http1,
    Http2,
}

/// The configurations of TLS.
#[derive(Debug)]
pub(super) struct Tls {
    /// Or why no certificate can be verified on this machine.
    verified: Result<Configs, String>,
    any: Configs,
}

/// One for each [`Protocol`].
#[derive(Debug)]
struct Configs {
    any: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
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
            .map(Configs::new)
            .map_err(|error| format!("certificates cannot be verified on this machine: {error}"));
        if let Err(reason) = &verified {
            tracing::warn!("endpoints that are probed by TLS will be down: {reason}");
        }
        Ok(Self { verified, any: Configs::new(any) })
    }

    /// What makes handshakes like this one, or why there is none.
    pub(super) fn connector(&self, secure: &Secure) -> Result<TlsConnector, &str> {
        let configs = match secure.certificate {
            Certificate::Verified => self.verified.as_ref().map_err(String::as_str)?,
            Certificate::Any => &self.any,
        };
        let config = match secure.protocol {
            Protocol::Any => &configs.any,
            Protocol::Http1 => &configs.http1,
            Protocol::Http2 => &configs.http2,
        };
        Ok(TlsConnector::from(Arc::clone(config)))
    }
}

impl Configs {
    fn new(config: ClientConfig) -> Self {
        let speaking = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        Self { http1: speaking(b"http/1.1"), http2: speaking(b"h2"), any: Arc::new(config) }
    }
}

/// When a certificate runs out, if it says so.
pub(super) fn expiry(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    let seconds = Duration::from_secs(u64::try_from(seconds).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(seconds)
}

/// An outcome, judged by when the certificate runs out.
pub(super) fn judged(
    outcome: Outcome,
    expiry: Option<SystemTime>,
    options: &TlsOptions,
    now: SystemTime,
) -> Outcome {
    let (Outcome::Success { .. }, Some(expiry)) = (&outcome, expiry) else {
        return outcome;
    };
    let left = expiry.duration_since(now).unwrap_or_default();
    let is_within = |days: u16| days > 0 && left < Duration::from_secs(u64::from(days) * DAY);
    if is_within(options.fail_days) {
        return Outcome::Failure(runs_out(left));
    }
    if is_within(options.warn_days) {
        return outcome.warn(runs_out(left));
    }
    outcome
}

fn runs_out(left: Duration) -> Cow<'static, str> {
    match left.as_secs() / DAY {
        _ if left.is_zero() => "the certificate is expired".into(),
        0 => "the certificate expires within a day".into(),
        1 => "the certificate expires in 1 day".into(),
        days => format!("the certificate expires in {days} days").into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_a_warning_and_a_failure_only_where_that_is_asked() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        for (warn_days, fail_days, left, failure, warning) in [
            (14, 0, 14 * DAY, "", ""),
            (14, 0, 14 * DAY - 1, "", "the certificate expires in 13 days"),
            (14, 0, DAY, "", "the certificate expires in 1 day"),
            (14, 0, DAY - 1, "", "the certificate expires within a day"),
            (14, 0, 0, "", "the certificate is expired"),
            (0, 0, 0, "", ""),
            (14, 3, 3 * DAY, "", "the certificate expires in 3 days"),
            (14, 3, 3 * DAY - 1, "the certificate expires in 2 days", ""),
            (0, 3, 3 * DAY - 1, "the certificate expires in 2 days", ""),
        ] {
            let options = TlsOptions { warn_days, fail_days, ..TlsOptions::default() };
            let expiry = Some(now + Duration::from_secs(left));
            let outcome = judged(Outcome::success(7), expiry, &options, now);
            let expected = match (failure, warning) {
                ("", "") => Outcome::success(7),
                ("", warning) => Outcome::success(7).warn(warning),
                (failure, _) => Outcome::failure(failure),
            };
            assert_eq!(outcome, expected, "{options:?}, {left} seconds left");
        }
        let past = Some(SystemTime::UNIX_EPOCH);
        let failed = Outcome::failure("status 503");
        assert_eq!(judged(failed.clone(), past, &TlsOptions::default(), now), failed);
        assert_eq!(judged(Outcome::success(0), None, &TlsOptions::default(), now).warning(), None);
    }
}
