//! What programs said that had to enter Lua, to be said again without it.
//!
//! A program says the same again as long as what it read is the same, and operators say the same. That may be nothing, verdicts,
//! databases, the leading bits of an address, or the name of the question. What depends on chance, on
//! the clock or on how the query arrived is never kept, nor is what a program must ask for each time
//! (checks it computes, which are held only as long as somebody wants them). Nothing is ever looked
//! for to be thrown away: what is no longer true is not found, and is written over.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::address::truncate;
use crate::answers::{Answers, Reads, Trace};
use crate::eval::Context;
use crate::program::Program;

/// How many answers one thread keeps, a power of two. Those that meet in one place displace each other.
const PLACES: usize = 4096;
/// Octets of record data that are kept of one answer.
const MOST: usize = 2048;

/// The answers of one thread.
#[derive(Debug)]
pub(crate) struct Remembered {
    places: Box<[Place]>,
    hasher: RandomState,
    /// Counts how often all was forgotten.
    era: u64,
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    /// From 1 on.
    program: u64,
    /// The hash of its zone and owner, as programs of one text are shared, and of the era.
    stands_at: u64,
}

/// For whom it holds.
#[derive(Clone, Copy, Debug)]
enum Audience {
    /// For everybody.
    All,
    /// Each client, or each name, has its own; they lie elsewhere.
    Apart,
    /// For this name alone, whoever asks.
    Name,
    /// For the clients whose address has these leading bits, of which as many are known.
    Some { address: IpAddr, bits: u8, known: u8, by_subnet: bool },
}

#[derive(Clone, Debug)]
struct Place {
    key: Key,
    audience: Audience,
    /// The generations of what was read.
    health: u64,
    /// What operators said, of which a choice need not have read anything then.
    order: u64,
    geo: u64,
    trace: Trace,
    denies: bool,
    /// The name of the question, if it was read; else empty.
    name: Vec<u8>,
    octets: Vec<u8>,
    ends: Vec<u32>,
}

impl Place {
    /// Of no program.
    const EMPTY: Self = Self {
        key: Key { program: 0, stands_at: 0 },
        audience: Audience::Apart,
        health: 0,
        order: 0,
        geo: 0,
        trace: Trace::NOTHING,
        denies: false,
        name: Vec::new(),
        octets: Vec::new(),
        ends: Vec::new(),
    };

    fn holds(&self, key: Key, cx: &Context<'_>) -> bool {
        let reads = self.trace.reads;
        let is_for = match self.audience {
            Audience::All | Audience::Name => true,
            Audience::Apart => false,
            Audience::Some { address, bits, known, by_subnet } => {
                known == cx.client.known_bits()
                    && by_subnet == cx.client.ecs.is_some()
                    && truncate(cx.client.best(), bits) == address
            }
        };
        is_for
            && self.key == key
            && self.order == cx.health.order()
            && (!reads.contains(Reads::NAME) || self.name == cx.qname.as_wire())
            && (!reads.contains(Reads::HEALTH) || self.health == cx.health.generation())
            && (!reads.overlaps(Reads::PLACE.and(Reads::CLIENT)) || self.geo == cx.geo.generation())
    }
}

impl Remembered {
    pub(crate) fn new() -> Self {
        Self { places: vec![Place::EMPTY; PLACES].into(), hasher: RandomState::default(), era: 0 }
    }

    /// Forgets all: zones have changed, and programs may have read them. Nothing is looked at for that:
    /// it happens between two queries.
    pub(crate) fn clear(&mut self) {
        self.era += 1;
    }

    /// Adds to `answers` what a program would say, if that is known.
    pub(crate) fn say(&self, program: &Program, cx: &Context<'_>, answers: &mut Answers) -> bool {
        let key = self.key(program, cx);
        let at = |at: usize| self.places.get(at);
        let found = match at(self.at(key)) {
            Some(first) if first.key == key && matches!(first.audience, Audience::Apart) => {
                // Which of them it read, the last to be kept tells for all.
                let name = name(first.trace.reads, cx);
                let mut addresses = [wide(cx), narrow(cx)].into_iter();
                match first.trace.reads.contains(Reads::CLIENT) {
                    true => addresses.find_map(|address| {
                        at(self.at((key, name, address))).filter(|place| place.holds(key, cx))
                    }),
                    false => at(self.at((key, name))).filter(|place| place.holds(key, cx)),
                }
            }
            first => first.filter(|place| place.holds(key, cx)),
        };
        let Some(place) = found else {
            return false;
        };
        let mut start = 0;
        for &end in &place.ends {
            answers.push(place.octets.get(start..end as usize).unwrap_or(&[]));
            start = end as usize;
        }
        if place.denies {
            answers.deny_name();
        }
        answers.trace.add(&place.trace);
        answers.chose = place.trace.chose;
        true
    }

    /// Keeps what a program has just said: the records from the one numbered `from` on. Its trace is
    /// that of this run alone.
    pub(crate) fn keep(
        &mut self,
        program: &Program,
        cx: &Context<'_>,
        answers: &Answers,
        from: usize,
    ) {
        /// What is another each time.
        const FLEETING: Reads = Reads::CHANCE.and(Reads::TIME).and(Reads::TRANSPORT);
        let trace = answers.trace;
        let octets = || answers.rdatas().skip(from);
        if trace.reads.overlaps(FLEETING)
            || trace.renews
            || !answers.is_whole(from)
            || octets().map(<[u8]>::len).sum::<usize>() > MOST
        {
            return;
        }
        let key = self.key(program, cx);
        let first = self.at(key);
        let name = name(trace.reads, cx);
        if trace.reads.overlaps(Reads::CLIENT.and(Reads::NAME))
            && let Some(place) = self.places.get_mut(first)
        {
            (place.key, place.audience, place.trace) = (key, Audience::Apart, trace);
        }
        let (at, audience) = if trace.reads.contains(Reads::CLIENT) {
            let bits = trace.scope;
            let address = if bits <= width(cx) { wide(cx) } else { narrow(cx) };
            let audience = Audience::Some {
                address: truncate(cx.client.best(), bits),
                bits,
                known: cx.client.known_bits(),
                by_subnet: cx.client.ecs.is_some(),
            };
            (self.at((key, name, address)), audience)
        } else if trace.reads.contains(Reads::NAME) {
            (self.at((key, name)), Audience::Name)
        } else {
            (first, Audience::All)
        };
        let Some(place) = self.places.get_mut(at) else {
            return;
        };
        place.key = key;
        place.audience = audience;
        (place.health, place.geo) = (cx.health.generation(), cx.geo.generation());
        place.order = cx.health.order();
        (place.trace, place.denies) = (trace, answers.denies_name());
        place.name.clear();
        place.name.extend_from_slice(name);
        place.octets.clear();
        place.ends.clear();
        for rdata in octets() {
            place.octets.extend_from_slice(rdata);
            place.ends.push(place.octets.len() as u32);
        }
    }

    fn key(&self, program: &Program, cx: &Context<'_>) -> Key {
        let stands_at = self.hasher.hash_one((self.era, cx.zone.as_wire(), cx.owner.as_wire()));
        Key { program: program.id, stands_at }
    }

    fn at(&self, what: impl std::hash::Hash) -> usize {
        self.hasher.hash_one(what) as usize % PLACES
    }
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.program);
        state.write_u64(self.stands_at);
    }
}

/// The name of the question, if it matters.
fn name<'a>(reads: Reads, cx: &Context<'a>) -> &'a [u8] {
    if reads.contains(Reads::NAME) { cx.qname.as_wire() } else { &[] }
}

/// How many bits of an address place an answer that depends on no more of them.
fn width(cx: &Context<'_>) -> u8 {
    if cx.client.best().is_ipv4() { 24 } else { 48 }
}

fn wide(cx: &Context<'_>) -> IpAddr {
    truncate(cx.client.best(), width(cx))
}

fn narrow(cx: &Context<'_>) -> IpAddr {
    cx.client.best()
}
