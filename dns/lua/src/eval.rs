//! One evaluation of a host function, shared by plans and the virtual machine.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

use fastrand::Rng;
use foldhash::fast::RandomState;
use halfmoon_geo::{Attribute, Geo, Location};
use halfmoon_healthcheck::{Account, Force, Health, Member, Orders, Pick, PoolId, Snapshot, Whose};
use halfmoon_wire::{Name, Type};

use crate::answers::{Reads, Trace};
use crate::data::{Data, Share};
use crate::story::{Finding, Story};
use crate::{Client, Dialect, burtle};

/// What one evaluation may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The name in question, or the alias's target that is looked up now.
    pub qname: Name<'a>,
    /// The apex of the record's zone.
    pub zone: Name<'a>,
    /// The record's owner; a wildcard where `qname` only matches it.
    pub owner: Name<'a>,
    /// What the zones on this server say.
    pub data: &'a dyn Share,
    /// Who asks.
    pub client: &'a Client,
    /// Where addresses are.
    pub geo: &'a Arc<Geo>,
    /// What is known of endpoints.
    pub health: &'a Arc<Snapshot>,
    /// Where checks that a program computes are asked for.
    pub requests: &'a Health,
    /// On whose account; `None`: on nobody's.
    pub account: Option<&'a Account>,
}

/// A host function whose arguments were checked and taken in.
pub(crate) trait Bound: fmt::Debug + Send + Sync {
    /// The strings it chooses from.
    fn items(&self) -> &[Item] {
        &[]
    }

    /// The pool it answers from, if it is registered, and its number among the program's.
    fn pool(&self) -> Option<(u32, PoolId)> {
        None
    }

    /// What it chooses from without checking it, as far as operators can put it out, and whether that is
    /// all there is.
    fn choice(&self) -> Option<(&Arc<[Member]>, bool)> {
        None
    }

    /// Whether it mostly says the same to whoever asks as long as health is the same. What it read says
    /// whether it did.
    fn is_by_health(&self) -> bool {
        false
    }

    /// Whether what it mostly returns is one of its items, as a string.
    fn says_one(&self) -> bool {
        false
    }

    /// Chooses. Takes no lock, does not wait, and allocates nothing once its buffers have grown.
    ///
    /// # Errors
    /// Why nothing can be chosen.
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str>;
}

/// A string that may be an answer, and the record data it spells, if it spells any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) text: Box<[u8]>,
    pub(crate) rdata: Option<Box<[u8]>>,
}

/// What a host function returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A boolean.
    Bool(bool),
    /// A table of the strings in [`Scratch::texts`].
    Texts,
    /// There is no such name.
    Denial,
    /// A table of the items whose numbers are in [`Scratch::chosen`].
    Many,
    /// The item of this number, as a string.
    One(usize),
    /// The string in [`Scratch::text`].
    Text,
}

/// What evaluations of one thread share, so that none of them allocates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) chosen: Vec<u32>,
    pub(crate) picks: Vec<Pick>,
    /// What operators say of the members of a list.
    pub(crate) forced: Vec<Option<Force>>,
    whose: Spelled,
    pub(crate) text: String,
    pub(crate) texts: Texts,
    pub(crate) candidates: Vec<IpAddr>,
    /// Record data on its way into an answer.
    pub(crate) data: Vec<u8>,
    pub(crate) random: Rng,
    pub(crate) places: Places,
    pub(crate) ahead: Ahead,
    /// What happens, while somebody wants to know.
    pub(crate) story: Option<Box<Story>>,
}

/// Whose a list is, in letters.
#[derive(Debug, Default)]
struct Spelled {
    zone: String,
    owner: String,
    rtype: String,
}

/// What is asked while nobody asks: what anybody could be answered as things are.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Whether it is asked.
    pub(crate) is_asked: bool,
    /// Where members are on their way back: for clients that have this number of
    /// [`Verdict::WHOLE`](halfmoon_healthcheck::Verdict::WHOLE).
    pub(crate) point: u16,
    /// The least greater number that is answered something else, if there is one.
    pub(crate) next: Option<u16>,
    /// How many of [`Scratch::chosen`], any of them, make an answer; `None`: all of them do.
    pub(crate) size: Option<usize>,
}

/// Strings one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn clear(&mut self) {
        self.octets.clear();
        self.ends.clear();
    }

    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.octets);
        self.ends.push(self.octets.len());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let text = self.octets.get(start..*end).unwrap_or(&[]);
            start = *end;
            text
        })
    }
}

/// Where candidates are; the databases are asked once for each.
#[derive(Debug, Default)]
pub(crate) struct Places {
    generation: u64,
    known: HashMap<IpAddr, Location, RandomState>,
}

/// How many candidates are remembered.
const PLACES: usize = 8192;
/// Where what is nowhere is, as on the peer.
const NOWHERE: Location = Location { lat: 0.0, lon: 0.0 };

impl Places {
    fn locate(&mut self, geo: &Geo, dialect: Dialect, address: IpAddr) -> Location {
        if self.generation != geo.generation() {
            self.generation = geo.generation();
            self.known.clear();
        }
        if let Some(place) = self.known.get(&address) {
            return *place;
        }
        let place = locate(geo, dialect, address).0;
        if self.known.len() >= PLACES {
            self.known.clear();
        }
        self.known.insert(address, place);
        place
    }
}

/// Where an address is, and for how long a prefix that holds.
fn locate(geo: &Geo, dialect: Dialect, address: IpAddr) -> (Location, u8) {
    let found = match dialect {
        Dialect::Halfmoon => geo.location(address),
        Dialect::PowerDns => geo.location_with_accuracy(address),
    };
    (found.value.unwrap_or(NOWHERE), found.prefix)
}

/// What a bound function evaluates with.
#[derive(Debug)]
pub(crate) struct Eval<'a> {
    pub(crate) client: &'a Client,
    pub(crate) qname: Name<'a>,
    pub(crate) zone: Name<'a>,
    pub(crate) owner: Name<'a>,
    pub(crate) data: &'a dyn Data,
    pub(crate) geo: &'a Geo,
    pub(crate) health: &'a Snapshot,
    pub(crate) trace: &'a mut Trace,
    pub(crate) scratch: &'a mut Scratch,
}

impl<'a> Eval<'a> {
    pub(crate) fn new(cx: &Context<'a>, trace: &'a mut Trace, scratch: &'a mut Scratch) -> Self {
        Self {
            client: cx.client,
            qname: cx.qname,
            zone: cx.zone,
            owner: cx.owner,
            data: cx.data.data(),
            geo: cx.geo,
            health: cx.health,
            trace,
            scratch,
        }
    }

    /// The client's address, all known bits of which matter from now on.
    pub(crate) fn whole_client(&mut self) -> IpAddr {
        self.trace.whole_client(self.client)
    }

    /// Puts what operators say of the members of a list into [`Scratch::forced`].
    pub(crate) fn ask(&mut self, orders: &dyn Orders, rtype: Type, members: &[Member]) {
        let Scratch { forced, whose: Spelled { zone, owner, rtype: spelled }, .. } = self.scratch;
        for (text, what) in [
            (&mut *zone, &self.zone as &dyn fmt::Display),
            (&mut *owner, &self.owner),
            (&mut *spelled, &rtype),
        ] {
            text.clear();
            // Writing to a string cannot fail.
            let _ = write!(text, "{what}");
        }
        forced.clear();
        forced.resize(members.len(), None);
        let whose = Whose { zone, owner, rtype: spelled, pool: None };
        orders.judge(whose, members, &mut |number, to, _| {
            if let Some(place @ None) = forced.get_mut(number) {
                *place = Some(to);
            }
        });
    }

    /// A number below `bound`, each equally likely; 0 for 0.
    pub(crate) fn random(&mut self, bound: usize) -> usize {
        if bound < 2 {
            return 0;
        }
        self.draw(bound as u64) as usize
    }

    /// A number below `bound`, which is not 0, each equally likely.
    pub(crate) fn draw(&mut self, bound: u64) -> u64 {
        self.trace.read(Reads::CHANCE);
        let value = self.scratch.random.u64(..bound.max(1));
        self.scratch.tell(|| Finding::Chance { value, below: bound });
        value
    }

    /// The number that stands for the client, all known bits of whose address matter from now on.
    pub(crate) fn hash_client(&mut self) -> u32 {
        let client = self.whole_client();
        let value = burtle::hash_address(client);
        self.scratch.tell(|| Finding::Hash { of: format!("client {client}"), value });
        value
    }

    /// The number that stands for the name in question.
    pub(crate) fn hash_name(&mut self) -> u32 {
        self.trace.read(Reads::NAME);
        let (name, value) = (self.qname, burtle::hash_name(self.qname));
        self.scratch.tell(|| Finding::Hash { of: format!("name {name}"), value });
        value
    }

    /// What the databases say of the client.
    pub(crate) fn client_attribute(&mut self, attribute: Attribute) -> Option<&'a str> {
        let found = self.geo.text(attribute, self.client.best());
        self.place(found.prefix);
        self.scratch.tell(|| Finding::Place {
            what: attribute.name(),
            value: found.value.map(str::to_owned),
            prefix: found.prefix,
        });
        found.value
    }

    /// The client's autonomous system.
    pub(crate) fn client_asn(&mut self) -> Option<u32> {
        let found = self.geo.asn(self.client.best());
        self.place(found.prefix);
        self.scratch.tell(|| Finding::Place {
            what: Attribute::Asn.name(),
            value: found.value.map(|number| number.to_string()),
            prefix: found.prefix,
        });
        found.value
    }

    /// Where the client is; 0, 0 if that is not known.
    pub(crate) fn client_location(&mut self, dialect: Dialect) -> Location {
        let (place, prefix) = locate(self.geo, dialect, self.client.best());
        self.place(prefix);
        self.scratch.tell(|| Finding::Place {
            what: Attribute::Location.name(),
            value: (place != NOWHERE).then(|| format!("{:.4}, {:.4}", place.lat, place.lon)),
            prefix,
        });
        place
    }

    /// Where some address is; 0, 0 if that is not known.
    pub(crate) fn location(&mut self, address: Option<IpAddr>, dialect: Dialect) -> Location {
        self.trace.read(Reads::PLACE);
        address.map_or(NOWHERE, |address| locate(self.geo, dialect, address).0)
    }

    fn place(&mut self, prefix: u8) {
        self.trace.read(Reads::PLACE);
        self.trace.client(prefix);
    }

    /// Which of the addresses numbered in [`Scratch::chosen`] is closest to the client, as a place
    /// in that list. Ties are decided by the client, on the peer by chance.
    pub(crate) fn closest(&mut self, addresses: &[IpAddr], dialect: Dialect) -> usize {
        if self.scratch.chosen.len() < 2 {
            return 0;
        }
        let home = self.client_location(dialect);
        let mut best = f64::INFINITY;
        let mut ties = 0;
        for number in &self.scratch.chosen {
            let far = self.scratch.places.far(self.geo, dialect, addresses, *number, home);
            if far < best {
                (best, ties) = (far, 1);
            } else if far == best {
                ties += 1;
            }
        }
        if self.scratch.story.is_some() {
            self.tell_distances(addresses, dialect, home);
        }
        let mut skip = match dialect {
            Dialect::PowerDns => self.random(ties),
            Dialect::Halfmoon if ties < 2 => 0,
            Dialect::Halfmoon => self.hash_client() as usize % ties,
        };
        for (place, number) in self.scratch.chosen.iter().enumerate() {
            let far = self.scratch.places.far(self.geo, dialect, addresses, *number, home);
            if far == best {
                if skip == 0 {
                    return place;
                }
                skip -= 1;
            }
        }
        0
    }

    #[cold]
    fn tell_distances(&mut self, addresses: &[IpAddr], dialect: Dialect, home: Location) {
        let mut to = Vec::new();
        for number in &self.scratch.chosen {
            let Some(address) = addresses.get(*number as usize) else { continue };
            let place = self.scratch.places.locate(self.geo, dialect, *address);
            let far = self.scratch.places.far(self.geo, dialect, addresses, *number, home);
            to.push((*address, place, far));
        }
        let unit = match dialect {
            Dialect::Halfmoon => "km",
            Dialect::PowerDns => "square degrees",
        };
        self.scratch.tell(|| Finding::Distances { from: home, to, unit });
    }
}

impl Places {
    fn far(
        &mut self,
        geo: &Geo,
        dialect: Dialect,
        addresses: &[IpAddr],
        number: u32,
        home: Location,
    ) -> f64 {
        let Some(address) = addresses.get(number as usize) else {
            return f64::INFINITY;
        };
        let place = self.locate(geo, dialect, *address);
        match dialect {
            Dialect::Halfmoon => halfmoon_geo::great_circle(home, place),
            Dialect::PowerDns => halfmoon_geo::degrees_squared(home, place),
        }
    }
}
