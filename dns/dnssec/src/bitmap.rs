//! The set of types at a name, as NSEC and NSEC3 records have it (RFC 4034 section 4.1.2).

use halfmoon_wire::Type;
use halfmoon_zones::Node;

/// The most types that one name has in a bitmap: more than there are in use.
const MOST: usize = 128;

/// A set of types.
#[derive(Clone, Debug)]
pub struct TypeSet {
    types: [u16; MOST],
    count: usize,
}

impl Default for TypeSet {
    fn default() -> Self {
        Self { types: [0; MOST], count: 0 }
    }
}

impl TypeSet {
    /// The types that a proof may name of a node, those that its programs can make included, but for
    /// one: a program that has no records of it now says nothing of what it may have next.
    #[must_use]
    pub fn at(node: Node<'_>, but: Option<Type>) -> Self {
        let mut types = Self::default();
        // Beyond a cut only these are the zone's to speak of (RFC 4034 section 4.1.2).
        let is_ours = |rtype: &Type| match *rtype {
            Type::LUA => false,
            Type::NS | Type::DS => true,
            _ => !node.is_cut(),
        };
        node.sets().map(|set| set.rtype()).filter(is_ours).for_each(|rtype| types.insert(rtype));
        for program in node.programs().filter(|_| !node.is_cut()) {
            // A proof that there is no such type says that there is no alias either.
            let is_hidden = but.is_some_and(|but| [but, Type::CNAME].contains(&program.inner));
            // Those would say that the name is delegated, or rewritten, or an apex.
            let is_of_tree =
                matches!(program.inner, Type::LUA | Type::NS | Type::SOA | Type::DNAME | Type::DS);
            if !is_hidden && !is_of_tree {
                types.insert(program.inner);
            }
        }
        types
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts a type in. Beyond 128 types nothing is put in.
    pub fn insert(&mut self, rtype: Type) {
        let known = &self.types[..self.count];
        if let Err(at) = known.binary_search(&rtype.0)
            && self.count < MOST
        {
            self.types.copy_within(at..self.count, at + 1);
            self.types[at] = rtype.0;
            self.count += 1;
        }
    }

    /// Takes a type out.
    pub fn remove(&mut self, rtype: Type) {
        if let Ok(at) = self.types[..self.count].binary_search(&rtype.0) {
            self.types.copy_within(at + 1..self.count, at);
            self.count -= 1;
        }
    }

    /// Whether a type is in it.
    #[must_use]
    pub fn contains(&self, rtype: Type) -> bool {
        self.types[..self.count].binary_search(&rtype.0).is_ok()
    }

    /// Appends the set as records have it.
    pub fn put(&self, out: &mut Vec<u8>) {
        for window in self.types[..self.count].chunk_by(|a, b| a >> 8 == b >> 8) {
            let mut bits = [0_u8; 32];
            let mut length = 0;
            for rtype in window {
                let low = usize::from(rtype & 0xff);
                bits[low / 8] |= 0x80 >> (low % 8);
                length = low / 8 + 1;
            }
            out.extend([(window[0] >> 8) as u8, length as u8]);
            out.extend_from_slice(&bits[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(types: &[u16]) -> Vec<u8> {
        let mut set = TypeSet::default();
        types.iter().for_each(|rtype| set.insert(Type(*rtype)));
        let mut out = Vec::new();
        set.put(&mut out);
        out
    }

    #[test]
    fn rfc4034_4_3_the_bitmap_of_the_example() {
        // A MX RRSIG NSEC TYPE1234
        let start = b"\x00\x06\x40\x01\x00\x00\x00\x03\x04\x1b";
        let expected = [&start[..], &[0; 26], &[0x20]].concat();
        assert_eq!(put(&[1234, 47, 1, 15, 46, 1]), expected);
        assert_eq!(put(&[]), b"");
        assert_eq!(put(&[65535, 0]), [&[0, 1, 0x80][..], &[255, 32], &[0; 31], &[1]].concat());
    }

    #[test]
    fn types_go_in_and_out() {
        let mut set = TypeSet::default();
        for rtype in [5, 1, 3, 3, 2] {
            set.insert(Type(rtype));
        }
        set.remove(Type(3));
        set.remove(Type(9));
        assert_eq!([1, 2, 3, 5].map(|rtype| set.contains(Type(rtype))), [true, true, false, true]);
        for rtype in 100..400 {
            set.insert(Type(rtype));
        }
        assert!(set.contains(Type(5)) && !set.contains(Type(399)));
    }
}
