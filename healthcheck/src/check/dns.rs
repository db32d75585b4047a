//! A DNS query and what its answer has to be.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use hickory_proto::rr::{Name, RecordType};

use crate::refused::Refused;

/// A DNS query over UDP, and over TCP if the answer comes truncated (RFC 1035 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsProbe {
    /// Who is asked.
    pub address: SocketAddr,
    /// What is asked, and what is expected.
    pub dns: DnsOptions,
}

/// What is asked of a name server, and what is expected of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DnsOptions {
    /// The name in question, in presentation format. It has to be set.
    pub name: Option<String>,
    /// The type in question.
    pub rtype: DnsType,
    /// The response code expected.
    pub rcode: DnsCode,
    /// Data that one record of the type in the answer has to have, in presentation format. `None`:
    /// any, and none at all.
    pub answer: Option<String>,
    /// Whether recursion is desired (RD, RFC 1035 section 4.1.1).
    pub recursion: bool,
}

/// A record type that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DnsType(pub(crate) RecordType);

/// A response code (RFC 1035 section 4.1.1), from 0 to 15.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DnsCode(pub(crate) u8);

/// A text is no record type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no record type that can be asked for: write A, AAAA, SOA, …")]
pub struct UnknownType(String);

/// A text is no response code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no response code: write NOERROR, SERVFAIL, NXDOMAIN, REFUSED, …")]
pub struct UnknownCode(String);

/// In order of their numbers (IANA, DNS RCODEs).
const CODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
];

impl DnsProbe {
    pub(super) fn validate(&self) -> Result<(), Refused> {
        let Some(name) = &self.dns.name else {
            return Err(Refused::NoQuestion);
        };
        match Name::from_ascii(name) {
            Ok(_) => Ok(()),
            Err(_) => Err(Refused::Question { name: name.clone() }),
        }
    }
}

impl Default for DnsType {
    fn default() -> Self {
        Self(RecordType::A)
    }
}

impl FromStr for DnsType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        match RecordType::from_str(&text.to_ascii_uppercase()) {
            // Transfers are no answers, and OPT and TSIG no questions.
            Ok(RecordType::AXFR | RecordType::IXFR | RecordType::OPT | RecordType::TSIG)
            | Err(_) => Err(UnknownType(text.to_owned())),
            Ok(rtype) => Ok(Self(rtype)),
        }
    }
}

impl fmt::Display for DnsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for DnsCode {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let named = CODES.iter().position(|code| code.eq_ignore_ascii_case(text));
        let number = named.or_else(|| text.parse().ok()).filter(|number| *number < 16);
        match number {
            Some(number) => Ok(Self(number as u8)),
            None => Err(UnknownCode(text.to_owned())),
        }
    }
}

impl fmt::Display for DnsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CODES.get(usize::from(self.0)) {
            Some(code) => f.write_str(code),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_codes_go_by_their_names() {
        for (text, shown) in [("A", "A"), ("aaaa", "AAAA"), ("SOA", "SOA"), ("HTTPS", "HTTPS")] {
            assert_eq!(text.parse::<DnsType>().expect(text).to_string(), shown);
        }
        for text in ["", "AXFR", "OPT", "NONSENSE", "300"] {
            assert!(text.parse::<DnsType>().is_err(), "{text}");
        }
        for (text, shown) in
            [("NOERROR", "NOERROR"), ("nxdomain", "NXDOMAIN"), ("5", "REFUSED"), ("15", "RCODE15")]
        {
            assert_eq!(text.parse::<DnsCode>().expect(text).to_string(), shown);
        }
        for text in ["", "16", "-1", "NOERR"] {
            assert!(text.parse::<DnsCode>().is_err(), "{text}");
        }
    }
}
