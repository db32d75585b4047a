//! EDNS(0) (RFC 6891) and its options that we read: Client Subnet (RFC 7871).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Rcode;
use crate::query::u16_at;

/// Option code of EDNS Client Subnet.
const CLIENT_SUBNET: u16 = 8;
/// Option code of Extended DNS Errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// The OPT record of a request.
#[derive(Clone, Copy, Debug)]
pub struct Edns<'a> {
    /// The largest UDP payload the client takes, as it said.
    pub udp_size: u16,
    /// The version the client speaks; we know 0.
    pub version: u8,
    /// The DO bit: DNSSEC records are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// The Client Subnet option.
    pub client_subnet: Option<ClientSubnet<'a>>,
}

/// An EDNS Client Subnet option as it came (RFC 7871 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet<'a> {
    /// The option's data, to be repeated in the reply.
    octets: &'a [u8],
    /// The client's network address, host bits zero; `None` for family 0.
    pub address: Option<IpAddr>,
    /// SOURCE PREFIX-LENGTH.
    pub source: u8,
}

impl<'a> ClientSubnet<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let (&[source, scope], address) = octets.get(2..)?.split_first_chunk::<2>()?;
        let widest = match u16_at(octets, 0)? {
            0 => 0,
            1 => 32,
            2 => 128,
            _ => return None,
        };
        // Section 6: the scope of a query is 0, and no more address octets come than are needed.
        if source > widest || scope != 0 || address.len() != usize::from(source).div_ceil(8) {
            return None;
        }
        let spare = (8 - source % 8) % 8;
        if address.last().is_some_and(|last| last & ((1 << spare) - 1) != 0) {
            return None;
        }
        let mut full = [0u8; 16];
        full.get_mut(..address.len())?.copy_from_slice(address);
        let address = match widest {
            32 => {
                let [a, b, c, d, ..] = full;
                Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            }
            128 => Some(IpAddr::V6(Ipv6Addr::from(full))),
            _ => None,
        };
        Some(Self { octets, address, source })
    }

    /// The octets of the option in a reply with this SCOPE PREFIX-LENGTH.
    pub(crate) fn reply(&self, scope: u8, out: &mut [u8]) -> Option<usize> {
        let total = 4 + self.octets.len();
        let out = out.get_mut(..total)?;
        let (head, data) = out.split_at_mut(4);
        head[..2].copy_from_slice(&CLIENT_SUBNET.to_be_bytes());
        head[2..].copy_from_slice(&(self.octets.len() as u16).to_be_bytes());
        data.copy_from_slice(self.octets);
        data[3] = scope;
        Some(total)
    }

    /// How long [`ClientSubnet::reply`] is.
    pub(crate) const fn reply_length(&self) -> usize {
        4 + self.octets.len()
    }
}

/// An Extended DNS Error (RFC 8914).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT, for people.
    pub text: &'static str,
}

impl ExtendedError {
    /// Other Error, with words of its own.
    #[must_use]
    pub const fn other(text: &'static str) -> Self {
        Self { code: 0, text }
    }

    /// Not Authoritative: the name is in none of our zones.
    pub const NOT_AUTHORITATIVE: Self = Self { code: 20, text: "" };
    /// Not Supported: this kind of question is not served.
    pub const NOT_SUPPORTED: Self = Self { code: 21, text: "" };

    /// Octets of the option.
    pub(crate) const fn length(&self) -> usize {
        6 + self.text.len()
    }

    /// Writes the option; `out` has just its length.
    pub(crate) fn write(&self, out: &mut [u8]) {
        let length = (2 + self.text.len()) as u16;
        let (head, text) = out.split_at_mut(6);
        head[..2].copy_from_slice(&EXTENDED_ERROR.to_be_bytes());
        head[2..4].copy_from_slice(&length.to_be_bytes());
        head[4..].copy_from_slice(&self.code.to_be_bytes());
        text.copy_from_slice(self.text.as_bytes());
    }
}

/// Walks over the options of an OPT record.
pub(crate) fn parse_options<'a>(edns: &mut Edns<'a>, mut rest: &'a [u8]) -> Result<(), Rcode> {
    while !rest.is_empty() {
        let (Some(code), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
            return Err(Rcode::FORMERR);
        };
        let end = 4 + usize::from(length);
        let data = rest.get(4..end).ok_or(Rcode::FORMERR)?;
        if code == CLIENT_SUBNET && edns.client_subnet.is_none() {
            // RFC 7871 section 7.1.2: a malformed option gets FORMERR.
            edns.client_subnet = Some(ClientSubnet::read(data).ok_or(Rcode::FORMERR)?);
        }
        rest = rest.get(end..).unwrap_or(&[]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_subnet_forms() {
        let read = |octets: &'static [u8]| {
            ClientSubnet::read(octets).map(|s| (s.address.map(|a| a.to_string()), s.source))
        };
        let at = |text: &str, source| Some((Some(text.to_owned()), source));
        assert_eq!(read(b"\0\x01\x18\0\xc0\0\x02"), at("192.0.2.0", 24));
        assert_eq!(read(b"\0\x01\x14\0\xc0\0\x10"), at("192.0.16.0", 20));
        assert_eq!(read(b"\0\x02\x20\0\x20\x01\x0d\xb8"), at("2001:db8::", 32));
        assert_eq!(read(b"\0\x01\0\0"), at("0.0.0.0", 0));
        assert_eq!(read(b"\0\0\0\0"), Some((None, 0)));
        for bad in [
            b"\0\x01\x18\x01\xc0\0\x02".as_slice(), // scope set
            b"\0\x01\x18\0\xc0\0",                  // too short
            b"\0\x01\x18\0\xc0\0\x02\0",            // too long
            b"\0\x01\x14\0\xc0\0\x11",              // bits beyond the prefix
            b"\0\x01\x21\0\xc0\0\x02\x01\x01",      // prefix too long
            b"\0\x03\0\0",                          // unknown family
            b"\0\x01\x18",
            b"",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
