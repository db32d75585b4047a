//! What operators say of endpoints, against whatever health says: overrides.
//!
//! An override has a reason, somebody who gave it, and an end. It takes effect with the next snapshot
//! of health, is written down before it is confirmed, and survives a restart. Rules that were set
//! before can refuse one.

mod keeper;
mod reach;
mod rules;
mod safety;
mod store;
mod target;

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::date::{date, parse};
use crate::tenants::{ACTS_A_MINUTE, TenantId};

pub(crate) use keeper::valid_name;
pub use keeper::{Keeper, Overrides};
pub use reach::Fixed;
pub use store::StoreError;
pub use target::{Scope, Target, Which};

/// What is to happen to the target, the strongest first: of several for one member that one holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// It is not answered, not even when nothing else is left.
    Down,
    /// Records that have it answer with it and nothing else.
    Pin,
    /// It is not answered while anything else is up.
    Drain,
    /// It is answered as if it were up.
    Up,
}

/// One override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its number; not used again, but that of a tenant's is drawn by lot.
    pub id: u64,
    /// What is to happen.
    pub order: Order,
    /// To what.
    #[serde(serialize_with = "as_text", deserialize_with = "target")]
    pub target: Target,
    /// In which records alone; all, if it does not say.
    #[serde(rename = "in", serialize_with = "maybe_text", deserialize_with = "scope", default)]
    pub within: Option<Scope>,
    /// In the zones of this tenant alone, who has set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Who said so.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(serialize_with = "as_date", deserialize_with = "from_date")]
    pub since: SystemTime,
    /// Until when.
    #[serde(serialize_with = "as_date", deserialize_with = "from_date")]
    pub until: SystemTime,
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What is to happen.
    pub order: Order,
    /// To what.
    pub target: Target,
    /// In which records alone.
    pub within: Option<Scope>,
    /// For how long.
    pub time: Duration,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub who: String,
    /// Whether a record may be left without anything to answer.
    pub may_empty: bool,
    /// The tenant who says so, in whose zones alone it holds; `None`: the operator.
    pub tenant: Option<TenantId>,
}

/// An override that was set, and what it reaches.
#[derive(Clone, Debug)]
pub struct Set {
    /// The override.
    pub set: Override,
    /// How many members it is for: of pools, of choices, and of lists that programs compute.
    pub members: usize,
    /// The static records with its target.
    pub fixed: Fixed,
}

/// Why an override is not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It says too little, or what cannot be.
    #[error("{0}")]
    Wrong(String),
    /// Nothing is its target.
    #[error(
        "{0} is no address, label, check or record of any pool or choice; `halfmoon health` shows what there is"
    )]
    Nothing(String),
    /// Its target stands in static records alone.
    #[error(
        "{target} is in static records alone, which no override changes ({records}); change the zone, \
         or answer with a program: ifportup(443, {{'192.0.2.1', …}}), or pickrandom({{'192.0.2.1', …}})"
    )]
    Static {
        /// What somebody wanted.
        target: String,
        /// Which records.
        records: String,
    },
    /// A rule of `health.safety` forbids it.
    #[error("`health.safety` keeps {keep} of {of}; left would be: {left}")]
    Safety {
        /// How many have to stay.
        keep: u32,
        /// Of which labels.
        of: String,
        /// Which would.
        left: String,
    },
    /// A record would have nothing to answer.
    #[error("{record} would have nothing left to answer{}; drain instead, or say that it may be empty", more(*others))]
    Empties {
        /// The first such record.
        record: String,
        /// How many others there are.
        others: usize,
    },
    /// There are as many as there may be.
    #[error("{limit} overrides are in force, which is all there may be; end some")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// A tenant has done as much as it may in this time.
    #[error(
        "{ACTS_A_MINUTE} acts a minute are noted for a tenant, and so many are done; wait a minute and do it again"
    )]
    TooFast,
    /// There is none of this number.
    #[error("there is no override {0}; `halfmoon override list` shows those in force")]
    NoSuch(u64),
    /// It is somebody else's.
    #[error("override {0} is the operator's")]
    NotYours(u64),
    /// It cannot be written down, so that it would be gone after a restart.
    #[error("cannot be written down, so it is not in force: {0}")]
    Disk(#[source] std::io::Error),
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", and so would one other record".to_owned(),
        others => format!(", and so would {others} others"),
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Pin => "pin",
            Self::Drain => "drain",
            Self::Up => "up",
        })
    }
}

/// As in `down region:fsn in example.org.`.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.order, self.target)?;
        if let Some(scope) = &self.within {
            write!(f, " in {scope}")?;
        }
        match &self.tenant {
            Some(tenant) => write!(f, " in zones of {tenant}"),
            None => Ok(()),
        }
    }
}

fn as_text<S: Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn maybe_text<S: Serializer>(value: &Option<Scope>, to: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(to)
}

fn as_date<S: Serializer>(value: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&date(*value))
}

fn target<'de, D: Deserializer<'de>>(from: D) -> Result<Target, D::Error> {
    Target::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn scope<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Scope>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| Scope::parse(&text)).transpose().map_err(D::Error::custom)
}

fn from_date<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| D::Error::custom(format_args!("{text:?} is no date")))
}
