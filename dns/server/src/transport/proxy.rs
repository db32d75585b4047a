//! PROXY protocol version 2, as load balancers put it before a datagram or a stream: who asked
//! them, and at which address.
//!
//! Believed from the networks the operator lists, and demanded from them: a proxy that forgets
//! its header would otherwise have all its clients taken for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::Peer;

/// What a header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The octets before the addresses.
const FIXED: usize = 16;
/// The longest header that is taken: addresses, and further fields that are passed over.
pub(super) const LONGEST: usize = FIXED + 2048;
/// Version 2 in the upper half of an octet.
const VERSION: u8 = 0x20;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;

/// The networks whose header is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Proxies(Vec<IpNet>);

/// What is wrong with a header: there is none, or it cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A header and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The octets it takes.
    pub(super) octets: usize,
    /// Who asked the proxy, and where; `None` if the proxy speaks for itself, as in its own checks.
    client: Option<(SocketAddr, SocketAddr)>,
}

impl Proxies {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether what comes from this address has a header.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Header {
    /// Reads the header that `octets` begin with; `None` if more of it has to come.
    pub(super) fn parse(octets: &[u8]) -> Result<Option<Self>, Malformed> {
        let known = octets.len().min(SIGNATURE.len());
        if octets[..known] != SIGNATURE[..known] {
            return Err(Malformed);
        }
        let Some((fixed, rest)) = octets.split_first_chunk::<FIXED>() else {
            return Ok(None);
        };
        let [.., version, family, high, low] = *fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let total = FIXED + length;
        if version & 0xf0 != VERSION || total > LONGEST {
            return Err(Malformed);
        }
        let Some(rest) = rest.get(..length) else {
            return Ok(None);
        };
        let client = match version & 0x0f {
            LOCAL => None,
            PROXY => Self::client(family, rest)?,
            _ => return Err(Malformed),
        };
        Ok(Some(Self { octets: total, client }))
    }

    /// The upper half of `family` is the kind of address; the lower, the transport, is the
    /// affair of whoever received the header.
    fn client(family: u8, rest: &[u8]) -> Result<Option<(SocketAddr, SocketAddr)>, Malformed> {
        let port = |octets: [u8; 2]| u16::from_be_bytes(octets);
        match family >> 4 {
            // The proxy does not know: the connection's own addresses count.
            0 => Ok(None),
            1 => {
                let [a, b, c, d, e, f, g, h, i, j, k, l] =
                    *rest.first_chunk::<12>().ok_or(Malformed)?;
                let source = SocketAddr::from((Ipv4Addr::new(a, b, c, d), port([i, j])));
                let destination = SocketAddr::from((Ipv4Addr::new(e, f, g, h), port([k, l])));
                Ok(Some((source, destination)))
            }
            2 => {
                let (addresses, ports) = rest.split_at_checked(32).ok_or(Malformed)?;
                let [i, j, k, l] = *ports.first_chunk::<4>().ok_or(Malformed)?;
                let address = |at: usize| -> Result<IpAddr, Malformed> {
                    let octets: [u8; 16] =
                        addresses[at..at + 16].try_into().map_err(|_| Malformed)?;
                    Ok(Ipv6Addr::from(octets).to_canonical())
                };
                let source = SocketAddr::from((address(0)?, port([i, j])));
                let destination = SocketAddr::from((address(16)?, port([k, l])));
                Ok(Some((source, destination)))
            }
            _ => Err(Malformed),
        }
    }

    /// The peer as the service shall see it.
    pub(super) fn apply(&self, peer: Peer) -> Peer {
        match self.client {
            Some((remote, local)) => Peer { remote, local, ..peer },
            None => peer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Protocol;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut octets = SIGNATURE.to_vec();
        octets.extend([VERSION | command, family]);
        octets.extend((rest.len() as u16).to_be_bytes());
        octets.extend(rest);
        octets
    }

    /// The header is read as this client, whatever follows; and nothing shorter is a header.
    #[track_caller]
    fn check(octets: &[u8], client: Option<(&str, &str)>) {
        let mut stream = octets.to_vec();
        stream.extend(b"a query");
        let parsed = Header::parse(&stream).unwrap().unwrap();
        assert_eq!(parsed.octets, octets.len());
        let outer: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let peer = Peer { remote: outer, local: outer, protocol: Protocol::Udp };
        let seen = parsed.apply(peer);
        let (remote, local) = client.unwrap_or(("127.0.0.1:5", "127.0.0.1:5"));
        assert_eq!(
            (seen.remote.to_string(), seen.local.to_string()),
            (remote.into(), local.into())
        );
        for cut in 0..octets.len() {
            assert_eq!(Header::parse(&octets[..cut]), Ok(None), "cut after {cut} octets");
        }
    }

    #[test]
    fn clients_are_believed() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 53];
        check(&header(PROXY, 0x12, &v4), Some(("192.0.2.1:4660", "198.51.100.2:53")));
        // Further fields are passed over.
        let fields = [&v4[..], &[4, 0, 2, 9, 9]].concat();
        check(&header(PROXY, 0x11, &fields), Some(("192.0.2.1:4660", "198.51.100.2:53")));
        let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        let v6 = [&ip("2001:db8::1")[..], &ip("2001:db8::2"), &[0x12, 0x34, 0, 53]].concat();
        check(&header(PROXY, 0x22, &v6), Some(("[2001:db8::1]:4660", "[2001:db8::2]:53")));
        let mapped = [&ip("::ffff:192.0.2.1")[..], &ip("2001:db8::2"), &[0, 1, 0, 53]].concat();
        check(&header(PROXY, 0x22, &mapped), Some(("192.0.2.1:1", "[2001:db8::2]:53")));
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        check(&header(LOCAL, 0, &[]), None);
        check(&header(LOCAL, 0x12, &[1, 2, 3]), None);
        check(&header(PROXY, 0, &[]), None);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let v4 = [0; 12];
        let mut version = header(PROXY, 0x12, &v4);
        version[12] = 0x11;
        for octets in [
            &b"GET / HTTP/1.0\r\n"[..],
            b"x",
            &version,
            &header(2, 0x12, &v4),
            &header(PROXY, 0x12, &v4[..11]),
            &header(PROXY, 0x22, &[0; 35]),
            &header(PROXY, 0x31, &[0; 216]),
            &header(PROXY, 0x12, &[0; LONGEST]),
        ] {
            assert_eq!(Header::parse(octets), Err(Malformed), "{octets:02x?}");
        }
    }
}
