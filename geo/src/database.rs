//! One mmdb file: reading it, finding out how its records are arranged, looking up.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{LookupResult, MaxMindDbError, WithinOptions};

use crate::attribute::{self, Attribute, COORDINATES, Coordinates};
use crate::error::{GeoError, Warning};
use crate::leaf::Leaf;
use crate::location::Location;
use crate::set::DatabaseInfo;
use crate::source::Stamp;

/// The largest file that is read. Data offsets in an mmdb file have 32 bits.
const MAX_OCTETS: u64 = 1 << 32;
/// How much of a database is walked to learn its arrangement: networks, and records among them.
const MAX_SURVEYED_NETWORKS: usize = 100_000;
const MAX_SURVEYED_RECORDS: usize = 4_096;

/// What a database holds for one address, undecoded.
pub(crate) type Record<'g> = LookupResult<'g, Vec<u8>>;

/// Which coordinates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accuracy {
    /// All.
    Any,
    /// Those whose record has an accuracy radius.
    Known,
}

/// A database in memory.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    stamp: Option<Stamp>,
    reader: maxminddb::Reader<Vec<u8>>,
    arrangement: Arrangement,
    warnings: Vec<Warning>,
}

impl Database {
    /// Reads the file at `path` whole. Files are not mapped: one that is truncated in place
    /// would take the process down.
    pub(crate) fn open(path: &Path) -> Result<Self, GeoError> {
        let unreadable = |source| GeoError::Unreadable { path: path.to_owned(), source };
        // Asked before the file is opened, which would wait for a writer if it is a pipe.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(GeoError::NotAFile { path: path.to_owned() });
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let octets = metadata.len();
        if octets > MAX_OCTETS {
            return Err(GeoError::TooLarge { path: path.to_owned(), octets, limit: MAX_OCTETS });
        }
        let mut content = Vec::new();
        content.try_reserve_exact(octets as usize + 1).map_err(|e| unreadable(e.into()))?;
        file.take(octets + 1).read_to_end(&mut content).map_err(unreadable)?;
        if content.len() as u64 != octets {
            return Err(GeoError::Changed { path: path.to_owned() });
        }
        let database = Self::from_octets(path, content)?;
        Ok(Self { stamp: Some(Stamp::of(&metadata)), ..database })
    }

    /// Takes the content of a file for a database.
    pub(crate) fn from_octets(path: &Path, octets: Vec<u8>) -> Result<Self, GeoError> {
        let path = path.to_owned();
        if octets.is_empty() {
            return Err(GeoError::Empty { path });
        }
        if octets.starts_with(b"\x1f\x8b") || octets.starts_with(b"PK\x03\x04") {
            return Err(GeoError::Compressed { path });
        }
        let not_a_database = |error: MaxMindDbError| GeoError::NotADatabase {
            path: path.clone(),
            reason: error.to_string(),
        };
        let reader = maxminddb::Reader::from_source(octets).map_err(not_a_database)?;
        let survey = Survey::of(&reader).map_err(not_a_database)?;
        let (arrangement, damage) = survey.conclude();
        let mut warnings = Vec::new();
        if let Some(reason) = damage {
            warnings.push(Warning::Damaged { path: path.clone(), reason });
        }
        if !Attribute::ALL.iter().any(|&attribute| arrangement.has(attribute)) {
            let kind = reader.metadata().database_type.clone();
            warnings.push(Warning::Useless { path: path.clone(), kind });
        }
        Ok(Self { path, stamp: None, reader, arrangement, warnings })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file looked like when it was read; `None` if it was not read from a file.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    pub(crate) fn info(&self) -> DatabaseInfo<'_> {
        let metadata = self.reader.metadata();
        DatabaseInfo {
            path: &self.path,
            kind: &metadata.database_type,
            built: metadata.build_epoch,
        }
    }

    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether a record that was looked at has the attribute.
    pub(crate) fn has(&self, attribute: Attribute) -> bool {
        self.arrangement.has(attribute)
    }

    /// Whether a record can have the attribute. If not, the database is not to be asked, so
    /// that its networks do not narrow the scope of an answer it cannot change.
    pub(crate) fn may_have(&self, attribute: Attribute) -> bool {
        self.arrangement.may_have(attribute)
    }

    /// The record for an address, and the length of the network it holds for in the family
    /// of the address, which must not be IPv4-mapped.
    pub(crate) fn look_up(&self, ip: IpAddr) -> (Option<Record<'_>>, u8) {
        // The reader takes this for an error, and formats a message.
        if ip.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return (None, 0);
        }
        match self.reader.lookup(ip) {
            Ok(record) => {
                let prefix = match record.network() {
                    Ok(network) if network.is_ipv4() == ip.is_ipv4() => network.prefix(),
                    // A tree for IPv6 that ends above the IPv4 networks: all of them are alike.
                    Ok(_) => 0,
                    Err(_) => full_length(ip),
                };
                (Some(record), prefix)
            }
            // Damage. The network is not known, so the answer is for nobody else.
            Err(_) => (None, full_length(ip)),
        }
    }

    pub(crate) fn text<'g>(&'g self, attribute: Attribute, record: &Record<'g>) -> Option<&'g str> {
        self.pick(attribute, record, Leaf::text)
    }

    pub(crate) fn asn(&self, record: &Record<'_>) -> Option<u32> {
        self.pick(Attribute::Asn, record, Leaf::asn)
    }

    pub(crate) fn location(&self, record: &Record<'_>, accuracy: Accuracy) -> Option<Location> {
        self.arrangement.coordinates.iter().find_map(|place| {
            let lat = leaf(record, place.latitude)?.number()?;
            let lon = leaf(record, place.longitude)?.number()?;
            if accuracy == Accuracy::Known {
                leaf(record, place.accuracy_radius)?;
            }
            Location::new(lat, lon)
        })
    }

    fn pick<'g, T>(
        &'g self,
        attribute: Attribute,
        record: &Record<'g>,
        take: impl Fn(Leaf<'g>) -> Option<T>,
    ) -> Option<T> {
        let paths = &self.arrangement.paths[attribute as usize];
        paths.iter().find_map(|path| leaf(record, path).and_then(&take))
    }
}

fn full_length(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The value at a path; damage and paths that lead nowhere are the same as no value.
fn leaf<'g>(record: &Record<'g>, path: attribute::Path) -> Option<Leaf<'g>> {
    record.decode_path(path).ok().flatten()
}

/// Where this database keeps what can be asked for.
#[derive(Debug)]
struct Arrangement {
    /// By attribute: the paths to try.
    paths: [Vec<attribute::Path>; 8],
    coordinates: Vec<Coordinates>,
    /// By attribute: whether a record that was looked at has it.
    seen: [bool; 8],
}

impl Arrangement {
    fn has(&self, attribute: Attribute) -> bool {
        self.seen[attribute as usize]
    }

    fn may_have(&self, attribute: Attribute) -> bool {
        match attribute {
            Attribute::Location => !self.coordinates.is_empty(),
            _ => !self.paths[attribute as usize].is_empty(),
        }
    }
}

/// What became of one way to find an attribute in the records that were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    /// It found a value.
    hit: bool,
    /// It met a value of another shape, which costs an error message each time.
    mismatch: bool,
}

impl Trial {
    fn note<T>(&mut self, outcome: &Result<Option<T>, MaxMindDbError>) {
        match outcome {
            Ok(Some(_)) => self.hit = true,
            Ok(None) => {}
            Err(_) => self.mismatch = true,
        }
    }
}

/// A walk over some of the records of a database, to learn how they are arranged.
struct Survey {
    paths: [Vec<Trial>; 8],
    coordinates: Vec<Trial>,
    /// Whether every record was looked at.
    complete: bool,
    damage: Option<String>,
}

impl Survey {
    /// Walks the tree; an error is damage to the tree itself.
    fn of(reader: &maxminddb::Reader<Vec<u8>>) -> Result<Self, MaxMindDbError> {
        let mut survey = Self {
            paths: Attribute::ALL.map(|attribute| vec![Trial::default(); attribute.paths().len()]),
            coordinates: vec![Trial::default(); COORDINATES.len()],
            complete: false,
            damage: None,
        };
        let mut records = HashSet::new();
        // Everything is walked, aliases and holes too: in a damaged tree the walk would
        // otherwise skip those without end before it gives the count a chance.
        let everything =
            WithinOptions::default().include_aliased_networks().include_networks_without_data();
        let mut networks = reader.networks(everything)?;
        for _ in 0..MAX_SURVEYED_NETWORKS {
            let Some(record) = networks.next() else {
                survey.complete = true;
                break;
            };
            let record = record?;
            if record.offset().is_some_and(|offset| records.insert(offset)) {
                survey.look_at(&record);
                if records.len() == MAX_SURVEYED_RECORDS {
                    break;
                }
            }
        }
        Ok(survey)
    }

    fn look_at(&mut self, record: &Record<'_>) {
        for attribute in Attribute::ALL {
            let take: fn(Leaf<'_>) -> bool = match attribute {
                Attribute::Asn => |leaf| leaf.asn().is_some(),
                _ => |leaf| leaf.text().is_some(),
            };
            for (i, path) in attribute.paths().iter().enumerate() {
                let outcome = self.read(record, path).map(|leaf| leaf.filter(|&l| take(l)));
                self.paths[attribute as usize][i].note(&outcome);
            }
        }
        for (i, place) in COORDINATES.iter().enumerate() {
            let number = |leaf: Option<Leaf<'_>>| leaf.and_then(Leaf::number);
            let lat = self.read(record, place.latitude).map(number);
            let lon = self.read(record, place.longitude).map(number);
            let both = lat.and_then(|lat| Ok(lat.zip(lon?)));
            self.coordinates[i].note(&both.map(|b| b.and_then(|(a, o)| Location::new(a, o))));
        }
    }

    fn read<'g>(
        &mut self,
        record: &Record<'g>,
        path: attribute::Path,
    ) -> Result<Option<Leaf<'g>>, MaxMindDbError> {
        let outcome = record.decode_path(path);
        if let Err(error @ MaxMindDbError::InvalidDatabase { .. }) = &outcome {
            self.damage.get_or_insert_with(|| error.to_string());
        }
        outcome
    }

    /// The arrangement, and the first damage to a record that was met.
    fn conclude(self) -> (Arrangement, Option<String>) {
        let mut seen = self.paths.each_ref().map(|trials| trials.iter().any(|trial| trial.hit));
        seen[Attribute::Location as usize] = self.coordinates.iter().any(|trial| trial.hit);
        let paths = Attribute::ALL.map(|attribute| {
            worth_trying(attribute.paths(), &self.paths[attribute as usize], self.complete)
        });
        let coordinates = worth_trying(COORDINATES, &self.coordinates, self.complete);
        (Arrangement { paths, coordinates, seen }, self.damage)
    }
}

/// The ways that found something; if none did and there are records that were not looked
/// at, those that might.
fn worth_trying<T: Copy>(ways: &[T], trials: &[Trial], complete: bool) -> Vec<T> {
    let any_hit = trials.iter().any(|trial| trial.hit);
    let is_worth = |trial: &Trial| {
        if any_hit || complete { trial.hit } else { !trial.mismatch }
    };
    let pairs = ways.iter().zip(trials);
    pairs.filter(|(_, trial)| is_worth(trial)).map(|(&way, _)| way).collect()
}
