//! What happened on the way to an answer, for people who ask why.
//!
//! The code that answers calls in here where there is a trail, which only those have who explain.

use halfmoon_lua::{Answers, Failure, Reads, Story, Telling};
use halfmoon_wire::{Name, Type};
use halfmoon_zones::{Hosted, Node, Position, ProgramRef, RrSet, Zone, rdata};

use serde::{Deserialize, Serialize};

use crate::shared::{ProgramEntry, Served};

/// Records of one RRset that are kept; the rest are counted.
const MOST_RECORDS: usize = 100;

/// What happened, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    /// Each step.
    pub stages: Vec<Stage<ProgramRun>>,
    /// How much programs have to tell.
    pub telling: Telling,
}

/// A step on the way to an answer, as it is left behind and as it is shown; `P` is what is known of a program that
/// ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Stage<P> {
    /// A name was looked for in its zone.
    Look {
        /// The name.
        name: String,
        /// The zone.
        zone: String,
        /// Its serial.
        serial: u32,
        /// What was found.
        found: Found,
        /// The owner of what was found; where nothing was, the closest name above.
        owner: String,
    },
    /// A program ran.
    Program(Box<P>),
    /// Records were put into the answer.
    Records {
        /// As text, each with owner, TTL and type.
        records: Vec<String>,
        /// How many more there are.
        more: usize,
        /// Whether a program made one of them.
        computed: bool,
        /// Where they stand: `file:line`; `None` for what was made.
        place: Option<String>,
    },
    /// Others know: the servers of a delegation.
    Referral {
        /// What is delegated.
        cut: String,
        /// Who knows.
        servers: Vec<String>,
        /// Where its NS records stand: `file:line`.
        place: Option<String>,
        /// Whether the zone below is signed, so that its DS records go along.
        signed: bool,
    },
    /// Here it ends, without records of the type in question.
    End {
        /// Why.
        end: End,
        /// The name that was in question last.
        name: String,
        /// The TTL of the denial, in seconds, if it is one.
        ttl: Option<u32>,
    },
}

/// Why there is no more to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// The name is in none of the server's zones.
    #[serde(rename = "no zone")]
    NoZone,
    /// The name is there, nothing of the type is.
    #[serde(rename = "no data")]
    NoData,
    /// There is no such name.
    #[serde(rename = "no name")]
    NoName,
    /// The aliases come back to where they were.
    #[serde(rename = "loop")]
    Loop,
    /// More aliases follow than are followed.
    #[serde(rename = "too many aliases")]
    TooLong,
}

/// What was found where a name would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    /// The name itself.
    Name,
    /// A wildcard that makes it.
    Wildcard,
    /// A delegation at it or above.
    #[serde(rename = "delegation")]
    Cut,
    /// A DNAME above.
    Dname,
    /// Nothing; the closest name above that is there.
    Nothing,
}

/// A program that ran.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramRun {
    /// The record's zone and owner.
    pub zone: String,
    /// Its owner.
    pub owner: String,
    /// The type of what it makes.
    pub makes: Type,
    /// Its text.
    pub text: String,
    /// Where it stands: `file:line`.
    pub place: Option<String>,
    /// Whether it ran without entering Lua.
    pub is_plan: bool,
    /// The TTL of the record, in seconds.
    pub record_ttl: u32,
    /// The TTL that it wants.
    pub own_ttl: Option<u32>,
    /// The data of the records it gave; all that there are after it, if others ran before.
    pub gave: Vec<String>,
    /// Whether it says that there is no such name.
    pub denies: bool,
    /// What it read.
    pub reads: Reads,
    /// The prefix of the client's address that mattered.
    pub scope: u8,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The same at length.
    pub detail: String,
    /// What it said before was said again because it failed.
    pub last_good: bool,
    /// What it did.
    pub story: Story,
}

impl<P> Stage<P> {
    /// The same with something else of a program.
    #[must_use]
    pub fn map<Q>(self, program: impl FnOnce(P) -> Q) -> Stage<Q> {
        match self {
            Self::Look { name, zone, serial, found, owner } => {
                Stage::Look { name, zone, serial, found, owner }
            }
            Self::Program(run) => Stage::Program(Box::new(program(*run))),
            Self::Records { records, more, computed, place } => {
                Stage::Records { records, more, computed, place }
            }
            Self::Referral { cut, servers, place, signed } => {
                Stage::Referral { cut, servers, place, signed }
            }
            Self::End { end, name, ttl } => Stage::End { end, name, ttl },
        }
    }
}

impl Trail {
    pub(super) fn position(&mut self, name: Name<'_>, zone: &Zone, position: &Position<'_>) {
        let (found, node) = match position {
            Position::Exact(node) => (Found::Name, node),
            Position::Wildcard(node) => (Found::Wildcard, node),
            Position::Cut { cut, .. } => (Found::Cut, cut),
            Position::Below(node) => (Found::Dname, node),
            Position::Missing(encloser) => (Found::Nothing, encloser),
        };
        self.stages.push(Stage::Look {
            name: name.to_string(),
            zone: zone.apex().to_string(),
            serial: zone.serial(),
            found,
            owner: node.owner().to_string(),
        });
    }

    /// `ttl`: of the denial, if it is one.
    pub(super) fn end(&mut self, name: Name<'_>, end: End, ttl: Option<u32>) {
        self.stages.push(Stage::End { end, name: name.to_string(), ttl });
    }

    pub(super) fn referral(&mut self, cut: Node<'_>, servers: RrSet<'_>) {
        self.stages.push(Stage::Referral {
            cut: cut.owner().to_string(),
            servers: servers
                .rdatas()
                .take(MOST_RECORDS)
                .map(|data| rdata::text(Type::NS, data))
                .collect(),
            place: place(servers),
            signed: cut.set(Type::DS).is_some(),
        });
    }

    pub(super) fn records(&mut self, name: Name<'_>, set: RrSet<'_>) {
        self.put(name, set.rtype(), set.ttl(), set.rdatas(), (false, place(set)));
    }

    pub(super) fn computed<'r>(
        &mut self,
        name: Name<'_>,
        rtype: Type,
        ttl: u32,
        rdatas: impl Iterator<Item = &'r [u8]>,
    ) {
        self.put(name, rtype, ttl, rdatas, (true, None));
    }

    pub(super) fn alias(&mut self, name: Name<'_>, target: Name<'_>, ttl: u32) {
        self.put(name, Type::CNAME, ttl, [target.as_wire()].into_iter(), (false, None));
    }

    fn put<'r>(
        &mut self,
        name: Name<'_>,
        rtype: Type,
        ttl: u32,
        rdatas: impl Iterator<Item = &'r [u8]>,
        (computed, place): (bool, Option<String>),
    ) {
        let (mut records, mut more) = (Vec::new(), 0);
        for data in rdatas {
            if records.len() < MOST_RECORDS {
                records.push(format!("{name} {ttl} {rtype} {}", rdata::text(rtype, data)));
            } else {
                more += 1;
            }
        }
        self.stages.push(Stage::Records { records, more, computed, place });
    }

    pub(super) fn program(
        &mut self,
        (hosted, node): (&Hosted<Served>, Node<'_>),
        (program, entry): (ProgramRef, &ProgramEntry),
        answers: &Answers,
        (result, story): (Result<(), Failure>, Story),
    ) {
        let code = entry.program.as_ref();
        let place = entry.place;
        let file = hosted.zone.file(place.file).display();
        self.stages.push(Stage::Program(Box::new(ProgramRun {
            zone: hosted.zone.apex().to_string(),
            owner: node.owner().to_string(),
            makes: program.inner,
            text: code.map_or_else(String::new, |code| code.text().to_owned()),
            place: (place.line > 0).then(|| format!("{file}:{}", place.line)),
            is_plan: code.is_some_and(|code| code.is_plan()),
            record_ttl: program.ttl,
            own_ttl: answers.ttl(),
            gave: answers
                .rdatas()
                .take(MOST_RECORDS)
                .map(|data| rdata::text(program.inner, data))
                .collect(),
            denies: answers.denies_name(),
            reads: answers.reads(),
            scope: answers.scope(),
            failure: result.err(),
            detail: String::new(),
            last_good: false,
            story,
        })));
    }

    pub(super) fn last_run(&mut self) -> Option<&mut ProgramRun> {
        match self.stages.last_mut() {
            Some(Stage::Program(run)) => Some(run),
            _ => None,
        }
    }

    pub(super) fn last_good(&mut self) {
        if let Some(run) = self.last_run() {
            run.last_good = true;
        }
    }
}

/// Where the first record of an RRset stands.
fn place(set: RrSet<'_>) -> Option<String> {
    set.place().map(|(path, line)| format!("{}:{line}", path.display()))
}
