//! The parameters of SVCB and HTTPS records (RFC 9460).

use super::words::{Word, Words};
use super::{Context, RdataFault, encoding, field, number, quoted, show, string};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
const GROUPS: u16 = 9;
/// Reserved, and so never a key (RFC 9460 section 14.3.2).
const INVALID: u16 = 65_535;

const KEYS: &[(&str, u16)] = &[
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6HINT),
    ("dohpath", DOHPATH),
    ("ohttp", OHTTP),
    ("tls-supported-groups", GROUPS),
];

struct Param {
    key: u16,
    at: usize,
    value: Vec<u8>,
}

/// Reads parameters up to the end of the record. There may be none.
pub(super) fn read(words: &mut Words<'_>, cx: &mut Context<'_>) -> Result<(), RdataFault> {
    let mut params = Vec::new();
    while let Some(word) = words.next()? {
        params.push(read_param(&word, words)?);
    }
    params.sort_by_key(|param: &Param| param.key);
    for pair in params.windows(2) {
        if pair[0].key == pair[1].key {
            let message = format!("{} is given twice", key_name(pair[1].key));
            return Err(RdataFault::new("svcb-key-twice", pair[1].at, message));
        }
    }
    for Param { key, at, value } in &params {
        check_value(*key, value, &|wanted| params.iter().any(|param| param.key == wanted))
            .map_err(|problem| problem.into_fault(*key, *at))?;
        field::push16(cx.out, *key);
        let length = u16::try_from(value.len()).map_err(|_| {
            RdataFault::new("field-too-long", *at, "the value is longer than 65535 octets")
        })?;
        field::push16(cx.out, length);
        cx.out.extend_from_slice(value);
    }
    Ok(())
}

/// Checks the parameters from `at` to the end.
pub(super) fn check(rdata: &[u8], begin: usize) -> Result<usize, RdataFault> {
    let malformed = |at| RdataFault::new("svcb-params", at, "the parameters are malformed");
    let mut keys = Vec::new();
    for with_values in [false, true] {
        let mut at = begin;
        while at < rdata.len() {
            let Some(&[k, ey, len, gth]) = rdata.get(at..at + 4) else {
                return Err(malformed(at));
            };
            let key = u16::from_be_bytes([k, ey]);
            let end = at + 4 + usize::from(u16::from_be_bytes([len, gth]));
            let value = rdata.get(at + 4..end).ok_or_else(|| malformed(at))?;
            if with_values {
                check_value(key, value, &|wanted| keys.binary_search(&wanted).is_ok())
                    .map_err(|problem| problem.into_fault(key, at))?;
            } else if keys.last().is_some_and(|&before| before >= key) {
                return Err(malformed(at));
            } else {
                keys.push(key);
            }
            at = end;
        }
    }
    Ok(rdata.len())
}

/// Writes the parameters, each as `key` or `key=value`.
pub(super) fn put<'d>(mut data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let begin = out.len();
    while !data.is_empty() {
        let (&[k, ey, len, gth], rest) = data.split_first_chunk::<4>()?;
        let key = u16::from_be_bytes([k, ey]);
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([len, gth])))?;
        if out.len() > begin {
            out.push(b' ');
        }
        out.extend_from_slice(key_name(key).as_bytes());
        if !value.is_empty() {
            out.push(b'=');
            show_value(key, value, out)?;
        }
        data = rest;
    }
    Some(data)
}

fn show_value(key: u16, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    /// How many octets an item has, and how it is written.
    type Form = (usize, fn(&[u8], &mut Vec<u8>));
    let form: Form = match key {
        MANDATORY => (2, |octets, out| {
            out.extend_from_slice(key_name(number16(octets)).as_bytes());
        }),
        GROUPS => (2, |octets, out| {
            show::write(out, format_args!("{}", number16(octets)));
        }),
        IPV4HINT => (4, |octets, out| {
            if let Ok(octets) = <[u8; 4]>::try_from(octets) {
                show::write(out, format_args!("{}", std::net::Ipv4Addr::from(octets)));
            }
        }),
        IPV6HINT => (16, |octets, out| {
            if let Ok(octets) = <[u8; 16]>::try_from(octets) {
                show::write(out, format_args!("{}", std::net::Ipv6Addr::from(octets)));
            }
        }),
        PORT => {
            show::write(out, format_args!("{}", number16(value)));
            return Some(());
        }
        ECH => {
            show::base64(value, out);
            return Some(());
        }
        ALPN => {
            show::quote(&list(value)?, out);
            return Some(());
        }
        _ => {
            show::quote(value, out);
            return Some(());
        }
    };
    let (length, put) = form;
    for (place, item) in value.chunks(length).enumerate() {
        out.extend_from_slice(if place == 0 { b"" } else { b"," });
        put(item, out);
    }
    Some(())
}

fn number16(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |number, octet| number << 8 | u16::from(*octet))
}

/// The opposite of [`push_list`].
fn list(mut value: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(value.len());
    while let Some((&length, rest)) = value.split_first() {
        let (item, rest) = rest.split_at_checked(usize::from(length))?;
        if !text.is_empty() {
            text.push(b',');
        }
        for &octet in item {
            if matches!(octet, b',' | b'\\') {
                text.push(b'\\');
            }
            text.push(octet);
        }
        value = rest;
    }
    Some(text)
}

fn read_param(word: &Word<'_>, words: &mut Words<'_>) -> Result<Param, RdataFault> {
    let unknown = || {
        let message = format!("{} is no parameter", quoted(word.text));
        RdataFault::new("svcb-key", word.at, message)
            .help("write key=value with a known key, or key65280 and the like")
    };
    if word.quoted {
        return Err(unknown());
    }
    let equals = word.text.iter().position(|&octet| octet == b'=');
    let (name, value) = match equals {
        None => (word.text, None),
        // The quotes of key="value" start a word of their own.
        Some(at) if at + 1 == word.text.len() && words.is_quote_next() => {
            (&word.text[..at], words.next()?)
        }
        Some(at) => {
            let text = &word.text[at + 1..];
            (&word.text[..at], Some(Word { text, at: word.at + at + 1, quoted: false }))
        }
    };
    let key = key_number(name).ok_or_else(unknown)?;
    let written = KEYS.iter().any(|(known, _)| known.as_bytes() == name);
    let mut param = Param { key, at: word.at, value: Vec::new() };
    let Some(value) = value.filter(|value| !value.text.is_empty()) else {
        return Ok(param);
    };
    let mut text = Vec::with_capacity(value.text.len());
    string::push_text(&value, &mut text)?;
    if !written {
        // keyNNNNN=value has the octets of the value itself.
        param.value = text;
        return Ok(param);
    }
    push_value(key, &text, &value, &mut param.value)?;
    Ok(param)
}

fn push_value(key: u16, text: &[u8], word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    // What the escapes were undone of stands at the same place.
    let piece = |text| Word { text, at: word.at, quoted: false };
    match key {
        MANDATORY => {
            let mut keys = Vec::new();
            for name in text.split(|&octet| octet == b',') {
                keys.push(key_number(name).ok_or_else(|| {
                    let message = format!("{} is no parameter", quoted(name));
                    RdataFault::new("svcb-mandatory", word.at, message)
                })?);
            }
            keys.sort_unstable();
            keys.iter().for_each(|key| field::push16(out, *key));
        }
        ALPN => push_list(text, word, out)?,
        PORT => field::push16(out, number::u16(&piece(text))?),
        IPV4HINT => {
            for address in text.split(|&octet| octet == b',') {
                let octets = number::ipv4(address);
                out.extend_from_slice(&octets.ok_or_else(|| number::bad_ipv4(&piece(address)))?);
            }
        }
        IPV6HINT => {
            for address in text.split(|&octet| octet == b',') {
                let octets = number::ipv6(address);
                out.extend_from_slice(&octets.ok_or_else(|| number::bad_ipv6(&piece(address)))?);
            }
        }
        ECH => encoding::base64_word(&piece(text), out)?,
        GROUPS => {
            for group in text.split(|&octet| octet == b',') {
                field::push16(out, number::u16(&piece(group))?);
            }
        }
        _ => out.extend_from_slice(text),
    }
    Ok(())
}

/// A list with commas between its items; `\,` and `\\` stand for the character (RFC 9460,
/// appendix A.1).
fn push_list(text: &[u8], word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut item = Vec::new();
    let mut octets = text.iter().copied();
    loop {
        match octets.next() {
            Some(b'\\') => item.extend(octets.next()),
            Some(octet) if octet != b',' => item.push(octet),
            end => {
                let length = u8::try_from(item.len()).ok().filter(|&length| length > 0);
                out.push(length.ok_or_else(|| {
                    RdataFault::new("svcb-value", word.at, "a protocol has 1 to 255 octets")
                        .help("write alpn=h2,h3")
                })?);
                out.append(&mut item);
                if end.is_none() {
                    return Ok(());
                }
            }
        }
    }
}

/// Why a value is not right.
enum Problem {
    Missing,
    Unexpected,
    Malformed,
    Mandatory(&'static str),
}

impl Problem {
    fn into_fault(self, key: u16, at: usize) -> RdataFault {
        let name = key_name(key);
        let (rule, message) = match self {
            Self::Missing => ("svcb-value", format!("{name} needs a value")),
            Self::Unexpected => ("svcb-value", format!("{name} takes no value")),
            Self::Malformed => ("svcb-value", format!("the value of {name} is malformed")),
            Self::Mandatory(what) => ("svcb-mandatory", format!("{name} {what}")),
        };
        RdataFault::new(rule, at, message)
    }
}

/// Checks the octets of a value; `has` says whether the record has a key.
fn check_value(key: u16, value: &[u8], has: &dyn Fn(u16) -> bool) -> Result<(), Problem> {
    let empty = value.is_empty();
    match key {
        INVALID => Err(Problem::Malformed),
        NO_DEFAULT_ALPN | OHTTP if empty => Ok(()),
        NO_DEFAULT_ALPN | OHTTP => Err(Problem::Unexpected),
        MANDATORY | ALPN | PORT | IPV4HINT | ECH | IPV6HINT | DOHPATH | GROUPS if empty => {
            Err(Problem::Missing)
        }
        MANDATORY => check_mandatory(value, has),
        ALPN => {
            let mut rest = value;
            while let Some((&length, tail)) = rest.split_first() {
                rest = tail.get(usize::from(length)..).ok_or(Problem::Malformed)?;
                if length == 0 {
                    return Err(Problem::Malformed);
                }
            }
            Ok(())
        }
        PORT if value.len() != 2 => Err(Problem::Malformed),
        IPV4HINT if !value.len().is_multiple_of(4) => Err(Problem::Malformed),
        IPV6HINT if !value.len().is_multiple_of(16) => Err(Problem::Malformed),
        GROUPS if !value.len().is_multiple_of(2) => Err(Problem::Malformed),
        DOHPATH if std::str::from_utf8(value).is_err() => Err(Problem::Malformed),
        _ => Ok(()),
    }
}

fn check_mandatory(value: &[u8], has: &dyn Fn(u16) -> bool) -> Result<(), Problem> {
    if !value.len().is_multiple_of(2) {
        return Err(Problem::Malformed);
    }
    let mut before = None;
    for pair in value.chunks_exact(2) {
        let key = u16::from_be_bytes([pair[0], pair[1]]);
        if key == MANDATORY {
            return Err(Problem::Mandatory("names itself"));
        }
        if before.is_some_and(|before| before >= key) {
            return Err(Problem::Mandatory("names a parameter twice or not in order"));
        }
        if !has(key) {
            return Err(Problem::Mandatory("names a parameter that the record does not have"));
        }
        before = Some(key);
    }
    Ok(())
}

fn key_number(name: &[u8]) -> Option<u16> {
    if let Some(&(_, key)) = KEYS.iter().find(|(known, _)| known.as_bytes() == name) {
        return Some(key);
    }
    let digits = name.strip_prefix(b"key")?;
    // No leading zeros (RFC 9460 section 2.1).
    if digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let key = u16::try_from(number::digits(digits)?).ok()?;
    (key != INVALID).then_some(key)
}

fn key_name(key: u16) -> String {
    let known = KEYS.iter().find(|&&(_, number)| number == key);
    known.map_or_else(|| format!("key{key}"), |(name, _)| (*name).to_owned())
}
