//! Lists of address prefixes, `1:192.0.2.0/24 !2:2001:db8::/32` (RFC 3123).

use super::words::{Word, Words};
use super::{RdataFault, number, quoted};

const IPV4: u16 = 1;
const IPV6: u16 = 2;

/// Reads prefixes up to the end of the record. There may be none.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    while let Some(word) = words.next()? {
        push(word.text, out).filter(|()| !word.quoted).ok_or_else(|| bad(&word))?;
    }
    Ok(())
}

fn push(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negated, text) = match text {
        [b'!', rest @ ..] => (0x80, rest),
        _ => (0, text),
    };
    let colon = text.iter().position(|&octet| octet == b':')?;
    let slash = text.iter().rposition(|&octet| octet == b'/')?;
    let family = number::digits(&text[..colon])?;
    let address = text.get(colon + 1..slash)?;
    let prefix = number::digits(&text[slash + 1..])?;
    let (family, octets, bits) = match u16::try_from(family).ok()? {
        IPV4 => (IPV4, number::ipv4(address)?.to_vec(), 32),
        IPV6 => (IPV6, number::ipv6(address)?.to_vec(), 128),
        _ => return None,
    };
    if prefix > bits {
        return None;
    }
    let length = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&family.to_be_bytes());
    out.extend_from_slice(&[prefix as u8, negated | length as u8]);
    out.extend_from_slice(&octets[..length]);
    Some(())
}

/// Checks the prefixes from `at` to the end.
pub(super) fn check(rdata: &[u8], mut at: usize) -> Result<usize, RdataFault> {
    let malformed = |at| RdataFault::new("bad-prefix", at, "the address prefix is malformed");
    while at < rdata.len() {
        let &[high, low, prefix, length] = rdata.get(at..at + 4).ok_or_else(|| malformed(at))?
        else {
            return Err(malformed(at));
        };
        let length = usize::from(length & 0x7f);
        let address = rdata.get(at + 4..at + 4 + length).ok_or_else(|| malformed(at))?;
        let right = match u16::from_be_bytes([high, low]) {
            IPV4 => prefix <= 32 && length <= 4,
            IPV6 => prefix <= 128 && length <= 16,
            _ => true,
        };
        if !right || address.last() == Some(&0) {
            return Err(malformed(at));
        }
        at += 4 + length;
    }
    Ok(at)
}

fn bad(word: &Word<'_>) -> RdataFault {
    let message = format!("{} is no address prefix", quoted(word.text));
    RdataFault::new("bad-prefix", word.at, message)
        .help("write 1:192.0.2.0/24 or 2:2001:db8::/32, with ! before it for an exception")
}
