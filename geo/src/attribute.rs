//! What can be asked about an address, and where databases keep it.
//!
//! Vendors arrange their records differently. For each attribute there is a list of paths
//! in order of preference: MaxMind's nested records first (the ones PowerDNS reads), then
//! the flat records of DB-IP (as packed by ip-location-db) and of IPinfo.

use maxminddb::PathElement::{self, Index, Key};

/// What can be asked about an address; the numbers are those of PowerDNS'
/// `GeoIPQueryAttribute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Attribute {
    /// The number of the autonomous system.
    Asn = 0,
    /// The English name of the city.
    City = 1,
    /// The two-letter code of the continent.
    Continent = 2,
    /// The country's ISO 3166 code; two letters, as mmdb files hold no others.
    Country = 3,
    /// The country's two-letter ISO 3166 code.
    Country2 = 4,
    /// The name of the organisation that runs the autonomous system.
    Name = 5,
    /// The code of the first-level subdivision, or its name where the database has no code.
    Region = 6,
    /// Latitude and longitude.
    Location = 7,
}

impl Attribute {
    /// All attributes, by number.
    pub const ALL: [Self; 8] = [
        Self::Asn,
        Self::City,
        Self::Continent,
        Self::Country,
        Self::Country2,
        Self::Name,
        Self::Region,
        Self::Location,
    ];

    /// The attribute with PowerDNS' number `number`, 0 to 7.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// PowerDNS' number of the attribute, 0 to 7.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What it is called, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asn => "autonomous system",
            Self::City => "city",
            Self::Continent => "continent",
            Self::Country | Self::Country2 => "country",
            Self::Name => "operator",
            Self::Region => "region",
            Self::Location => "location",
        }
    }

    /// Paths at which a database may keep the attribute; empty for [`Attribute::Location`],
    /// which takes two values (see [`COORDINATES`]).
    pub(crate) fn paths(self) -> &'static [Path] {
        match self {
            Self::Asn => &[&[Key("autonomous_system_number")], &[Key("asn")]],
            Self::City => &[
                &[Key("cities"), Index(0)],
                &[Key("city"), Key("names"), Key("en")],
                &[Key("city")],
            ],
            Self::Continent => {
                &[&[Key("continent"), Key("code")], &[Key("continent_code")], &[Key("continent")]]
            }
            // A flat `country` comes last: it may be a name where there is a code as well.
            Self::Country | Self::Country2 => {
                &[&[Key("country"), Key("iso_code")], &[Key("country_code")], &[Key("country")]]
            }
            Self::Name => {
                &[&[Key("autonomous_system_organization")], &[Key("as_name")], &[Key("as_org")]]
            }
            Self::Region => &[
                &[Key("subdivisions"), Index(0), Key("iso_code")],
                &[Key("region_code")],
                &[Key("state1")],
                &[Key("region")],
            ],
            Self::Location => &[],
        }
    }
}

/// Some of what can be asked about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes(u8);

impl Attributes {
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Whether this is one of them.
    #[must_use]
    pub fn has(self, attribute: Attribute) -> bool {
        self.0 & (1 << attribute.number()) != 0
    }

    /// The same without one.
    #[must_use]
    pub fn without(self, attribute: Attribute) -> Self {
        Self(self.0 & !(1 << attribute.number()))
    }
}

impl FromIterator<Attribute> for Attributes {
    fn from_iter<I: IntoIterator<Item = Attribute>>(from: I) -> Self {
        Self(from.into_iter().fold(0, |all, attribute| all | 1 << attribute.number()))
    }
}

/// The way to a value inside a record.
pub(crate) type Path = &'static [PathElement<'static>];

/// Where a database keeps coordinates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coordinates {
    pub(crate) latitude: Path,
    pub(crate) longitude: Path,
    pub(crate) accuracy_radius: Path,
}

/// Places at which a database may keep coordinates, in order of preference.
pub(crate) static COORDINATES: &[Coordinates] = &[
    Coordinates {
        latitude: &[Key("location"), Key("latitude")],
        longitude: &[Key("location"), Key("longitude")],
        accuracy_radius: &[Key("location"), Key("accuracy_radius")],
    },
    Coordinates {
        latitude: &[Key("latitude")],
        longitude: &[Key("longitude")],
        accuracy_radius: &[Key("accuracy_radius")],
    },
    Coordinates {
        latitude: &[Key("lat")],
        longitude: &[Key("lng")],
        accuracy_radius: &[Key("radius")],
    },
];
