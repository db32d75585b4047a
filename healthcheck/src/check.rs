//! What is probed and how: the configuration of one check, which is also its identity.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use url::{Host, Url};

use crate::refused::Refused;

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
///
/// A few redirects are followed, at the same address, host and port or from http to https on their
/// own ports. Others are not: the endpoint would choose what this server connects to next. A
/// redirect whose status is the one expected is an answer like any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// `http` or `https`; its host is the Host header and the TLS server name.
    pub url: Url,
    /// The address under test, whatever the URL's host resolves to. `None`: resolve the host.
    pub address: Option<IpAddr>,
    /// What an `https` endpoint has to prove.
    pub certificate: Certificate,
    /// The status that means success.
    pub status: u16,
    /// Text that the body has to contain, case included.
    pub body_match: Option<String>,
    /// How many octets of the body are read and matched at most; `0`, or more than
    /// [`HttpProbe::BODY_CAP`]: that cap.
    pub byte_limit: u64,
    /// The User-Agent header; `None`: `halfmoon/` and the version.
    pub user_agent: Option<String>,
    /// Further headers, in order of name. A `Host` among them replaces the URL's.
    pub headers: Vec<(String, String)>,
}

/// What the certificate of an `https` endpoint has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Certificate {
    /// In date, for the URL's host, and from an issuer that this machine or the settings trust.
    #[default]
    Verified,
    /// Anything, as on PowerDNS, which cannot verify certificates.
    Any,
}

/// When a check runs and how many results in a row change its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// From the start of one probe to the start of the next, from [`Pace::MIN_INTERVAL`] to
    /// [`Pace::MAX_INTERVAL`].
    pub interval: Duration,
    /// How long one probe may take in all; more than zero.
    pub timeout: Duration,
    /// Failures in a row before the target is down; at least 1.
    pub fall: u32,
    /// Successes in a row before a target that was down is up again; at least 1.
    pub rise: u32,
}

impl Check {
    /// The address under test, if the check names it rather than a host to resolve.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match &self.probe {
            Probe::Tcp(address) => Some(address.ip()),
            Probe::Http(http) => http.address.or_else(|| http.literal_host()),
        }
    }

    /// Whether it can be probed at all, whatever its target says.
    pub(crate) fn validate(&self) -> Result<(), Refused> {
        self.pace.validate()?;
        if let Probe::Http(http) = &self.probe {
            http.validate()?;
        }
        if let (Some(source), Some(target)) = (self.source, self.address()) {
            let target = target.to_canonical();
            if source.is_ipv4() != target.is_ipv4() {
                return Err(Refused::Source { local: source, target });
            }
        }
        Ok(())
    }
}

impl HttpProbe {
    /// How many octets of a body are read at most, whatever a check asks for.
    pub const BODY_CAP: u64 = 64 * 1024;

    /// A GET of the URL from this address that expects status 200, and nothing else but what is
    /// customary.
    #[must_use]
    pub fn new(url: Url, address: Option<IpAddr>) -> Self {
        Self {
            url,
            address,
            certificate: Certificate::Verified,
            status: 200,
            body_match: None,
            byte_limit: 0,
            user_agent: None,
            headers: Vec::new(),
        }
    }

    /// The URL's host where it is an address.
    pub(crate) fn literal_host(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    fn validate(&self) -> Result<(), Refused> {
        let scheme = self.url.scheme();
        if !matches!(scheme, "http" | "https") {
            return Err(Refused::Scheme { scheme: scheme.to_owned() });
        }
        // A certificate is checked against the host that is connected to, and a literal host is
        // always the one that is connected to.
        if let (Some(host), Some(address)) = (self.literal_host(), self.address)
            && scheme == "https"
            && self.certificate == Certificate::Verified
            && host.to_canonical() != address.to_canonical()
        {
            return Err(Refused::Literal { host, address });
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err()
                || HeaderValue::from_bytes(value.as_bytes()).is_err()
            {
                return Err(Refused::Header { name: name.clone() });
            }
        }
        if let Some(agent) = &self.user_agent
            && HeaderValue::from_bytes(agent.as_bytes()).is_err()
        {
            return Err(Refused::Header { name: "User-Agent".to_owned() });
        }
        Ok(())
    }
}

impl Pace {
    /// The shortest time between the starts of two probes of one check.
    pub const MIN_INTERVAL: Duration = Duration::from_millis(10);

    /// The longest.
    pub const MAX_INTERVAL: Duration = Duration::from_secs(24 * 3600);

    fn validate(&self) -> Result<(), Refused> {
        if !(Self::MIN_INTERVAL..=Self::MAX_INTERVAL).contains(&self.interval) {
            return Err(Refused::Interval { interval: self.interval });
        }
        if self.timeout.is_zero() {
            return Err(Refused::Timeout);
        }
        if self.fall == 0 || self.rise == 0 {
            return Err(Refused::Count);
        }
        Ok(())
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), timeout: Duration::from_secs(2), fall: 3, rise: 2 }
    }
}

/// The target, as in `tcp 192.0.2.1:80` or `https://www.example/ at 192.0.2.1`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.probe {
            Probe::Tcp(address) => write!(f, "tcp {address}")?,
            Probe::Http(http) => {
                write!(f, "{}", http.url)?;
                if let Some(address) = http.address {
                    write!(f, " at {address}")?;
                }
            }
        }
        match self.source {
            Some(source) => write!(f, " from {source}"),
            None => Ok(()),
        }
    }
}
