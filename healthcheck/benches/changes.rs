//! What one change costs, from the verdict to the snapshot that queries read, by how many checks and
//! pools there are that it does not concern.
//!
//! All checks are of a port of this host, each from another of its addresses, and are probed twice a minute. What
//! changes is told with `Health::report`, as a probe would: a check falls, and its pool is
//! published; it rises, and its pool is published again.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use halfmoon_healthcheck::{
    Check, Damping, Handle, Health, Member, Outcome, Pace, Policy, Pool, PoolHandle, PoolName,
    Probe, Reader, Settings, State, TargetPolicy,
};

/// Members of a pool, each with a check of its own.
const MEMBERS: usize = 5;
/// Beyond the shortest time between two publications, so that each change is published by itself.
const APART: Duration = Duration::from_millis(3);
/// As often as is seldom enough to disturb little, and often enough for all checks to be heard of
/// while a fall is judged.
const INTERVAL: Duration = Duration::from_secs(30);

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    let is_test = !std::env::args().any(|arg| arg == "--bench");
    let (sizes, changes) = match is_test {
        true => (&[20, 40][..], 20),
        false => (&[100, 1000, 10_000][..], 1000),
    };
    let mut out =
        "| checks | pools | state kept | falls: median | p99 | most | rises: median | p99 | \
                   most | one in 10 pools at once | a change of these |\n\
                   |---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for &pools in sizes {
        out.push_str(&measure(pools, changes, None));
    }
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(pools) = sizes.last() {
        out.push_str(&measure(*pools, changes, Some(folder.path().to_owned())));
    }
    let _ = std::io::stdout().write_all(out.as_bytes());
}

/// Everything that is registered.
struct Site {
    health: Health,
    checks: Vec<Handle>,
    pools: Vec<PoolHandle>,
    reader: Reader,
}

fn measure(pools: usize, changes: usize, state: Option<PathBuf>) -> String {
    let keeps = if state.is_some() { "yes" } else { "no" };
    let mut site = Site::new(pools, state);
    let (mut falls, mut rises) = (Vec::new(), Vec::new());
    for _ in 0..changes {
        let number = fastrand::usize(..site.checks.len());
        falls.push(site.change(number, State::Down));
        thread::park_timeout(APART);
        rises.push(site.change(number, State::Up));
        thread::park_timeout(APART);
    }
    // One member of every tenth pool falls, one report behind the other.
    let many: Vec<usize> = (0..site.checks.len()).step_by(10 * MEMBERS).collect();
    let begun = Instant::now();
    for number in &many {
        site.report(*number, State::Down);
    }
    let last = *many.last().unwrap_or(&0);
    site.wait(last, State::Down);
    let took = begun.elapsed();
    let (fall, rise) = (Spread::of(falls), Spread::of(rises));
    let each = took / u32::try_from(many.len()).unwrap_or(u32::MAX).max(1);
    format!(
        "| {} | {pools} | {keeps} | {fall} | {rise} | {:.1} ms | {:.1} µs |\n",
        site.checks.len(),
        took.as_secs_f64() * 1e3,
        micros(each),
    )
}

impl Site {
    /// With so many pools, all of whose members are up.
    fn new(pools: usize, state: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        thread::spawn(move || listener.incoming().for_each(drop));
        let host = [Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST].map(|ip| IpAddr::from(ip).into());
        let targets = TargetPolicy::new(host.into(), Vec::new());
        let health =
            Health::start(Settings { targets, state, ..Settings::default() }).expect("threads");
        let checks: Vec<_> = (0..pools * MEMBERS)
            .map(|number| health.acquire(check(number, port)).expect("an allowed target"))
            .collect();
        let registered = checks.chunks(MEMBERS).enumerate();
        let registered: Vec<_> =
            registered.map(|(number, checks)| health.register(pool(number, checks))).collect();
        // The probes that are due at the start come to an end before anything is measured.
        let until = Instant::now() + Duration::from_secs(300);
        while health.counts().probes < checks.len() as u64 {
            assert!(Instant::now() < until, "the first probes of all checks take too long");
            thread::park_timeout(Duration::from_millis(20));
        }
        let mut site = Self { reader: health.reader(), health, checks, pools: registered };
        for number in 0..site.checks.len() {
            site.report(number, State::Up);
        }
        site.health.publish();
        for number in 0..site.checks.len() {
            site.wait(number, State::Up);
        }
        site
    }

    fn report(&self, number: usize, to: State) {
        let outcome = match to {
            State::Up => Outcome::success(0),
            State::Down | State::Unknown => Outcome::Failure("connection refused".into()),
        };
        assert!(self.health.report(self.checks[number].check(), outcome));
    }

    /// How long it takes from a report until a query finds it in the snapshot, in the check and its pool.
    fn change(&mut self, number: usize, to: State) -> Duration {
        let begun = Instant::now();
        self.report(number, to);
        self.wait(number, to);
        begun.elapsed()
    }

    fn wait(&mut self, number: usize, to: State) {
        let (id, pool) = (self.checks[number].id(), self.pools[number / MEMBERS].id());
        let member = u32::try_from(number % MEMBERS).unwrap_or_default();
        loop {
            let snapshot = self.reader.load();
            let standing = snapshot.pool(pool).expect("a pool that is registered");
            let is_chosen = standing.chosen.iter().any(|pick| pick.member == member);
            if snapshot.verdict(id).state == to && is_chosen == (to == State::Up) {
                return;
            }
            std::hint::spin_loop();
        }
    }
}

fn check(number: usize, port: u16) -> Check {
    let pace =
        Pace { interval: INTERVAL, fall: 1, rise: 1, damping: Damping::NONE, ..Pace::default() };
    let [_, a, b, c] = u32::try_from(number).expect("fewer checks than addresses").to_be_bytes();
    let source = Some(Ipv4Addr::new(127, 1 + a, b, c).into());
    Check { probe: Probe::Tcp((Ipv4Addr::UNSPECIFIED, port).into()), pace, source }
}

fn pool(number: usize, checks: &[Handle]) -> Pool {
    let member = |check: &Handle| Member {
        address: Ipv4Addr::UNSPECIFIED.into(),
        weight: 1,
        check: Some(check.id()),
        named: None,
        labels: [].into(),
    };
    let owner = format!("{number}.example.").into();
    Pool {
        name: PoolName { zone: "example.".into(), owner, rtype: "A".into(), program: 0, number: 0 },
        members: checks.iter().map(member).collect(),
        groups: std::iter::once(0..checks.len() as u32).collect(),
        policy: Policy::default(),
    }
}

struct Spread {
    median: Duration,
    p99: Duration,
    most: Duration,
}

impl Spread {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |part: usize| all.get(all.len() * part / 100).copied().unwrap_or_default();
        Self { median: at(50), p99: at(99), most: all.last().copied().unwrap_or_default() }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, most] = [self.median, self.p99, self.most].map(micros);
        write!(f, "{median:.1} µs | {p99:.1} µs | {most:.1} µs")
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
