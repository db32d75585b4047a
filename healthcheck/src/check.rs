//! What is probed and how: the configuration of one check, which is also its identity.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::Url;

use crate::account::Account;
use crate::damping::Damping;
use crate::refused::Refused;

mod dns;
mod group;
mod grpc;
mod http;
mod options;
mod push;
mod reaction;
mod tls;

pub use dns::{DnsCode, DnsOptions, DnsProbe, DnsType, UnknownCode, UnknownType};
pub use group::Group;
pub use grpc::{GrpcOptions, GrpcProbe};
pub use http::{HttpOptions, HttpProbe, Method, Statuses, StatusesError, UnknownMethod};
pub use options::Options;
pub use push::{BeatProbe, FileProbe, PushOptions, Stale};
pub use reaction::Reaction;
pub use tls::{Certificate, TlsOptions, TlsProbe};

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
    /// A request is answered as expected.
    Http(Box<HttpProbe>),
    /// A TLS handshake is made. Nothing is sent after it.
    Tls(TlsProbe),
    /// A DNS query is answered as expected.
    Dns(Box<DnsProbe>),
    /// The gRPC health service says that it serves.
    Grpc(Box<GrpcProbe>),
    /// An ICMP echo is replied to (RFC 792, RFC 4443 section 4).
    Ping(IpAddr),
    /// Whoever is meant has called in.
    Beat(BeatProbe),
    /// A file says so.
    File(FileProbe),
    /// Enough of some other checks are up.
    Group(Group),
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
    /// How it comes back.
    pub damping: Damping,
}

impl Check {
    /// The address under test, if the check names it rather than a host to resolve.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match &self.probe {
            Probe::Tcp(address) => Some(address.ip()),
            Probe::Http(http) => http.address.or_else(|| http.literal_host()),
            Probe::Tls(tls) => Some(tls.address.ip()),
            Probe::Dns(dns) => Some(dns.address.ip()),
            Probe::Grpc(grpc) => Some(grpc.address.ip()),
            Probe::Ping(address) => Some(*address),
            Probe::Beat(_) | Probe::File(_) | Probe::Group(_) => None,
        }
    }

    /// Whether it finds out at each probe which address is under test, or something that it is
    /// calculated from does.
    pub(crate) fn resolves(&self) -> bool {
        match &self.probe {
            Probe::Http(_) => self.address().is_none(),
            Probe::Group(group) => group.parts.iter().any(|part| part.resolves()),
            _ => false,
        }
    }

    /// What tells it from all other checks, in another process, too: its target, and a number made of
    /// all the rest.
    pub(crate) fn key(&self) -> Box<str> {
        format!("{self} #{}", self.digits(None)).into()
    }

    /// What tells it from others of its name, and from equal ones of other owners if one account alone has
    /// it: 16 hexadecimal digits, the same in each process.
    pub(crate) fn digits(&self, owner: Option<&Account>) -> String {
        // FNV-1a (Fowler, Noll, Vo), which is the same everywhere and always.
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let own = format!("{self:?}");
        for octet in own.bytes().chain(owner.iter().flat_map(|owner| owner.settings().bytes())) {
            hash = (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3);
        }
        format!("{hash:016x}")
    }

    /// Whether it can be probed at all, whatever its target says.
    pub(crate) fn validate(&self) -> Result<(), Refused> {
        self.pace.validate()?;
        match &self.probe {
            Probe::Tcp(_) | Probe::Ping(_) => {}
            Probe::Http(http) => http.validate()?,
            Probe::Tls(tls) => tls.validate()?,
            Probe::Dns(dns) => dns.validate()?,
            Probe::Grpc(grpc) => grpc.validate()?,
            Probe::Beat(beat) => beat.validate()?,
            Probe::File(file) => file.validate()?,
            Probe::Group(group) => group.validate()?,
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
        self.damping.validate().map_err(Refused::Damping)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            fall: 3,
            rise: 2,
            damping: Damping::default(),
        }
    }
}

/// The target, as in `tcp 192.0.2.1:80` or `https://www.example/ at 192.0.2.1`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.probe, f)?;
        match self.source {
            Some(source) => write!(f, " from {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Http(http) => {
                if http.http.method != Method::Get {
                    write!(f, "{} ", http.http.method)?;
                }
                write!(f, "{}", Shown(&http.url))?;
                match http.address {
                    Some(address) => write!(f, " at {address}"),
                    None => Ok(()),
                }
            }
            Self::Tls(tls) => {
                write!(f, "tls {}", tls.address)?;
                match &tls.server_name {
                    Some(name) => write!(f, " as {name}"),
                    None => Ok(()),
                }
            }
            Self::Dns(dns) => {
                let name = dns.dns.name.as_deref().unwrap_or(".");
                write!(f, "dns {} {name} {}", dns.address, dns.dns.rtype)
            }
            Self::Grpc(grpc) => {
                write!(f, "grpc {}", grpc.address)?;
                match grpc.service.as_str() {
                    "" => Ok(()),
                    service => write!(f, " {}", service.escape_debug()),
                }
            }
            Self::Ping(address) => write!(f, "ping {address}"),
            Self::Beat(beat) => write!(f, "beat {}", beat.name),
            Self::File(file) => write!(f, "file {}", file.path.display()),
            Self::Group(group) => {
                write!(f, "{} of (", group.at_least)?;
                for (number, part) in group.parts.iter().enumerate() {
                    let separator = if number == 0 { "" } else { ", " };
                    write!(f, "{separator}{part}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// A URL without its password, for people and logs.
struct Shown<'a>(&'a Url);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.password().is_none() {
            return fmt::Display::fmt(self.0, f);
        }
        let mut url = self.0.clone();
        // Only URLs without hosts refuse, and those have no password.
        let _ = url.set_password(Some("-"));
        fmt::Display::fmt(&url, f)
    }
}
