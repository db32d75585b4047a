//! Hashed names (RFC 5155 section 5), and the records that say how they are hashed.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use data_encoding::BASE32HEX_NOPAD;
use halfmoon_wire::{Name, NameBuf};

/// The one hash algorithm there is: SHA-1 (RFC 5155 section 11).
const SHA1: u8 = 1;
/// Octets of a hash.
const LENGTH: usize = 20;
/// Characters of a hash as a label.
const LABEL: usize = 32;
/// The longest name and the longest salt, in octets.
const LONGEST: usize = 255;

/// The hash of a name.
pub(crate) type Hash = [u8; LENGTH];

/// How names are hashed.
///
/// The default is what RFC 9276 section 3.1 wants: no further iteration, no salt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nsec3Params {
    iterations: u16,
    salt: Box<[u8]>,
}

impl Nsec3Params {
    /// So many further iterations, with this salt; `None` for a salt of more than 255 octets.
    #[must_use]
    pub fn new(iterations: u16, salt: &[u8]) -> Option<Self> {
        (salt.len() <= LONGEST).then(|| Self { iterations, salt: salt.into() })
    }

    /// As the data of an NSEC3PARAM record say, or the first octets of those of an NSEC3 record.
    /// `None` for what is neither, or for another hash algorithm.
    #[must_use]
    pub fn from_rdata(rdata: &[u8]) -> Option<Self> {
        let (&[algorithm, _, high, low, length], rest) = rdata.split_first_chunk()?;
        let salt = rest.get(..usize::from(length))?;
        (algorithm == SHA1)
            .then(|| Self { iterations: u16::from_be_bytes([high, low]), salt: salt.into() })
    }

    /// How often the hash of a name is hashed again.
    #[must_use]
    pub const fn iterations(&self) -> u16 {
        self.iterations
    }

    /// The data of the NSEC3PARAM record.
    #[must_use]
    pub fn to_rdata(&self) -> Vec<u8> {
        let mut rdata = Vec::new();
        self.put(0, &mut rdata);
        rdata
    }

    /// Appends what begins NSEC3 and NSEC3PARAM data.
    pub(crate) fn put(&self, flags: u8, out: &mut Vec<u8>) {
        out.extend([SHA1, flags]);
        out.extend(self.iterations.to_be_bytes());
        out.push(self.salt.len() as u8);
        out.extend_from_slice(&self.salt);
    }

    /// Octets that [`Nsec3Params::put`] appends.
    pub(crate) fn length(&self) -> usize {
        5 + self.salt.len()
    }

    /// The hash of a name. Allocates nothing.
    pub(crate) fn hash(&self, name: Name<'_>) -> Hash {
        let mut room = [0; 2 * LONGEST];
        let wire = name.as_wire();
        for (place, octet) in room.iter_mut().zip(wire) {
            *place = octet.to_ascii_lowercase();
        }
        let mut hash = self.hash_with_salt(&mut room, wire.len());
        for _ in 0..self.iterations {
            room[..LENGTH].copy_from_slice(&hash);
            hash = self.hash_with_salt(&mut room, LENGTH);
        }
        hash
    }

    /// The hash of the first `length` octets of `room`, with the salt behind them.
    fn hash_with_salt(&self, room: &mut [u8; 2 * LONGEST], length: usize) -> Hash {
        let end = length + self.salt.len();
        room[length..end].copy_from_slice(&self.salt);
        let mut hash = [0; LENGTH];
        hash.copy_from_slice(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &room[..end]).as_ref());
        hash
    }
}

/// The owner of the NSEC3 record of a hash; `None` if it would be too long.
pub(crate) fn owner_of(hash: &Hash, apex: Name<'_>) -> Option<NameBuf> {
    let mut label = [0; LABEL];
    BASE32HEX_NOPAD.encode_mut(hash, &mut label);
    label.make_ascii_lowercase();
    NameBuf::from_label(&label, apex).ok()
}

/// The hash that an owner of NSEC3 records stands for.
pub(crate) fn hash_of(owner: Name<'_>) -> Option<Hash> {
    let label: &[u8; LABEL] = owner.labels().next()?.try_into().ok()?;
    let mut hash = [0; LENGTH];
    BASE32HEX_NOPAD.decode_mut(&label.to_ascii_uppercase(), &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    #[test]
    fn rfc5155_a_the_hashes_of_the_example() {
        let params = Nsec3Params::new(12, &[0xaa, 0xbb, 0xcc, 0xdd]).unwrap();
        for (text, label) in [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("AI.Example", "gjeqe526plbf1g8mklp59enfd789njgi"),
            ("*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
            ("x.y.w.example", "2vptu5timamqttgl4luu9kg21e0aor3s"),
        ] {
            let hash = params.hash(name(text).as_name());
            let owner = owner_of(&hash, name("example").as_name()).unwrap();
            assert_eq!(owner.to_string(), format!("{label}.example."), "{text}");
            assert_eq!(hash_of(owner.as_name()), Some(hash));
        }
        assert_eq!(params.to_rdata(), b"\x01\0\0\x0c\x04\xaa\xbb\xcc\xdd");
        assert_eq!(Nsec3Params::from_rdata(&params.to_rdata()), Some(params));
    }

    #[test]
    fn what_is_not_hashed_this_way_is_not_read() {
        for rdata in [&b""[..], b"\x01\0\0\0", b"\x02\0\0\0\0", b"\x01\0\0\0\x02a"] {
            assert_eq!(Nsec3Params::from_rdata(rdata), None);
        }
        assert_eq!(Nsec3Params::from_rdata(b"\x01\0\0\0\0"), Some(Nsec3Params::default()));
        assert_eq!(Nsec3Params::new(0, &[0; 256]), None);
        for owner in ["www.example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3to!.example", "."] {
            assert_eq!(hash_of(name(owner).as_name()), None);
        }
        let full = vec![b'a'; 63];
        let long =
            [&[63][..], &full, &[63], &full, &[63], &full, &[40], &full[..40], &[0]].concat();
        assert_eq!(owner_of(&[0; LENGTH], Name::from_wire(&long).unwrap()), None);
    }
}
