//! From what a program returns to record data in wire form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use halfmoon_wire::{Name, Type};
pub(crate) use halfmoon_zones::rdata::show;

/// Puts the data that `text` spells for a record of type `inner` behind what is in `out`.
///
/// # Errors
/// What is wrong with it. `out` is as it was.
pub(crate) fn encode(inner: Type, text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let kept = out.len();
    let result = match inner {
        Type::A => address::<Ipv4Addr>(text).map(|a| out.extend(a.octets())),
        Type::AAAA => address::<Ipv6Addr>(text).map(|a| out.extend(a.octets())),
        Type::TXT => {
            let quoted = [b"\"", text, b"\""].concat();
            parse(inner, &quoted, out)
        }
        _ => parse(inner, text, out),
    };
    if result.is_err() {
        out.truncate(kept);
    }
    result
}

/// Puts the data that `text` spells there, as it would stand in a zone file.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(rtype: Type, text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    parse(rtype, text, out)
}

/// The data of an address record; `None` when type and family do not fit.
pub(crate) fn of_address(inner: Type, address: IpAddr) -> Option<Box<[u8]>> {
    match (inner, address) {
        (Type::A, IpAddr::V4(address)) => Some(address.octets().into()),
        (Type::AAAA, IpAddr::V6(address)) => Some(address.octets().into()),
        _ => None,
    }
}

fn address<T: std::str::FromStr>(text: &[u8]) -> Result<T, String> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| "not an address of the record's type".to_owned())
}

fn parse(inner: Type, text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    halfmoon_zones::rdata::parse(inner, text, Some(Name::ROOT), out)
        .map_err(|fault| fault.message.into_owned())
}
