//! Record data as text: the way back from octets.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use halfmoon_wire::{Name, Type};

use super::field::Field;
use super::{loc, schema, svcb};

/// The same as [`show`] writes.
#[must_use]
pub fn text(rtype: Type, rdata: &[u8]) -> String {
    let mut text = Vec::new();
    show(rtype, rdata, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes `rdata` of type `rtype` as text behind what is in `out`: names absolute, strings in
/// quotes, and data that has no text form of its own as `\# 4 0a000001` (RFC 3597 section 5).
/// What [`super::parse`] makes of it is `rdata` again.
pub fn show(rtype: Type, rdata: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    let fields = schema::fields(rtype).filter(|_| schema::check(rtype, rdata).is_ok());
    if fields.is_some_and(|fields| show_fields(fields, rdata, out).is_some()) {
        return;
    }
    out.truncate(begin);
    write(out, format_args!("\\# {}", rdata.len()));
    if !rdata.is_empty() {
        out.push(b' ');
        hex(rdata, out);
    }
}

/// `None`: there is no text for these octets.
fn show_fields(fields: &[Field], rdata: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let begin = out.len();
    let mut rest = rdata;
    for field in fields {
        let before = out.len();
        if before > begin {
            out.push(b' ');
        }
        let start = out.len();
        rest = field.show(rest, out)?;
        if out.len() == start {
            out.truncate(before);
        }
    }
    // Data without any text, like that of an empty APL, is written as octets.
    (rest.is_empty() && out.len() > begin).then_some(())
}

/// Writing to a vector cannot fail.
pub(super) fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

impl Field {
    /// Writes the field at the front of `data`, and gives what is behind it.
    fn show<'d>(self, data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
        match self {
            Self::U8 | Self::Algorithm | Self::Scheme => number::<1>(data, out),
            Self::U16 | Self::Certificate => number::<2>(data, out),
            Self::U32 | Self::Period => number::<4>(data, out),
            Self::U64 => number::<8>(data, out),
            Self::Time => {
                let (octets, rest) = data.split_first_chunk()?;
                time(u32::from_be_bytes(*octets), out);
                Some(rest)
            }
            Self::TypeCode => {
                let (octets, rest) = data.split_first_chunk()?;
                write(out, format_args!("{}", Type(u16::from_be_bytes(*octets))));
                Some(rest)
            }
            Self::Name => name(data, out),
            Self::A => {
                let (octets, rest) = data.split_first_chunk::<4>()?;
                write(out, format_args!("{}", Ipv4Addr::from(*octets)));
                Some(rest)
            }
            Self::Aaaa => {
                let (octets, rest) = data.split_first_chunk::<16>()?;
                write(out, format_args!("{}", Ipv6Addr::from(*octets)));
                Some(rest)
            }
            Self::Text => {
                let (text, rest) = counted(data)?;
                quote(text, out);
                Some(rest)
            }
            Self::MaybeText if data.is_empty() => Some(data),
            Self::MaybeText => Self::Text.show(data, out),
            Self::Texts => {
                let mut rest = Self::Text.show(data, out)?;
                while !rest.is_empty() {
                    out.push(b' ');
                    rest = Self::Text.show(rest, out)?;
                }
                Some(rest)
            }
            Self::Rest => {
                quote(data, out);
                Some(&[])
            }
            Self::Tag => {
                let (tag, rest) = counted(data)?;
                out.extend_from_slice(tag);
                Some(rest)
            }
            Self::Hex => {
                hex(data, out);
                Some(&[])
            }
            Self::Base64 | Self::MaybeBase64 => {
                base64(data, out);
                Some(&[])
            }
            Self::Salt => {
                let (salt, rest) = counted(data)?;
                if salt.is_empty() {
                    out.push(b'-');
                }
                hex(salt, out);
                Some(rest)
            }
            Self::Hash => {
                let (hash, rest) = counted(data)?;
                base32hex(hash, out);
                Some(rest)
            }
            Self::Types => types(data, out),
            Self::Eui48 => groups::<6>(data, out),
            Self::Eui64 => groups::<8>(data, out),
            Self::Groups => {
                let (octets, rest) = data.split_at_checked(8)?;
                for (place, pair) in octets.chunks_exact(2).enumerate() {
                    out.extend_from_slice(if place == 0 { b"" } else { b":" });
                    hex(pair, out);
                }
                Some(rest)
            }
            Self::Nsap => {
                out.extend_from_slice(b"0x");
                hex(data, out);
                Some(&[])
            }
            Self::Services => services(data, out),
            Self::Prefixes => prefixes(data, out),
            Self::Location => loc::put(data, out),
            Self::Params => svcb::put(data, out),
            Self::Gateway => {
                let (&[kind, algorithm], rest) = data.split_first_chunk::<2>()?;
                write(out, format_args!("{kind} {algorithm} "));
                gateway(kind, rest, out)
            }
            Self::Relay => {
                let (&first, rest) = data.split_first()?;
                let kind = first & 0x7f;
                write(out, format_args!("{} {kind} ", first >> 7));
                gateway(kind, rest, out)
            }
            Self::Hip => hip(data, out),
            Self::Program => {
                let rest = Self::TypeCode.show(data, out)?;
                out.push(b' ');
                Self::Texts.show(rest, out)
            }
        }
    }
}

fn number<'d, const OCTETS: usize>(data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let (octets, rest) = data.split_first_chunk::<OCTETS>()?;
    let value = octets.iter().fold(0u64, |value, &octet| value << 8 | u64::from(octet));
    write(out, format_args!("{value}"));
    Some(rest)
}

/// What follows its own length.
fn counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(length))
}

fn name<'d>(data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let name = Name::from_wire(data).ok()?;
    write(out, format_args!("{name}"));
    data.get(name.as_wire().len()..)
}

/// Writes a character-string.
pub(super) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &octet in text {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            b' '..=b'~' => out.push(octet),
            _ => write(out, format_args!("\\{octet:03}")),
        }
    }
    out.push(b'"');
}

fn hex(octets: &[u8], out: &mut Vec<u8>) {
    for octet in octets {
        write(out, format_args!("{octet:02x}"));
    }
}

/// Base64 with padding (RFC 4648 section 4).
pub(super) fn base64(octets: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, &octet| bits << 8 | u32::from(octet));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= group.len() { digit } else { b'=' });
        }
    }
}

/// Base32 with the extended hexadecimal alphabet, without padding (RFC 4648 section 7).
fn base32hex(octets: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    for group in octets.chunks(5) {
        let bits = group.iter().fold(0u64, |bits, &octet| bits << 8 | u64::from(octet));
        let bits = bits << (8 * (5 - group.len()));
        for place in 0..(group.len() * 8).div_ceil(5) {
            out.push(DIGITS[(bits >> (35 - 5 * place)) as usize & 31]);
        }
    }
}

fn groups<'d, const OCTETS: usize>(data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let (octets, rest) = data.split_first_chunk::<OCTETS>()?;
    for (place, octet) in octets.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"" } else { b"-" });
        hex(&[*octet], out);
    }
    Some(rest)
}

/// The set of types in windows of 256 (RFC 4034 section 4.1.2).
fn types<'d>(mut data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let begin = out.len();
    while let Some((&window, rest)) = data.split_first() {
        let (bits, rest) = counted(rest)?;
        for (place, octet) in bits.iter().enumerate() {
            for bit in (0..8).filter(|bit| octet & 0x80 >> bit != 0) {
                if out.len() > begin {
                    out.push(b' ');
                }
                let low = place as u16 * 8 + bit;
                write(out, format_args!("{}", Type(u16::from(window) << 8 | low)));
            }
        }
        data = rest;
    }
    Some(data)
}

/// `YYYYMMDDHHmmSS` in UTC (RFC 4034 section 3.2).
fn time(seconds: u32, out: &mut Vec<u8>) {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    // 32 bits end in 2106, and of the years until then 2000 is leap: one of 100 is not, 2100.
    let is_leap = |year: u32| year.is_multiple_of(4) && year != 2100;
    let mut year = 1970;
    while days >= 365 + u32::from(is_leap(year)) {
        days -= 365 + u32::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u32::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let day = days + 1;
    write(out, format_args!("{year}{month:02}{day:02}{hour:02}{minute:02}{:02}", second % 60));
}

fn services<'d>(data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let ports = number::<1>(data, out)?;
    for (place, octet) in ports.iter().enumerate() {
        for bit in (0..8).filter(|bit| octet & 0x80 >> bit != 0) {
            write(out, format_args!(" {}", place * 8 + bit));
        }
    }
    Some(&[])
}

fn prefixes<'d>(mut data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let begin = out.len();
    while !data.is_empty() {
        let (&[high, low, prefix, length], rest) = data.split_first_chunk::<4>()?;
        let (address, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if out.len() > begin {
            out.push(b' ');
        }
        let sign = if length & 0x80 != 0 { "!" } else { "" };
        let mut octets = [0; 16];
        octets.get_mut(..address.len())?.copy_from_slice(address);
        match u16::from_be_bytes([high, low]) {
            1 => {
                let [a, b, c, d, ..] = octets;
                write(out, format_args!("{sign}1:{a}.{b}.{c}.{d}/{prefix}"));
            }
            2 => write(out, format_args!("{sign}2:{}/{prefix}", Ipv6Addr::from(octets))),
            _ => return None,
        }
        data = rest;
    }
    Some(data)
}

fn gateway<'d>(kind: u8, data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    match kind {
        0 => {
            out.push(b'.');
            Some(data)
        }
        1 => Field::A.show(data, out),
        2 => Field::Aaaa.show(data, out),
        3 => name(data, out),
        _ => None,
    }
}

fn hip<'d>(data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let (&[tag, algorithm, high, low], rest) = data.split_first_chunk::<4>()?;
    let (tag, rest) = rest.split_at_checked(usize::from(tag))?;
    let (key, mut rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    write(out, format_args!("{algorithm} "));
    hex(tag, out);
    out.push(b' ');
    base64(key, out);
    while !rest.is_empty() {
        out.push(b' ');
        rest = name(rest, out)?;
    }
    Some(rest)
}
