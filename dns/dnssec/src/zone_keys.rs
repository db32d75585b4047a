//! The keys of one zone at one time: which sign, which are published, which the parent is to know.

use std::sync::Arc;

use halfmoon_wire::{NameBuf, Type};

use crate::roll::{Roll, Uses};
use crate::{Algorithm, Digest, Key, KeyError, Role};

/// The keys of a zone, as its signer and its apex need them.
#[derive(Clone, Debug)]
pub struct ZoneKeys {
    apex: NameBuf,
    keys: Vec<Arc<Key>>,
    roll: Option<Roll>,
    published: Vec<Arc<Key>>,
    zone_signing: Vec<Arc<Key>>,
    key_signing: Vec<Arc<Key>>,
    with_ds: Vec<Arc<Key>>,
    stamp: u64,
    key_stamp: u64,
    data_stamp: u64,
}

impl ZoneKeys {
    /// Keys that do what their roles say, but for those that are being rolled, which do what the step
    /// of the roll says.
    #[must_use]
    pub fn new(apex: NameBuf, keys: Vec<Arc<Key>>, roll: Option<Roll>) -> Self {
        let uses = |key: &Key| {
            let rolled = roll.as_ref().and_then(|roll| roll.uses(key.tag()));
            rolled.unwrap_or_else(|| Uses::of(key.role()))
        };
        let those = |which: fn(Uses) -> bool| {
            keys.iter().filter(|key| which(uses(key))).cloned().collect::<Vec<_>>()
        };
        let published = those(|uses| uses.is_published);
        let zone_signing = those(|uses| uses.signs_data);
        let key_signing = those(|uses| uses.signs_keys);
        let with_ds = those(|uses| uses.has_ds);
        Self {
            stamp: stamp(&[&published, &zone_signing, &key_signing, &with_ds]),
            key_stamp: stamp(&[&key_signing]),
            data_stamp: stamp(&[&zone_signing]),
            apex,
            keys,
            roll,
            published,
            zone_signing,
            key_signing,
            with_ds,
        }
    }

    /// The apex of the zone.
    #[must_use]
    pub const fn apex(&self) -> &NameBuf {
        &self.apex
    }

    /// What changes when the keys do, or what they do. Servers that have the same keys have the same
    /// stamp.
    #[must_use]
    pub const fn stamp(&self) -> u64 {
        self.stamp
    }

    /// What changes when others sign RRsets of this type.
    #[must_use]
    pub const fn stamp_of(&self, rtype: Type) -> u64 {
        match rtype {
            Type::DNSKEY | Type::CDS | Type::CDNSKEY => self.key_stamp,
            _ => self.data_stamp,
        }
    }

    /// The roll that is under way.
    #[must_use]
    pub const fn roll(&self) -> Option<&Roll> {
        self.roll.as_ref()
    }

    /// The keys that sign RRsets of this type.
    #[must_use]
    pub fn signing(&self, rtype: Type) -> &[Arc<Key>] {
        match rtype {
            Type::DNSKEY | Type::CDS | Type::CDNSKEY => &self.key_signing,
            _ => &self.zone_signing,
        }
    }

    /// Whether there is a key for each kind of RRset, in the zone for all to see.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let seen = |keys: &[Arc<Key>]| {
            keys.iter().any(|key| self.published.iter().any(|other| Arc::ptr_eq(key, other)))
        };
        seen(&self.zone_signing) && seen(&self.key_signing)
    }

    /// The data of the records that stand at the apex: DNSKEY of all keys that are published, CDS and
    /// CDNSKEY (RFC 7344) of those that the parent's DS is to point at.
    #[must_use]
    pub fn apex_records(&self) -> Vec<(Type, Vec<u8>)> {
        let dnskeys = self.published.iter().map(|key| (Type::DNSKEY, key.dnskey().to_vec()));
        let entries = self.with_ds.iter().flat_map(|key| {
            let cds = key.ds(self.apex.as_name(), Digest::Sha256);
            [(Type::CDS, cds), (Type::CDNSKEY, key.dnskey().to_vec())]
        });
        dnskeys.chain(entries).collect()
    }

    /// The data of the DS records that the parent should have.
    #[must_use]
    pub fn ds(&self) -> Vec<Vec<u8>> {
        let digest = |key: &Arc<Key>| key.ds(self.apex.as_name(), Digest::Sha256);
        self.with_ds.iter().map(digest).collect()
    }

    /// The data of the DS records of one key, by each digest that a parent may use.
    #[must_use]
    pub fn all_ds_of(&self, tag: u16) -> Vec<Vec<u8>> {
        let key = self.keys.iter().find(|key| key.tag() == tag).into_iter();
        let apex = self.apex.as_name();
        key.flat_map(|key| [Digest::Sha256, Digest::Sha384].map(|digest| key.ds(apex, digest)))
            .collect()
    }

    /// Whether one of the keys has the tag: their signatures could not be told apart at a glance (RFC
    /// 4034 appendix B), nor the keys on a command line.
    #[must_use]
    pub fn collides(keys: &[Arc<Key>], key: &Key) -> bool {
        keys.iter().any(|other| other.tag() == key.tag())
    }

    /// A new key beside these.
    ///
    /// # Errors
    /// The library could not make one.
    pub fn another(keys: &[Arc<Key>], algorithm: Algorithm, role: Role) -> Result<Key, KeyError> {
        loop {
            let key = Key::generate(algorithm, role)?;
            if !Self::collides(keys, &key) {
                return Ok(key);
            }
        }
    }

    /// New keys for a zone: one, or one for the keys and one for the rest.
    ///
    /// # Errors
    /// The library could not make one.
    pub fn make(apex: NameBuf, algorithm: Algorithm, split: bool) -> Result<Self, KeyError> {
        let roles: &[Role] = if split { &[Role::Ksk, Role::Zsk] } else { &[Role::Csk] };
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for role in roles {
            keys.push(Arc::new(Self::another(&keys, algorithm, *role)?));
        }
        Ok(Self::new(apex, keys, None))
    }

    /// All keys, in use or not.
    #[must_use]
    pub fn keys(&self) -> &[Arc<Key>] {
        &self.keys
    }
}

/// A number made of the public halves of keys, list by list: whoever has the same ones makes the same
/// signatures.
fn stamp(lists: &[&[Arc<Key>]]) -> u64 {
    let octets = lists.iter().flat_map(|list| {
        let keys = list.iter().flat_map(|key| key.dnskey());
        keys.copied().chain([0xff])
    });
    octets.fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
