//! The keys of one zone at one time: which sign, which are published.

use std::sync::Arc;

use halfmoon_wire::{NameBuf, Type};

use crate::{Algorithm, Digest, Key, KeyError, Role};

/// The keys of a zone, as its signer and its apex need them.
#[derive(Clone, Debug)]
pub struct ZoneKeys {
    apex: NameBuf,
    published: Vec<Arc<Key>>,
    zone_signing: Vec<Arc<Key>>,
    key_signing: Vec<Arc<Key>>,
    /// Differs from that of any other set of keys of the zone.
    stamp: u64,
}

impl ZoneKeys {
    /// Keys that all are published and sign what their roles say.
    #[must_use]
    pub fn new(apex: NameBuf, keys: Vec<Arc<Key>>) -> Self {
        let of = |entry_point: bool| {
            let signs = move |key: &&Arc<Key>| match key.role() {
                Role::Csk => true,
                role => role.is_entry_point() == entry_point,
            };
            keys.iter().filter(signs).cloned().collect::<Vec<_>>()
        };
        let (zone_signing, key_signing) = (of(false), of(true));
        // The public halves decide: whoever has the same ones makes the same signatures.
        let stamp =
            keys.iter().flat_map(|key| key.dnskey()).fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
                (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { apex, published: keys, zone_signing, key_signing, stamp }
    }

    /// The apex of the zone.
    #[must_use]
    pub const fn apex(&self) -> &NameBuf {
        &self.apex
    }

    /// What changes when the keys do.
    #[must_use]
    pub const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// The keys that sign RRsets of this type.
    #[must_use]
    pub fn signing(&self, rtype: Type) -> &[Arc<Key>] {
        match rtype {
            Type::DNSKEY | Type::CDS | Type::CDNSKEY => &self.key_signing,
            _ => &self.zone_signing,
        }
    }

    /// The data of the records that stand at the apex: DNSKEY of all keys, CDS and CDNSKEY (RFC
    /// 7344) of those that the parent's DS is to point at.
    #[must_use]
    pub fn apex_records(&self) -> Vec<(Type, Vec<u8>)> {
        let dnskeys = self.published.iter().map(|key| (Type::DNSKEY, key.dnskey().to_vec()));
        let entries = self.key_signing.iter().flat_map(|key| {
            let cds = key.ds(self.apex.as_name(), Digest::Sha256);
            [(Type::CDS, cds), (Type::CDNSKEY, key.dnskey().to_vec())]
        });
        dnskeys.chain(entries).collect()
    }

    /// The data of the DS records that the parent should have.
    #[must_use]
    pub fn ds(&self) -> Vec<Vec<u8>> {
        let digest = |key: &Arc<Key>| key.ds(self.apex.as_name(), Digest::Sha256);
        self.key_signing.iter().map(digest).collect()
    }

    /// Whether one of the keys has the tag and the algorithm: two that do cannot be told apart by
    /// their signatures (RFC 4034 appendix B).
    #[must_use]
    pub fn collides(keys: &[Arc<Key>], key: &Key) -> bool {
        keys.iter().any(|other| (other.tag(), other.algorithm()) == (key.tag(), key.algorithm()))
    }

    /// New keys for a zone: one, or one for the keys and one for the rest.
    ///
    /// # Errors
    /// The library could not make one.
    pub fn make(apex: NameBuf, algorithm: Algorithm, split: bool) -> Result<Self, KeyError> {
        let roles: &[Role] = if split { &[Role::Ksk, Role::Zsk] } else { &[Role::Csk] };
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for role in roles {
            let key = loop {
                let key = Key::generate(algorithm, *role)?;
                if !Self::collides(&keys, &key) {
                    break key;
                }
            };
            keys.push(Arc::new(key));
        }
        Ok(Self::new(apex, keys))
    }

    /// All keys.
    #[must_use]
    pub fn keys(&self) -> &[Arc<Key>] {
        &self.published
    }
}
