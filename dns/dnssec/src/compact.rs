//! Compact denial (RFC 9824): an NSEC record that covers nothing but the name in question, made and
//! signed when it is asked for. A name that does not exist has the type NXNAME and no other.

use halfmoon_wire::Name;

use crate::bitmap::TypeSet;
use crate::canonical::put_name;

/// The longest name in wire form (RFC 1035 section 2.3.4).
const LONGEST: usize = 255;

/// Appends the data of the NSEC record of `owner`, which has `types`.
pub(crate) fn put_nsec(owner: Name<'_>, types: &TypeSet, out: &mut Vec<u8>) {
    put_successor(owner, out);
    types.put(out);
}

/// Appends the next name there can be (RFC 4470 section 3.1.2): `\000.` before the name or, where
/// that is too long, the name with its first label one greater.
fn put_successor(name: Name<'_>, out: &mut Vec<u8>) {
    if name.as_wire().len() + 2 <= LONGEST {
        out.extend([1, 0]);
        put_name(name, out);
        return;
    }
    let mut rest = Some(name);
    while let Some(name) = rest {
        let (Some(label), parent) = (name.labels().next(), name.parent()) else {
            break;
        };
        // A label of the greatest octets has no greater one of its length: its parent has.
        let kept = label.iter().rposition(|octet| *octet != 0xff);
        if let (Some(last), Some(parent)) = (kept, parent) {
            out.push(last as u8 + 1);
            out.extend(label[..last].iter().map(u8::to_ascii_lowercase));
            // Capital letters stand for small ones: the next octet after `@` is `[`.
            out.push(match label[last].to_ascii_lowercase() {
                b'@' => b'[',
                octet => octet + 1,
            });
            put_name(parent, out);
            return;
        }
        rest = parent;
    }
    // Nothing but the greatest octets: the first name of all comes after the last.
    out.push(0);
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use halfmoon_wire::{NameBuf, Type};

    use super::*;

    fn successor(name: Name<'_>) -> NameBuf {
        let mut out = Vec::new();
        put_successor(name, &mut out);
        Name::from_wire(&out).unwrap().to_buf()
    }

    #[test]
    fn rfc9824_3_1_the_next_name_comes_right_after() {
        for (name, expected) in [
            ("a.Example.", "\\000.a.example."),
            (".", "\\000."),
            ("\\000.a.example.", "\\000.\\000.a.example."),
        ] {
            let name: NameBuf = name.parse().unwrap();
            assert_eq!(successor(name.as_name()).to_string(), expected);
        }
    }

    #[test]
    fn names_of_full_length_have_a_next_name() {
        let label =
            |octet: u8, length: u8| [&[length][..], &vec![octet; usize::from(length)]].concat();
        for (first, last) in [(b'a', b'b'), (b'@', b'['), (0xfe, 0xff)] {
            let rest = [label(b'z', 63), label(b'z', 63), label(b'z', 63), vec![0]].concat();
            let wire = [label(first, 61), rest.clone()].concat();
            let name = Name::from_wire(&wire).unwrap();
            assert_eq!(name.as_wire().len(), 255);
            let next = successor(name);
            assert_eq!(next.as_name().labels().next().unwrap().last(), Some(&last));
            assert_eq!(name.canonical_cmp(next.as_name()), Ordering::Less);
            // The greatest of its kind: the parent's next.
            let wire = [label(0xff, 61), rest].concat();
            let name = Name::from_wire(&wire).unwrap();
            let next = successor(name);
            assert_eq!(next.as_name().label_count(), 3);
            assert_eq!(name.canonical_cmp(next.as_name()), Ordering::Less);
        }
    }

    #[test]
    fn rfc9824_3_2_a_name_that_does_not_exist() {
        let name: NameBuf = "x.example.".parse().unwrap();
        let mut types = TypeSet::default();
        for rtype in [Type::RRSIG, Type::NSEC, Type::NXNAME] {
            types.insert(rtype);
        }
        let mut out = Vec::new();
        put_nsec(name.as_name(), &types, &mut out);
        assert_eq!(out, b"\x01\0\x01x\x07example\0\0\x11\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\x80");
    }
}
