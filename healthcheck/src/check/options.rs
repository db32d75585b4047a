//! How a check is carried out, whatever its target is.

use std::net::IpAddr;

use super::{DnsOptions, GrpcOptions, HttpOptions, Pace, PushOptions, TlsOptions};

/// All that can be said of a check besides what it tests. The operator's word for all checks is
/// where a zone begins, the zone's is where a record does: each changes what it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// When it is probed and what it takes to change a verdict.
    pub pace: Pace,
    /// The local address to probe from.
    pub source: Option<IpAddr>,
    /// What is proved in TLS.
    pub tls: TlsOptions,
    /// The name that checks of TLS and gRPC ask for. Those of URLs ask for the URL's host.
    pub server_name: Option<String>,
    /// What checks of URLs ask, and expect.
    pub http: HttpOptions,
    /// What checks of name servers ask, and expect.
    pub dns: DnsOptions,
    /// What checks of gRPC ask.
    pub grpc: GrpcOptions,
    /// How long what is called in holds.
    pub push: PushOptions,
}
