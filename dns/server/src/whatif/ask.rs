//! One question, asked before and after for all clients of a sample.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use halfmoon_healthcheck::{Choice, Snapshot};
use halfmoon_lua::{Finding, Reads, Step};
use halfmoon_wire::Rcode;

use super::questions::Question;
use super::sample::Sample;
use super::view::{NameView, Outcome, PoolView, ShareView};
use crate::answer::{Stage, Trail};
use crate::explain::{Paper, Wish};
use crate::reply::Heard;
use crate::tenants::Realm;

/// How often a question is asked at least whose answer is left to chance.
const DRAWS: usize = 512;
/// Answers of one question that are kept so that they are not understood twice.
const MOST_KNOWN: usize = 1024;
/// Endpoints of one question that are told apart; the rest are [`OTHERS`].
const MOST_ENDPOINTS: usize = 1024;
/// What endpoints beyond those are called together.
const OTHERS: &str = "others";

/// Who answers, with one board.
pub(super) struct Asker {
    paper: Paper,
    at: SystemTime,
}

/// The same as things are and as they would be.
pub(super) struct Pair {
    pub(super) before: Asker,
    pub(super) after: Asker,
}

/// What somebody is answered: addresses or other data in order of text, or a word for why there is
/// none.
type Said = Arc<[String]>;

/// Answers that were understood already: those of one question are few.
type Known = HashMap<Vec<u8>, Said>;

/// What comes of one question.
#[derive(Default)]
struct Tally {
    /// The part of each endpoint, before and after.
    shares: BTreeMap<String, (f64, f64)>,
    /// The part of clients who are answered something else.
    changed: f64,
}

impl Asker {
    pub(super) fn new(realm: &Realm<'_>, board: Arc<Snapshot>, at: SystemTime) -> Self {
        Self { paper: Paper::new(realm, board), at }
    }

    pub(super) fn ask(&mut self, question: &Question, client: IpAddr, seed: u64) -> &[u8] {
        let wish = self.wish(question, client, seed);
        self.paper.answer(&wish)
    }

    pub(super) fn trail(&mut self, question: &Question, client: IpAddr, seed: u64) -> Trail {
        let wish = self.wish(question, client, seed);
        self.paper.trail(&wish)
    }

    fn wish(&self, question: &Question, client: IpAddr, seed: u64) -> Wish {
        let Question { name, rtype } = *question;
        Wish { name, rtype, client, subnet: None, at: Some(self.at), seed }
    }
}

impl Pair {
    /// Asks, and puts into the outcome what comes of it. `go_on` is asked now and then, and may end it.
    pub(super) fn compare(
        &mut self,
        question: &Question,
        sample: &Sample,
        outcome: &mut Outcome,
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(first) = sample.clients().next() else {
            return ControlFlow::Continue(());
        };
        let before = self.before.trail(question, first.address, 1);
        let after = self.after.trail(question, first.address, 1);
        let Some(reads) = reads([&before, &after]) else {
            // No program has a part in it.
            return ControlFlow::Continue(());
        };
        outcome.names += 1;
        computed(question, &before, &after, outcome);
        let is_same_for_all = !varies(reads);
        let repeats = match reads.contains(Reads::CHANCE) {
            true => DRAWS.div_ceil(sample.clients().count()),
            false => 1,
        };
        let whole = if is_same_for_all { first.weight } else { sample.weight() };
        let (mut tally, mut known) = (Tally::default(), Known::new());
        let clients = sample.clients().take(if is_same_for_all { 1 } else { usize::MAX });
        for (number, client) in clients.enumerate() {
            if number % 64 == 63 {
                go_on()?;
            }
            for repeat in 0..repeats {
                let seed = 1 + (number * repeats + repeat) as u64;
                let old = said(self.before.ask(question, client.address, seed), &mut known);
                let new = said(self.after.ask(question, client.address, seed), &mut known);
                tally.add(&old, &new, client.weight / whole / repeats as f64);
            }
        }
        tally.put(question, outcome);
        ControlFlow::Continue(())
    }
}

impl Tally {
    fn share(&mut self, endpoint: &str) -> &mut (f64, f64) {
        let is_told = self.shares.len() < MOST_ENDPOINTS || self.shares.contains_key(endpoint);
        self.shares.entry(if is_told { endpoint } else { OTHERS }.to_owned()).or_default()
    }

    fn add(&mut self, old: &Said, new: &Said, part: f64) {
        for one in old.iter() {
            self.share(one).0 += part / old.len() as f64;
        }
        for one in new.iter() {
            self.share(one).1 += part / new.len() as f64;
        }
        if old != new {
            self.changed += part;
        }
    }

    fn put(self, question: &Question, outcome: &mut Outcome) {
        for (endpoint, (before, after)) in &self.shares {
            outcome.add_load(endpoint, *before, *after);
        }
        if self.changed == 0.0 {
            return;
        }
        let share = |(endpoint, (before, after))| ShareView { endpoint, before, after };
        outcome.changed.push(NameView {
            name: question.name.to_string(),
            rtype: question.rtype.to_string(),
            clients: self.changed,
            shares: self.shares.into_iter().map(share).collect(),
        });
    }
}

/// Whether others may be answered something else than the client of this trail.
pub(super) fn may_differ(trail: &Trail) -> bool {
    reads([trail]).is_some_and(varies)
}

/// What programs read on the way; `None`: none ran.
fn reads<const N: usize>(trails: [&Trail; N]) -> Option<Reads> {
    let stages = trails.into_iter().flat_map(|trail| &trail.stages);
    let runs = stages.filter_map(|stage| match stage {
        Stage::Program(run) => Some(run.reads),
        _ => None,
    });
    runs.reduce(Reads::and)
}

/// Whether others may be answered something else.
fn varies(reads: Reads) -> bool {
    [Reads::CHANCE, Reads::CLIENT, Reads::PLACE, Reads::TRANSPORT]
        .into_iter()
        .any(|one| reads.contains(one))
}

/// Lists that a program computes are no pools: what became of them is in what it did.
fn computed(question: &Question, before: &Trail, after: &Trail, outcome: &mut Outcome) {
    let is_all_down = |trail: &Trail| lists(trail).any(|pool| pool.choice != Choice::Selected);
    if is_all_down(before) || !is_all_down(after) {
        return;
    }
    for pool in lists(after).filter(|pool| pool.choice != Choice::Selected) {
        outcome.all_down.push(PoolView {
            name: question.name.to_string(),
            rtype: question.rtype.to_string(),
            members: pool.members.len(),
            up: 0,
            minimum: 0,
            answers: super::pools::words(pool.choice).to_owned(),
        });
    }
}

/// The lists of a trail that no pool was registered for.
fn lists(trail: &Trail) -> impl Iterator<Item = &halfmoon_lua::Pool> {
    let runs = trail.stages.iter().filter_map(|stage| match stage {
        Stage::Program(run) => Some(&run.story.steps),
        _ => None,
    });
    let calls = runs.flatten().filter_map(|step| match step {
        Step::Call(call) => Some(&call.findings),
        _ => None,
    });
    calls.flatten().filter_map(|finding| match finding {
        Finding::Pool(pool) if pool.id.is_none() => Some(pool),
        _ => None,
    })
}

/// What a reply says.
fn said(reply: &[u8], known: &mut Known) -> Said {
    if let Some(said) = known.get(reply) {
        return Arc::clone(said);
    }
    let said: Said = understood(reply).into();
    if known.len() < MOST_KNOWN {
        known.insert(reply.to_vec(), Arc::clone(&said));
    }
    said
}

fn understood(reply: &[u8]) -> Vec<String> {
    let Some(heard) = Heard::of(reply).filter(|heard| heard.unreadable.is_none()) else {
        return vec!["no reply".to_owned()];
    };
    let mut said: Vec<String> = heard.wanted().iter().map(|record| record.data.clone()).collect();
    if said.is_empty() {
        return vec![match heard.rcode {
            Rcode::NOERROR => "no records".to_owned(),
            rcode => rcode.to_string(),
        }];
    }
    said.sort_unstable();
    said.dedup();
    said
}
