//! Addresses and networks as programs write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::settings::Dialect;

/// Reads an address, with a port if there is one: `192.0.2.1`, `192.0.2.1:8443`, `2001:db8::1`,
/// `[2001:db8::1]:8443`. In the peer's dialect the short forms of IPv4 as well, down to `1`.
pub(crate) fn parse(text: &str, dialect: Dialect) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse() {
        return Some((address, None));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip(), Some(address.port())));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return inner.parse().ok().map(|address| (IpAddr::V6(address), None));
    }
    if dialect == Dialect::Halfmoon {
        return None;
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    lenient(host).map(|address| (IpAddr::V4(address), port))
}

/// Reads an IPv4 address without a port, in the forms the dialect knows.
pub(crate) fn ipv4(text: &str, dialect: Dialect) -> Option<Ipv4Addr> {
    let strict = text.parse().ok();
    if dialect == Dialect::Halfmoon { strict } else { strict.or_else(|| lenient(text)) }
}

/// The forms `inet_aton` takes: one to four numbers, decimal, octal or hexadecimal, the last of
/// which fills the octets that are left.
fn lenient(text: &str) -> Option<Ipv4Addr> {
    let mut parts = [0u32; 4];
    let mut count = 0;
    for part in text.split('.') {
        let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        let value = if let Some(hex) = hex {
            u32::from_str_radix(hex, 16)
        } else if part.len() > 1 && part.starts_with('0') {
            u32::from_str_radix(part, 8)
        } else {
            part.parse()
        };
        *parts.get_mut(count)? = value.ok()?;
        count += 1;
    }
    let (last, heads) = parts.get(..count)?.split_last()?;
    let free = 32 - 8 * heads.len() as u32;
    if heads.iter().any(|head| *head > 255) || (free < 32 && *last >> free != 0) {
        return None;
    }
    let mut address = *last;
    for (shift, head) in [24, 16, 8].into_iter().zip(heads) {
        address |= head << shift;
    }
    Some(Ipv4Addr::from(address))
}

/// A network: addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) address: IpAddr,
    pub(crate) bits: u8,
}

impl Mask {
    /// Reads `192.0.2.0/24`; an address alone is a network of its own.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = width(address);
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether the network holds the address.
    pub(crate) fn holds(self, address: IpAddr) -> bool {
        common(self.address, address).is_some_and(|common| common >= self.bits)
    }

    /// How many of the address's first bits decide whether the network holds it: all of the
    /// network's, or those up to the first that differs.
    pub(crate) fn deciding(self, address: IpAddr) -> u8 {
        common(self.address, address).map_or(0, |common| self.bits.min(common.saturating_add(1)))
    }

    /// The first address of the network.
    pub(crate) fn network(self) -> IpAddr {
        truncate(self.address, self.bits)
    }
}

/// Networks, some of them excepted: of those that hold an address the longest has the say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group(Vec<(Mask, bool)>);

impl Group {
    /// Adds a network; `!` in front excepts it. `None`: it is none.
    pub(crate) fn add(&mut self, text: &str) -> Option<()> {
        let (text, is_in) = match text.strip_prefix('!') {
            Some(text) => (text, false),
            None => (text, true),
        };
        let mask = Mask::parse(text)?;
        let mask = Mask { address: mask.network(), bits: mask.bits };
        // The same network again replaces what was said of it.
        match self.0.iter_mut().find(|(known, _)| *known == mask) {
            Some((_, known)) => *known = is_in,
            None => self.0.push((mask, is_in)),
        }
        Some(())
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the address is in one of the networks.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        let holding = self.0.iter().filter(|(mask, _)| mask.holds(address));
        holding.max_by_key(|(mask, _)| mask.bits).is_some_and(|(_, is_in)| *is_in)
    }

    /// How many of the address's first bits decide.
    pub(crate) fn deciding(&self, address: IpAddr) -> u8 {
        self.0.iter().map(|(mask, _)| mask.deciding(address)).max().unwrap_or(0)
    }
}

/// How many bits an address of the family has.
pub(crate) const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all but its first `bits` bits zero.
pub(crate) fn truncate(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

/// How many first bits two addresses of one family have in common.
fn common(a: IpAddr, b: IpAddr) -> Option<u8> {
    let bits = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return None,
    };
    u8::try_from(bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read() {
        for (text, halfmoon, powerdns) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:8443", "192.0.2.1 8443", "192.0.2.1 8443"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:53", "2001:db8::1 53", "2001:db8::1 53"),
            ("[2001:db8::1]", "2001:db8::1", "2001:db8::1"),
            ("1", "", "0.0.0.1"),
            ("10.1", "", "10.0.0.1"),
            ("0x7f.0.0.1", "", "127.0.0.1"),
            ("010.0.0.1", "", "8.0.0.1"),
            ("10.1:80", "", "10.0.0.1 80"),
            ("A 1.2.3.4", "", ""),
            ("256.1.1.1", "", ""),
            ("1.2.3.4.5", "", ""),
            ("4294967296", "", ""),
            ("1.16777216", "", ""),
            ("", "", ""),
        ] {
            let show = |dialect| match parse(text, dialect) {
                Some((address, Some(port))) => format!("{address} {port}"),
                Some((address, None)) => address.to_string(),
                None => String::new(),
            };
            assert_eq!(show(Dialect::Halfmoon), halfmoon, "{text}");
            assert_eq!(show(Dialect::PowerDns), powerdns, "{text}");
        }
    }

    #[test]
    fn masks_hold_and_say_what_decides() {
        for (mask, address, holds, deciding) in [
            ("192.0.2.0/24", "192.0.2.77", true, 24),
            ("192.0.2.0/24", "192.0.3.1", false, 24),
            ("192.0.2.0/24", "10.0.0.1", false, 1),
            ("10.0.0.1", "10.0.0.1", true, 32),
            ("0.0.0.0/0", "10.0.0.1", true, 0),
            ("2001:db8::/32", "2001:db8::1", true, 32),
            ("2001:db8::/32", "10.0.0.1", false, 0),
            ("192.0.2.99/24", "192.0.2.1", true, 24),
        ] {
            let (mask, address) = (Mask::parse(mask).unwrap(), address.parse().unwrap());
            assert_eq!(
                (mask.holds(address), mask.deciding(address)),
                (holds, deciding),
                "{mask:?}"
            );
        }
        for text in ["192.0.2.0/33", "x/8", "192.0.2.0/", "::/129", ""] {
            assert_eq!(Mask::parse(text), None, "{text}");
        }
        assert_eq!(Mask::parse("192.0.2.99/24").unwrap().network().to_string(), "192.0.2.0");
        assert_eq!(Mask::parse("::1/0").unwrap().network().to_string(), "::");
    }
}
