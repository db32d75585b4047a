//! An HTTP request and what its answer has to be.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use url::{Host, Url};

use super::tls::{Certificate, TlsOptions};
use crate::refused::Refused;

/// A request and what its answer has to be.
///
/// A few redirects of GET and HEAD are followed, at the same address, host and port or from http to
/// https on their own ports. Others are not: the endpoint would choose what this server connects to
/// next. A redirect whose status is one of those expected is an answer like any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// `http` or `https`; its host is the Host header and the TLS server name.
    pub url: Url,
    /// The address under test, whatever the URL's host resolves to. `None`: resolve the host.
    pub address: Option<IpAddr>,
    /// What an `https` endpoint has to prove.
    pub tls: TlsOptions,
    /// What is asked, and what is expected.
    pub http: HttpOptions,
}

/// What is asked of an HTTP endpoint, and what is expected of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HttpOptions {
    /// The method.
    pub method: Method,
    /// What is sent with POST and OPTIONS; at most [`HttpOptions::MOST_SENT`] octets.
    pub body: String,
    /// The statuses that mean success.
    pub statuses: Statuses,
    /// Text that the body has to contain, case included.
    pub body_match: Option<String>,
    /// How many octets of the body are read and matched at most; `0`, or more than
    /// [`HttpOptions::BODY_CAP`]: that cap.
    pub byte_limit: u64,
    /// The User-Agent header; `None`: `halfmoon/` and the version.
    pub user_agent: Option<String>,
    /// Further headers, in order of name. A `Host` among them replaces the URL's.
    pub headers: Vec<(String, String)>,
    /// The header of the answer whose number is the weight; `None`: the start of the body is it.
    pub weight_header: Option<String>,
    /// How long a connection is used again after it was made; zero: never. A connection that is used
    /// again does not find out whether the endpoint takes new ones. POST always makes its own: what
    /// a broken connection did with a request is not known (RFC 9110 section 9.2.2).
    pub reuse: Duration,
}

/// What is done with a URL (RFC 9110 section 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// Asks for all of it.
    #[default]
    Get,
    /// Asks for what GET would say of it, without the body.
    Head,
    /// Asks what can be done with it.
    Options,
    /// Hands a body over.
    Post,
}

/// HTTP statuses, as in `200-299,401`: written as ranges, held in order and apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statuses(Vec<(u16, u16)>);

/// A text is not a list of statuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no list of HTTP statuses: write 100 to 599, ranges too, as in '200-299,401'")]
pub struct StatusesError(String);

// === impl HttpProbe ===

impl HttpProbe {
    /// A GET of the URL from this address that expects status 200, and nothing else but what is
    /// customary.
    #[must_use]
    pub fn new(url: Url, address: Option<IpAddr>) -> Self {
        Self { url, address, tls: TlsOptions::default(), http: HttpOptions::default() }
    }

    /// The URL's host where it is an address.
    pub(crate) fn literal_host(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Refused> {
        let scheme = self.url.scheme();
        if !matches!(scheme, "http" | "https") {
            return Err(Refused::Scheme { scheme: scheme.to_owned() });
        }
        // A certificate is checked against the host that is connected to, and a literal host is
        // always the one that is connected to.
        if let (Some(host), Some(address)) = (self.literal_host(), self.address)
            && scheme == "https"
            && self.tls.certificate == Certificate::Verified
            && host.to_canonical() != address.to_canonical()
        {
            return Err(Refused::Literal { host, address });
        }
        self.http.validate()
    }
}

// === impl HttpOptions ===

impl HttpOptions {
    /// How many octets of a body are read at most, whatever a check asks for.
    pub const BODY_CAP: u64 = 64 * 1024;

    /// How many octets are sent at most.
    pub const MOST_SENT: usize = 16 * 1024;

    /// How many octets of a body are read.
    pub(crate) fn body_limit(&self) -> usize {
        match self.byte_limit {
            0 => Self::BODY_CAP as usize,
            limit => limit.min(Self::BODY_CAP) as usize,
        }
    }

    fn validate(&self) -> Result<(), Refused> {
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
        if let Some(name) = &self.weight_header
            && HeaderName::from_bytes(name.as_bytes()).is_err()
        {
            return Err(Refused::Header { name: name.clone() });
        }
        if self.method == Method::Head && self.body_match.is_some() {
            return Err(Refused::NoBody);
        }
        if !self.body.is_empty() && !self.method.sends_body() {
            return Err(Refused::Unsent { method: self.method });
        }
        if self.body.len() > Self::MOST_SENT {
            return Err(Refused::LongBody { octets: self.body.len() });
        }
        Ok(())
    }
}

// === impl Method ===

impl Method {
    /// Its name, as it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
        }
    }

    /// Whether a request of it may carry a body.
    #[must_use]
    pub const fn sends_body(self) -> bool {
        matches!(self, Self::Options | Self::Post)
    }

    /// Whether a redirect of it is followed.
    pub(crate) const fn follows(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        [Self::Get, Self::Head, Self::Options, Self::Post]
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| UnknownMethod(text.to_owned()))
    }
}

/// A text is no method that probes use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no method that is probed with: write GET, HEAD, OPTIONS or POST")]
pub struct UnknownMethod(String);

// === impl Statuses ===

impl Statuses {
    /// One status.
    #[must_use]
    pub fn only(status: u16) -> Self {
        Self(vec![(status, status)])
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl Default for Statuses {
    /// 200 alone.
    fn default() -> Self {
        Self::only(200)
    }
}

impl FromStr for Statuses {
    type Err = StatusesError;

    fn from_str(text: &str) -> Result<Self, StatusesError> {
        let status = |text: &str| {
            let text = text.trim();
            let digits = text.len() == 3 && text.bytes().all(|octet| octet.is_ascii_digit());
            text.parse().ok().filter(|status| digits && (100..=599).contains(status))
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last): (u16, u16) = (status(first)?, status(last)?);
            (first <= last).then_some((first, last))
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        let mut ranges = ranges.ok_or_else(|| StatusesError(text.to_owned()))?;
        ranges.sort_unstable();
        // Lists that mean the same are equal, so that their checks are one.
        ranges.dedup_by(|next, before| {
            let touches = next.0 <= before.1.saturating_add(1);
            if touches {
                before.1 = before.1.max(next.1);
            }
            touches
        });
        Ok(Self(ranges))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (first, last) in &self.0 {
            write!(f, "{separator}{first}")?;
            if first != last {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_written_as_ranges() {
        for (text, shown) in [
            ("200", "200"),
            ("200-299", "200-299"),
            (" 200 - 299 , 401 ", "200-299,401"),
            ("401,200", "200,401"),
            ("200-204,203-210,211", "200-211"),
            ("200,200", "200"),
            ("100-599", "100-599"),
        ] {
            let statuses: Statuses = text.parse().expect(text);
            assert_eq!(statuses.to_string(), shown);
            assert_eq!(shown.parse(), Ok(statuses));
        }
        for text in ["", "99", "600", "200-", "-200", "299-200", "2xx", "200;201", "+200", "0200"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_holds_its_ends() {
        let statuses: Statuses = "200-299,401".parse().expect("statuses");
        let held = [199, 200, 250, 299, 300, 400, 401, 402].map(|status| statuses.contains(status));
        assert_eq!(held, [false, true, true, true, false, false, true, false]);
    }
}
