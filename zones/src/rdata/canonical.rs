//! The form in which data are compared and signed (RFC 4034 section 6.2).

use halfmoon_wire::Type;

/// Appends the data of a record in canonical form: the names within those types that RFC 4034
/// section 6.2 lists, as RFC 6840 section 5.1 corrects it, are in lower case.
pub fn put_canonical(rtype: Type, rdata: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(rdata);
    let octets = &mut out[start..];
    match rtype {
        Type::NS | Type::CNAME | Type::DNAME | Type::PTR => lower_names(octets, 0, 1),
        Type::MX => lower_names(octets, 2, 1),
        Type::SRV => lower_names(octets, 6, 1),
        Type::SOA => lower_names(octets, 0, 2),
        // MD, MF, MB, MG, MR: a name; MINFO, RP: two; AFSDB, RT, KX: a number and a name.
        Type(3 | 4 | 7 | 8 | 9) => lower_names(octets, 0, 1),
        Type(14 | 17) => lower_names(octets, 0, 2),
        Type(18 | 21 | 36) => lower_names(octets, 2, 1),
        // PX: a number and two names.
        Type(26) => lower_names(octets, 2, 2),
        // NAPTR: two numbers and three character-strings before its name.
        Type(35) => {
            let mut at = 4;
            for _ in 0..3 {
                at += 1 + octets.get(at).copied().map_or(0, usize::from);
            }
            lower_names(octets, at, 1);
        }
        _ => {}
    }
}

/// Puts so many names in a row, from octet `at` on, in lower case.
fn lower_names(octets: &mut [u8], mut at: usize, count: usize) {
    for _ in 0..count {
        while let Some(&length) = octets.get(at) {
            let end = at + 1 + usize::from(length);
            if let Some(label) = octets.get_mut(at + 1..end) {
                label.make_ascii_lowercase();
            }
            at = end;
            if length == 0 {
                break;
            }
        }
    }
}

/// Whether the canonical form of data of this type may be another than the data.
pub(crate) const fn has_canonical_form(rtype: Type) -> bool {
    matches!(rtype.0, 2..=9 | 12 | 14 | 15 | 17 | 18 | 21 | 26 | 33 | 35 | 36 | 39)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_within_data_are_in_lower_case_where_they_were_ever_compressed() {
        for (rtype, rdata, expected) in [
            (Type::NS, &b"\x02NS\x01X\0"[..], &b"\x02ns\x01x\0"[..]),
            (Type::MX, b"\0A\x02AB\x01X\0", b"\0A\x02ab\x01x\0"),
            (Type::SRV, b"\0\x01\0\x02\0A\x01B\0", b"\0\x01\0\x02\0A\x01b\0"),
            (Type::SOA, b"\x01A\0\x01B\0\0\0\0A", b"\x01a\0\x01b\0\0\0\0A"),
            (Type(35), b"\0A\0B\x01U\x01V\x02!!\x01W\0", b"\0A\0B\x01U\x01V\x02!!\x01w\0"),
            // RFC 6840 section 5.1: not those of NSEC; and not of types that came later.
            (Type::NSEC, b"\x01A\0\0\x01\x40", b"\x01A\0\0\x01\x40"),
            (Type::TXT, b"\x02AB", b"\x02AB"),
            // What is no name is left alone, and nothing beyond the end is looked at.
            (Type::NS, b"\x3fA", b"\x3fA"),
            (Type::MX, b"\0", b"\0"),
        ] {
            let mut out = Vec::new();
            put_canonical(rtype, rdata, &mut out);
            assert_eq!(out, expected, "{rtype}");
        }
    }

    #[test]
    fn every_type_with_names_in_lower_case_is_known_to_have_them() {
        // A number that reads as upper case letters, and names wherever they may be.
        let rdata = b"\0\0\0\0\0\0\x01A\x01B\0\x01C\0";
        for number in 0..=u16::MAX {
            let mut out = Vec::new();
            put_canonical(Type(number), rdata, &mut out);
            put_canonical(Type(number), b"\x01A\0\x01B\0", &mut out);
            put_canonical(Type(number), b"\0A\x01A\0\x01B\0", &mut out);
            let whole = [&rdata[..], b"\x01A\0\x01B\0", b"\0A\x01A\0\x01B\0"].concat();
            assert!(out == whole || has_canonical_form(Type(number)), "{number}");
        }
    }
}
