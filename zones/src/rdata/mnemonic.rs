//! Words that stand for numbers in record data.

use halfmoon_wire::Type;

use super::words::Word;
use super::{RdataFault, number, quoted};

/// DNSSEC algorithms (IANA "DNS Security Algorithm Numbers").
const ALGORITHMS: &[(&str, u8)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("SM2SM3", 17),
    ("ECC-GOST12", 23),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Types of certificates (RFC 4398 section 2.1).
const CERTIFICATES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

fn find<N: Copy>(table: &[(&str, N)], word: &Word<'_>) -> Option<N> {
    table.iter().find(|(mnemonic, _)| word.is(mnemonic)).map(|&(_, number)| number)
}

pub(super) fn algorithm(word: &Word<'_>) -> Result<u8, RdataFault> {
    find(ALGORITHMS, word).map_or_else(|| number::u8(word).map_err(unless_number(word)), Ok)
}

pub(super) fn certificate(word: &Word<'_>) -> Result<u16, RdataFault> {
    find(CERTIFICATES, word).map_or_else(|| number::u16(word).map_err(unless_number(word)), Ok)
}

/// The scheme of a DSYNC record (RFC 9859 section 2.2).
pub(super) fn scheme(word: &Word<'_>) -> Result<u8, RdataFault> {
    if word.is("NOTIFY") {
        return Ok(1);
    }
    number::u8(word).map_err(unless_number(word))
}

/// The protocol of a WKS record.
pub(super) fn protocol(word: &Word<'_>) -> Result<u8, RdataFault> {
    find(&[("icmp", 1), ("tcp", 6), ("udp", 17)], word)
        .map_or_else(|| number::u8(word).map_err(unless_number(word)), Ok)
}

/// A service of a WKS record, as its port.
pub(super) fn service(word: &Word<'_>) -> Result<u16, RdataFault> {
    const SERVICES: &[(&str, u16)] = &[
        ("echo", 7),
        ("discard", 9),
        ("daytime", 13),
        ("ftp-data", 20),
        ("ftp", 21),
        ("ssh", 22),
        ("telnet", 23),
        ("smtp", 25),
        ("time", 37),
        ("domain", 53),
        ("tftp", 69),
        ("gopher", 70),
        ("finger", 79),
        ("http", 80),
        ("www", 80),
        ("pop3", 110),
        ("sunrpc", 111),
        ("nntp", 119),
        ("ntp", 123),
        ("imap", 143),
        ("snmp", 161),
        ("https", 443),
    ];
    find(SERVICES, word).map_or_else(|| number::u16(word).map_err(unless_number(word)), Ok)
}

/// A type by its mnemonic or as `TYPE65280`.
pub(crate) fn rtype(word: &Word<'_>) -> Result<Type, RdataFault> {
    let known = std::str::from_utf8(word.text).ok().and_then(|text| text.parse().ok());
    known.filter(|_| !word.quoted).ok_or_else(|| {
        let message = format!("{} is no record type", quoted(word.text));
        RdataFault::new("unknown-type", word.at, message)
            .help("write a mnemonic, or TYPE and the number up to 65535")
    })
}

/// Says that a mnemonic is unknown where a word was no number.
fn unless_number(word: &Word<'_>) -> impl FnOnce(RdataFault) -> RdataFault {
    move |fault| {
        if number::digits(word.text).is_some() {
            return fault;
        }
        let message = format!("{} is neither a number nor a known mnemonic", quoted(word.text));
        RdataFault::new("unknown-mnemonic", word.at, message).help("write the number")
    }
}
