//! Which RRsets can be signed ahead, and which of them a change concerns, of zones or of health: found
//! at the cost of what changed, however many there are.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use halfmoon_healthcheck::Snapshot;
use halfmoon_lua::Program;
use halfmoon_wire::Type;
use halfmoon_zones::{Hosted, Node};

use super::MOST;
use crate::shared::{Served, Zones};

/// RRsets of signed zones that depend on health, each under a number.
#[derive(Default)]
pub(super) struct Places {
    places: Vec<Option<Place>>,
    /// Numbers that nobody has.
    free: Vec<u32>,
    /// By apex, as octets.
    zones: HashMap<Box<[u8]>, Version>,
    /// Slots of checks on the board, and who depends on them.
    checks: BTreeSet<(usize, u32)>,
    /// The same of pools.
    pools: BTreeSet<(usize, u32)>,
    /// How often zones were looked at.
    round: u64,
}

/// An RRset that programs make.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) hosted: Arc<Hosted<Served>>,
    pub(super) node: u32,
    pub(super) rtype: Type,
}

/// What was found in a version of a zone.
struct Version {
    hosted: Arc<Hosted<Served>>,
    numbers: Vec<u32>,
    /// When it was seen last.
    round: u64,
}

/// Numbers that mean nothing any more, and those that mean something new; some may be both.
#[derive(Default)]
pub(super) struct Renewed {
    pub(super) gone: Vec<u32>,
    pub(super) new: Vec<u32>,
}

impl Places {
    /// Looks through the zones that are others than before.
    pub(super) fn renew(&mut self, zones: &Zones) -> Renewed {
        let mut renewed = Renewed::default();
        self.round += 1;
        let round = self.round;
        for hosted in zones.zones() {
            if hosted.beside.signed.is_none() || hosted.zone.program_count() == 0 {
                continue;
            }
            let apex = hosted.zone.apex();
            match self.zones.get_mut(apex.as_wire()) {
                // Of several zones with the same name the first counts.
                Some(version) if version.round == round => continue,
                Some(version) if Arc::ptr_eq(&version.hosted, hosted) => {
                    version.round = round;
                    continue;
                }
                _ => {}
            }
            let numbers: Vec<u32> = places(hosted).map(|place| self.add(place)).collect();
            renewed.new.extend(&numbers);
            let version = Version { hosted: Arc::clone(hosted), numbers, round };
            if let Some(old) = self.zones.insert(apex.as_wire().into(), version) {
                self.remove(&old, &mut renewed.gone);
            }
        }
        let gone: Vec<_> = self.zones.extract_if(|_, version| version.round != round).collect();
        for (_, version) in gone {
            self.remove(&version, &mut renewed.gone);
        }
        renewed
    }

    fn add(&mut self, place: Place) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let (checks, pools) = place.slots();
        self.checks.extend(checks.map(|slot| (slot, number)));
        self.pools.extend(pools.map(|slot| (slot, number)));
        self.places[number as usize] = Some(place);
        number
    }

    fn remove(&mut self, version: &Version, gone: &mut Vec<u32>) {
        for &number in &version.numbers {
            let Some(place) = self.places[number as usize].take() else {
                continue;
            };
            let (checks, pools) = place.slots();
            for slot in checks {
                self.checks.remove(&(slot, number));
            }
            for slot in pools {
                self.pools.remove(&(slot, number));
            }
            self.free.push(number);
            gone.push(number);
        }
    }

    /// The RRset of a number.
    pub(super) fn at(&self, number: u32) -> Option<Place> {
        self.places.get(number as usize)?.clone()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// All numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.zones.values().flat_map(|version| version.numbers.iter().copied())
    }

    /// Those of which something else may be known than in an older snapshot.
    pub(super) fn touched(&self, snapshot: &Snapshot, before: &Snapshot) -> Vec<u32> {
        let of = |table: &BTreeSet<(usize, u32)>, slot: usize| -> Vec<u32> {
            table.range((slot, 0)..=(slot, u32::MAX)).map(|(_, number)| *number).collect()
        };
        let checks = snapshot.checks_since(before).flat_map(|slot| of(&self.checks, slot));
        let pools = snapshot.pools_since(before).flat_map(|slot| of(&self.pools, slot));
        checks.chain(pools).collect()
    }
}

impl Place {
    /// The slots of the checks and of the pools that it depends on.
    fn slots(&self) -> (impl Iterator<Item = usize>, impl Iterator<Item = usize>) {
        let codes = || {
            let node = self.hosted.zone.node(self.node);
            node.into_iter().flat_map(|node| codes(&self.hosted, node, self.rtype)).flatten()
        };
        let checks = codes().flat_map(|(code, _)| code.checks()).map(|id| id.slot());
        let pools = codes().flat_map(|(code, _)| code.pools()).map(|id| id.slot());
        (checks, pools)
    }
}

/// The RRsets of a zone whose contents can be told ahead: made by plans alone, with checks.
fn places(hosted: &Arc<Hosted<Served>>) -> impl Iterator<Item = Place> + '_ {
    let has_chain = hosted.beside.signed.as_ref().is_some_and(|signed| signed.chain().is_some());
    // What a wildcard makes is signed for the name in question, which nobody knows, unless the zone has
    // records that prove its place.
    let is_told = move |node: &Node<'_>| {
        let is_unknown = node.owner().is_wildcard() && !has_chain;
        node.has_programs() && !node.is_occluded() && !is_unknown
    };
    hosted.zone.nodes().filter(is_told).flat_map(move |node| {
        let mut types: Vec<Type> = node.programs().map(|program| program.inner).collect();
        types.sort_unstable();
        types.dedup();
        types.retain(|rtype| is_foreseen(hosted, node, *rtype));
        let place = move |rtype| Place { hosted: Arc::clone(hosted), node: node.id(), rtype };
        types.into_iter().map(place)
    })
}

fn is_foreseen(hosted: &Hosted<Served>, node: Node<'_>, rtype: Type) -> bool {
    let codes = || codes(hosted, node, rtype);
    let count = codes().count();
    // Of several that make a CNAME one counts, and which is not known.
    let is_one = count == 1 || (rtype != Type::CNAME && count <= MOST);
    is_one
        && !matches!(rtype, Type::LUA | Type::SOA)
        && codes().all(|code| code.is_some())
        && codes().flatten().any(|(code, _)| code.checks().len() > 0)
}

/// The programs that make an RRset, with the TTLs of their records; `None` for one that is no plan.
pub(super) fn codes<'h>(
    hosted: &'h Hosted<Served>,
    node: Node<'h>,
    rtype: Type,
) -> impl Iterator<Item = Option<(&'h Program, u32)>> {
    node.programs().filter(move |program| program.inner == rtype).map(|program| {
        let entry = hosted.beside.programs.entry(program.number)?;
        let code = entry.program.as_deref().filter(|code| code.is_plan())?;
        Some((code, program.ttl))
    })
}
