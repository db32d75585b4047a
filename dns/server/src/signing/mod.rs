//! Signing: whose zones, with which keys; ahead of queries, and in the background.

mod ahead;
mod known;
mod parent;
mod renew;
mod roller;

use halfmoon_dnssec::{
    Chain, ChainError, FolderError, FolderWatch, KeyFolder, SignatureCache, Signed, Validity,
    ZoneKeys,
};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Addition, Draft, Fault, FileId, Place, Zone};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, Denial, DnssecConfig, HowSigned};

pub use ahead::Ahead;
use known::Known;
pub use renew::Renewer;
pub use roller::Roller;
pub(crate) use roller::seconds;

/// How many RRsets of a zone are signed before it is first served. More take their time, while
/// queries have those signed that they need.
const AHEAD: usize = 2000;

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
    /// The keys of its zones.
    keys: HashMap<NameBuf, Arc<ZoneKeys>>,
    /// Those of the zones of all sources.
    known: Arc<Known>,
    /// How often the keys of a zone were found to be others than before.
    changes: HashMap<NameBuf, u64>,
    /// Whether keys came up that were not known before.
    made: bool,
    /// The names that signed zones delegate.
    delegations: HashMap<NameBuf, Vec<NameBuf>>,
    /// Why a zone that was just read has no keys.
    failed: HashMap<NameBuf, FolderError>,
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
        let real = |path: &PathBuf| path.canonicalize().ok();
        let of_tenants = config.tenants.values().filter_map(|tenant| tenant.path.as_ref());
        let folders = config.zones.path.iter().chain(of_tenants).filter_map(real);
        if let Some(keys) = real(keys)
            && folders.into_iter().any(|zones| keys.starts_with(zones))
        {
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
            keys: HashMap::new(),
            known: Arc::default(),
            changes: HashMap::new(),
            made: false,
            delegations: HashMap::new(),
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
            keys: HashMap::new(),
            known: Arc::clone(&self.known),
            changes: HashMap::new(),
            made: false,
            delegations: HashMap::new(),
            failed: HashMap::new(),
        }
    }

    /// The sources with zones that tell of keys that others have by now.
    #[must_use]
    pub fn take_stale(&self) -> Vec<usize> {
        self.known.take_stale()
    }

    /// The keys of a zone of any source.
    fn keys_of(&self, apex: &NameBuf) -> Option<Arc<ZoneKeys>> {
        self.keys.get(apex).map(Arc::clone).or_else(|| self.known.keys(apex))
    }

    /// The records of the keys of a zone. A zone that comes signed keeps its own.
    pub fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        let apex = draft.apex();
        let before = self.keys.remove(&apex.to_buf());
        if let Some(below) = self.delegations.remove(&apex.to_buf()) {
            self.known.undelegate(self.number, apex, &below);
        }
        if !self.config.signs(apex) || draft.is_signed() {
            if before.is_some() {
                self.known.remove(self.number, apex);
            }
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
                let keys = Arc::new(keys);
                if before.is_none_or(|before| before.stamp() != keys.stamp()) {
                    self.made = true;
                    self.known.put(self.number, apex, &keys);
                }
                self.keys.insert(apex.to_buf(), keys);
                if self.config.ds_in_parent {
                    let below: Vec<NameBuf> =
                        draft.delegations().into_iter().map(Name::to_buf).collect();
                    // Said before keys are looked up: those that come later are heard of.
                    self.known.delegate(self.number, apex, &below);
                    for child in &below {
                        let ds = self.keys_of(child).map_or_else(Vec::new, |keys| keys.ds());
                        additions
                            .extend(ds.into_iter().map(|rdata| add(*child, (Type::DS, rdata))));
                    }
                    self.delegations.insert(apex.to_buf(), below);
                }
                additions
            }
            Err(error) => {
                self.failed.insert(apex.to_buf(), error);
                Vec::new()
            }
        }
    }

    /// Whether keys came up since the last call that were not known before.
    pub const fn take_made(&mut self) -> bool {
        std::mem::replace(&mut self.made, false)
    }

    /// Where keys are kept.
    #[must_use]
    pub const fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    /// Looks whether somebody changed keys; if so, the zones are to be loaded again. A file that cannot
    /// be read leaves the keys before in force.
    pub fn look(&mut self) -> bool {
        let mut is_changed = false;
        for apex in self.watch.look(self.keys.keys()) {
            let Some(before) = self.keys.get(&apex) else {
                continue;
            };
            match self.folder.load(apex.as_name()) {
                Ok(Some(keys)) if keys.stamp() == before.stamp() => {}
                Ok(Some(keys)) => {
                    let keys = Arc::new(keys);
                    self.known.put(self.number, apex.as_name(), &keys);
                    self.keys.insert(apex, keys);
                    *self.changes.entry(apex).or_default() += 1;
                    is_changed = true;
                }
                Ok(None) => tracing::error!(
                    zone = %apex, file = %self.folder.file_of(apex.as_name()).display(),
                    "the keys are gone; the zone is served with those it had"
                ),
                Err(error) => tracing::error!(
                    zone = %apex, %error, "keys not reloaded; the zone is served with those it had"
                ),
            }
        }
        is_changed
    }

    /// What the records that are added to a zone depend on: its keys, and those of the zones below it.
    #[must_use]
    pub fn stamp(&self, apex: Name<'_>) -> u64 {
        let own = self.changes.get(&apex.to_buf()).copied().unwrap_or(0);
        let below = self.delegations.get(&apex.to_buf()).into_iter().flatten();
        below
            .filter_map(|child| self.keys_of(child))
            .fold(own, |stamp, keys| stamp.rotate_left(1) ^ keys.stamp())
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
            faults.push(Fault::error("dnssec-keys", place, message));
            return None;
        }
        let keys = Arc::clone(self.keys.get(&apex)?);
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
            faults.push(Fault::error("dnssec-keys", place, message));
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
