//! What the zones have of an override's target besides the members of pools: lists that programs compute,
//! choices without health, and static records, which no override changes.
//!
//! Looked through when an override is set, never by a query.

use std::net::IpAddr;

use halfmoon_healthcheck::{Labels, Member, Whose};
use halfmoon_wire::Type;
use serde::{Deserialize, Serialize};

use super::target::{Found, Scope};
use crate::counted::{are, counted};
use crate::shared::Zones;

/// How many static records are named.
const NAMED: usize = 5;

/// Addresses that a record may answer with and that are in no pool.
pub(super) struct List<'l> {
    pub(super) whose: Whose<'l>,
    pub(super) members: &'l [Member],
    /// Whether the record chooses from these and from nothing else, as far as this list goes.
    pub(super) is_whole: bool,
}

/// Static address records with an override's target. They stay what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// How many there are.
    pub count: usize,
    /// The first of them, as in `www.example.org. A`.
    pub records: Vec<String>,
}

/// Goes through the lists of all programs that no pool has.
pub(super) fn lists(zones: &Zones, mut each: impl FnMut(&List<'_>)) {
    for hosted in zones.zones() {
        let zone = hosted.zone.apex().to_lower().to_string();
        for node in hosted.zone.nodes().filter(|node| node.has_programs()) {
            let owner = node.owner().to_lower().to_string();
            for program in node.programs() {
                let entry = hosted.beside.programs.entry(program.number);
                let Some(code) = entry.and_then(|entry| entry.program.as_ref()) else {
                    continue;
                };
                let rtype = program.inner.to_string();
                let whose = Whose { zone: &zone, owner: &owner, rtype: &rtype, pool: None };
                for (members, is_whole) in code.choices() {
                    each(&List { whose, members, is_whole });
                }
                let mut members: Vec<Member> = code.computed().collect();
                members.sort_by_key(|member| (member.address, member.check.is_none()));
                members.dedup_by(|next, before| {
                    next.address == before.address
                        && (next.check.is_none() || next.check == before.check)
                });
                if !members.is_empty() {
                    // What else it puts together is not known.
                    each(&List { whose, members: &members, is_whole: false });
                }
            }
        }
    }
}

/// The static records with a target, in some records alone if it says so.
pub(super) fn fixed(
    zones: &Zones,
    (target, within): (&Found, Option<&Scope>),
    labels: &Labels,
) -> Fixed {
    let mut found = Fixed::default();
    if matches!(target, Found::Checks(..)) {
        return found;
    }
    for hosted in zones.zones() {
        let zone = hosted.zone.apex().to_lower().to_string();
        for node in hosted.zone.nodes().filter(|node| !node.is_occluded()) {
            for rtype in [Type::A, Type::AAAA] {
                let Some(set) = node.set(rtype) else { continue };
                let mut owner = None;
                let mut is_meant = |rdata: &[u8]| {
                    let Some(address) = address(rdata) else { return false };
                    let labels = match target {
                        Found::Label(_) => labels.of(address),
                        _ => [].into(),
                    };
                    let member = Member { address, weight: 1, check: None, named: None, labels };
                    if let Found::Network(network) = target
                        && !network.contains(&address.to_canonical())
                    {
                        return false;
                    }
                    let owner = owner.get_or_insert_with(|| node.owner().to_lower().to_string());
                    let rtype = if rtype == Type::A { "A" } else { "AAAA" };
                    let whose = Whose { zone: &zone, owner, rtype, pool: None };
                    within.is_none_or(|scope| scope.holds(whose)) && target.holds(whose, &member)
                };
                let count = set.rdatas().filter(|rdata| is_meant(rdata)).count();
                if count > 0 && found.records.len() < NAMED {
                    found.records.push(format!("{} {rtype}", node.owner()));
                }
                found.count += count;
            }
        }
    }
    found
}

fn address(rdata: &[u8]) -> Option<IpAddr> {
    match rdata.len() {
        4 => <[u8; 4]>::try_from(rdata).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(rdata).ok().map(IpAddr::from),
        _ => None,
    }
}

impl Fixed {
    /// As in `3 static records, which are not changed: www.example.org. A, …`; `None`: there are none.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let records = counted(self.count, "static record");
        let are = are(self.count);
        let more = if self.records.len() < self.count { ", …" } else { "" };
        (self.count > 0).then(|| {
            format!("{records}, which {are} not changed: {}{more}", self.records.join(", "))
        })
    }
}
