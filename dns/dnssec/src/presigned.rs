//! Zones that come signed: their own signatures and denial records are served, and looked at for
//! what is wrong with them.

use std::fmt;

use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Fault, FileId, Node, Place, RrSet, Zone};

use crate::Nsec3Params;
use crate::bitmap::TypeSet;
use crate::nsec3::{Hash, hash_of};
use crate::order::{Order, in_order};
use crate::verify::{Found, Verifier};

/// More iterations than this are not served: each is work for every query (RFC 9276 section 3.2).
const MOST_ITERATIONS: u16 = 500;
/// With more than this validators take the zone for one that is not signed.
const FEW_ITERATIONS: u16 = 50;
/// How many hashes it may take to look at the whole order.
const MOST_HASHES: usize = 20_000_000;

/// The denial records of a zone that comes signed.
#[derive(Debug)]
pub struct Presigned {
    order: Option<Order>,
    /// By number, for NSEC3: whose they are.
    nodes: Box<[u32]>,
    verified: Verified,
}

/// What came of verifying.
#[derive(Clone, Copy, Debug)]
struct Verified {
    count: usize,
    /// Whether all signatures are known to be right.
    is_sound: bool,
}

/// Which signatures are verified: computed, not only looked at.
#[derive(Clone, Copy, Debug)]
pub struct Verify<'b> {
    /// How many. Of a zone that has more those at the apex are, and of the others each so manieth: other ones
    /// with each serial.
    pub most: usize,
    /// The version of the zone before. What is the same there need not be verified again.
    pub before: Option<(&'b Zone, &'b Presigned)>,
}

/// The signatures that a node has of its RRset of a type.
pub fn signatures_at(node: Node<'_>, rtype: Type) -> impl Iterator<Item = &[u8]> {
    let all = node.set(Type::RRSIG).into_iter().flat_map(RrSet::rdatas);
    all.filter(move |rdata| {
        rdata.first_chunk().is_some_and(|of| u16::from_be_bytes(*of) == rtype.0)
    })
}

impl Presigned {
    /// Of a zone that has signatures at its apex; `None` of another. What is wrong with them at `now`
    /// is added to `faults`, as warnings but for what cannot be served.
    #[must_use]
    pub fn of(zone: &Zone, now: u32, verify: Verify<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let apex = zone.apex_node();
        apex.set(Type::RRSIG)?;
        let mut wrong = Wrong::default();
        wrong.look_at_signatures(zone, now);
        let verified = wrong.verify(zone, verify);
        let params = apex.set(Type::NSEC3PARAM).into_iter().flat_map(RrSet::rdatas);
        let hashed = params
            // Flags mark a chain in the making (RFC 5155 section 4.1.2).
            .filter(|rdata| rdata.get(1) == Some(&0))
            .filter_map(Nsec3Params::from_rdata)
            .find_map(|params| hashed(zone, params));
        let presigned = if let Some((order, nodes)) = hashed {
            Self { order: Some(order), nodes, verified }
        } else if apex.set(Type::NSEC).is_some() {
            let has_one = |node: &Node<'_>| !node.is_occluded() && node.set(Type::NSEC).is_some();
            let nodes = zone.nodes().filter(has_one).map(Node::id).collect();
            let order = Order::Nsec(in_order(zone, nodes));
            Self { order: Some(order), nodes: Box::default(), verified }
        } else {
            wrong.add(Kind::NoChain, zone.apex(), Type::NSEC);
            Self { order: None, nodes: Box::default(), verified }
        };
        presigned.look_at_order(zone, &mut wrong);
        wrong.tell(faults);
        Some(presigned)
    }

    /// How many signatures were verified.
    #[must_use]
    pub const fn verified(&self) -> usize {
        self.verified.count
    }

    /// Which of the denial records prove what; `None` if there are none.
    #[must_use]
    pub const fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The node that holds a denial record, and its RRset.
    #[must_use]
    pub fn link<'z>(&self, zone: &'z Zone, number: u32) -> Option<(Node<'z>, RrSet<'z>)> {
        let (nodes, rtype) = match self.order.as_ref()? {
            Order::Nsec(nodes) => (nodes, Type::NSEC),
            Order::Nsec3 { .. } => (&self.nodes, Type::NSEC3),
        };
        let node = zone.node(*nodes.get(number as usize)?)?;
        Some((node, node.set(rtype)?))
    }

    /// Whether the next name of each record is the owner of the record after it, and whether each
    /// name that should have one has.
    fn look_at_order(&self, zone: &Zone, wrong: &mut Wrong) {
        let Some(order) = &self.order else { return };
        for number in 0..order.len() as u32 {
            let next = (number + 1) % order.len() as u32;
            let (Some((node, set)), Some((after, _))) =
                (self.link(zone, number), self.link(zone, next))
            else {
                continue;
            };
            let leads_on = set.rdatas().any(|rdata| match order {
                Order::Nsec(_) => {
                    Name::from_wire(rdata).is_ok_and(|next| next == after.owner())
                        && lists(&rdata[after.owner().as_wire().len()..], node)
                }
                Order::Nsec3 { params, .. } => {
                    let next = rdata.get(params.length()..).and_then(|rest| rest.get(1..21));
                    next.is_some_and(|next| hash_of(after.owner()).is_some_and(|h| h == *next))
                }
            });
            if !leads_on {
                wrong.add(Kind::Broken, node.owner(), set.rtype());
            }
        }
        let hashes = |params: &Nsec3Params| {
            zone.node_count().saturating_mul(usize::from(params.iterations()) + 1)
        };
        match order {
            Order::Nsec(_) => {
                let lacks = |node: &Node<'_>| !node.is_empty() && node.set(Type::NSEC).is_none();
                for node in zone.nodes().filter(|node| !node.is_occluded()).filter(lacks) {
                    wrong.add(Kind::Unlinked, node.owner(), Type::NSEC);
                }
            }
            Order::Nsec3 { params, .. } => {
                wrong.iterations = params.iterations();
                if hashes(params) <= MOST_HASHES && params.iterations() <= MOST_ITERATIONS {
                    self.look_at_hashes(zone, order, wrong);
                }
            }
        }
    }

    fn look_at_hashes(&self, zone: &Zone, order: &Order, wrong: &mut Wrong) {
        let is_there = |node: &Node<'_>| {
            (node.is_apex() || node.parent().is_some()) && !node.is_occluded() && !node.is_hashed()
        };
        for node in zone.nodes().filter(is_there) {
            // Of what opt-out leaves out there is a record of something above.
            let first = order.types(zone, node).links().first().copied();
            let Some((holder, set)) = first.and_then(|link| self.link(zone, link)) else {
                continue;
            };
            let Order::Nsec3 { params, .. } = order else { continue };
            if hash_of(holder.owner()) == Some(params.hash(node.owner())) {
                let bitmap = params.length() + 21;
                if !set.rdatas().any(|rdata| rdata.get(bitmap..).is_some_and(|b| lists(b, node))) {
                    wrong.add(Kind::Broken, node.owner(), Type::NSEC3);
                }
                continue;
            }
            let opts_out =
                set.rdatas().any(|rdata| rdata.get(1).is_some_and(|flags| flags & 1 != 0));
            let may_be_left = node.is_empty() || node.is_cut() && node.set(Type::DS).is_none();
            if !(opts_out && may_be_left) {
                wrong.add(Kind::Unlinked, node.owner(), Type::NSEC3);
            }
        }
    }
}

/// Whether a bitmap lists the types that are at a node.
fn lists(bitmap: &[u8], node: Node<'_>) -> bool {
    let mut types = TypeSet::default();
    let is_ours = |rtype: &Type| {
        !node.is_cut() || matches!(*rtype, Type::NS | Type::DS | Type::RRSIG | Type::NSEC)
    };
    node.sets().map(|set| set.rtype()).filter(is_ours).for_each(|rtype| types.insert(rtype));
    let mut own = Vec::new();
    types.put(&mut own);
    own == bitmap
}

/// The order of the NSEC3 records that are hashed so, and the nodes that hold them, if the apex has one.
fn hashed(zone: &Zone, params: Nsec3Params) -> Option<(Order, Box<[u32]>)> {
    let is_so = |rdata: &[u8]| Nsec3Params::from_rdata(rdata).as_ref() == Some(&params);
    let mut links: Vec<(Hash, u32)> = zone
        .nodes()
        .filter(|node| node.set(Type::NSEC3).is_some_and(|set| set.rdatas().any(is_so)))
        .filter_map(|node| Some((hash_of(node.owner())?, node.id())))
        .collect();
    links.sort_unstable();
    let apex = params.hash(zone.apex());
    links.binary_search_by(|(hash, _)| hash.cmp(&apex)).ok()?;
    let nodes = links.iter().map(|(_, node)| *node).collect();
    let hashes = links.into_iter().map(|(hash, _)| hash).collect();
    Some((Order::Nsec3 { params, hashes }, nodes))
}

/// What is wrong, each kind once, with how often.
#[derive(Default)]
struct Wrong {
    kinds: [Option<(usize, NameBuf, Type)>; Kind::ALL.len()],
    iterations: u16,
}

#[derive(Clone, Copy)]
enum Kind {
    Missing,
    Expired,
    Early,
    Bogus,
    NoKey,
    NoChain,
    Broken,
    Unlinked,
    Program,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Missing,
        Self::Expired,
        Self::Early,
        Self::Bogus,
        Self::NoKey,
        Self::NoChain,
        Self::Broken,
        Self::Unlinked,
        Self::Program,
    ];

    const fn rule(self) -> &'static str {
        match self {
            Self::Missing => "rrsig-missing",
            Self::Expired => "rrsig-expired",
            Self::Early => "rrsig-not-yet",
            Self::Bogus => "rrsig-bogus",
            Self::NoKey => "rrsig-no-key",
            Self::NoChain => "no-denial-records",
            Self::Broken => "denial-broken",
            Self::Unlinked => "denial-missing",
            Self::Program => "program-in-signed-zone",
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Program => {
                "leave the signatures out of the file and let the zone be signed here, or remove the program"
            }
            _ => "sign the zone anew",
        }
    }

    fn message(self, owner: &NameBuf, rtype: Type) -> String {
        let say = |text: fmt::Arguments<'_>| text.to_string();
        match self {
            Self::Missing => say(format_args!("{rtype} at {owner} has no signature")),
            Self::Expired => say(format_args!("the signature of {rtype} at {owner} has run out")),
            Self::Early => {
                say(format_args!("the signature of {rtype} at {owner} does not hold yet"))
            }
            Self::Bogus => say(format_args!(
                "a signature of {rtype} at {owner} is not that of its records by the zone's key; validators refuse it"
            )),
            Self::NoKey => say(format_args!(
                "{rtype} at {owner} has no signature by a key that is among the zone's DNSKEY records"
            )),
            Self::NoChain => say(format_args!(
                "the signed zone {owner} has no NSEC records, and no NSEC3 records as its NSEC3PARAM \
                 says; what it does not have cannot be proven"
            )),
            Self::Broken => say(format_args!(
                "the {rtype} record of {owner} does not say which types are there and what comes next"
            )),
            Self::Unlinked => say(format_args!("{owner} has no {rtype} record")),
            Self::Program => say(format_args!(
                "the zone comes signed, so the program at {owner} is not run: its answers could not be signed"
            )),
        }
    }
}

impl Wrong {
    fn add(&mut self, kind: Kind, owner: Name<'_>, rtype: Type) {
        let (count, ..) =
            self.kinds[kind as usize].get_or_insert_with(|| (0, owner.to_buf(), rtype));
        *count += 1;
    }

    fn look_at_signatures(&mut self, zone: &Zone, now: u32) {
        for (node, set) in to_be_signed(zone) {
            let rtype = set.rtype();
            if rtype == Type::LUA {
                self.add(Kind::Program, node.owner(), rtype);
            }
            let times = signatures_at(node, rtype).filter_map(times);
            let (mut any, mut good, mut early) = (false, false, false);
            for (expiration, inception) in times {
                let is_over = (expiration.wrapping_sub(now) as i32) < 0;
                let is_early = (now.wrapping_sub(inception) as i32) < 0;
                any = true;
                good |= !is_over && !is_early;
                early |= is_early;
            }
            match (any, good, early) {
                (_, true, _) => {}
                (false, ..) => self.add(Kind::Missing, node.owner(), rtype),
                (true, _, true) => self.add(Kind::Early, node.owner(), rtype),
                (true, ..) => self.add(Kind::Expired, node.owner(), rtype),
            }
        }
    }

    /// Verifies signatures.
    fn verify(&mut self, zone: &Zone, verify: Verify<'_>) -> Verified {
        let keys = (zone.apex_node(), Type::DNSKEY);
        let before =
            verify.before.filter(|(old, known)| known.verified.is_sound && is_same(keys, old));
        let is_new = |(node, set): &(Node<'_>, RrSet<'_>)| {
            before.is_none_or(|(old, _)| !is_same((*node, set.rtype()), old))
        };
        let new = || to_be_signed(zone).filter(is_new);
        let count: usize = new().map(|(node, set)| signatures_at(node, set.rtype()).count()).sum();
        let mut verifier = Verifier::new(zone, verify.most);
        let step = count.div_ceil(verify.most.max(1)).max(1);
        let first = zone.serial() as usize % step;
        let (at_apex, below) = (new().filter(is_at_apex), new().filter(|set| !is_at_apex(set)));
        let mut is_sound = step == 1;
        for (node, set) in at_apex.chain(below.skip(first).step_by(step)) {
            if verifier.is_spent() {
                is_sound = false;
                break;
            }
            let kind = match verifier.look(node, set) {
                Found::Good => continue,
                Found::Bogus => Kind::Bogus,
                // That is told already.
                Found::NoKey if signatures_at(node, set.rtype()).next().is_none() => continue,
                Found::NoKey => Kind::NoKey,
            };
            is_sound = false;
            self.add(kind, node.owner(), set.rtype());
        }
        // One that was spent within the last RRset has not seen all of it.
        let is_sound = is_sound && !verifier.is_spent();
        Verified { count: verifier.count(), is_sound }
    }

    fn tell(&self, faults: &mut Vec<Fault>) {
        // Faults of the whole zone: its beginning.
        let place = Place { file: FileId(0), line: 1, column: 1 };
        for kind in Kind::ALL {
            if let Some((count, owner, rtype)) = &self.kinds[kind as usize] {
                let mut message = kind.message(owner, *rtype);
                if *count > 1 {
                    message += &format!(" (and {} more like it)", count - 1);
                }
                faults.push(Fault::warning(kind.rule(), place, message).help(kind.help()));
            }
        }
        let iterations = self.iterations;
        if iterations > FEW_ITERATIONS {
            let message = format!("NSEC3 with {iterations} iterations");
            let help = "sign the zone with 0 iterations (RFC 9276)";
            faults.push(if iterations > MOST_ITERATIONS {
                let message = format!("{message}, of which at most {MOST_ITERATIONS} are served");
                Fault::error("nsec3-iterations", place, message).help(help)
            } else {
                let message =
                    format!("{message}: validators take the zone for one without signatures");
                Fault::warning("nsec3-iterations", place, message).help(help)
            });
        }
    }
}

/// The RRsets that have to be signed.
fn to_be_signed(zone: &Zone) -> impl Iterator<Item = (Node<'_>, RrSet<'_>)> {
    let nodes = zone.nodes().filter(|node| !node.is_occluded());
    let sets = nodes.flat_map(|node| node.sets().map(move |set| (node, set)));
    sets.filter(|(node, set)| match set.rtype() {
        Type::RRSIG => false,
        Type::DS | Type::NSEC | Type::NSEC3 => true,
        _ => !node.is_cut(),
    })
}

fn is_at_apex((node, _): &(Node<'_>, RrSet<'_>)) -> bool {
    node.is_apex()
}

/// Whether an RRset and its signatures are the same in another version of the zone.
fn is_same((node, rtype): (Node<'_>, Type), other: &Zone) -> bool {
    let Some(old) = other.named(node.owner()) else { return false };
    let is_same = match (node.set(rtype), old.set(rtype)) {
        (Some(new), Some(old)) => new.rdatas().eq(old.rdatas()),
        _ => false,
    };
    is_same && signatures_at(node, rtype).eq(signatures_at(old, rtype))
}

/// When a signature ends and begins (RFC 4034 section 3.1).
fn times(rrsig: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| Some(u32::from_be_bytes(*rrsig.get(at..)?.first_chunk()?));
    Some((word(8)?, word(12)?))
}
