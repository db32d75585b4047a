//! The 32-bit hash Bob Jenkins published in 1996, as the peer uses it for every choice that has
//! to be the same for the same client.

use std::net::IpAddr;

use halfmoon_wire::Name;

const GOLDEN: u32 = 0x9e37_79b9;

/// The hash of some octets, from an initial value of zero.
pub(crate) fn hash(octets: &[u8]) -> u32 {
    let (mut a, mut b, mut c) = (GOLDEN, GOLDEN, 0u32);
    let mut blocks = octets.chunks_exact(12);
    for block in &mut blocks {
        a = a.wrapping_add(word(block, 0));
        b = b.wrapping_add(word(block, 4));
        c = c.wrapping_add(word(block, 8));
        mix(&mut a, &mut b, &mut c);
    }
    let mut last = [0; 12];
    match blocks.remainder() {
        // The addresses of most clients.
        [p, q, r, s] => last[..4].copy_from_slice(&[*p, *q, *r, *s]),
        tail => last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from),
    }
    a = a.wrapping_add(word(&last, 0));
    b = b.wrapping_add(word(&last, 4));
    // The lowest octet of `c` is where the length goes.
    c = c.wrapping_add(word(&last, 8) << 8).wrapping_add(octets.len() as u32);
    mix(&mut a, &mut b, &mut c);
    c
}

/// The hash of an address: of its 4 or 16 octets.
pub(crate) fn hash_address(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(address) => hash(&address.octets()),
        IpAddr::V6(address) => hash(&address.octets()),
    }
}

/// The hash of a name: of its wire form in lower case.
pub(crate) fn hash_name(name: Name<'_>) -> u32 {
    hash(name.to_lower().as_name().as_wire())
}

/// Four octets from `at` on, little end first.
fn word(octets: &[u8], at: usize) -> u32 {
    octets.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word))
}

fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
    fn step(x: &mut u32, y: u32, z: u32, shifted: u32) {
        *x = x.wrapping_sub(y).wrapping_sub(z) ^ shifted;
    }
    step(a, *b, *c, *c >> 13);
    step(b, *c, *a, *a << 8);
    step(c, *a, *b, *b >> 13);
    step(a, *b, *c, *c >> 12);
    step(b, *c, *a, *a << 16);
    step(c, *a, *b, *b >> 5);
    step(a, *b, *c, *c >> 3);
    step(b, *c, *a, *a << 10);
    step(c, *a, *b, *b >> 15);
}

#[cfg(test)]
mod tests {
    use halfmoon_wire::NameBuf;

    use super::*;

    #[test]
    fn hashes_are_those_of_the_peer() {
        for (address, expected) in [
            ("127.0.0.1", 4_196_678_856),
            ("192.0.2.1", 3_312_216_360),
            ("198.51.100.7", 3_991_728_735),
            ("203.0.113.9", 2_498_589_828),
            ("10.1.2.3", 3_516_852_848),
            ("1.2.3.0", 4_209_512_405),
            ("::1", 1_530_700_467),
            ("2001:db8::1", 104_545_022),
        ] {
            assert_eq!(hash_address(address.parse().unwrap()), expected, "{address}");
        }
        for (name, expected) in [
            ("test.namehashed.example.org", 1_903_138_504),
            ("TEST2.namehashed.example.org", 1_631_520_935),
        ] {
            let name: NameBuf = name.parse().unwrap();
            assert_eq!(hash_name(name.as_name()), expected, "{name}");
        }
        assert_eq!(hash(b"1.2.3.4-0"), 2_127_524_561);
        assert_eq!(hash(b"1.2.3.4-1"), 1_208_733_610);
    }
}
