//! What all threads of one server share: the current snapshots, and where new ones appear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use halfmoon_dnssec::{Presigned, Signed};
use halfmoon_geo::Source;
use halfmoon_healthcheck::{Account, Health};
use halfmoon_lua::{Dialect, Program, Settings};
use halfmoon_zones::{Catalog, Place};
use ipnet::IpNet;

use crate::columns::{Columns, Count};
use crate::cookies::Cookies;
use crate::events::Events;
use crate::last_good::LastGood;
use crate::limit::Limits;
use crate::meter::Meters;
use crate::overrides::Overrides;
use crate::publish::{Loads, Publishing, UrlClaim};
use crate::tenants::{Counts, Runs, TenantId, Tenants, Usage};
use crate::transfer::Slots;
use crate::tsig::Keys;

/// The zones being served.
pub type Zones = Catalog<Served>;

/// What is kept beside a zone.
#[derive(Debug, Default)]
pub struct Served {
    /// Its compiled programs.
    pub programs: Programs,
    /// Its signatures, if it is signed here.
    pub signed: Option<Arc<Signed>>,
    /// How many queries it was asked since it was read.
    pub queries: Arc<Count>,
    /// Its own signatures, if it comes signed.
    pub presigned: Option<Presigned>,
    /// The URLs that its programs ask addresses for, as far as their text tells.
    pub claims: Box<[UrlClaim]>,
    /// Who owns it; `None`: the operator.
    pub tenant: Option<TenantId>,
    /// On whose account its checks are; `None`: on nobody's, as those of the operator.
    pub account: Option<Account>,
    /// What it takes of what its tenant may have, if anything of that is limited.
    pub usage: Option<Arc<Usage>>,
}

impl Served {
    /// What it counts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { queries: Arc::clone(&self.queries), runs: Arc::clone(&self.programs.runs) }
    }
}

/// The compiled programs of a zone, in the order in which the zone numbers them, and how often they
/// have answered since it was read.
#[derive(Debug, Default)]
pub struct Programs {
    entries: Box<[ProgramEntry]>,
    runs: Arc<Runs>,
}

impl Programs {
    /// Programs as the compiler made them, `None` for one that has faults, and where their last
    /// good answers are; so many threads will run them.
    #[must_use]
    pub fn new(
        programs: impl IntoIterator<Item = (Option<Arc<Program>>, Option<Arc<LastGood>>)>,
        threads: usize,
    ) -> Self {
        let mut counts = 0;
        let entry = |(program, last_good): (Option<Arc<Program>>, _)| {
            let first = counts;
            let pools = program.iter().flat_map(|program| program.counted_pools());
            counts += 1 + pools.max().map_or(0, |last| last as usize + 1);
            let is = |what: fn(&Program) -> bool| program.as_deref().is_some_and(what);
            ProgramEntry {
                may_be_ready: is(Program::is_by_health),
                says_one: is(|program| program.says_one() && !program.is_by_health()),
                program,
                place: Place::default(),
                last_good,
                answers: first,
                failures: Failures::default(),
                notes: Failures::default(),
            }
        };
        let entries: Box<[ProgramEntry]> = programs.into_iter().map(entry).collect();
        let runs = Runs {
            answers: Columns::new(counts, threads),
            firsts: entries.iter().map(|entry| entry.answers).collect(),
            failures: AtomicU64::new(0),
        };
        Self { entries, runs: Arc::new(runs) }
    }

    /// Counts that a program ran to its end, and which of its pools it chose from, as the thread with
    /// this [`crate::meter::Meter::lane`].
    pub fn count(&self, entry: &ProgramEntry, chose: impl Iterator<Item = u32>, lane: usize) {
        let answers = &self.runs.answers;
        answers.add(entry.answers, lane);
        for pool in chose {
            answers.add(entry.answers + 1 + pool as usize, lane);
        }
    }

    /// Counts that a program failed at second `now`. Says how often it did if it is time for a log line.
    pub fn fail(&self, entry: &ProgramEntry, now: u64) -> Option<u64> {
        self.runs.failures.fetch_add(1, Ordering::Relaxed);
        entry.failures.add(now)
    }

    /// How often a program ran to its end.
    #[must_use]
    pub fn answers(&self, entry: &ProgramEntry) -> u64 {
        self.runs.answers.read(entry.answers)
    }

    /// How often a program then had chosen from each of its pools, by number.
    pub fn answers_of_pools(&self, entry: &ProgramEntry) -> impl Iterator<Item = (u32, u64)> {
        let first = entry.answers + 1;
        let pools = entry.program.iter().flat_map(|program| program.counted_pools());
        pools.map(move |pool| (pool, self.runs.answers.read(first + pool as usize)))
    }

    /// The same, with where each stands in the zone's files.
    #[must_use]
    pub fn at(mut self, places: impl IntoIterator<Item = Place>) -> Self {
        for (entry, place) in self.entries.iter_mut().zip(places) {
            entry.place = place;
        }
        self
    }

    /// The program with this number in its zone.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<&ProgramEntry> {
        self.entries.get(number as usize)
    }

    /// All programs.
    pub fn iter(&self) -> impl Iterator<Item = &ProgramEntry> {
        self.entries.iter()
    }
}

/// A program, and how it has fared since it was loaded.
#[derive(Debug)]
pub struct ProgramEntry {
    /// The program; `None` if it has faults.
    pub program: Option<Arc<Program>>,
    /// Where it stands in the files of its zone.
    pub place: Place,
    /// What it last said, to be said when it fails; `None` if that is not wanted of it.
    pub last_good: Option<Arc<LastGood>>,
    /// Whether its answers may be kept as they go out ([`Program::is_by_health`]).
    pub(crate) may_be_ready: bool,
    /// Whether it mostly says one string ([`Program::says_one`]), and another to whoever asks: what is the same for
    /// all is kept.
    pub(crate) says_one: bool,
    /// Where [`Programs`] counts its answers.
    answers: usize,
    /// How often it failed.
    pub failures: Failures,
    /// How often it said something for the log.
    pub notes: Failures,
}

/// Counts failures and keeps the log readable: one line for each while, with the count so far.
#[derive(Debug, Default)]
pub struct Failures {
    count: AtomicU64,
    /// The second, from some start, before which nothing is logged again.
    quiet_until: AtomicU64,
}

impl Failures {
    /// Seconds between two log lines on one program.
    const QUIET: u64 = 10;

    /// Counts one failure at second `now`. Says how many there were if it is time for a log line.
    pub fn add(&self, now: u64) -> Option<u64> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let until = self.quiet_until.load(Ordering::Relaxed);
        let due = now >= until
            && self
                .quiet_until
                .compare_exchange(until, now + Self::QUIET, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        due.then_some(count)
    }

    /// How many failures there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// What a worker needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Budgets and dialect of programs.
    pub lua: Settings,
    /// Whether EDNS Client Subnet is believed and answered (RFC 7871).
    pub client_subnet: bool,
    /// What type ANY gets.
    pub any: AnyAnswers,
    /// What the server says of itself.
    pub presentation: Presentation,
    /// How many signatures a second one source may cause, on each thread.
    pub signatures_per_source: u32,
    /// How many answers one network gets.
    pub limits: Limits,
    /// Who may have whole zones.
    pub transfers: Arc<[IpNet]>,
    /// To whom answers are explained over DNS.
    pub explains_to: Arc<[IpNet]>,
    /// How many have zones at a time.
    pub transfer_slots: Slots,
    /// How long a TCP connection may be idle, in tenths of a second, for clients that ask (RFC 7828).
    pub tcp_idle: u16,
}

/// What type ANY gets over UDP (RFC 8482). Over TCP it gets everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnyAnswers {
    /// One RRset.
    #[default]
    Minimal,
    /// Every RRset.
    Full,
}

/// What the server says of itself; nothing of what is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presentation {
    /// The answer to `version.bind` and `version.server`.
    pub version: Option<String>,
    /// The answer to `hostname.bind` and `id.server`.
    pub identity: Option<String>,
    /// The name server identifier (RFC 5001), at most [`halfmoon_wire::LONGEST_NSID`] octets.
    pub nsid: Option<String>,
}

impl Policy {
    /// Everything but the programs' settings as it is when nothing is configured.
    #[must_use]
    pub fn new(lua: Settings) -> Self {
        Self {
            lua,
            client_subnet: true,
            any: AnyAnswers::default(),
            presentation: Presentation::default(),
            signatures_per_source: 100,
            limits: Limits::none(),
            transfers: Arc::default(),
            explains_to: Arc::default(),
            transfer_slots: Slots::new(10),
            tcp_idle: 100,
        }
    }

    /// Whether a program that fails takes the static records beside it along (as in PowerDNS).
    #[must_use]
    pub fn failure_is_final(&self) -> bool {
        self.lua.dialect == Dialect::PowerDns
    }
}

/// The state of one server.
#[derive(Debug)]
pub struct Shared {
    /// The zones being served.
    pub zones: Arc<ArcSwap<Zones>>,
    /// The checks and their verdicts.
    pub health: Health,
    /// The geo databases.
    pub geo: Source,
    /// By what cookies are made.
    pub cookies: Cookies,
    /// The keys of those who sign their queries.
    pub keys: Keys,
    /// The configuration, as far as answers depend on it.
    pub policy: Policy,
    /// What the threads that answer have counted.
    pub meters: Meters,
    /// What became of the zones each time they were read.
    pub loads: Loads,
    /// The repository that zones come from, and who can be asked to publish.
    pub publishing: Publishing,
    /// What happened.
    pub events: Arc<Events>,
    /// What operators say of endpoints.
    pub overrides: Arc<Overrides>,
    /// Who owns which zones.
    pub tenants: Arc<Tenants>,
}
