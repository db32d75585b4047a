//! Asking on paper, and comparing.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use halfmoon_geo::Source;
use halfmoon_healthcheck::{Account, Health, Snapshot, TargetPolicy};
use halfmoon_lua::{Compiler, Defaults};
use halfmoon_wire::NameBuf;
use halfmoon_zones::{Catalog, Fault, FileId, Hosted, Place, ProgramSource, Zone};
use ipnet::IpNet;

use super::case::{Case, Expected, Others, Shares, Tests, compared};
use super::turns::{Coming, Turns};
use crate::cookies::Cookies;
use crate::events::Events;
use crate::explain::{Paper, Rest, States, Wish, matching, suppose_states};
use crate::meter::Meters;
use crate::overrides::{Overrides, Target};
use crate::publish::{Loads, Publishing};
use crate::reply::Heard;
use crate::shared::{Policy, Programs, Served, Shared};
use crate::tenants::Realm;
use crate::tsig::Keys;

/// How long the tests of all zones of one load may take, where nobody waits for them: other changes wait.
const LONGEST_OF_ALL: Duration = Duration::from_secs(30);
/// The rule of tests for which there was no time left.
pub(crate) const NOT_RUN: &str = "tests-not-run";
/// How long a program may take in a test, at least: a loaded machine is no reason for one to fail.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs the tests beside zones.
#[derive(Debug)]
pub struct Examiner {
    targets: TargetPolicy,
    geo: Source,
    policy: Policy,
    ran: usize,
    turns: Turns,
    /// The version of all zones that is looked at, if it has a name, and those of its zones that have passed.
    passed: (Option<String>, HashSet<NameBuf>),
    /// A failure is told and refuses nothing.
    is_lenient: bool,
}

/// The zone that is tested, and what it is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) programs: &'a [(NameBuf, ProgramSource)],
    /// What holds of its records where they say nothing.
    pub(crate) defaults: &'a Arc<Defaults>,
    /// On whose account its checks are.
    pub(crate) account: Option<&'a Account>,
}

/// Why a test is not passed.
#[derive(Debug)]
enum Failure {
    /// What is not as expected.
    Other(String),
    /// There was no time to find out.
    Late,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::Other(why.to_owned())
    }
}

impl Examiner {
    /// Answers as a server with this policy and these databases would, and takes on what its checks may
    /// probe.
    #[must_use]
    pub fn new(targets: TargetPolicy, geo: Source, policy: Policy) -> Self {
        Self {
            targets,
            geo,
            policy,
            ran: 0,
            turns: Turns::new(Some(LONGEST_OF_ALL)),
            passed: (None, HashSet::new()),
            is_lenient: false,
        }
    }

    /// All tests of one load may take so long together; `None`: as long as they like. It is half a minute if nobody
    /// says. Those of one zone never take more than three seconds, or half of all: so much has each that had no time in
    /// the load before, those that wait longest first, as many as there is time for but for one; another one has
    /// half of what is left then.
    #[must_use]
    pub const fn at_most(mut self, most: Option<Duration>) -> Self {
        self.turns.most = most;
        self
    }

    /// What the next load may test.
    pub(crate) fn expect(&mut self, coming: Coming) {
        self.turns.expect(coming);
    }

    /// A load begins.
    pub(crate) fn begin(&mut self) {
        self.turns.begin();
    }

    /// How many zones wait, after a load, for all the time that one may have.
    pub(crate) fn waiting(&mut self) -> usize {
        self.turns.finish()
    }

    /// All that is read from now on is of this version. Where there is a limit, zones that have passed in it are not
    /// tested again, so that the time is for the others when it is tried again.
    pub(crate) fn look_at(&mut self, version: &str) {
        if self.passed.0.as_deref() != Some(version) {
            self.passed = (Some(version.to_owned()), HashSet::new());
            self.turns.forget();
        }
    }

    /// For the zones that a server begins with: a test that fails is told then and refuses nothing, since
    /// there is no other version to serve.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Failures refuse from now on.
    pub const fn be_strict(&mut self) {
        self.is_lenient = false;
    }

    /// How many tests were run so far.
    #[must_use]
    pub const fn ran(&self) -> usize {
        self.ran
    }

    /// Runs the tests of a zone, those in `file`. What is not as expected is among the faults.
    pub fn examine(
        &mut self,
        subject: Subject<'_>,
        tests: &Tests,
        file: FileId,
        faults: &mut Vec<Fault>,
    ) {
        let apex = subject.zone.apex().to_buf();
        let is_kept = self.turns.most.is_some() && self.passed.0.is_some();
        if is_kept && self.passed.1.contains(&apex) {
            return;
        }
        let before = faults.len();
        let began = Instant::now();
        let share = self.turns.share(&apex);
        let until = began + share.time;
        let mut is_stopped = false;
        let failed = if self.is_lenient { Fault::warning } else { Fault::error };
        let shared = (began < until).then(|| self.paper(subject));
        for (number, case) in tests.0.iter().enumerate() {
            let place = Place { file, line: case.line, column: 1 };
            let outcome = match &shared {
                Some(shared) if Instant::now() < until => run(shared, case, until),
                _ => Err(Failure::Late),
            };
            match outcome {
                Ok(()) => {}
                Err(Failure::Other(why)) => {
                    let message = format!("test {:?}: {why}", case.name);
                    let fault = failed("expectation", place, message);
                    faults.push(match hint(case) {
                        Some(hint) => fault.help(hint),
                        None => fault,
                    });
                }
                Err(Failure::Late) => {
                    let (all, missing) = (tests.count(), tests.count() - number);
                    let late = format!("{missing} of {all} tests were not run, from here on: ");
                    let of_all = self.turns.most.filter(|_| !share.is_whole);
                    is_stopped = true;
                    faults.push(match of_all {
                        Some(most) => {
                            let why = format!("those of all zones of a load may take {most:?}");
                            failed(NOT_RUN, place, late + &why).help(
                                "change fewer zones at once, or write fewer tests or samples; they are run \
                                 again without any change, in a folder soon, of a commit at each interval",
                            )
                        }
                        None => {
                            let why = format!("those of one zone may take {:?}", share.time);
                            failed("expectation", place, late + &why)
                                .help("write fewer, or fewer samples")
                        }
                    });
                    break;
                }
            }
            self.ran += 1;
        }
        // Where nothing is refused, nobody waits.
        let waits = is_stopped && !self.is_lenient;
        self.turns.note(apex, share, began.elapsed(), waits);
        if is_kept && faults.len() == before {
            self.passed.1.insert(apex);
        }
    }

    /// A server that has this zone and no other, and knows nothing.
    fn paper(&self, Subject { zone, programs, defaults, account }: Subject<'_>) -> Shared {
        let health = Health::unprobed(self.targets.clone());
        // What may not be probed is not here either; what others of the same account have is not known.
        let account = account.map(Account::on_paper);
        let mut policy = self.policy.clone();
        policy.lua.defaults = Arc::clone(defaults);
        policy.lua.time = policy.lua.time.max(PATIENCE);
        let mut compiler = Compiler::new(policy.lua.clone(), health.clone());
        compiler.set_defaults(Arc::clone(defaults));
        compiler.set_account(account.as_ref());
        // What is wrong with them was told when they were compiled to be served.
        let compiled = compiler.compile_zone(zone.apex(), programs, &mut Vec::new());
        let programs = Programs::new(compiled.into_iter().map(|program| (program, None)), 1);
        let beside = Served { programs, account, ..Served::default() };
        let hosted = Arc::new(Hosted { zone: zone.clone(), beside });
        Shared {
            zones: Arc::new(ArcSwap::from_pointee(Catalog::new(vec![hosted]))),
            geo: self.geo.same(),
            cookies: Cookies::random(),
            keys: Keys::none(),
            policy,
            meters: Meters::default(),
            loads: Loads::default(),
            publishing: Publishing::default(),
            overrides: Overrides::none(&health),
            events: Arc::new(Events::in_memory()),
            tenants: Arc::default(),
            health,
        }
    }
}

/// Runs one test; what is not as expected.
fn run(shared: &Shared, case: &Case, until: Instant) -> Result<(), Failure> {
    let mut wish = Wish {
        name: case.owner,
        rtype: case.rtype,
        client: case.client,
        subnet: case.subnet,
        at: case.at,
        seed: case.seed,
    };
    // Checks that a program computes are there once it has asked for them.
    let realm = Realm::whole(shared);
    Paper::new(&realm, board(&realm, case)).answer(&wish);
    let nobody = |target: &&Target| matching(&realm, target) == 0;
    if let Some(target) = case.down.iter().chain(&case.up).find(nobody) {
        return Err(format!("no check of the zone is meant by {target}").into());
    }
    let mut paper = Paper::new(&realm, board(&realm, case));
    let answer = Answer::of(paper.answer(&wish)).ok_or("there is no answer")?;
    judge(&case.expected, &answer)?;
    match &case.expected.shares {
        Some(shares) => {
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            for number in 0..shares.samples {
                if Instant::now() >= until {
                    return Err(Failure::Late);
                }
                wish.seed = case.seed.wrapping_add(u64::from(number));
                if let Some(clients) = shares.clients {
                    wish.client = client(clients, number);
                }
                let answer = Answer::of(paper.answer(&wish)).ok_or("there is no answer")?;
                for data in answer.data {
                    *counts.entry(data).or_default() += 1;
                }
            }
            Ok(weigh(shares, &counts)?)
        }
        None => Ok(()),
    }
}

/// Health as a test has it.
fn board(realm: &Realm<'_>, case: &Case) -> Arc<Snapshot> {
    let rest = match case.others {
        Others::Up => Rest::Up,
        Others::Down => Rest::Down,
        Others::Unknown => Rest::AsItIs,
    };
    suppose_states(realm, &States { down: &case.down, up: &case.up, rest }).snapshot
}

/// One client of a network after the other, spread over it.
fn client(network: IpNet, number: u32) -> IpAddr {
    // The golden ratio spreads numbers evenly, however many there are.
    let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let bits = u32::from(network.max_prefix_len() - network.prefix_len());
    let host = if bits == 0 { 0 } else { spread >> (128 - bits) };
    match network.network() {
        IpAddr::V4(base) => IpAddr::V4((u32::from(base) | host as u32).into()),
        IpAddr::V6(base) => IpAddr::V6((u128::from(base) | host).into()),
    }
}

/// What a reply says, as far as tests ask for it.
#[derive(Debug)]
struct Answer {
    rcode: String,
    /// The data of the records of the type in question; the target of the last alias if there are none.
    data: Vec<String>,
    /// The least TTL among those.
    ttl: Option<u32>,
    scope: Option<u8>,
}

impl Answer {
    /// `None`: there is none, or none that can be read.
    fn of(reply: &[u8]) -> Option<Self> {
        let heard = Heard::of(reply).filter(|heard| heard.unreadable.is_none())?;
        let wanted = heard.wanted();
        let mut data: Vec<String> =
            wanted.iter().map(|record| compared(record.rtype, record.data.clone())).collect();
        data.sort();
        let ttl = wanted.iter().map(|record| record.ttl).min();
        Some(Self { rcode: heard.rcode.to_string(), data, ttl, scope: heard.scope })
    }
}

fn judge(expected: &Expected, answer: &Answer) -> Result<(), String> {
    let found = if answer.data.is_empty() {
        format!("answers nothing ({})", answer.rcode)
    } else {
        format!("answers {}", answer.data.join(", "))
    };
    let wants = |what: &str, data: &[String]| {
        let data = if data.is_empty() { "nothing".to_owned() } else { data.join(", ") };
        Err(format!("{found}; expected {what}{data}"))
    };
    if let Some(is) = &expected.is {
        let mut sorted = is.clone();
        sorted.sort();
        if sorted != answer.data {
            return wants("", is);
        }
    }
    if !expected.contains.iter().all(|data| answer.data.contains(data)) {
        return wants("among them ", &expected.contains);
    }
    if expected.lacks.iter().any(|data| answer.data.contains(data)) {
        return wants("none of ", &expected.lacks);
    }
    let is_one =
        answer.data.len() == 1 && answer.data.iter().all(|data| expected.one_of.contains(data));
    if !expected.one_of.is_empty() && !is_one {
        return wants("one of ", &expected.one_of);
    }
    if let Some(rcode) =
        expected.rcode.as_ref().filter(|code| !code.eq_ignore_ascii_case(&answer.rcode))
    {
        return Err(format!("{found}, with {}; expected {rcode}", answer.rcode));
    }
    if let Some(ttl) = expected.ttl.filter(|ttl| Some(*ttl) != answer.ttl) {
        let own = answer.ttl.map_or_else(|| "no TTL".to_owned(), |own| format!("TTL {own}"));
        return Err(format!("{found} with {own}; expected TTL {ttl}"));
    }
    if let Some(scope) = expected.scope.filter(|scope| Some(*scope) != answer.scope) {
        let own = answer.scope.map_or_else(|| "none".to_owned(), |own| own.to_string());
        return Err(format!("{found} for the scope {own}; expected scope {scope}"));
    }
    Ok(())
}

fn weigh(shares: &Shares, counts: &BTreeMap<String, u32>) -> Result<(), String> {
    let part = |data: &String| {
        f64::from(counts.get(data).copied().unwrap_or(0)) / f64::from(shares.samples)
    };
    let is_off = |(data, share): &&(String, f64)| (part(data) - share).abs() > shares.within;
    if let Some((data, share)) = shares.of.iter().find(is_off) {
        let found: Vec<String> =
            counts.keys().map(|data| format!("{data} in {:.3}", part(data))).collect();
        return Err(format!(
            "of {} answers, {}; expected {data} in {share}, within {}",
            shares.samples,
            found.join(", "),
            shares.within
        ));
    }
    let others: Vec<&String> =
        counts.keys().filter(|data| !shares.of.iter().any(|(own, _)| own == *data)).collect();
    match others.first() {
        Some(other) => Err(format!("some answers have {other}, which `share` does not name")),
        None => Ok(()),
    }
}

/// How to see why an answer is what it is; `None`: the command line cannot say what the test says.
fn hint(case: &Case) -> Option<String> {
    let clients = case.expected.shares.as_ref().and_then(|shares| shares.clients);
    if !case.up.is_empty() || case.others != Others::Up || clients.is_some() {
        return None;
    }
    let mut hint =
        format!("`halfmoon explain {} {} --client {}", case.owner, case.rtype, case.client);
    for (option, value) in [
        ("subnet", case.subnet.map(|subnet| subnet.to_string())),
        ("at", case.at.map(crate::date::date)),
        ("seed", (case.seed > 0).then(|| case.seed.to_string())),
    ] {
        if let Some(value) = value {
            hint += &format!(" --{option} {value}");
        }
    }
    for target in &case.down {
        hint += &format!(" --down \"{target}\"");
    }
    if case.down.is_empty() {
        hint += " --all-up";
    }
    Some(hint + " --config FILE` says how it comes about")
}
