//! Signs what record programs could answer before anybody asks: when health changes, the answers that follow
//! from it are ready, and a failover costs no query a signature.
//!
//! On a thread of its own. What it signs is remembered where signatures of computed answers are; a query
//! does not wait for it.

use std::collections::HashMap;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foldhash::fast::FixedState;
use halfmoon_dnssec::{Desk, Means, Unlimited};
use halfmoon_healthcheck::{Reader, Snapshot};
use halfmoon_lua::{Candidate, Client, Context, Machine, Program};
use halfmoon_wire::Type;
use halfmoon_zones::{Hosted, Node, ProgramRef};

use super::date;
use crate::shared::{Served, Shared, Zones};

/// Between two looks at whether something changed.
const LOOK: Duration = Duration::from_millis(20);
/// How many answers of one program are made ready.
const MOST: usize = 64;
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
            while matches!(ended.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                work.look();
            }
        };
        let thread = thread::Builder::new().name("ahead".to_owned()).spawn(run)?;
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

/// Where a program stands: the number of its zone in the catalog, its node, and itself.
type Place = (usize, u32, ProgramRef);

struct Work {
    shared: Arc<Shared>,
    reader: Reader,
    machine: Machine,
    desk: Desk,
    zones: Arc<Zones>,
    /// Programs of signed zones whose answers depend on checks.
    places: Vec<Place>,
    /// What was known of a program's checks when its answers were signed, by its number in `places`.
    signed: HashMap<usize, u64>,
    /// The generation of health that all of `places` were looked at with.
    seen: Option<u64>,
}

impl Work {
    fn new(shared: Arc<Shared>) -> Self {
        let (reader, machine) = (shared.health.reader(), Machine::new(shared.policy.lua.clone()));
        Self {
            shared,
            reader,
            machine,
            desk: Desk::default(),
            zones: Arc::default(),
            places: Vec::new(),
            signed: HashMap::new(),
            seen: None,
        }
    }

    fn look(&mut self) {
        let zones = self.shared.zones.load_full();
        if !Arc::ptr_eq(&zones, &self.zones) {
            self.places = places(&zones);
            self.zones = zones;
            self.signed.clear();
            self.seen = None;
        }
        let snapshot = Arc::clone(self.reader.load());
        if self.places.is_empty() || self.seen == Some(snapshot.generation()) {
            return;
        }
        let mut left = BATCH;
        for at in 0..self.places.len() {
            let (zone, node, program) = self.places[at];
            let Some(hosted) = self.zones.zones().get(zone).cloned() else {
                continue;
            };
            let Some(node) = hosted.zone.node(node) else {
                continue;
            };
            let Some(code) = code(&hosted, program) else {
                continue;
            };
            let states = states(code, &snapshot);
            if self.signed.get(&at) == Some(&states) {
                continue;
            }
            if left == 0 {
                // The rest comes with the next look, by what is known then.
                return;
            }
            left = left.saturating_sub(self.sign(&hosted, node, (program, code), &snapshot));
            self.signed.insert(at, states);
        }
        self.seen = Some(snapshot.generation());
    }

    /// Signs what a program could answer now; how many signatures that took at most.
    fn sign(
        &mut self,
        hosted: &Hosted<Served>,
        node: Node<'_>,
        (program, code): (ProgramRef, &Program),
        snapshot: &Arc<Snapshot>,
    ) -> usize {
        let Some(signed) = &hosted.beside.signed else {
            return 0;
        };
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
        };
        let candidates = self.machine.candidates(code, &context, MOST);
        let fixed = node.set(program.inner);
        let count = candidates.len();
        for Candidate { rdatas, ttl } in candidates {
            // As the answer will be: one RRset with what stands beside the program.
            let ttl = ttl.unwrap_or(program.ttl).min(fixed.map_or(u32::MAX, |set| set.ttl()));
            let beside = fixed.into_iter().flat_map(|set| set.rdatas());
            let all = beside.chain(rdatas.iter().map(|rdata| &**rdata));
            let mut means = Means { now: date(), budget: &mut Unlimited, desk: &mut self.desk };
            let names = (hosted.zone.apex(), node.owner());
            if let Err(error) = signed.of_made(names, (program.inner, ttl), all, &mut means) {
                tracing::error!(zone = %hosted.zone.apex(), owner = %node.owner(), %error, "not signed ahead");
            }
        }
        count
    }
}

/// The programs whose answers can be told ahead: of signed zones, with checks, not below a wildcard,
/// where the names are not known, and without another of their type beside them.
fn places(zones: &Zones) -> Vec<Place> {
    let mut places = Vec::new();
    for (at, hosted) in zones.zones().iter().enumerate() {
        if hosted.beside.signed.is_none() || hosted.zone.program_count() == 0 {
            continue;
        }
        for node in hosted.zone.nodes() {
            if !node.has_programs() || node.is_occluded() || node.owner().is_wildcard() {
                continue;
            }
            for program in node.programs() {
                let twins = node.programs().filter(|other| other.inner == program.inner).count();
                let has_checks = code(hosted, program).is_some_and(|code| code.checks().len() > 0);
                if twins == 1 && has_checks && program.inner != Type::LUA {
                    places.push((at, node.id(), program));
                }
            }
        }
    }
    places
}

fn code(hosted: &Hosted<Served>, program: ProgramRef) -> Option<&Program> {
    let entry = hosted.beside.programs.entry(program.number)?;
    entry.program.as_deref().filter(|code| code.is_plan())
}

/// A number that changes when what is known of the program's checks does.
fn states(code: &Program, snapshot: &Snapshot) -> u64 {
    let mut hasher = std::hash::BuildHasher::build_hasher(&FixedState::default());
    for id in code.checks() {
        snapshot.verdict(id).state.hash(&mut hasher);
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
