//! Whether a zone's own signatures are those of its records by its keys, as validators will find out
//! (RFC 4035 section 5.3).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaVerificationAlgorithm,
    ParsedPublicKey, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RsaParameters, RsaPublicKeyComponents,
};
use halfmoon_wire::{Class, Name, Type};
use halfmoon_zones::{Node, RrSet, Zone};

use crate::canonical::{CanonicalSet, put_name};
use crate::key::{PROTOCOL, ZONE_KEY, tag_of};
use crate::presigned::signatures_at;

/// How many keys with one tag and algorithm are tried; more are not there by chance.
const MOST_OF_ONE_TAG: usize = 4;
/// Octets of RRSIG data before the name of who signed.
const HEAD: usize = 18;

/// What came of the signatures of an RRset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Each that could be verified is right.
    Good,
    /// One by a key of the zone is not that of the records.
    Bogus,
    /// None is by a key of the zone.
    NoKey,
}

/// The keys of a zone, and how many signatures were verified, of how many at most.
#[derive(Debug)]
pub(crate) struct Verifier<'z> {
    apex: Name<'z>,
    keys: Vec<Known>,
    most: usize,
    count: usize,
    set: CanonicalSet,
    data: Vec<u8>,
}

/// A key of the zone; `None` if its algorithm is not known here or the key is not to be read.
#[derive(Debug)]
struct Known {
    tag: u16,
    algorithm: u8,
    public: Option<ParsedPublicKey>,
}

impl<'z> Verifier<'z> {
    /// With the keys at the apex; `most` signatures are verified.
    pub(crate) fn new(zone: &'z Zone, most: usize) -> Self {
        let keys = zone.apex_node().set(Type::DNSKEY).into_iter().flat_map(RrSet::rdatas);
        let keys = keys.filter_map(Known::read).collect();
        Self {
            apex: zone.apex(),
            keys,
            most,
            count: 0,
            set: CanonicalSet::default(),
            data: Vec::new(),
        }
    }

    /// Whether no more signatures are to be verified.
    pub(crate) const fn is_spent(&self) -> bool {
        self.count >= self.most
    }

    /// How many signatures were verified.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Verifies the signatures of an RRset.
    pub(crate) fn look(&mut self, node: Node<'_>, set: RrSet<'_>) -> Found {
        self.set.fill(set.rtype(), set.rdatas());
        let owner = node.owner();
        // The root label does not count, and neither does a leading asterisk (RFC 4034 section 3.1.3).
        let labels = owner.label_count() - usize::from(owner.is_wildcard());
        let mut found = Found::NoKey;
        for rrsig in signatures_at(node, set.rtype()) {
            if self.is_spent() {
                // Nothing is known of it; who counts sees that.
                return Found::Good;
            }
            let Some((head, signature)) = self.head(rrsig) else { continue };
            let [_, _, algorithm, said, ttl @ ..] = head;
            let (tag, ttl) = (u16::from_be_bytes([head[16], head[17]]), &ttl[..4]);
            let is_by = |key: &&Known| key.tag == tag && key.algorithm == *algorithm;
            let mut keys = self.keys.iter().filter(is_by).take(MOST_OF_ONE_TAG).peekable();
            if keys.peek().is_none() {
                continue;
            }
            if keys.all(|key| key.public.is_none()) {
                // Nobody knows here.
                found = Found::Good;
                continue;
            }
            // RFC 4034 section 3.1.8.1: the RRSIG data without the signature, then the records.
            let data = &mut self.data;
            data.clear();
            data.extend_from_slice(head);
            put_name(self.apex, data);
            for rdata in self.set.rdatas() {
                put_name(owner, data);
                data.extend(set.rtype().0.to_be_bytes());
                data.extend(Class::IN.0.to_be_bytes());
                data.extend_from_slice(ttl);
                data.extend((rdata.len() as u16).to_be_bytes());
                data.extend_from_slice(rdata);
            }
            let mut is_right = false;
            for key in self.keys.iter().filter(is_by).take(MOST_OF_ONE_TAG) {
                self.count += 1;
                // One that cannot be read may be the one.
                is_right |=
                    key.public.as_ref().is_none_or(|key| key.verify_sig(data, signature).is_ok());
            }
            if !is_right || usize::from(*said) != labels {
                return Found::Bogus;
            }
            found = Found::Good;
        }
        found
    }

    /// What is before the name of who signed, and the signature; `None` if somebody else signed.
    fn head<'r>(&self, rrsig: &'r [u8]) -> Option<(&'r [u8; HEAD], &'r [u8])> {
        let (head, rest) = rrsig.split_first_chunk::<HEAD>()?;
        let (signer, signature) = rest.split_at_checked(self.apex.as_wire().len())?;
        signer.eq_ignore_ascii_case(self.apex.as_wire()).then_some((head, signature))
    }
}

impl Known {
    /// Reads DNSKEY data; `None` for a key that signs no zone.
    fn read(dnskey: &[u8]) -> Option<Self> {
        let &[high, low, protocol, algorithm] = dnskey.first_chunk()?;
        let is_of_zone = u16::from_be_bytes([high, low]) & ZONE_KEY != 0 && protocol == PROTOCOL;
        let public = public(algorithm, &dnskey[4..]);
        is_of_zone.then(|| Self { tag: tag_of(dnskey), algorithm, public })
    }
}

/// The public key of an algorithm (IANA, DNS Security Algorithm Numbers), where it is known and a
/// key of a size that can be verified.
fn public(algorithm: u8, octets: &[u8]) -> Option<ParsedPublicKey> {
    match algorithm {
        5 | 7 => rsa(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, octets),
        8 => rsa(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, octets),
        10 => rsa(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, octets),
        13 => ecdsa(&ECDSA_P256_SHA256_FIXED, octets),
        14 => ecdsa(&ECDSA_P384_SHA384_FIXED, octets),
        15 => ParsedPublicKey::new(&ED25519, octets).ok(),
        _ => None,
    }
}

/// RFC 3110 section 2: the exponent with its length, then the modulus.
fn rsa(how: &'static RsaParameters, octets: &[u8]) -> Option<ParsedPublicKey> {
    let (length, rest) = match octets {
        [0, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        [length, rest @ ..] => (usize::from(*length), rest),
        [] => return None,
    };
    let (e, n) = rest.split_at_checked(length)?;
    let is_in_range = (1024..=8192).contains(&(n.len() * 8)) && n.first().is_some_and(|o| *o != 0);
    is_in_range.then(|| RsaPublicKeyComponents { n, e }.to_parsed_public_key(how).ok())?
}

/// RFC 6605 section 4: the two coordinates, here with what says that they are two.
fn ecdsa(how: &'static EcdsaVerificationAlgorithm, octets: &[u8]) -> Option<ParsedPublicKey> {
    ParsedPublicKey::new(how, [&[4], octets].concat()).ok()
}
