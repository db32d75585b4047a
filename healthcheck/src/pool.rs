//! A pool: groups of members that one record chooses from, and what each of them counts as.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;

use crate::account::Account;
use crate::damping::Hold;
use crate::policy::{Choice, Pick, Policy};
use crate::verdict::{CheckId, State, Verdict};

/// A pool, as whoever answers from it registers it.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Whose it is.
    pub name: PoolName,
    /// Its members, group by group in order of preference.
    pub members: Vec<Member>,
    /// Which members make a group; none is empty.
    pub groups: Vec<Range<u32>>,
    /// What it makes of their verdicts.
    pub policy: Policy,
}

/// Whose a pool is. Names are text in lower case with a dot at the end; this crate knows no DNS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolName {
    /// The zone.
    pub zone: Arc<str>,
    /// The owner of the record.
    pub owner: Arc<str>,
    /// The type of the record.
    pub rtype: Arc<str>,
    /// The number of its record among those of that owner and type, from 0.
    pub program: u32,
    /// Its number among the pools of that record, from 0.
    pub number: u32,
}

/// An address that may be answered.
#[derive(Clone, Debug)]
pub struct Member {
    /// The address.
    pub address: IpAddr,
    /// Its weight, as it was written.
    pub weight: u32,
    /// What says whether it is up; `None`: nothing, and it never is.
    pub check: Option<CheckId>,
    /// That check by its name, where it may not be known by its number yet: in lists that a program
    /// computes, if an operator named it ([`Orders::names`]).
    pub named: Option<Arc<str>>,
    /// What it is called by, as in `region:fsn`.
    pub labels: Arc<[Label]>,
}

/// What an address is called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The label, as in `region:fsn`.
    pub name: Arc<str>,
    /// Whether the settings of the zone say so, and not those of the server.
    pub is_zones: bool,
}

/// An operator's word on a member, against whatever its check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// What it counts as.
    pub to: Force,
    /// Why, for people.
    pub reason: Arc<str>,
}

/// What an operator makes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Force {
    /// It is answered as if it were up.
    Up,
    /// It is not answered, not even when nothing else is left.
    Down,
    /// It is not answered while anything else is up; then it counts as what its check says.
    Drain,
}

/// Whose a list of members is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose<'a> {
    /// The zone.
    pub zone: &'a str,
    /// The owner of the record.
    pub owner: &'a str,
    /// The type of the record.
    pub rtype: &'a str,
    /// The numbers of the record and of the pool, as in [`PoolName`]; `None`: it is no pool, or it is not
    /// known which.
    pub pool: Option<(u32, u32)>,
}

/// What operators say of members. Asked with a lock held and by queries: it must be quick, neither wait
/// nor allocate, and not call [`crate::Health`].
pub trait Orders: fmt::Debug + Send + Sync {
    /// Tells what is said of members of one list, by their numbers. Of what is told of one member, the
    /// first holds.
    fn judge(
        &self,
        whose: Whose<'_>,
        members: &[Member],
        tell: &mut dyn FnMut(usize, Force, &Arc<str>),
    );

    /// Whether something may be said of one of these members of a list that is on this account, or on nobody's;
    /// whose record it is of is not known.
    fn may_concern(&self, account: Option<&Account>, members: &[Member]) -> bool;

    /// Whether a check of this name is spoken of.
    fn names(&self, check: &dyn fmt::Display) -> Option<Arc<str>>;
}

/// What somebody says of each member of a list, for those who choose among them.
pub(crate) fn forced(orders: Option<&dyn Orders>, pool: &Pool, found: &mut Vec<Option<Forced>>) {
    found.clear();
    found.resize(pool.members.len(), None);
    let Some(orders) = orders else {
        return;
    };
    orders.judge(pool.name.whose(), &pool.members, &mut |number, to, reason| {
        if let Some(place @ None) = found.get_mut(number) {
            *place = Some(Forced { to, reason: Arc::clone(reason) });
        }
    });
}

/// What a member counts as in its pool, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Whether it may be answered.
    pub is_in: bool,
    /// Whether it might be if no operator said anything.
    pub is_well: bool,
    /// Since when; `None`: since it is known.
    pub since: Option<SystemTime>,
    /// What it gets of its share, in parts of [`Verdict::WHOLE`].
    pub share: u16,
    /// Why.
    pub why: Why,
}

/// Why a member counts as what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its check says so.
    Check(State),
    /// Its check says that it answers, and something holds it.
    Held(Hold),
    /// Nothing is known of it, and it counts as what it was, or as the policy says.
    Unknown,
    /// Its check says that it is down, and too many have left lately ([`Policy::velocity`]).
    Velocity,
    /// An operator says so.
    Forced(Forced),
}

/// A pool with what its members count as, for people.
#[derive(Clone, Debug)]
pub struct PoolReport {
    /// Its place on the board.
    pub id: PoolId,
    /// The pool.
    pub pool: Arc<Pool>,
    /// What its members count as, in their order.
    pub members: Vec<Effective>,
    /// How it answers.
    pub standing: Arc<PoolStanding>,
}

/// How a pool answers at one moment, as queries find it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PoolStanding {
    /// How the members that were chosen are to be used.
    pub choice: Choice,
    /// The members that may be answered.
    pub chosen: Box<[Pick]>,
    /// Whether anything is known of any of them.
    pub is_known: bool,
    /// No change of any member is near and none is fresh.
    pub is_settled: bool,
}

/// A pool's place on the board, valid while it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId {
    pub(crate) slot: u32,
    pub(crate) epoch: u32,
}

impl PoolId {
    /// The dense number of the place; unique among the pools that are registered at one time.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// Names of networks: which labels an address has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<(Label, Vec<IpNet>)>);

// === impl Labels ===

impl Labels {
    /// These labels, each for the addresses in some networks.
    #[must_use]
    pub fn new(labels: impl IntoIterator<Item = (String, Vec<IpNet>)>) -> Self {
        let label = |name: String| Label { name: name.into(), is_zones: false };
        Self(labels.into_iter().map(|(name, networks)| (label(name), networks)).collect())
    }

    /// These, and beside them those that a zone gives to the addresses of its own records.
    #[must_use]
    pub fn with_zones(&self, others: impl IntoIterator<Item = (String, Vec<IpNet>)>) -> Self {
        let label = |name: String| Label { name: name.into(), is_zones: true };
        let others = others.into_iter().map(|(name, networks)| (label(name), networks));
        Self(self.0.iter().cloned().chain(others).collect())
    }

    /// The labels of an address, each once; of two alike, the server's.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Arc<[Label]> {
        let address = address.to_canonical();
        let holds = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        let mut found: Vec<Label> = Vec::new();
        for (label, networks) in &self.0 {
            if holds(networks) && !found.iter().any(|known| known.name == label.name) {
                found.push(label.clone());
            }
        }
        found.into()
    }
}

// === impl Whose ===

impl Whose<'_> {
    /// Of no record: whose it is is not known, or does not matter.
    pub const NOBODY: Self = Self { zone: "", owner: "", rtype: "", pool: None };
}

// === impl PoolName ===

impl PoolName {
    /// Whose it is.
    #[must_use]
    pub fn whose(&self) -> Whose<'_> {
        let Self { zone, owner, rtype, program, number } = self;
        Whose { zone, owner, rtype, pool: Some((*program, *number)) }
    }
}

/// As in `www.example.org. A`, with the number of its record if that is not the first, and its own if it
/// is not the first of that: `www.example.org. A/2`, `www.example.org. A/1/2`.
impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.owner, self.rtype)?;
        match (self.program, self.number) {
            (0, 0) => Ok(()),
            (program, 0) => write!(f, "/{}", program + 1),
            (program, number) => write!(f, "/{}/{}", program + 1, number + 1),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(state) => write!(f, "check says {state}"),
            Self::Held(hold) => hold.fmt(f),
            Self::Unknown => f.write_str("not known yet"),
            Self::Velocity => f.write_str("down, kept in because too many have left"),
            Self::Forced(Forced { reason, .. }) => f.write_str(reason),
        }
    }
}

impl Effective {
    pub(crate) fn unknown() -> Self {
        Self { is_in: false, is_well: false, since: None, share: Verdict::WHOLE, why: Why::Unknown }
    }
}
