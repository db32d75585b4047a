//! The form in which RRsets are signed (RFC 4034 section 6): names in lower case and whole, records
//! in order of their data, each once.

use halfmoon_wire::{Name, Type};
use halfmoon_zones::rdata::put_canonical;

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
            put_canonical(rtype, rdata, &mut self.rdatas);
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
