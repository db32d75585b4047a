//! EDNS(0) (RFC 6891) and its options that we read or write: the server's identifier (RFC 5001),
//! Client Subnet (RFC 7871), cookies (RFC 7873), how long a TCP connection may idle (RFC 7828) and
//! Extended DNS Errors (RFC 8914). Others are passed over, padding among them: it serves only
//! where the transport is encrypted (RFC 7830 section 6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Rcode;
use crate::query::u16_at;

/// Option code of the name server identifier.
pub(crate) const NSID: u16 = 3;
/// Option code of EDNS Client Subnet.
const CLIENT_SUBNET: u16 = 8;
/// Option code of cookies.
pub(crate) const COOKIE: u16 = 10;
/// Option code of TCP keepalive.
pub(crate) const TCP_KEEPALIVE: u16 = 11;
/// Option code of Extended DNS Errors.
const EXTENDED_ERROR: u16 = 15;

/// The flag DO: DNSSEC records are wanted (RFC 3225).
pub(crate) const DNSSEC_OK: u16 = 0x8000;
/// The flag CO: compact denials with the code NXDOMAIN are understood (RFC 9824 section 5.1).
pub(crate) const COMPACT_OK: u16 = 0x4000;

/// Octets of a client's cookie (RFC 7873 section 4.1).
const CLIENT_COOKIE: usize = 8;

/// The OPT record of a request.
#[derive(Clone, Copy, Debug)]
pub struct Edns<'a> {
    /// The largest UDP payload the client takes, as it said.
    pub udp_size: u16,
    /// The version the client speaks; we know 0.
    pub version: u8,
    /// The DO bit: DNSSEC records are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// The CO bit: a compact denial may bear the code NXDOMAIN (RFC 9824 section 5.1).
    pub compact_ok: bool,
    /// The Client Subnet option.
    pub client_subnet: Option<ClientSubnet<'a>>,
    /// The COOKIE option.
    pub cookie: Option<Cookie<'a>>,
    /// Whether the server is asked for its identifier (RFC 5001).
    pub nsid: bool,
    /// Whether the client asks how long a TCP connection may be idle (RFC 7828).
    pub tcp_keepalive: bool,
}

impl<'a> Edns<'a> {
    /// Reads the fixed fields of an OPT record: its class and TTL. The options are read by
    /// [`Edns::read_options`].
    pub(crate) const fn fixed(class: u16, ttl: u32) -> Self {
        let flags = ttl as u16;
        Self {
            udp_size: class,
            version: (ttl >> 16) as u8,
            dnssec_ok: flags & DNSSEC_OK != 0,
            compact_ok: flags & COMPACT_OK != 0,
            client_subnet: None,
            cookie: None,
            nsid: false,
            tcp_keepalive: false,
        }
    }

    /// Walks over the options. Of several with the same code the first counts, as RFC 7873
    /// section 5.2 has it for cookies.
    pub(crate) fn read_options(&mut self, mut rest: &'a [u8]) -> Result<(), Rcode> {
        while !rest.is_empty() {
            let (Some(code), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
                return Err(Rcode::FORMERR);
            };
            let end = 4 + usize::from(length);
            let data = rest.get(4..end).ok_or(Rcode::FORMERR)?;
            match code {
                // RFC 7871 section 7.1.2 and RFC 7873 section 5.2.2: malformed, they get FORMERR.
                CLIENT_SUBNET if self.client_subnet.is_none() => {
                    self.client_subnet = Some(ClientSubnet::read(data).ok_or(Rcode::FORMERR)?);
                }
                COOKIE if self.cookie.is_none() => {
                    self.cookie = Some(Cookie::read(data).ok_or(Rcode::FORMERR)?);
                }
                NSID => self.nsid = true,
                TCP_KEEPALIVE => self.tcp_keepalive = true,
                _ => {}
            }
            rest = rest.get(end..).unwrap_or(&[]);
        }
        Ok(())
    }
}

/// A COOKIE option as it came (RFC 7873 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The client's part.
    pub client: [u8; CLIENT_COOKIE],
    /// The server's part, which some server made: 8 to 32 octets, or none.
    pub server: &'a [u8],
}

impl<'a> Cookie<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let (&client, server) = octets.split_first_chunk()?;
        matches!(server.len(), 0 | 8..=32).then_some(Self { client, server })
    }
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
        write_option(out, CLIENT_SUBNET, self.octets);
        out[4 + 3] = scope;
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

    /// Stale Answer: what is answered was right a while ago, and now cannot be found out.
    pub const STALE_ANSWER: Self = Self { code: 3, text: "record program failed" };
    /// Not Authoritative: the name is in none of our zones.
    pub const NOT_AUTHORITATIVE: Self = Self { code: 20, text: "" };
    /// 18: this client may not have it.
    pub const PROHIBITED: Self = Self { code: 18, text: "" };
    /// Not Supported: this kind of question is not served.
    pub const NOT_SUPPORTED: Self = Self { code: 21, text: "" };
    /// Invalid Query Type: no record can be of this type (RFC 9824 section 9).
    pub const INVALID_QUERY_TYPE: Self = Self { code: 30, text: "" };

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

/// Writes an option into `out`, which has just its length: that of `data` and four octets.
pub(crate) fn write_option(out: &mut [u8], code: u16, data: &[u8]) {
    let (head, rest) = out.split_at_mut(4);
    head[..2].copy_from_slice(&code.to_be_bytes());
    head[2..].copy_from_slice(&(data.len() as u16).to_be_bytes());
    rest.copy_from_slice(data);
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

    #[test]
    fn cookie_forms() {
        let octets: Vec<u8> = (0..48).collect();
        for length in 0..octets.len() {
            let cookie = Cookie::read(&octets[..length]);
            // RFC 7873 section 4: 8 octets, or 16 to 40.
            assert_eq!(cookie.is_some(), matches!(length, 8 | 16..=40), "{length}");
            if let Some(cookie) = cookie {
                assert_eq!(cookie.client[..], octets[..8]);
                assert_eq!(cookie.server, &octets[8..length]);
            }
        }
    }

    /// The options of an OPT record, read.
    fn options(octets: &[u8]) -> Result<Edns<'_>, Rcode> {
        let mut edns = Edns::fixed(1232, 0);
        edns.read_options(octets).map(|()| edns)
    }

    #[test]
    fn options_are_read_in_any_order_and_unknown_ones_passed_over() {
        let read =
            options(b"\xfd\xe9\0\x02ab\0\x0b\0\0\0\x0c\0\x03\0\0\0\0\x03\0\0\0\x0a\0\x0812345678")
                .unwrap();
        assert!(read.nsid && read.tcp_keepalive);
        assert_eq!(read.cookie, Some(Cookie { client: *b"12345678", server: b"" }));
        assert_eq!(read.client_subnet, None);
    }

    #[test]
    fn of_several_cookies_the_first_counts() {
        let octets = b"\0\x0a\0\x0812345678\0\x0a\0\x01x";
        assert_eq!(options(octets).unwrap().cookie.unwrap().client, *b"12345678");
        assert_eq!(options(&octets[12..]).unwrap_err(), Rcode::FORMERR);
    }

    #[test]
    fn options_that_are_cut_off_are_malformed() {
        for octets in [b"\0".as_slice(), b"\0\x03\0", b"\0\x03\0\x01", b"\0\x03\0\0\0"] {
            assert_eq!(options(octets).unwrap_err(), Rcode::FORMERR, "{octets:?}");
        }
    }

    #[test]
    fn flags_are_told_from_one_another() {
        let flags = |ttl| {
            let edns = Edns::fixed(512, ttl);
            (edns.version, edns.dnssec_ok, edns.compact_ok)
        };
        assert_eq!(flags(0), (0, false, false));
        assert_eq!(flags(0x8000), (0, true, false));
        assert_eq!(flags(0x4000), (0, false, true));
        assert_eq!(flags(0x0001_3fff), (1, false, false));
    }
}
