//! Why a probe failed, in a few words.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustls::CertificateError;

use crate::outcome::Outcome;

/// How much of a text is quoted.
const QUOTED: usize = 40;

type Reason = Cow<'static, str>;

pub(super) fn no_answer(timeout: Duration) -> Reason {
    let millis = timeout.as_millis();
    match millis % 1000 {
        0 => format!("no answer within {} s", millis / 1000).into(),
        _ => format!("no answer within {millis} ms").into(),
    }
}

pub(super) fn no_match(wanted: &str) -> Reason {
    let mut quoted: String = wanted.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    if wanted.chars().nth(QUOTED).is_some() {
        quoted.push('…');
    }
    format!("the body does not contain \"{quoted}\"").into()
}

/// No socket could be made, or bound to the source.
pub(super) fn local(error: &io::Error, source: Option<IpAddr>) -> Reason {
    match (source, error.raw_os_error()) {
        (Some(source), Some(libc::EADDRNOTAVAIL)) => {
            format!("{source} is not an address of this machine, or no port of it is free").into()
        }
        (Some(source), Some(libc::EACCES | libc::EPERM | libc::EINVAL)) => {
            format!("cannot probe from {source}: {error}").into()
        }
        _ => io(error),
    }
}

/// A connection was not made, or did not last.
pub(super) fn connection(error: &io::Error) -> Outcome {
    if is_exhausted(error) {
        return Outcome::Inconclusive(io(error));
    }
    Outcome::Failure(io(error))
}

/// A request was not answered: the most telling of what led to what.
pub(super) fn of(error: &(dyn Error + 'static)) -> Outcome {
    let mut next = Some(error);
    let mut last = error;
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Outcome::Failure(self::tls(tls));
        }
        let io = error.downcast_ref::<io::Error>();
        if let Some(error) = io.filter(|error| error.raw_os_error().is_some()) {
            return connection(error);
        }
        last = error;
        // The source of an I/O error that wraps another error is not that error, but its source.
        next = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    Outcome::failure(last.to_string())
}

/// Whether this side is out of something.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRNOTAVAIL
                | libc::EADDRINUSE
        )
    )
}

fn io(error: &io::Error) -> Reason {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => "connection refused".into(),
        Some(libc::ECONNRESET) => "connection reset".into(),
        Some(libc::EHOSTUNREACH) => "no route to the host".into(),
        Some(libc::ENETUNREACH) => "no route to the network".into(),
        Some(libc::ETIMEDOUT) => "connection timed out".into(),
        Some(libc::EMFILE | libc::ENFILE) => "too many open files".into(),
        Some(libc::EADDRNOTAVAIL) => "no local port is free".into(),
        _ => error.to_string().into(),
    }
}

fn tls(error: &rustls::Error) -> Reason {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return format!("TLS: {error}").into();
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate is expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name".into()
        }
        CertificateError::UnknownIssuer => "the certificate's issuer is not trusted".into(),
        CertificateError::Revoked => "the certificate is revoked".into(),
        other => format!("the certificate is not valid: {other}").into(),
    }
}
