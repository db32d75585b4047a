//! The kinds of fields that record data is made of: their text and their octets.

use halfmoon_wire::Name;

use super::words::Words;
use super::{
    Context, RdataFault, apl, bitmap, encoding, gateway, loc, mnemonic, number, quoted, string,
    svcb,
};

/// One field of a record type's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A domain name.
    Name,
    U8,
    U16,
    U32,
    U64,
    /// Seconds in 32 bits, written with units or without.
    Period,
    /// The time of a signature in 32 bits.
    Time,
    A,
    Aaaa,
    /// One character-string.
    Text,
    /// A character-string that may be missing.
    MaybeText,
    /// One character-string or more, to the end.
    Texts,
    /// Text without a length, to the end, written as one string.
    Rest,
    /// The tag of a CAA property: letters and digits, with a length.
    Tag,
    /// One octet or more in hexadecimal, to the end.
    Hex,
    /// One octet or more in base64, to the end.
    Base64,
    /// Octets in base64 to the end; there may be none.
    MaybeBase64,
    /// The salt of NSEC3: hexadecimal with a length, `-` for none.
    Salt,
    /// The hashed owner in NSEC3: base32 with a length.
    Hash,
    /// A set of record types, to the end.
    Types,
    /// One record type.
    TypeCode,
    Algorithm,
    Certificate,
    Scheme,
    Eui48,
    Eui64,
    /// 64 bits as four groups of hexadecimal digits (RFC 6742).
    Groups,
    /// An NSAP address, `0x` and hexadecimal (RFC 1706).
    Nsap,
    /// Protocol and ports of WKS.
    Services,
    /// Prefixes of APL, to the end.
    Prefixes,
    /// All of LOC.
    Location,
    /// The parameters of SVCB, to the end.
    Params,
    /// Type, algorithm and gateway of IPSECKEY.
    Gateway,
    /// Discovery bit, type and relay of AMTRELAY.
    Relay,
    /// All of HIP.
    Hip,
    /// Inner type and chunks of a record program.
    Program,
}

impl Field {
    /// What to call the field where it is missing.
    const fn what(self) -> &'static str {
        match self {
            Self::Name => "a domain name",
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => "a number",
            Self::Period => "a time in seconds",
            Self::Time => "a date",
            Self::A => "an IPv4 address",
            Self::Aaaa => "an IPv6 address",
            Self::Text | Self::MaybeText | Self::Texts | Self::Rest => "a string",
            Self::Tag => "a tag",
            Self::Hex => "hexadecimal data",
            Self::Base64 | Self::MaybeBase64 => "base64 data",
            Self::Salt => "a salt",
            Self::Hash => "a hash in base32",
            Self::Types | Self::TypeCode => "a record type",
            Self::Algorithm => "an algorithm",
            Self::Certificate => "a type of certificate",
            Self::Scheme => "a scheme",
            Self::Eui48 | Self::Eui64 => "a link-layer address",
            Self::Groups => "a 64-bit identifier",
            Self::Nsap => "an NSAP address",
            Self::Services => "a protocol",
            Self::Prefixes => "an address prefix",
            Self::Location => "a latitude",
            Self::Params => "a parameter",
            Self::Gateway | Self::Relay => "a gateway",
            Self::Hip => "an algorithm",
            Self::Program => "the type of the records the program makes",
        }
    }

    /// Reads the field's text and appends its octets.
    pub(super) fn read(
        self,
        words: &mut Words<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), RdataFault> {
        let begin = cx.out.len();
        match self {
            Self::A => {
                let word = words.need_plain(self.what())?;
                let address = number::ipv4(word.text).ok_or_else(|| number::bad_ipv4(&word))?;
                cx.out.extend_from_slice(&address);
            }
            Self::Aaaa => {
                let word = words.need_plain(self.what())?;
                let address = number::ipv6(word.text).ok_or_else(|| number::bad_ipv6(&word))?;
                cx.out.extend_from_slice(&address);
            }
            Self::Name => {
                let word = words.need(self.what())?;
                string::push_name(&word, cx.origin, cx.out)?;
            }
            Self::U8 => cx.out.push(number::u8(&words.need(self.what())?)?),
            Self::U16 => push16(cx.out, number::u16(&words.need(self.what())?)?),
            Self::U32 => push32(cx.out, number::u32(&words.need(self.what())?)?),
            Self::U64 => {
                let value = number::u64(&words.need(self.what())?)?;
                cx.out.extend_from_slice(&value.to_be_bytes());
            }
            Self::Period => push32(cx.out, number::period(&words.need(self.what())?)?),
            Self::Time => push32(cx.out, number::time(&words.need(self.what())?)?),
            Self::Text => string::push_string(&words.need(self.what())?, cx.out)?,
            Self::MaybeText => {
                if let Some(word) = words.next()? {
                    string::push_string(&word, cx.out)?;
                }
            }
            Self::Texts => {
                string::push_strings(&words.need(self.what())?, cx)?;
                while let Some(word) = words.next()? {
                    string::push_strings(&word, cx)?;
                }
            }
            Self::Rest => string::push_text(&words.need(self.what())?, cx.out)?,
            Self::Tag => {
                let word = words.need_plain(self.what())?;
                if word.text.len() > 255 || !is_tag(word.text) {
                    let message = format!("{} is no tag", quoted(word.text));
                    return Err(RdataFault::new("bad-tag", word.at, message)
                        .help("a tag is letters and digits, as issue or issuewild"));
                }
                cx.out.push(word.text.len() as u8);
                cx.out.extend_from_slice(word.text);
            }
            Self::Hex => encoding::read_hex(words, cx.out)?,
            Self::Base64 | Self::MaybeBase64 => encoding::read_base64(words, cx.out)?,
            Self::Salt => {
                let word = words.need_plain(self.what())?;
                cx.out.push(0);
                if word.text != b"-" {
                    encoding::hex_word(&word, cx.out)?;
                }
                set_length(cx.out, begin, word.at)?;
            }
            Self::Hash => {
                let word = words.need_plain(self.what())?;
                cx.out.push(0);
                encoding::base32hex_word(&word, cx.out)?;
                set_length(cx.out, begin, word.at)?;
            }
            Self::Types => bitmap::read(words, cx.out)?,
            Self::TypeCode => push16(cx.out, mnemonic::rtype(&words.need(self.what())?)?.0),
            Self::Algorithm => cx.out.push(mnemonic::algorithm(&words.need(self.what())?)?),
            Self::Certificate => {
                push16(cx.out, mnemonic::certificate(&words.need(self.what())?)?);
            }
            Self::Scheme => cx.out.push(mnemonic::scheme(&words.need(self.what())?)?),
            Self::Eui48 => read_groups(self, words, cx.out, &EUI48)?,
            Self::Eui64 => read_groups(self, words, cx.out, &EUI64)?,
            Self::Groups => read_groups(self, words, cx.out, &IDENTIFIER)?,
            Self::Nsap => read_nsap(self, words, cx.out)?,
            Self::Services => read_services(self, words, cx.out)?,
            Self::Prefixes => apl::read(words, cx.out)?,
            Self::Location => loc::read(words, cx.out)?,
            Self::Params => svcb::read(words, cx)?,
            Self::Gateway => gateway::read_gateway(words, cx)?,
            Self::Relay => gateway::read_relay(words, cx)?,
            Self::Hip => gateway::read_hip(words, cx)?,
            Self::Program => {
                push16(cx.out, mnemonic::rtype(&words.need(self.what())?)?.0);
                Self::Texts.read(words, cx)?;
            }
        }
        // What takes the rest has no word of its own to be missing.
        if cx.out.len() == begin && matches!(self, Self::Hex | Self::Base64) {
            let message = format!("{} is missing", self.what());
            return Err(RdataFault::new("missing-field", words.offset(), message));
        }
        Ok(())
    }

    /// Checks the field at `at` of `rdata` and says where the next one starts.
    pub(super) fn check(self, rdata: &[u8], at: usize) -> Result<usize, RdataFault> {
        let rest = rdata.get(at..).unwrap_or(&[]);
        let fixed = |length: usize| {
            if rest.len() < length {
                return Err(self.cut_short(rdata.len()));
            }
            Ok(at + length)
        };
        let with_length = |least: usize| {
            let length = usize::from(*rest.first().ok_or_else(|| self.cut_short(rdata.len()))?);
            if length < least || rest.len() <= length {
                return Err(self.cut_short(at));
            }
            Ok(at + 1 + length)
        };
        match self {
            Self::U8 | Self::Algorithm | Self::Scheme => fixed(1),
            Self::U16 | Self::TypeCode | Self::Certificate => fixed(2),
            Self::A | Self::U32 | Self::Period | Self::Time => fixed(4),
            Self::Eui48 => fixed(6),
            Self::U64 | Self::Eui64 | Self::Groups => fixed(8),
            Self::Aaaa => fixed(16),
            Self::Name => check_name(rdata, at),
            Self::Text | Self::Salt => with_length(0),
            Self::Hash => with_length(1),
            Self::Tag => {
                let next = with_length(1)?;
                if !is_tag(&rdata[at + 1..next]) {
                    return Err(RdataFault::new("bad-tag", at, "a tag is letters and digits"));
                }
                Ok(next)
            }
            Self::MaybeText if rest.is_empty() => Ok(at),
            Self::MaybeText => with_length(0),
            Self::Texts => {
                let mut next = Self::Text.check(rdata, at)?;
                while next < rdata.len() {
                    next = Self::Text.check(rdata, next)?;
                }
                Ok(next)
            }
            Self::Hex | Self::Base64 | Self::Nsap if rest.is_empty() => Err(self.cut_short(at)),
            Self::Rest | Self::Hex | Self::Base64 | Self::MaybeBase64 | Self::Nsap => {
                Ok(rdata.len())
            }
            Self::Services => {
                // An IANA port has one bit: 65536 of them are 8192 octets.
                if rest.is_empty() || rest.len() > 1 + 8_192 {
                    return Err(self.cut_short(at));
                }
                Ok(rdata.len())
            }
            Self::Types => bitmap::check(rdata, at),
            Self::Prefixes => apl::check(rdata, at),
            Self::Location => loc::check(rdata, at),
            Self::Params => svcb::check(rdata, at),
            Self::Gateway => gateway::check_gateway(rdata, at),
            Self::Relay => gateway::check_relay(rdata, at),
            Self::Hip => gateway::check_hip(rdata, at),
            Self::Program => {
                let next = fixed(2)?;
                Self::Texts.check(rdata, next)
            }
        }
    }

    pub(super) fn cut_short(self, at: usize) -> RdataFault {
        RdataFault::new("short-data", at, format!("{} is missing or cut short", self.what()))
    }
}

pub(super) fn push16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn push32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Checks the plain name at `at` and says where it ends.
pub(super) fn check_name(rdata: &[u8], at: usize) -> Result<usize, RdataFault> {
    match Name::from_wire(rdata.get(at..).unwrap_or(&[])) {
        Ok(name) => Ok(at + name.as_wire().len()),
        Err(error) => Err(RdataFault::new("bad-name", at, error.to_string())),
    }
}

/// Writes into the octet at `begin` how many octets follow it.
fn set_length(out: &mut [u8], begin: usize, at: usize) -> Result<(), RdataFault> {
    let length = out.len() - begin - 1;
    out[begin] = u8::try_from(length).map_err(|_| {
        RdataFault::new("field-too-long", at, format!("{length} octets where 255 can be"))
    })?;
    Ok(())
}

fn is_tag(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_alphanumeric)
}

/// Hexadecimal digits in groups of a fixed length.
struct Groups {
    count: usize,
    /// Octets in a group.
    octets: usize,
    separator: u8,
    /// Whether leading zeros of a group may be left out.
    short: bool,
    example: &'static str,
}

const EUI48: Groups =
    Groups { count: 6, octets: 1, separator: b'-', short: false, example: "00-00-5e-00-53-2a" };
const EUI64: Groups = Groups {
    count: 8,
    octets: 1,
    separator: b'-',
    short: false,
    example: "00-00-5e-ef-10-00-00-2a",
};
const IDENTIFIER: Groups =
    Groups { count: 4, octets: 2, separator: b':', short: true, example: "14:4fff:ff20:ee64" };

fn read_groups(
    field: Field,
    words: &mut Words<'_>,
    out: &mut Vec<u8>,
    form: &Groups,
) -> Result<(), RdataFault> {
    let word = words.need_plain(field.what())?;
    let mut count = 0;
    for group in word.text.split(|&octet| octet == form.separator) {
        let whole = 2 * form.octets;
        let right =
            if form.short { (1..=whole).contains(&group.len()) } else { group.len() == whole };
        let value = std::str::from_utf8(group)
            .ok()
            .filter(|_| right && group.iter().all(u8::is_ascii_hexdigit))
            .and_then(|text| u16::from_str_radix(text, 16).ok());
        let (Some(value), true) = (value, count < form.count) else {
            count = 0;
            break;
        };
        out.extend_from_slice(&value.to_be_bytes()[2 - form.octets..]);
        count += 1;
    }
    if count != form.count {
        let message = format!("{} is not {}", quoted(word.text), field.what());
        return Err(RdataFault::new("bad-identifier", word.at, message)
            .help(format!("write it as {}", form.example)));
    }
    Ok(())
}

fn read_nsap(field: Field, words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let word = words.need_plain(field.what())?;
    let bad = || {
        let message = format!("{} is not {}", quoted(word.text), field.what());
        RdataFault::new("bad-identifier", word.at, message)
            .help("write 0x and pairs of hexadecimal digits; dots may stand between them")
    };
    let [b'0', b'x' | b'X', digits @ ..] = word.text else {
        return Err(bad());
    };
    let mut high = None;
    for &octet in digits.iter().filter(|&&octet| octet != b'.') {
        let digit = char::from(octet).to_digit(16).ok_or_else(bad)? as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    if high.is_some() || digits.is_empty() { Err(bad()) } else { Ok(()) }
}

fn read_services(field: Field, words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    out.push(mnemonic::protocol(&words.need_plain(field.what())?)?);
    let begin = out.len();
    while let Some(word) = words.next()? {
        let port = usize::from(mnemonic::service(&word)?);
        let octet = begin + port / 8;
        if out.len() <= octet {
            out.resize(octet + 1, 0);
        }
        out[octet] |= 0x80 >> (port % 8);
    }
    Ok(())
}
