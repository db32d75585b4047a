//! Types and classes: numbers, mnemonics, and the generic spelling of RFC 3597.

use std::fmt;
use std::str::FromStr;

/// A type of record or question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u16);

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $number:literal $(as $text:literal)?,)*) => {
        #[allow(missing_docs, reason = "the mnemonic is the documentation")]
        impl Type {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }

        const MNEMONICS: &[(&str, u16)] = &[
            $((types!(@text $name $($text)?), $number),)*
        ];

        impl Type {
            /// The mnemonic, if the type has one.
            #[must_use]
            pub const fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(types!(@text $name $($text)?)),)*
                    _ => None,
                }
            }
        }
    };
    (@text $name:ident $text:literal) => { $text };
    (@text $name:ident) => { stringify!($name) };
}

types! {
    A = 1, NS = 2, MD = 3, MF = 4, CNAME = 5, SOA = 6, MB = 7, MG = 8, MR = 9, NULL = 10, WKS = 11,
    PTR = 12, HINFO = 13, MINFO = 14, MX = 15, TXT = 16, RP = 17, AFSDB = 18, X25 = 19, ISDN = 20,
    RT = 21, NSAP = 22, NSAP_PTR = 23 as "NSAP-PTR", SIG = 24, KEY = 25, PX = 26, GPOS = 27,
    AAAA = 28, LOC = 29, NXT = 30, EID = 31, NIMLOC = 32, SRV = 33, ATMA = 34, NAPTR = 35, KX = 36,
    CERT = 37, A6 = 38, DNAME = 39, SINK = 40, OPT = 41, APL = 42, DS = 43, SSHFP = 44,
    IPSECKEY = 45, RRSIG = 46, NSEC = 47, DNSKEY = 48, DHCID = 49, NSEC3 = 50, NSEC3PARAM = 51,
    TLSA = 52, SMIMEA = 53, HIP = 55, NINFO = 56, RKEY = 57, TALINK = 58, CDS = 59, CDNSKEY = 60,
    OPENPGPKEY = 61, CSYNC = 62, ZONEMD = 63, SVCB = 64, HTTPS = 65, DSYNC = 66, SPF = 99,
    NID = 104, L32 = 105, L64 = 106, LP = 107, EUI48 = 108, EUI64 = 109, NXNAME = 128, TKEY = 249,
    TSIG = 250, IXFR = 251, AXFR = 252, MAILB = 253, MAILA = 254, ANY = 255, URI = 256, CAA = 257,
    AVC = 258, DOA = 259, AMTRELAY = 260, RESINFO = 261, WALLET = 262, CLA = 263, IPN = 264,
    TA = 32768, DLV = 32769,
    /// A record program, as PowerDNS numbers it.
    LUA = 65402,
}

impl Type {
    /// Whether this is a type of question or of meta data only, which no zone can hold
    /// (RFC 6895 section 3.1).
    #[must_use]
    pub const fn is_meta(self) -> bool {
        matches!(self.0, 0 | 41 | 128..=255)
    }

    /// Whether names inside the record data of this type may be compressed in answers
    /// (RFC 3597 section 4: those of RFC 1035 only).
    #[must_use]
    pub const fn has_compressible_names(self) -> bool {
        matches!(self.0, 2..=9 | 12 | 14 | 15)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(text) => f.write_str(text),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Type {
    type Err = ();

    /// Reads a mnemonic in either case, or `TYPE` and a number (RFC 3597 section 5).
    fn from_str(text: &str) -> Result<Self, ()> {
        // The few types that make up most zones, before the walk over the table.
        match text {
            "A" => return Ok(Self::A),
            "AAAA" => return Ok(Self::AAAA),
            "NS" => return Ok(Self::NS),
            "CNAME" => return Ok(Self::CNAME),
            "TXT" => return Ok(Self::TXT),
            "MX" => return Ok(Self::MX),
            _ => {}
        }
        if let Some((_, number)) = MNEMONICS.iter().find(|(m, _)| m.eq_ignore_ascii_case(text)) {
            return Ok(Self(*number));
        }
        generic(text, "TYPE").map(Self).ok_or(())
    }
}

/// A class; all zones here are of class IN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u16);

#[allow(missing_docs, reason = "the mnemonic is the documentation")]
impl Class {
    pub const IN: Self = Self(1);
    pub const CH: Self = Self(3);
    pub const HS: Self = Self(4);
    pub const NONE: Self = Self(254);
    pub const ANY: Self = Self(255);
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IN => f.write_str("IN"),
            Self::CH => f.write_str("CH"),
            Self::HS => f.write_str("HS"),
            Self::NONE => f.write_str("NONE"),
            Self::ANY => f.write_str("ANY"),
            Self(number) => write!(f, "CLASS{number}"),
        }
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Class {
    type Err = ();

    /// Reads a mnemonic in either case, or `CLASS` and a number (RFC 3597 section 5).
    fn from_str(text: &str) -> Result<Self, ()> {
        for (mnemonic, class) in [("IN", Self::IN), ("CH", Self::CH), ("HS", Self::HS)] {
            if text.eq_ignore_ascii_case(mnemonic) {
                return Ok(class);
            }
        }
        generic(text, "CLASS").map(Self).ok_or(())
    }
}

/// `word` followed by a decimal number, as `TYPE731` and `CLASS32`.
fn generic(text: &str, word: &str) -> Option<u16> {
    let (head, number) = text.split_at_checked(word.len())?;
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (plain && head.eq_ignore_ascii_case(word)).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_what_they_write() {
        for number in 0..=u16::MAX {
            assert_eq!(Type(number).to_string().parse(), Ok(Type(number)));
        }
        assert_eq!("aaaa".parse(), Ok(Type::AAAA));
        assert_eq!("type1".parse(), Ok(Type::A));
        assert_eq!("nsap-ptr".parse(), Ok(Type::NSAP_PTR));
        for text in ["", "TYPE", "TYPE65536", "TYPE+1", "BOGUS", "TYPE-1"] {
            assert_eq!(text.parse::<Type>(), Err(()), "{text}");
        }
    }

    #[test]
    fn classes_read_what_they_write() {
        for text in ["IN", "CH", "HS", "CLASS42"] {
            assert_eq!(text.parse::<Class>().unwrap().to_string(), text);
        }
        assert_eq!("in".parse(), Ok(Class::IN));
        assert_eq!("class1".parse(), Ok(Class::IN));
    }
}
