//! Data in which one field says what the next one is: IPSECKEY (RFC 4025), AMTRELAY (RFC 8777)
//! and HIP (RFC 8005).

use super::words::{Word, Words};
use super::{Context, RdataFault, encoding, field, number, quoted, string};

const NONE: u8 = 0;
const IPV4: u8 = 1;
const IPV6: u8 = 2;
const NAME: u8 = 3;

/// Gateway type, algorithm, and gateway.
pub(super) fn read_gateway(words: &mut Words<'_>, cx: &mut Context<'_>) -> Result<(), RdataFault> {
    let kind = words.need_plain("a type of gateway")?;
    let algorithm = number::u8(&words.need_plain("an algorithm")?)?;
    let number = number::u8(&kind)?;
    cx.out.extend_from_slice(&[number, algorithm]);
    let gateway = words.need_plain("a gateway")?;
    push(number, &kind, &gateway, cx)
}

/// Discovery bit, relay type, and relay.
pub(super) fn read_relay(words: &mut Words<'_>, cx: &mut Context<'_>) -> Result<(), RdataFault> {
    let discovery = words.need_plain("the discovery bit")?;
    let bit @ (0 | 1) = number::u8(&discovery)? else {
        let message = "the discovery bit is neither 0 nor 1";
        return Err(RdataFault::new("bad-number", discovery.at, message));
    };
    let kind = words.need_plain("a type of relay")?;
    let number = number::u8(&kind)?;
    cx.out.push(bit << 7 | number & 0x7f);
    let relay = words.need_plain("a relay")?;
    push(number, &kind, &relay, cx)
}

fn push(
    number: u8,
    kind: &Word<'_>,
    gateway: &Word<'_>,
    cx: &mut Context<'_>,
) -> Result<(), RdataFault> {
    match number {
        NONE if gateway.text == b"." => {}
        NONE => {
            let message = format!("{} where there is no gateway", quoted(gateway.text));
            return Err(RdataFault::new("bad-gateway", gateway.at, message)
                .help("write `.`, or the type of this gateway: 1 IPv4, 2 IPv6, 3 name"));
        }
        IPV4 => {
            let address = number::ipv4(gateway.text).ok_or_else(|| number::bad_ipv4(gateway))?;
            cx.out.extend_from_slice(&address);
        }
        IPV6 => {
            let address = number::ipv6(gateway.text).ok_or_else(|| number::bad_ipv6(gateway))?;
            cx.out.extend_from_slice(&address);
        }
        NAME => string::push_name(gateway, cx.origin, cx.out)?,
        _ => {
            let message = format!("{} is no type of gateway", quoted(kind.text));
            return Err(RdataFault::new("bad-gateway", kind.at, message)
                .help("write 0 for none, 1 for IPv4, 2 for IPv6, 3 for a name"));
        }
    }
    Ok(())
}

pub(super) fn check_gateway(rdata: &[u8], at: usize) -> Result<usize, RdataFault> {
    match rdata.get(at..at + 2) {
        Some(&[kind, _]) => check(kind, rdata, at, at + 2),
        _ => Err(malformed(at)),
    }
}

pub(super) fn check_relay(rdata: &[u8], at: usize) -> Result<usize, RdataFault> {
    match rdata.get(at) {
        Some(kind) => check(kind & 0x7f, rdata, at, at + 1),
        None => Err(malformed(at)),
    }
}

fn check(kind: u8, rdata: &[u8], kind_at: usize, at: usize) -> Result<usize, RdataFault> {
    let end = match kind {
        NONE => at,
        IPV4 => at + 4,
        IPV6 => at + 16,
        NAME => return field::check_name(rdata, at),
        _ => return Err(malformed(kind_at)),
    };
    if end > rdata.len() { Err(malformed(at)) } else { Ok(end) }
}

/// Algorithm, host identity tag, public key, and rendezvous servers.
pub(super) fn read_hip(words: &mut Words<'_>, cx: &mut Context<'_>) -> Result<(), RdataFault> {
    const BEFORE: usize = 4;
    let begin = cx.out.len();
    let algorithm = number::u8(&words.need_plain("an algorithm")?)?;
    cx.out.extend_from_slice(&[0, algorithm, 0, 0]);
    let tag = words.need_plain("a host identity tag")?;
    encoding::hex_word(&tag, cx.out)?;
    let tag_length = cx.out.len() - begin - BEFORE;
    cx.out[begin] = u8::try_from(tag_length).map_err(|_| {
        RdataFault::new("field-too-long", tag.at, "the host identity tag is longer than 255 octets")
    })?;
    let key = words.need_plain("a public key")?;
    encoding::base64_word(&key, cx.out)?;
    let key_length = cx.out.len() - begin - BEFORE - tag_length;
    let key_length = u16::try_from(key_length).map_err(|_| {
        RdataFault::new("field-too-long", key.at, "the public key is longer than 65535 octets")
    })?;
    cx.out[begin + 2..begin + BEFORE].copy_from_slice(&key_length.to_be_bytes());
    if tag_length == 0 || key_length == 0 {
        return Err(RdataFault::new("short-data", tag.at, "the tag or the key is empty"));
    }
    while let Some(server) = words.next()? {
        string::push_name(&server, cx.origin, cx.out)?;
    }
    Ok(())
}

pub(super) fn check_hip(rdata: &[u8], at: usize) -> Result<usize, RdataFault> {
    let Some(&[tag, _, high, low]) = rdata.get(at..at + 4) else {
        return Err(malformed(at));
    };
    let key = u16::from_be_bytes([high, low]);
    let mut at = at + 4 + usize::from(tag) + usize::from(key);
    if tag == 0 || key == 0 || at > rdata.len() {
        return Err(malformed(0));
    }
    while at < rdata.len() {
        at = field::check_name(rdata, at)?;
    }
    Ok(at)
}

fn malformed(at: usize) -> RdataFault {
    RdataFault::new("bad-gateway", at, "a type, a length or the field it speaks of is not right")
}
