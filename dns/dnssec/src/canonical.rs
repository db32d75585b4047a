//! The form in which RRsets are signed (RFC 4034 section 6): names in lower case and whole, records
//! in order of their data, each once.

use halfmoon_wire::{Name, Type};

/// Appends the data of a record in canonical form: the names within those types that RFC 4034
/// section 6.2 lists, as RFC 6840 section 5.1 corrects it, are in lower case.
pub(crate) fn put_rdata(rtype: Type, rdata: &[u8], out: &mut Vec<u8>) {
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

/// An RRset in canonical form: what is signed, without the RRSIG data that go before it.
#[derive(Debug, Default)]
pub(crate) struct CanonicalSet {
    rdatas: Vec<u8>,
    places: Vec<(u32, u32)>,
}

impl CanonicalSet {
    /// Takes the data of the records in.
    pub(crate) fn fill<'r>(&mut self, rtype: Type, rdatas: impl Iterator<Item = &'r [u8]>) {
        self.rdatas.clear();
        self.places.clear();
        for rdata in rdatas {
            let start = self.rdatas.len() as u32;
            put_rdata(rtype, rdata, &mut self.rdatas);
            self.places.push((start, self.rdatas.len() as u32));
        }
        let octets = &self.rdatas;
        let slice = |&(start, end): &(u32, u32)| &octets[start as usize..end as usize];
        // RFC 4034 section 6.3: as octets from the left; one that ends first comes first.
        self.places.sort_unstable_by(|a, b| slice(a).cmp(slice(b)));
        self.places.dedup_by(|a, b| slice(a) == slice(b));
    }

    /// The data in canonical order.
    pub(crate) fn rdatas(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|&(start, end)| &self.rdatas[start as usize..end as usize])
    }
}

/// Appends a name in lower case.
pub(crate) fn put_name(name: Name<'_>, out: &mut Vec<u8>) {
    out.extend(name.as_wire().iter().map(u8::to_ascii_lowercase));
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
            put_rdata(rtype, rdata, &mut out);
            assert_eq!(out, expected, "{rtype}");
        }
    }

    #[test]
    fn records_are_in_order_and_each_once() {
        let mut set = CanonicalSet::default();
        let rdatas: [&[u8]; 5] = [b"\x01b", b"\x01", b"\x01B", b"\x01b", b"\0zz"];
        set.fill(Type::TXT, rdatas.into_iter());
        let found: Vec<&[u8]> = set.rdatas().collect();
        assert_eq!(found, [&b"\0zz"[..], b"\x01", b"\x01B", b"\x01b"]);
        set.fill(Type::NS, [&b"\x01B\0"[..], b"\x01b\0"].into_iter());
        assert_eq!(set.rdatas().count(), 1);
    }
}
