//! A set of databases, asked in order.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::attribute::{Attribute, Attributes};
use crate::database::{Accuracy, Database};
use crate::error::{GeoError, Warning};
use crate::location::Location;

/// An answer, and the network it holds for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Found<T> {
    /// The value; `None` where no database knows it.
    pub value: Option<T>,
    /// Length of the longest network that was consulted, hit or miss: every address in the
    /// network of this length around the client gets the same answer. In the client's own
    /// family, 0 to 32 for IPv4 (IPv4-mapped IPv6 addresses included) and 0 to 128 for IPv6;
    /// 0 without a database that could know.
    pub prefix: u8,
}

/// What is known about one database of a set.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseInfo<'g> {
    /// The file it was read from.
    pub path: &'g Path,
    /// What it calls itself, `GeoLite2-City` for one.
    pub kind: &'g str,
    /// When it was built, in seconds since 1970.
    pub built: u64,
}

/// An immutable set of databases.
#[derive(Debug)]
pub struct Geo {
    generation: u64,
    databases: Vec<Arc<Database>>,
}

impl Geo {
    /// The set without databases, to which every address is unknown.
    #[must_use]
    pub fn empty() -> Self {
        Self { generation: 0, databases: Vec::new() }
    }

    /// Reads database files, to be asked in the order given.
    ///
    /// # Errors
    /// The first file that is missing, unreadable or no mmdb database.
    pub fn open(paths: &[PathBuf]) -> Result<Self, GeoError> {
        let databases = paths.iter().map(|path| Database::open(path).map(Arc::new));
        Ok(Self::new(databases.collect::<Result<_, _>>()?))
    }

    /// Reads a database from memory; `path` is what errors and warnings call it.
    ///
    /// # Errors
    /// Octets that are no mmdb database.
    pub fn from_octets(path: &Path, octets: Vec<u8>) -> Result<Self, GeoError> {
        Ok(Self::new(vec![Arc::new(Database::from_octets(path, octets)?)]))
    }

    pub(crate) fn new(databases: Vec<Arc<Database>>) -> Self {
        static GENERATION: AtomicU64 = AtomicU64::new(1);
        if databases.is_empty() {
            return Self::empty();
        }
        Self { generation: GENERATION.fetch_add(1, Ordering::Relaxed), databases }
    }

    /// A number that no other set in this process has; 0 for every set without databases.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is no database at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Whether a database seems to know `attribute` of some address: true if one of its
    /// first records does.
    #[must_use]
    pub fn has(&self, attribute: Attribute) -> bool {
        self.databases.iter().any(|database| database.has(attribute))
    }

    /// All that the databases seem to know of some address, as [`Geo::has`] has it.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attribute::ALL.into_iter().filter(|attribute| self.has(*attribute)).collect()
    }

    /// The databases, in the order they are asked.
    pub fn databases(&self) -> impl Iterator<Item = DatabaseInfo<'_>> {
        self.databases.iter().map(|database| database.info())
    }

    /// What is odd about the databases.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.databases.iter().flat_map(|database| database.warnings())
    }

    /// The text of an attribute, in the case the database has it in. Unknown for
    /// [`Attribute::Asn`] and [`Attribute::Location`], which are numbers: ask [`Geo::asn`]
    /// and [`Geo::location`].
    pub fn text(&self, attribute: Attribute, ip: IpAddr) -> Found<&str> {
        match attribute {
            Attribute::Asn | Attribute::Location => Found { value: None, prefix: 0 },
            _ => self.ask(attribute, ip, |database, record| database.text(attribute, record)),
        }
    }

    /// The two-letter ISO 3166 code of the country, usually in upper case.
    pub fn country(&self, ip: IpAddr) -> Found<&str> {
        self.text(Attribute::Country2, ip)
    }

    /// The two-letter code of the continent, usually in upper case.
    pub fn continent(&self, ip: IpAddr) -> Found<&str> {
        self.text(Attribute::Continent, ip)
    }

    /// The code of the first-level subdivision, or its name where the database has no code.
    pub fn region(&self, ip: IpAddr) -> Found<&str> {
        self.text(Attribute::Region, ip)
    }

    /// The English name of the city.
    pub fn city(&self, ip: IpAddr) -> Found<&str> {
        self.text(Attribute::City, ip)
    }

    /// The number of the autonomous system.
    pub fn asn(&self, ip: IpAddr) -> Found<u32> {
        self.ask(Attribute::Asn, ip, Database::asn)
    }

    /// The coordinates.
    pub fn location(&self, ip: IpAddr) -> Found<Location> {
        self.ask(Attribute::Location, ip, |database, record| {
            database.location(record, Accuracy::Any)
        })
    }

    /// The coordinates, from a record that also says how accurate they are.
    ///
    /// PowerDNS takes coordinates without an accuracy radius for unknown, and most vendors
    /// but MaxMind give none: this is for those who want exactly its answers.
    pub fn location_with_accuracy(&self, ip: IpAddr) -> Found<Location> {
        self.ask(Attribute::Location, ip, |database, record| {
            database.location(record, Accuracy::Known)
        })
    }

    fn ask<'g, T>(
        &'g self,
        attribute: Attribute,
        ip: IpAddr,
        pick: impl Fn(&'g Database, &crate::database::Record<'g>) -> Option<T>,
    ) -> Found<T> {
        let ip = ip.to_canonical();
        let mut prefix = 0;
        for database in self.databases.iter().filter(|database| database.may_have(attribute)) {
            let (record, consulted) = database.look_up(ip);
            prefix = prefix.max(consulted);
            if let Some(value) = record.and_then(|record| pick(database, &record)) {
                return Found { value: Some(value), prefix };
            }
        }
        Found { value: None, prefix }
    }
}
