//! Signing: whose zones, with which keys; ahead of queries, and in the background.

mod ahead;
mod changes;
mod known;
mod parent;
mod renew;
mod roller;

use halfmoon_dnssec::{
    Chain, ChainError, FolderError, FolderWatch, KeyFolder, SignatureCache, Signed, Validity,
    ZoneKeys,
};
use halfmoon_wire::{Name, NameBuf, Type, hash_name};
use halfmoon_zones::{Addition, Draft, Fault, FileId, Place, Zone};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, Denial, DnssecConfig, HowSigned};
use crate::real::Real;
use crate::shared::Zones;

pub use ahead::Ahead;
use known::{Known, Told};
pub use renew::Renewer;
pub use roller::Roller;
pub(crate) use roller::seconds;

/// How many RRsets of a zone are signed before it is first served. More take their time, while
/// queries have those signed that they need.
const AHEAD: usize = 2000;
/// The rule of zones that cannot be signed since their keys cannot be had.
pub(crate) const NO_KEYS: &str = "dnssec-keys";

/// Signs the zones of one source as they are loaded.
#[derive(Debug)]
pub struct Signing {
    config: DnssecConfig,
    validity: Validity,
    folder: KeyFolder,
    watch: FolderWatch,
    /// The TTL of the keys of a zone, in seconds.
    key_ttl: u32,
    cache: Arc<SignatureCache>,
    /// The number of the source.
    number: usize,
    /// The zones of all sources as they are served.
    known: Arc<Known>,
    /// What the zones that were read in the load at hand were given. None of them may ever be served.
    drafted: HashMap<NameBuf, Drafted>,
    /// The names of which the zones of this source that are served tell, without those that have DS records in their
    /// files as well.
    told: HashMap<NameBuf, HashSet<NameBuf>>,
    /// The keys of zones of this source as the load at hand would have them, where that is other than what is served.
    coming: HashMap<NameBuf, Option<Arc<ZoneKeys>>>,
    /// How often what is added to a zone was found to be other than before, by the hash of its name.
    changes: HashMap<u64, u64>,
    /// Why a zone that was just read has no keys.
    failed: HashMap<NameBuf, FolderError>,
}

/// What a zone was given when it was read.
#[derive(Debug)]
struct Drafted {
    keys: Arc<ZoneKeys>,
    /// The keys of zones below it of which it tells.
    told: Told,
    /// Those names of them that have DS records in the file as well.
    secured: HashSet<NameBuf>,
}

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The keys cannot be had.
    #[error("dnssec.keys: {0}")]
    Folder(#[from] FolderError),
    /// There is no place for keys.
    #[error("dnssec.keys is missing; name a folder for the keys, outside the zone folder")]
    NoFolder,
    /// A time is out of range.
    #[error("{0}")]
    Times(String),
    /// The keys would lie among the zones, which others may read and Git may hold.
    #[error("dnssec.keys: {} lies in the zone folder; name a folder elsewhere", .0.display())]
    AmongZones(PathBuf),
}

impl Signing {
    /// As the configuration wants it; `None` if it wants no zone signed.
    ///
    /// # Errors
    /// The key folder is not usable.
    pub fn new(config: &Config) -> Result<Option<Self>, SigningError> {
        let dnssec = &config.dnssec;
        if !dnssec.signs_any() {
            return Ok(None);
        }
        let validity = dnssec.validity().map_err(SigningError::Times)?;
        let (key_ttl, _) = dnssec.roll_times().map_err(SigningError::Times)?;
        let Some(keys) = &dnssec.keys else {
            return Err(SigningError::NoFolder);
        };
        let folder = KeyFolder::open(keys)?;
        // With links and all, now that it exists.
        let mut real = Real::default();
        let keys = real.path(keys);
        let of_tenants = config.tenants.values().filter_map(|tenant| tenant.path.as_ref());
        let mut folders = config.zones.path.iter().chain(of_tenants);
        if folders.any(|zones| keys.starts_with(real.path(zones))) {
            return Err(SigningError::AmongZones(keys));
        }
        Ok(Some(Self {
            config: dnssec.clone(),
            validity,
            watch: FolderWatch::new(folder.clone()),
            folder,
            key_ttl,
            cache: Arc::new(SignatureCache::new(dnssec.cache as usize)),
            number: 0,
            known: Arc::default(),
            drafted: HashMap::new(),
            told: HashMap::new(),
            coming: HashMap::new(),
            changes: HashMap::new(),
            failed: HashMap::new(),
        }))
    }

    /// The same for the zones of another source, of which nothing was read yet. What is signed is remembered
    /// together, and each tells of the keys of the other's zones.
    #[must_use]
    pub fn of_source(&self, number: usize) -> Self {
        Self {
            config: self.config.clone(),
            validity: self.validity,
            watch: FolderWatch::new(self.folder.clone()),
            folder: self.folder.clone(),
            key_ttl: self.key_ttl,
            cache: Arc::clone(&self.cache),
            number,
            known: Arc::clone(&self.known),
            drafted: HashMap::new(),
            told: HashMap::new(),
            coming: HashMap::new(),
            changes: HashMap::new(),
            failed: HashMap::new(),
        }
    }

    /// A load begins: nothing counts of what was read before, unless it is served.
    pub fn begin(&mut self) {
        self.drafted.clear();
        self.coming.clear();
        self.failed.clear();
        let stale = self.known.take_stale(self.number);
        self.have_changed(stale);
    }

    /// The keys of a zone of any source.
    fn keys_of(&self, apex: &NameBuf) -> Option<Arc<ZoneKeys>> {
        match self.coming.get(apex) {
            Some(keys) => keys.as_ref().map(Arc::clone),
            None => self.known.keys(apex),
        }
    }

    /// Whether a zone is one to sign.
    #[must_use]
    pub fn signs(&self, apex: Name<'_>) -> bool {
        self.config.signs(apex)
    }

    /// The records of the keys of a zone, and of those below it. A zone that comes signed keeps its own. Keys are
    /// made if there are none; nothing else happens as long as the zone is not served.
    pub fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        let apex = draft.apex();
        if !self.config.signs(apex) || draft.is_signed() {
            return Vec::new();
        }
        let HowSigned { algorithm, split, denial, nsec3 } = self.config.of(apex);
        let key_ttl = self.key_ttl;
        match self.folder.load_or_make(apex, algorithm, split, seconds()) {
            Ok(keys) => {
                let records = keys.apex_records().into_iter();
                let add =
                    |owner: NameBuf, (rtype, rdata)| Addition { owner, rtype, ttl: key_ttl, rdata };
                let mut additions: Vec<Addition> =
                    records.map(|record| add(apex.to_buf(), record)).collect();
                if denial == Denial::Nsec3 {
                    // Nobody has use for it but servers of the zone: it is not to be cached.
                    let rdata = nsec3.params().to_rdata();
                    let (owner, rtype) = (apex.to_buf(), Type::NSEC3PARAM);
                    additions.push(Addition { owner, rtype, ttl: 0, rdata });
                }
                let (mut told, mut secured) = (Told::new(), HashSet::new());
                if self.config.ds_in_parent {
                    for child in draft.delegations() {
                        let child = child.to_buf();
                        let Some(keys) = self.keys_of(&child) else {
                            continue;
                        };
                        told.insert(child, keys.stamp());
                        let ds = keys.ds().into_iter();
                        additions.extend(ds.map(|rdata| add(child, (Type::DS, rdata))));
                    }
                    if !told.is_empty() {
                        secured.extend(draft.secured().iter().map(|name| name.to_buf()));
                    }
                }
                let keys = Arc::new(keys);
                let drafted = self.drafted.entry(apex.to_buf());
                // Another file may have the same zone: whichever of them is served, it told no more.
                let drafted = drafted.or_insert_with(|| Drafted {
                    keys: Arc::clone(&keys),
                    told: Told::new(),
                    secured: HashSet::new(),
                });
                drafted.keys = keys;
                drafted.told.extend(told);
                drafted.secured.extend(secured);
                additions
            }
            Err(error) => {
                self.failed.insert(apex.to_buf(), error);
                Vec::new()
            }
        }
    }

    /// Where keys are kept.
    #[must_use]
    pub const fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    /// Looks whether somebody changed keys of the zones that are served; if so, they are to be loaded again. A file that
    /// cannot be read leaves the keys before in force.
    pub fn look(&mut self, served: &Zones) -> bool {
        let signed = served.zones().iter().filter(|hosted| hosted.beside.signed.is_some());
        let signed: Vec<NameBuf> = signed.map(|hosted| hosted.zone.apex().to_buf()).collect();
        let mut changed = Vec::new();
        for apex in self.watch.look(signed.iter()) {
            let hosted = served.zone(apex.as_name());
            let Some(before) = hosted.and_then(|hosted| hosted.beside.signed.as_ref()) else {
                continue;
            };
            match self.folder.load(apex.as_name()) {
                Ok(Some(keys)) if keys.stamp() == before.keys().stamp() => {}
                Ok(Some(_)) => changed.push(hash_name(apex.as_name())),
                Ok(None) => tracing::error!(
                    zone = %apex, file = %self.folder.file_of(apex.as_name()).display(),
                    "the keys are gone; the zone is served with those it had"
                ),
                Err(error) => tracing::error!(
                    zone = %apex, %error, "keys not reloaded; the zone is served with those it had"
                ),
            }
        }
        let are_any = !changed.is_empty();
        self.have_changed(changed);
        are_any
    }

    /// What is added to these zones, by the hashes of their names, is other than before.
    fn have_changed(&mut self, zones: impl IntoIterator<Item = u64>) {
        for zone in zones {
            *self.changes.entry(zone).or_default() += 1;
        }
    }

    /// Another number whenever the records that are added to a zone are others: for its own keys, and for those of the
    /// zones below it.
    #[must_use]
    pub fn stamp(&self, apex: Name<'_>) -> u64 {
        self.changes.get(&hash_name(apex)).copied().unwrap_or(0)
    }

    /// The signatures of a zone, as many as are made before it is served. Those of the version `before`
    /// are taken over where they still hold.
    pub fn sign(
        &mut self,
        zone: &Zone,
        before: Option<(&Zone, &Signed)>,
        faults: &mut Vec<Fault>,
    ) -> Option<Arc<Signed>> {
        let apex = zone.apex().to_buf();
        // A fault of the whole zone: its beginning.
        let place = Place { file: FileId(0), line: 1, column: 1 };
        if let Some(error) = self.failed.remove(&apex) {
            let message = format!("the zone cannot be signed: {error}");
            faults.push(Fault::error(NO_KEYS, place, message));
            return None;
        }
        let keys = Arc::clone(&self.drafted.get(&apex)?.keys);
        let mut signed = Signed::new(zone, keys, self.validity, Arc::clone(&self.cache));
        match self.chain(zone) {
            Ok(Some(chain)) => signed = signed.with_chain(zone, chain),
            Ok(None) => {}
            Err(error) => {
                let message = format!("the zone cannot be signed: {error}");
                faults.push(Fault::error("dnssec-denial", place, message));
                return None;
            }
        }
        if let Some((old_zone, old)) = before {
            signed.inherit(zone, old_zone, old);
        }
        if let Err(error) = signed.refresh(zone, date(), AHEAD) {
            let message = format!("the zone cannot be signed: {error}");
            faults.push(Fault::error(NO_KEYS, place, message));
            return None;
        }
        Some(Arc::new(signed))
    }

    /// The denial records of a zone, unless its denials are compact.
    fn chain(&self, zone: &Zone) -> Result<Option<Chain>, ChainError> {
        let HowSigned { denial, nsec3, .. } = self.config.of(zone.apex());
        match denial {
            Denial::Compact => Ok(None),
            Denial::Nsec => Ok(Some(Chain::nsec(zone))),
            Denial::Nsec3 => Chain::nsec3(zone, nsec3.params(), nsec3.opt_out()).map(Some),
        }
    }
}

/// Seconds since 1970, modulo 2^32; 0 before.
pub(crate) fn date() -> u32 {
    seconds() as u32
}
