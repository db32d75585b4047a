//! A TLS handshake and what the endpoint has to prove in it.

use std::net::SocketAddr;

use rustls::pki_types::ServerName;

use crate::refused::Refused;

/// A TLS handshake after which nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsProbe {
    /// Where it is made.
    pub address: SocketAddr,
    /// The name that is asked for (SNI, RFC 6066 section 3) and that the certificate has to be for.
    /// `None`: no name is sent, and the certificate has to be for the address.
    pub server_name: Option<String>,
    /// What the endpoint has to prove.
    pub tls: TlsOptions,
}

/// What an endpoint has to prove in a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// What the certificate has to be.
    pub certificate: Certificate,
    /// With fewer days than this before the certificate runs out, the check has a warning; 0: never.
    pub warn_days: u16,
    /// With fewer days than this before the certificate runs out, the probe fails; 0: never.
    pub fail_days: u16,
}

/// What the certificate of an endpoint has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Certificate {
    /// In date, for the name that is asked for, and from an issuer that this machine or the settings
    /// trust.
    #[default]
    Verified,
    /// Anything, as on PowerDNS, which cannot verify certificates.
    Any,
}

impl Default for TlsOptions {
    /// Verified, with a warning two weeks before the end.
    fn default() -> Self {
        Self { certificate: Certificate::Verified, warn_days: 14, fail_days: 0 }
    }
}

impl TlsProbe {
    pub(super) fn validate(&self) -> Result<(), Refused> {
        validate_name(self.server_name.as_deref())
    }
}

pub(super) fn validate_name(name: Option<&str>) -> Result<(), Refused> {
    match name {
        Some(name) if ServerName::try_from(name).is_err() => {
            Err(Refused::ServerName { name: name.to_owned() })
        }
        _ => Ok(()),
    }
}
