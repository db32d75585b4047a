//! What is probed and how: the configuration of one check, which is also its identity.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::Url;

/// One check. Two records that ask for equal checks share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Check {
    /// What is probed.
    pub probe: Probe,
    /// When it is probed and what it takes to change a verdict.
    pub pace: Pace,
    /// The local address to probe from.
    pub source: Option<IpAddr>,
}

/// The act of testing a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Probe {
    /// A TCP connection can be made. Nothing is sent.
    Tcp(SocketAddr),
    /// A GET request is answered as expected.
    Http(HttpProbe),
}

/// A GET request and what its answer has to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// `http` or `https`; its host is the Host header and the TLS server name.
    pub url: Url,
    /// The address under test, whatever the URL's host resolves to. `None`: resolve the host.
    pub address: Option<IpAddr>,
    /// The status that means success.
    pub status: u16,
    /// Text that the body has to contain, case included.
    pub body_match: Option<String>,
    /// How many octets of the body are read at most; `0`: the prober's own cap.
    pub byte_limit: u64,
    /// The User-Agent header.
    pub user_agent: Option<String>,
    /// Further headers, in order of name.
    pub headers: Vec<(String, String)>,
}

/// When a check runs and how many results in a row change its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// How long one probe may take in all.
    pub timeout: Duration,
    /// Failures in a row before the target is down; at least 1.
    pub fall: u32,
    /// Successes in a row before a target that was down is up again; at least 1.
    pub rise: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            fall: 3,
            rise: 2,
        }
    }
}
