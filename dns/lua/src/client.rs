//! Who asks, and what of it an answer came to depend on.

use std::net::{IpAddr, SocketAddr};

/// A prefix of addresses, as EDNS Client Subnet carries one (RFC 7871).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The address; bits beyond the prefix are zero.
    pub addr: IpAddr,
    /// The source prefix length, in bits.
    pub prefix: u8,
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Who sent the query: mostly a resolver.
    pub peer: SocketAddr,
    /// Where the query arrived, if the transport knows.
    pub local: Option<SocketAddr>,
    /// Whom the resolver asks for, if it said so and we believe it.
    pub ecs: Option<Network>,
    /// Whether the query came over a stream.
    pub tcp: bool,
    /// Whether signatures are wanted.
    pub dnssec_ok: bool,
    /// The payload size the sender offered; `None` without EDNS.
    pub edns_size: Option<u16>,
    /// The header of the query (RFC 1035 section 4.1.1).
    pub header: [u8; 12],
}

impl Client {
    /// A client of whom only the address is known.
    #[must_use]
    pub const fn at(peer: SocketAddr) -> Self {
        Self {
            peer,
            local: None,
            ecs: None,
            tcp: false,
            dnssec_ok: false,
            edns_size: None,
            header: [0; 12],
        }
    }

    /// The best known address of the one who wants to know: of the subnet, else of the sender.
    #[must_use]
    pub fn best(&self) -> IpAddr {
        self.ecs.map_or_else(|| self.peer.ip(), |ecs| ecs.addr)
    }

    /// How many bits of [`Client::best`] are known: the scope of an answer that depends on all.
    #[must_use]
    pub fn known_bits(&self) -> u8 {
        match self.ecs {
            Some(ecs) => ecs.prefix,
            None if self.peer.is_ipv4() => 32,
            None => 128,
        }
    }
}
