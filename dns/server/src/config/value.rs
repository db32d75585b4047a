//! Values with a form of their own: durations, sizes, addresses, networks.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use halfmoon_wire::{LONGEST_NSID, NameBuf};
use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::ZoneConfig;

/// The most threads that can be asked for.
const MAX_THREADS: u16 = 1024;

/// A duration: a whole number and a unit, `us`, `ms`, `s`, `m` or `h`.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    let refused = || {
        format!("{text:?} is not a duration; write a number and us, ms, s, m or h, as in \"5s\"")
    };
    let (number, unit) = split(text).ok_or_else(refused)?;
    let micros: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return Err(refused()),
    };
    let total = number.checked_mul(micros).ok_or_else(|| format!("{text:?} is too long"))?;
    Ok(Duration::from_micros(total))
}

/// A size in octets: a whole number and a unit, `B`, `KiB`, `MiB` or `GiB`.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn size(text: &str) -> Result<usize, String> {
    let refused = || {
        format!("{text:?} is not a size; write a number and B, KiB, MiB or GiB, as in \"64KiB\"")
    };
    let (number, unit) = split(text).ok_or_else(refused)?;
    let octets: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(refused()),
    };
    number
        .checked_mul(octets)
        .and_then(|total| usize::try_from(total).ok())
        .ok_or_else(|| format!("{text:?} is too large"))
}

/// An address and port to listen on.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.parse() {
        Ok(ip) => {
            let whole = SocketAddr::new(ip, 53);
            format!("{text:?} has no port; write \"{whole}\"")
        }
        Err(_) => format!(
            "{text:?} is not an address and port; write \"127.0.0.1:5300\" or \"[::1]:5300\""
        ),
    })
}

fn network(text: &str) -> Result<IpNet, String> {
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(ip) => {
            let whole = IpNet::from(ip);
            format!("{text:?} has no prefix length; write \"{whole}\" for this address alone")
        }
        Err(_) => format!(
            "{text:?} is not a network; write an address and a prefix length, as in \"10.0.0.0/8\""
        ),
    })
}

pub(super) fn zone_name(text: &str) -> Result<NameBuf, String> {
    text.parse().map_err(|_| format!("{text:?} is not a domain name; write \"example.org\""))
}

/// The number a text begins with, and the rest without the space between them.
fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// Reads a string through one of the functions above.
struct Text<T> {
    parse: fn(&str) -> Result<T, String>,
    expected: &'static str,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

const DURATION: Text<Duration> =
    Text { parse: duration, expected: "a string with a unit, as in \"5s\"" };
const SIZE: Text<usize> = Text { parse: size, expected: "a string with a unit, as in \"64KiB\"" };

pub(super) fn positive_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let parse = |text: &str| match duration(text)? {
        Duration::ZERO => Err("must be longer than 0".into()),
        some => Ok(some),
    };
    from.deserialize_str(Text { parse, ..DURATION })
}

pub(super) fn any_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_str(DURATION)
}

pub(super) fn positive_size<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let parse = |text: &str| match size(text)? {
        0 => Err("must be more than 0".into()),
        some => Ok(some),
    };
    from.deserialize_str(Text { parse, ..SIZE })
}

struct Address(SocketAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "an address and port, as in \"127.0.0.1:5300\"";
        from.deserialize_str(Text { parse: address, expected }).map(Self)
    }
}

pub(super) fn socket_address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    Address::deserialize(from).map(|Address(address)| address)
}

pub(super) fn addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SocketAddr>, D::Error> {
    let addresses = Vec::<Address>::deserialize(from)?;
    if addresses.is_empty() {
        return Err(D::Error::custom("no address to listen on; write [\"127.0.0.1:5300\"]"));
    }
    Ok(addresses.into_iter().map(|Address(address)| address).collect())
}

struct Network(IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let expected = "a network, as in \"10.0.0.0/8\"";
        from.deserialize_str(Text { parse: network, expected }).map(Self)
    }
}

pub(super) fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let networks = Vec::<Network>::deserialize(from)?;
    Ok(networks.into_iter().map(|Network(network)| network).collect())
}

/// A text of 1 to `most` octets.
fn text_of<'de, D: Deserializer<'de>>(from: D, most: usize) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    match text.len() {
        0 => Err(D::Error::custom("is empty; leave the key out to say nothing")),
        length if length > most => {
            Err(D::Error::custom(format_args!("has {length} octets; at most {most} can be said")))
        }
        _ => Ok(Some(text)),
    }
}

pub(super) fn character_string<'de, D>(from: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    text_of(from, 255)
}

pub(super) fn nsid<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text_of(from, LONGEST_NSID)
}

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<NameBuf, D::Error> {
    from.deserialize_str(Text { parse: zone_name, expected: "a domain name" })
}

struct DomainName(NameBuf);

impl<'de> Deserialize<'de> for DomainName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        name(from).map(Self)
    }
}

pub(super) fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<NameBuf>, D::Error> {
    let names = Vec::<DomainName>::deserialize(from)?;
    Ok(names.into_iter().map(|DomainName(name)| name).collect())
}

pub(super) fn listed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ZoneConfig>, D::Error> {
    let zones = Vec::<ZoneConfig>::deserialize(from)?;
    let mut names = HashSet::with_capacity(zones.len());
    match zones.iter().find(|zone| !names.insert(zone.name)) {
        Some(twice) => {
            let message = format_args!("zone {} is listed twice; keep one", twice.name);
            Err(D::Error::custom(message))
        }
        None => Ok(zones),
    }
}

pub(super) fn threads<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let threads = i64::deserialize(from)?;
    match u16::try_from(threads) {
        Ok(threads) if threads <= MAX_THREADS => Ok(usize::from(threads)),
        _ => Err(D::Error::custom(format_args!(
            "{threads} threads cannot be; write a number from 0 (as many as fit the machine) to {MAX_THREADS}"
        ))),
    }
}
