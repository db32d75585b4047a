//! A call of the gRPC health service, version 1 (`grpc.health.v1.Health/Check`).

use std::net::SocketAddr;

use http::uri::Authority;

use super::tls::{TlsOptions, validate_name};
use crate::refused::Refused;

/// A call of the health service that has to be answered with SERVING.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrpcProbe {
    /// Where it is made.
    pub address: SocketAddr,
    /// The service in question; empty: the server as a whole.
    pub service: String,
    /// What the endpoint has to prove; `None`: HTTP/2 without TLS.
    pub tls: Option<TlsOptions>,
    /// The host that the request names, which is the TLS server name too; `None`: the address.
    pub server_name: Option<String>,
}

/// What a gRPC check says besides where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GrpcOptions {
    /// The service in question; empty: the server as a whole.
    pub service: String,
    /// Whether it is spoken to by TLS.
    pub is_tls: bool,
}

impl GrpcProbe {
    /// How long the name of a service may be, in octets.
    pub const MOST_SERVICE: usize = 1024;

    pub(super) fn validate(&self) -> Result<(), Refused> {
        if self.service.len() > Self::MOST_SERVICE {
            return Err(Refused::LongService { octets: self.service.len() });
        }
        if self.tls.is_some() {
            return validate_name(self.server_name.as_deref());
        }
        match &self.server_name {
            Some(name) if Authority::try_from(name.as_str()).is_err() => {
                Err(Refused::ServerName { name: name.clone() })
            }
            _ => Ok(()),
        }
    }
}
