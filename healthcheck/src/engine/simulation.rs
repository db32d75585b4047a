//! The engine among thousands of endpoints that fail as they are told to, on a clock that only moves
//! when everything waits. The figures are the table of docs/failover.md.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use super::*;
use crate::board::{Board, Reader, Snapshot};
use crate::check::{Check, Pace, Probe};
use crate::damping::Damping;
use crate::health::{Handle, Health, PoolHandle};
use crate::outcome::Outcome;
use crate::policy::{Choice, Policy};
use crate::pool::{Member, Pool, PoolName};
use crate::state::Known;
use crate::target::TargetPolicy;
use crate::verdict::{State, Verdict};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// How the endpoints are at a moment of the simulation.
type World = Box<dyn Fn(usize, Duration) -> bool + Send + Sync>;

/// A prober in a made-up world.
struct Sim {
    begin: Instant,
    /// Whether an endpoint is up at a time.
    is_up: World,
    /// Of a million probes, so many are lost.
    lost: u32,
    random: Mutex<fastrand::Rng>,
    /// Whether the prober reaches anybody at a time.
    is_connected: Box<dyn Fn(Duration) -> bool + Send + Sync>,
}

impl Sim {
    fn new(is_up: impl Fn(usize, Duration) -> bool + Send + Sync + 'static) -> Self {
        Self {
            begin: Clock::now(),
            is_up: Box::new(is_up),
            lost: 0,
            random: Mutex::new(fastrand::Rng::with_seed(7)),
            is_connected: Box::new(|_| true),
        }
    }

    fn draw(&self) -> (bool, Duration) {
        let mut random = self.random.lock().expect("no panic before");
        (random.u32(..1_000_000) < self.lost, Duration::from_millis(random.u64(5..60)))
    }
}

impl Prober for Sim {
    async fn probe(&self, check: &Check, _: Option<&TargetPolicy>) -> Outcome {
        let (is_lost, latency) = self.draw();
        let now = Clock::now() - self.begin;
        let reached = (self.is_connected)(now) && !is_lost;
        if reached && (self.is_up)(number(check), now) {
            tokio::time::sleep(latency).await;
            return Outcome::success(0);
        }
        // Nobody answers: only the timeout ends it.
        tokio::time::sleep(check.pace.timeout).await;
        Outcome::failure("no answer")
    }
}

fn address(number: usize) -> IpAddr {
    // Eight to a network.
    let number = number as u32;
    Ipv4Addr::from_bits(0x0A00_0000 + ((number / 8) << 8) + number % 8 + 1).into()
}

fn number(check: &Check) -> usize {
    match check.probe {
        Probe::Tcp(SocketAddr::V4(target)) => {
            let bits = target.ip().to_bits() - 0x0A00_0000;
            ((bits >> 8) * 8 + (bits & 0xFF) - 1) as usize
        }
        _ => panic!("only TCP over IPv4 is simulated"),
    }
}

fn check(number: usize, pace: Pace) -> Check {
    Check { probe: Probe::Tcp((address(number), 80).into()), pace, source: None }
}

/// A server that probes.
struct Server {
    sim: Arc<Sim>,
    health: Health,
    shared: Arc<Shared>,
    reader: Reader,
    handles: Vec<Handle>,
    pools: Vec<PoolHandle>,
}

impl Server {
    /// With `count` endpoints; `groups`: the pools, as groups of endpoints.
    fn start(
        sim: Sim,
        (count, pace): (usize, Pace),
        groups: &[Vec<std::ops::Range<usize>>],
        known: Option<Known>,
    ) -> Self {
        let settings = Settings::default();
        let computed = (settings.max_computed, settings.computed_per_zone);
        let targets = TargetPolicy::default();
        let shared = Shared::new(targets, Board::new(TICK), computed, settings.suspect);
        let shared = Arc::new(shared);
        if let Some(known) = known {
            shared.lock().recall(known);
        }
        let sim = Arc::new(sim);
        let (requests, requested) = mpsc::channel(settings.max_requests);
        let engine = Engine::new(Arc::clone(&shared), Arc::clone(&sim), requested, &settings);
        tokio::spawn(engine.run());
        let health = Health::assemble(Arc::clone(&shared), Some(requests));
        let acquire = |number| health.acquire(check(number, pace)).expect("an allowed target");
        let handles: Vec<Handle> = (0..count).map(acquire).collect();
        let pool = |(number, groups): (usize, &Vec<std::ops::Range<usize>>)| {
            let mut members = Vec::new();
            let mut ranges = Vec::new();
            for group in groups {
                let start = members.len() as u32;
                members.extend(group.clone().map(|number| Member {
                    address: address(number),
                    weight: 1,
                    check: Some(handles[number].id()),
                    named: None,
                    labels: [].into(),
                }));
                ranges.push(start..members.len() as u32);
            }
            let owner = format!("w{number}.example.");
            let (zone, rtype) = ("example.".into(), "A".into());
            let name = PoolName { zone, owner: owner.into(), rtype, program: 0, number: 0 };
            health.register(Pool { name, members, groups: ranges, policy: Policy::default() })
        };
        let pools = groups.iter().enumerate().map(pool).collect();
        Self { sim, reader: health.reader(), health, shared, handles, pools }
    }

    fn now(&self) -> Duration {
        Clock::now() - self.sim.begin
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        Arc::clone(self.reader.load())
    }

    /// What part of a pool's answers lead to an endpoint that is up, if one of those chosen is
    /// answered.
    fn good(&mut self, pool: usize, groups: &[std::ops::Range<usize>]) -> f64 {
        let now = self.now();
        let numbers: Vec<usize> = groups.iter().cloned().flatten().collect();
        let snapshot = self.snapshot();
        let standing = snapshot.pool(self.pools[pool].id()).expect("published");
        assert_ne!(standing.choice, Choice::Nothing, "no answer is empty");
        let chosen = standing.chosen.iter().filter(|pick| pick.tier == 0);
        let chosen: Vec<u32> = chosen.map(|pick| pick.member).collect();
        assert!(!chosen.is_empty(), "no answer is empty");
        let up = chosen.iter().filter(|n| (self.sim.is_up)(numbers[**n as usize], now)).count();
        up as f64 / chosen.len() as f64
    }

    /// How many changes of state there were.
    fn changes(&self) -> (u64, u64) {
        let counts = self.health.counts();
        (counts.to_up, counts.to_down)
    }
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Waits until something holds; how long that took.
async fn until(
    server: &mut Server,
    most: Duration,
    mut holds: impl FnMut(&mut Server) -> bool,
) -> Duration {
    let begin = server.now();
    let step = if most > MINUTE { SECOND / 2 } else { SECOND / 50 };
    loop {
        let passed = server.now() - begin;
        if holds(server) || passed > most {
            return passed;
        }
        pass(step).await;
    }
}

fn pools_of(
    count: usize,
    groups: impl Fn(usize) -> Vec<std::ops::Range<usize>>,
) -> Vec<Vec<std::ops::Range<usize>>> {
    (0..count).map(groups).collect()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Two regions of 50, one of which fails as a whole: until all answers are right again.
async fn region_loss() -> (String, String) {
    let sim = Sim::new(|number, now| number >= 50 || now < MINUTE);
    let groups = pools_of(50, |n| vec![n..n + 1, n + 50..n + 51]);
    let mut server = Server::start(sim, (100, Pace::default()), &groups, None);
    pass(MINUTE - server.now()).await;
    assert!((0..50).all(|pool| server.good(pool, &groups[pool]) == 0.0 || server.now() < MINUTE));
    let mut first = None;
    let last = until(&mut server, MINUTE, |server| {
        let right = (0..50).filter(|pool| server.good(*pool, &groups[*pool]) == 1.0).count();
        if right > 0 {
            first.get_or_insert_with(|| server.now() - MINUTE);
        }
        right == 50
    })
    .await;
    assert!(last <= 17 * SECOND + SECOND / 10, "{last:?}");
    assert!(server.health.suspicion().is_none(), "half of all is no reason for doubt");
    let first = first.unwrap_or_default();
    (
        "a region of two is lost (50 of 100)".into(),
        format!("first answer right after {}, last after {}", seconds(first), seconds(last)),
    )
}

/// Probes are lost for a week.
async fn loss(percent: u32, bounds: std::ops::RangeInclusive<u64>) -> (String, String) {
    let mut sim = Sim::new(|_, _| true);
    sim.lost = percent * 10_000;
    let server = Server::start(sim, (2, Pace::default()), &[], None);
    pass(WEEK).await;
    let (_, down) = server.changes();
    assert!(bounds.contains(&down), "{percent} %: {down}");
    let text = format!("{:.1} false falls for each endpoint", down as f64 / 2.0);
    (format!("{percent} % of probes are lost for a week"), text)
}

/// Half of the endpoints are up for 7 s and down for 7 s.
async fn flapping(what: &str, pace: Pace, most: u64) -> (String, String) {
    let sim = Sim::new(|number, now| number % 2 == 0 || now.as_secs() / 7 % 2 == 0);
    let groups = pools_of(1, |_| std::iter::once(0..100).collect());
    let mut server = Server::start(sim, (100, pace), &groups, None);
    pass(3600 * SECOND).await;
    let (_, down) = server.changes();
    let each = down as f64 / 50.0;
    let mut good = 0.0;
    for _ in 0..600 {
        pass(SECOND).await;
        good += server.good(0, &groups[0]) / 6.0;
    }
    assert!(down <= most * 50, "{what}: {down}");
    (
        format!("half of 100 endpoints flap every 7 s, {what}"),
        format!("{each:.1} falls of each in an hour, then {good:.0} % of answers good"),
    )
}

/// Everything is down, at once: the last answers stay, and none is empty.
async fn everything_down() -> (String, String) {
    let sim = Sim::new(|_, now| now < MINUTE || now > 10 * MINUTE);
    let groups = pools_of(10, |n| vec![n..n + 1, n + 10..n + 11]);
    let mut server = Server::start(sim, (20, Pace::default()), &groups, None);
    pass(MINUTE - SECOND).await;
    let before: Vec<_> =
        (0..10).map(|pool| server.snapshot().pool(server.pools[pool].id()).cloned()).collect();
    let mut changed = 0;
    while server.now() < 10 * MINUTE {
        pass(SECOND).await;
        for (pool, before) in before.iter().enumerate() {
            let standing =
                server.snapshot().pool(server.pools[pool].id()).cloned().expect("published");
            assert!(!standing.chosen.is_empty());
            changed +=
                usize::from(Some(&standing.chosen) != before.as_ref().map(|before| &before.chosen));
        }
    }
    assert!(server.health.suspicion().is_some());
    let back = until(&mut server, MINUTE, |server| {
        (0..10).all(|pool| server.good(pool, &groups[pool]) == 1.0)
            && server.health.suspicion().is_none()
    })
    .await;
    assert!(changed == 0 && back < 12 * SECOND, "{changed} {back:?}");
    (
        "everything is down for 9 minutes".into(),
        format!(
            "no empty answer, {changed} answers changed; right {} after it is back",
            seconds(back)
        ),
    )
}

/// A region comes back: how fast its share of clients does.
async fn recovery(ramp: Duration) -> (String, String) {
    let sim = Sim::new(|number, now| number >= 500 || !(MINUTE..10 * MINUTE).contains(&now));
    let pace = Pace { damping: Damping { ramp, ..Damping::default() }, ..Pace::default() };
    let mut server = Server::start(sim, (1000, pace), &[], None);
    pass(10 * MINUTE).await;
    let mut at = Vec::new();
    let mut before = 0.0;
    let most = 20 * SECOND + ramp;
    for part in [0.1, 0.5, 1.0] {
        let begin = server.now();
        until(&mut server, most, |server| {
            let snapshot = server.snapshot();
            let share: f64 = server.handles[..500]
                .iter()
                .map(|handle| snapshot.verdict(handle.id()))
                .filter(|verdict| verdict.state == State::Up)
                .map(|verdict| f64::from(verdict.share) / f64::from(Verdict::WHOLE))
                .sum::<f64>()
                / 500.0;
            assert!(share >= before - 1e-9, "a share never shrinks");
            before = share;
            share >= part - 1e-9
        })
        .await;
        assert!(server.now() - begin <= most);
        at.push(seconds(server.now() - 10 * MINUTE));
    }
    let what =
        if ramp.is_zero() { "no ramp".to_owned() } else { format!("ramp {} s", ramp.as_secs()) };
    (
        format!("a region of 500 comes back, {what}"),
        format!("10 % of its clients after {}, half after {}, all after {}", at[0], at[1], at[2]),
    )
}

/// The server is killed and started again while a third is down.
async fn restart() -> (String, String) {
    let world = |number: usize, _| !number.is_multiple_of(3);
    let groups = pools_of(10, |n| std::iter::once(n * 9..n * 9 + 9).collect());
    let mut server = Server::start(Sim::new(world), (90, Pace::default()), &groups, None);
    pass(MINUTE).await;
    let chosen = |server: &mut Server| -> Vec<_> {
        let snapshot = server.snapshot();
        server.pools.iter().map(|pool| snapshot.pool(pool.id()).map(|s| s.chosen.clone())).collect()
    };
    let before = chosen(&mut server);
    let known = Known::of_all(&server.shared.lock());
    drop(server);
    let mut server = Server::start(Sim::new(world), (90, Pace::default()), &groups, Some(known));
    pass(2 * TICK).await;
    let (mut changed, mut looks) = (0, 0);
    while server.now() < MINUTE {
        changed += usize::from(chosen(&mut server) != before);
        looks += 1;
        pass(Duration::from_millis(100)).await;
    }
    assert_eq!(changed, 0);
    (
        "a restart while a third is down".into(),
        format!(
            "the first answer is the last one before; {changed} of {looks} looks in a minute differ"
        ),
    )
}

/// The prober is cut off for ten minutes, and nothing is wrong with the endpoints.
async fn cut_off() -> (String, String) {
    let mut sim = Sim::new(|_, _| true);
    sim.is_connected = Box::new(|now| !(MINUTE..11 * MINUTE).contains(&now));
    let mut server = Server::start(sim, (1000, Pace::default()), &[], None);
    pass(MINUTE).await;
    let noticed = until(&mut server, MINUTE, |server| server.health.suspicion().is_some()).await;
    pass(11 * MINUTE - server.now()).await;
    let over = until(&mut server, MINUTE, |server| server.health.suspicion().is_none()).await;
    pass(MINUTE).await;
    let (_, falls) = server.changes();
    let snapshot = server.snapshot();
    let down = server
        .handles
        .iter()
        .filter(|handle| snapshot.verdict(handle.id()).state != State::Up)
        .count();
    assert!(
        down == 0 && falls == 0 && noticed < 17 * SECOND && over < 6 * SECOND,
        "{down} {noticed:?} {over:?}"
    );
    (
        "the server is cut off for 10 minutes (1000 endpoints)".into(),
        format!(
            "suspects itself after {}, {falls} endpoints fall, trusts itself {} after it is back",
            seconds(noticed),
            seconds(over)
        ),
    )
}

/// 3,000 of 10,000 endpoints fail in one second; each name has one of them and one other.
async fn many() -> (String, String) {
    let fails = |number: usize| MINUTE + SECOND * (number % 3000) as u32 / 3000;
    let sim = Sim::new(move |number, now| number >= 3000 || now < fails(number));
    let groups = pools_of(3000, |n| vec![n..n + 1, n + 3000..n + 3001]);
    let mut server = Server::start(sim, (10_000, Pace::default()), &groups, None);
    pass(MINUTE).await;
    // A query a second for each name: which of them get an endpoint that is down.
    let (mut lost, mut asked, mut last) = (0, 0, Duration::ZERO);
    while server.now() < MINUTE + 30 * SECOND {
        pass(SECOND / 2).await;
        for (pool, groups) in groups.iter().enumerate() {
            let good = server.good(pool, groups) == 1.0;
            asked += 1;
            if !good {
                lost += 1;
                last = server.now() - MINUTE;
            }
        }
    }
    let (_, down) = server.changes();
    assert_eq!(down, 3000);
    assert!(last < 18 * SECOND, "{last:?}");
    let part = f64::from(lost) * 100.0 / f64::from(asked);
    (
        "3,000 of 10,000 endpoints fail in one second".into(),
        format!(
            "last answer right after {}; {part:.0} % of the answers of these names in 30 s were wrong",
            seconds(last)
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn the_figures_are_those_of_the_document() {
    let quick = Pace { interval: SECOND, timeout: SECOND / 2, fall: 2, rise: 1, ..Pace::default() };
    let plain = Pace { damping: Damping::NONE, ..quick };
    let undamped = Pace { damping: Damping::NONE, ..Pace::default() };
    let rows = [
        region_loss().await,
        loss(1, 0..=3).await,
        loss(5, 8..=60).await,
        loss(20, 1000..=2200).await,
        flapping("5 s, fall 3, no penalty", undamped, 0).await,
        flapping("5 s, fall 3", Pace::default(), 1).await,
        flapping("1 s, fall 2, no penalty", plain, 260).await,
        flapping("1 s, fall 2", quick, 12).await,
        everything_down().await,
        recovery(Duration::ZERO).await,
        recovery(300 * SECOND).await,
        restart().await,
        cut_off().await,
        many().await,
    ];
    let mut table = String::from("| what happens | what follows |\n|---|---|\n");
    for (what, follows) in rows {
        writeln!(table, "| {what} | {follows} |").expect("a string takes all");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/failover.md");
    let document = std::fs::read_to_string(path).expect("docs/failover.md");
    if let Err(why) = agrees(&document, &table) {
        panic!("docs/failover.md: {why}; what was found:\n{table}");
    }
}

/// Whether a document has the rows of a table, with figures that are nearly these: phases are drawn by
/// chance.
fn agrees(document: &str, table: &str) -> Result<(), String> {
    for row in table.lines() {
        let what = row.split(" | ").next().unwrap_or(row);
        let is_it = |line: &&str| line.split(" | ").next() == Some(what);
        let Some(shown) = document.lines().find(is_it) else {
            return Err(format!("no row {what}"));
        };
        let (ours, theirs) = (figures(row), figures(shown));
        let near = |a: &f64, b: &f64| (a - b).abs() <= 3.0 + 0.25 * a.abs().max(b.abs());
        if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(|(a, b)| near(a, b)) {
            return Err(format!("{shown} is now {row}"));
        }
    }
    Ok(())
}

fn figures(row: &str) -> Vec<f64> {
    let words = row.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    words.filter_map(|word| word.trim_matches('.').parse().ok()).collect()
}
