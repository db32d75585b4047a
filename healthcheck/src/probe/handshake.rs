//! Can a TLS handshake be made?

use std::net::IpAddr;
use std::time::SystemTime;

use rustls::pki_types::ServerName;

use super::connect::{self, Secure};
use super::tls::{Protocol, Tls, judged};
use crate::check::TlsProbe;
use crate::outcome::Outcome;

/// Shakes hands, sends nothing more, closes.
pub(super) async fn probe(
    probe: &TlsProbe,
    source: Option<IpAddr>,
    tls: &Tls,
    now: SystemTime,
) -> Outcome {
    let name = server_name(probe.server_name.as_deref(), probe.address.ip());
    let secure = Secure { name, certificate: probe.tls.certificate, protocol: Protocol::Any };
    match connect::connect(probe.address, source, Some(&secure), tls).await {
        Ok((_, expiry)) => judged(Outcome::success(0), expiry, &probe.tls, now),
        Err(outcome) => outcome,
    }
}

/// The name, or the address where there is none; that is not sent, and the certificate has to be
/// for it.
pub(super) fn server_name(name: Option<&str>, address: IpAddr) -> ServerName<'static> {
    let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    name.unwrap_or_else(|| ServerName::from(address.to_canonical()))
}
