//! Which fields the data of each record type is made of.

use halfmoon_wire::Type;

use super::RdataFault;
use super::field::Field::{self, *};

/// The fields of a type; `None` where only the generic form can be written.
pub(super) const fn fields(rtype: Type) -> Option<&'static [Field]> {
    Some(match rtype {
        Type::A => &[A],
        Type::AAAA => &[Aaaa],
        Type::NS
        | Type::CNAME
        | Type::DNAME
        | Type::PTR
        | Type::MD
        | Type::MF
        | Type::MB
        | Type::MG
        | Type::MR
        | Type::NSAP_PTR => &[Name],
        Type::SOA => &[Name, Name, U32, Period, Period, Period, Period],
        Type::MX | Type::AFSDB | Type::RT | Type::KX | Type::LP => &[U16, Name],
        Type::TXT
        | Type::SPF
        | Type::AVC
        | Type::NINFO
        | Type::RESINFO
        | Type::WALLET
        | Type::CLA => &[Texts],
        Type::RP | Type::MINFO | Type::TALINK => &[Name, Name],
        Type::HINFO => &[Text, Text],
        Type::X25 => &[Text],
        Type::ISDN => &[Text, MaybeText],
        Type::GPOS => &[Text, Text, Text],
        Type::NSAP => &[Nsap],
        Type::PX => &[U16, Name, Name],
        Type::LOC => &[Location],
        Type::SRV => &[U16, U16, U16, Name],
        Type::NAPTR => &[U16, U16, Text, Text, Text, Name],
        Type::CERT => &[Certificate, U16, Algorithm, Base64],
        Type::APL => &[Prefixes],
        Type::DS | Type::CDS | Type::DLV | Type::TA => &[U16, Algorithm, U8, Hex],
        Type::SSHFP => &[U8, U8, Hex],
        Type::IPSECKEY => &[U8, Gateway, MaybeBase64],
        Type::RRSIG | Type::SIG => &[TypeCode, Algorithm, U8, U32, Time, Time, U16, Name, Base64],
        Type::NSEC => &[Name, Types],
        Type::DNSKEY | Type::CDNSKEY | Type::RKEY => &[U16, U8, Algorithm, Base64],
        // A key record may say that there is no key (RFC 2535 section 3.1.2).
        Type::KEY => &[U16, U8, Algorithm, MaybeBase64],
        Type::DHCID | Type::OPENPGPKEY => &[Base64],
        Type::NSEC3 => &[U8, U8, U16, Salt, Hash, Types],
        Type::NSEC3PARAM => &[U8, U8, U16, Salt],
        Type::TLSA | Type::SMIMEA => &[U8, U8, U8, Hex],
        Type::HIP => &[Hip],
        Type::CSYNC => &[U32, U16, Types],
        Type::ZONEMD => &[U32, U8, U8, Hex],
        Type::SVCB | Type::HTTPS => &[U16, Name, Params],
        Type::DSYNC => &[TypeCode, Scheme, U16, Name],
        Type::NID | Type::L64 => &[U16, Groups],
        Type::L32 => &[U16, A],
        Type::EUI48 => &[Eui48],
        Type::EUI64 => &[Eui64],
        Type::URI => &[U16, U16, Rest],
        Type::CAA => &[U8, Tag, Rest],
        Type::AMTRELAY => &[U8, Relay],
        Type::IPN => &[U64],
        Type::WKS => &[A, Services],
        Type::LUA => &[Program],
        _ => return None,
    })
}

/// Whether `rdata` is what the fields of `rtype` say; data of other types always is.
pub(super) fn check(rtype: Type, rdata: &[u8]) -> Result<(), RdataFault> {
    let Some(fields) = fields(rtype) else {
        return Ok(());
    };
    let mut at = 0;
    for field in fields {
        at = field.check(rdata, at)?;
    }
    if at < rdata.len() {
        let message = format!("{} octets more than {rtype} data has", rdata.len() - at);
        return Err(RdataFault::new("extra-data", at, message));
    }
    digest_is_long_enough(rtype, rdata, 0)
}

/// RFC 8976 section 2.2.4 wants at least 12 octets of digest, whatever the scheme.
pub(super) fn digest_is_long_enough(
    rtype: Type,
    rdata: &[u8],
    at: usize,
) -> Result<(), RdataFault> {
    const BEFORE: usize = 6;
    const LEAST: usize = 12;
    if rtype == Type::ZONEMD && rdata.len() < BEFORE + LEAST {
        return Err(RdataFault::new("short-data", at, "the digest has fewer than 12 octets"));
    }
    Ok(())
}
