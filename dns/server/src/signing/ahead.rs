//! Signs what record programs could answer before anybody asks: when health changes, the answers that follow
//! from it are ready, and a failover costs no query a signature.
//!
//! On a thread of its own. What it signs is remembered where signatures of computed answers are; a query
//! does not wait for it.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use foldhash::fast::FixedState;
use halfmoon_dnssec::{Desk, Means, SignError, Signed, TypeSet, Unlimited};
use halfmoon_healthcheck::{Reader, Snapshot};
use halfmoon_lua::{Candidate, Client, Context, Machine};
use halfmoon_wire::Type;
use halfmoon_zones::{Hosted, Node, Zone};

use super::date;
use crate::behind;
use crate::shared::{Served, Shared, Zones};

mod places;

use places::{Place, Places, codes};

/// Between two looks at whether something changed.
const LOOK: Duration = Duration::from_millis(20);
/// The same while nothing can be signed ahead, and a look can find other zones at most. Those there were are held
/// for as long, which is no longer than by a thread that nobody asks.
const SELDOM: Duration = Duration::from_millis(250);
/// How many answers of one RRset are made ready.
const MOST: usize = 64;
/// After so long all answers are looked at again, since signatures run out, in seconds.
const AGAIN: u32 = 3600;
/// After so many signatures in a row it is looked whether something else changed.
const BATCH: usize = 1000;

/// The thread that signs ahead. Ends when dropped.
#[derive(Debug)]
pub struct Ahead {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let run = move || {
            let mut work = Work::new(shared);
            let mut pause = LOOK;
            while matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                work.look();
                pause = if work.places.is_empty() { SELDOM } else { LOOK };
            }
        };
        let thread = behind::spawn("ahead", run)?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    reader: Reader,
    machine: Machine,
    desk: Desk,
    /// The zones that `places` were found in.
    zones: Arc<Zones>,
    places: Places,
    /// What was known of its endpoints when an RRset was signed, by its number in `places`.
    signed: HashMap<u32, u64>,
    /// Those to be looked at: the new ones, and those of which something has changed.
    due: BTreeSet<u32>,
    /// The verdicts by which that was said last.
    seen: Arc<Snapshot>,
    /// When all that was signed is looked at again.
    again: u32,
}

impl Work {
    fn new(shared: Arc<Shared>) -> Self {
        let (mut reader, machine) =
            (shared.health.reader(), Machine::new(shared.policy.lua.clone()));
        let seen = Arc::clone(reader.load());
        Self {
            shared,
            reader,
            machine,
            desk: Desk::ahead(2 * AGAIN),
            zones: Arc::default(),
            places: Places::default(),
            signed: HashMap::new(),
            due: BTreeSet::new(),
            seen,
            again: date().wrapping_add(AGAIN),
        }
    }

    fn look(&mut self) {
        let (zones, now) = (self.shared.zones.load_full(), date());
        if !Arc::ptr_eq(&zones, &self.zones) {
            let renewed = self.places.renew(&zones);
            for number in renewed.gone {
                self.signed.remove(&number);
                self.due.remove(&number);
            }
            self.due.extend(renewed.new);
            self.zones = zones;
        }
        if now.wrapping_sub(self.again) < u32::MAX / 2 {
            self.signed.clear();
            self.due.extend(self.places.numbers());
            self.again = now.wrapping_add(AGAIN);
        }
        let snapshot = Arc::clone(self.reader.load());
        if snapshot.generation() != self.seen.generation() {
            self.due.extend(self.places.touched(&snapshot, &self.seen));
        }
        if snapshot.order() != self.seen.order() {
            // Choices that stand beside pools may be narrower, or wider.
            self.due.extend(self.places.numbers());
        }
        self.seen = Arc::clone(&snapshot);
        let mut left = BATCH;
        // What is left over comes with the next look, by what is known then.
        while left > 0
            && let Some(number) = self.due.pop_first()
        {
            let Some(Place { hosted, node, rtype }) = self.places.at(number) else {
                continue;
            };
            let Some(node) = hosted.zone.node(node) else {
                continue;
            };
            let states = states(&hosted, node, rtype, &snapshot);
            if self.signed.get(&number) == Some(&states) {
                continue;
            }
            left = left.saturating_sub(self.sign(&hosted, node, rtype, &snapshot));
            self.signed.insert(number, states);
        }
    }

    /// Signs what an RRset could be now; how many signatures that took at most.
    fn sign(
        &mut self,
        hosted: &Hosted<Served>,
        node: Node<'_>,
        rtype: Type,
        snapshot: &Arc<Snapshot>,
    ) -> usize {
        let Some(signed) = &hosted.beside.signed else {
            return 0;
        };
        let answers = self.answers(hosted, node, rtype, snapshot);
        let mut means = Means { now: date(), budget: &mut Unlimited, desk: &mut self.desk };
        for Candidate { rdatas, ttl } in &answers {
            let (names, ttl) = ((hosted.zone.apex(), node.owner()), ttl.unwrap_or(0));
            let result = match rdatas.is_empty() {
                true => deny(&hosted.zone, signed, (node, rtype), &mut means),
                false => {
                    let rdatas = rdatas.iter().map(|rdata| &**rdata);
                    signed.of_made(names, (rtype, ttl), rdatas, &mut means).map(drop)
                }
            };
            if let Err(error) = result {
                tracing::error!(zone = %names.0, owner = %names.1, %error, "not signed ahead");
            }
        }
        answers.len()
    }

    /// What an RRset could be now, as it would be answered: what stands in the zone, with one of the
    /// answers of each program. Each has a TTL.
    fn answers(
        &mut self,
        hosted: &Hosted<Served>,
        node: Node<'_>,
        rtype: Type,
        snapshot: &Arc<Snapshot>,
    ) -> Vec<Candidate> {
        let geo = self.shared.geo.current();
        let client = nobody();
        let context = Context {
            qname: node.owner(),
            zone: hosted.zone.apex(),
            owner: node.owner(),
            data: &self.zones,
            client: &client,
            geo: &geo,
            health: snapshot,
            requests: &self.shared.health,
            account: hosted.beside.account.as_ref(),
        };
        let fixed = node.set(rtype);
        let beside = fixed.into_iter().flat_map(|set| set.rdatas()).map(Into::into);
        let mut all = vec![Candidate { rdatas: beside.collect(), ttl: fixed.map(|set| set.ttl()) }];
        for (code, of_record) in codes(hosted, node, rtype).flatten() {
            let candidates = self.machine.candidates(code, &context, MOST);
            if candidates.is_empty() {
                // What it says is not known; whatever it is, the others cannot be signed without it.
                return Vec::new();
            }
            let with = |before: &Candidate| {
                let before = before.clone();
                candidates.iter().map(move |candidate| joined(&before, candidate, of_record))
            };
            let mut combined: Vec<Candidate> = Vec::new();
            for answer in all.iter().flat_map(with).take(MOST) {
                if !combined.contains(&answer) {
                    combined.push(answer);
                }
            }
            all = combined;
        }
        all
    }
}

/// An answer with what a program adds to it: no record twice, and the least of the TTLs of those who add
/// something.
fn joined(before: &Candidate, more: &Candidate, of_record: u32) -> Candidate {
    let mut answer = before.clone();
    for rdata in &more.rdatas {
        if !answer.rdatas.contains(rdata) {
            answer.rdatas.push(rdata.clone());
        }
    }
    if answer.rdatas.len() > before.rdatas.len() {
        let ttl = more.ttl.unwrap_or(of_record);
        answer.ttl = Some(answer.ttl.map_or(ttl, |before| before.min(ttl)));
    }
    answer
}

/// Signs that a node has nothing of a type now.
fn deny(
    zone: &Zone,
    signed: &Signed,
    (node, rtype): (Node<'_>, Type),
    means: &mut Means<'_>,
) -> Result<(), SignError> {
    match signed.chain() {
        None => {
            let (ttl, _) = zone.denial();
            let types = TypeSet::at(node, Some(rtype));
            signed.deny((zone.apex(), node.owner()), types, ttl, means).map(drop)
        }
        Some(chain) => match chain.of(zone, node) {
            Some(link) => signed.link(zone, link, Some(&chain.types(node, rtype)), means).map(drop),
            None => Ok(()),
        },
    }
}

/// A number that changes when what is known of the endpoints of an RRset does: how its pools answer,
/// after all that verdicts, operators and the pools' own policies say. What has no pool, or none that is
/// on the board yet, goes by the verdicts.
fn states(hosted: &Hosted<Served>, node: Node<'_>, rtype: Type, snapshot: &Snapshot) -> u64 {
    let mut hasher = std::hash::BuildHasher::build_hasher(&FixedState::default());
    for (code, _) in codes(hosted, node, rtype).flatten() {
        let mut is_known = false;
        if code.choices().next().is_some() {
            // What stands beside it is chosen without health, and operators may have spoken of it.
            snapshot.order().hash(&mut hasher);
        }
        let standings = code.pools().map(|pool| snapshot.pool(pool));
        for standing in standings {
            standing.hash(&mut hasher);
            is_known = standing.is_some();
        }
        for id in code.checks().filter(|_| !is_known) {
            let verdict = snapshot.verdict(id);
            (verdict.state, verdict.share, verdict.is_settled).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A client that is not there.
fn nobody() -> Client {
    Client {
        peer: SocketAddr::from(([0, 0, 0, 0], 0)),
        local: None,
        ecs: None,
        tcp: false,
        dnssec_ok: true,
        edns_size: None,
        header: [0; 12],
    }
}
