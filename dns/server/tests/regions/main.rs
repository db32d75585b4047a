//! Failures of whole regions with nothing simulated: regions are processes in network namespaces with a
//! cable to the server's, the server is the real binary, and what it answers is asked over UDP.
//!
//! All at a fifth of the times that are the default: an interval of 1 s, three failures, a timeout of
//! 0.4 s, so 3.4 s in place of 17. The figures are printed; docs/failover.md has those of one run.

mod region;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use region::{Region, SIZE};
use support::peer::{alone, is_alone};
use support::site::{Folder, SERVER};
use support::{Running, ask, wait_for, wait_for_answer};

const PACE: &str =
    "interval = \"1s\"\ntimeout = \"400ms\"\nfall = 3\nrise = 2\nstate = \"state\"\n";
/// From a failure to the last wrong answer: interval × fall + timeout.
const WINDOW: Duration = Duration::from_millis(3400);
/// What a busy machine may take on top.
const MARGIN: Duration = Duration::from_secs(8);
/// How long what is down for good is looked at.
const WHILE: Duration = Duration::from_secs(7);
const BEGINS: &str = "this server may be cut off";
const ENDS: &str = "targets answer again";

/// What happened, and what followed.
type Row = (&'static str, String);

#[test]
fn real_regions_fail_as_simulated_ones_do() {
    alone("all_cases_at_once", &["unshare", "ip"]);
}

#[test]
#[ignore = "needs a network namespace of its own"]
fn all_cases_at_once() {
    if !is_alone() {
        return;
    }
    let cases: [fn(Case) -> Vec<Row>; 5] =
        [region_lost, packets_lost, flapping, everything_down, cut_off];
    let rows: Vec<Row> = thread::scope(|scope| {
        let spawn = |(number, run): (u8, fn(Case) -> Vec<Row>)| {
            scope.spawn(move || run(Case::start(number)))
        };
        let threads: Vec<_> = (1..).zip(cases).map(spawn).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a case failed")).collect()
    });
    for (what, follows) in rows {
        // Not through `eprintln!`, which the harness keeps to itself.
        writeln!(std::io::stderr(), "| {what} | {follows} |").unwrap();
    }
}

/// A server and two regions.
struct Case {
    regions: [Region; 2],
    folder: Folder,
    running: Running,
    server: SocketAddr,
}

impl Case {
    /// With names `w0` and so on, each for an address of the first region, or else one of the second; and
    /// `all` for all of both.
    fn start(number: u8) -> Self {
        let regions = [0, 1].map(|region| Region::start(number, region));
        let [near, far] = regions.each_ref().map(Region::addresses);
        let url = "ifurlup('http://www.example.test/'";
        let pair = |(number, (near, far)): (usize, (&String, &String))| {
            format!(
                "w{number} LUA A \"{url}, {{{{'{near}'}}, {{'{far}'}}}}, {{selector='all'}})\"\n"
            )
        };
        let mut zone: String = near.iter().zip(&far).enumerate().map(pair).collect();
        let all = [near, far].concat().join("', '");
        zone.push_str(&format!("all LUA A \"{url}, {{'{all}'}}, {{selector='all'}})\"\n"));
        let folder = Folder::new(PACE, &zone);
        let config = format!("{SERVER}{PACE}");
        // No packet gets out of this namespace, whose only neighbours are the regions.
        let config = config.replace("\"::1/128\"", "\"10.0.0.0/8\"");
        folder.write("halfmoon.toml", config);
        let (running, server) = folder.serve();
        let case = Self { regions, folder, running, server };
        case.wait(0);
        wait_for("all endpoints", || (case.ask("all").len() == 2 * SIZE as usize).then_some(()));
        case
    }

    fn ask(&self, name: &str) -> Vec<String> {
        ask(self.server, &format!("{name}.example.test."))
    }

    /// Waits until each name is answered with its address in this region.
    fn wait(&self, region: usize) {
        for (number, address) in self.regions[region].addresses().iter().enumerate() {
            wait_for_answer(self.server, &format!("w{number}.example.test."), &[address]);
        }
    }

    /// How many names are answered with their address in this region.
    fn right(&self, region: usize) -> usize {
        let addresses = self.regions[region].addresses();
        let is_right = |(number, address): &(usize, &String)| {
            let answer = self.ask(&format!("w{number}"));
            assert!(!answer.is_empty(), "an answer is empty");
            answer == [address.as_str()]
        };
        addresses.iter().enumerate().filter(is_right).count()
    }

    /// Asks until each name is answered with its address in this region: when the first one was, and
    /// when the last one was not.
    fn turn(&self, region: usize) -> (Duration, Duration) {
        let begin = Instant::now();
        let (mut first, mut last) = (None, Duration::ZERO);
        wait_for("right answers", || {
            let right = self.right(region);
            if right > 0 {
                first.get_or_insert_with(|| begin.elapsed());
            }
            if right < SIZE as usize {
                last = begin.elapsed();
                return None;
            }
            Some(())
        });
        (first.unwrap(), last)
    }

    /// Looks for a while; how many of how many looks did not find the names answered with their address
    /// in this region.
    fn look(&self, region: usize, time: Duration) -> (usize, usize) {
        let begin = Instant::now();
        let (mut wrong, mut looks) = (0, 0);
        while begin.elapsed() < time {
            wrong += usize::from(self.right(region) != SIZE as usize);
            looks += 1;
            thread::sleep(Duration::from_millis(20));
        }
        (wrong, looks)
    }

    /// How many endpoints went down so far.
    fn falls(&self) -> usize {
        self.running.err().lines().filter(|line| line.contains(" is down: ")).count()
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn region_lost(mut case: Case) -> Vec<Row> {
    case.regions[0].tell("dark");
    let (first, last) = case.turn(1);
    assert!(last < WINDOW + MARGIN, "{last:?}");
    let lost = format!("first answer right after {}, last after {}", seconds(first), seconds(last));

    // Meanwhile the server is killed, and there is another.
    let file = case.folder.path("state/health");
    let is_down = |line: &&str| line.contains("\"down\"");
    wait_for("the state", || {
        let text = fs::read_to_string(&file).ok()?;
        (text.lines().filter(is_down).count() == SIZE as usize).then_some(())
    });
    case.running.signal("KILL");
    (case.running, case.server) = case.folder.serve();
    let (wrong, looks) = case.look(1, WINDOW);
    assert_eq!(wrong, 0, "of {looks} looks");
    let restarted =
        format!("the first answer is the last one before; {wrong} of {looks} looks differ");

    case.regions[0].tell("light");
    let (first, last) = case.turn(0);
    assert!(last < WINDOW + MARGIN, "{last:?}");
    let back = format!("first answer back after {}, last after {}", seconds(first), seconds(last));
    vec![
        ("a region of two is lost (4 of 8)", lost),
        ("a restart while a region is down", restarted),
        ("the region comes back, no ramp", back),
    ]
}

fn packets_lost(mut case: Case) -> Vec<Row> {
    for region in &mut case.regions {
        region.tell("lose 20");
    }
    let time = Duration::from_secs(25);
    let (wrong, looks) = case.look(0, time);
    let falls = case.falls();
    // One or two are to be expected.
    assert!(falls <= 9, "{falls} falls");
    let follows = format!(
        "{falls} false falls of 8 endpoints in {} s, no empty answer, {:.1} % of the looks found one moved",
        time.as_secs(),
        wrong as f64 * 100.0 / looks as f64
    );
    vec![("20 % of probes are lost", follows)]
}

fn flapping(mut case: Case) -> Vec<Row> {
    let bad = case.regions[1].addresses();
    case.regions[1].tell("flap 1400");
    let begin = Instant::now();
    let is_good = |case: &Case| {
        let answer = case.ask("all");
        assert!(!answer.is_empty());
        answer.iter().all(|address| !bad.contains(address))
    };
    let most = Duration::from_secs(45);
    while !is_good(&case) {
        assert!(begin.elapsed() < most, "flapping endpoints are still answered");
        thread::sleep(Duration::from_millis(50));
    }
    let found = begin.elapsed();
    let (mut good, mut looks) = (0, 0);
    let begin = Instant::now();
    while begin.elapsed() < WHILE {
        good += usize::from(is_good(&case));
        looks += 1;
        thread::sleep(Duration::from_millis(50));
    }
    let each = case.falls() as f64 / f64::from(SIZE);
    assert!(good * 10 >= looks * 9, "{good} of {looks}");
    let follows = format!(
        "out after {}, {each:.1} falls of each, then {:.0} % of answers good",
        seconds(found),
        good as f64 * 100.0 / looks as f64
    );
    vec![("half of 8 endpoints flap every 1.4 s", follows)]
}

/// Both regions stop at once, in one way or the other, and go on.
fn both(mut case: Case, [stop, go]: [&str; 2]) -> (Case, Duration, Duration, (usize, usize)) {
    let begin = Instant::now();
    for region in &mut case.regions {
        region.tell(stop);
    }
    case.running.logged(BEGINS, 0);
    let noticed = begin.elapsed();
    assert!(noticed < WINDOW + MARGIN, "{noticed:?}");
    let (wrong, looks) = case.look(0, WHILE);
    assert_eq!(wrong, 0, "of {looks} looks");
    assert_eq!(case.falls(), 0);
    let end = Instant::now();
    for region in &mut case.regions {
        region.tell(go);
    }
    case.running.logged(ENDS, 0);
    let over = end.elapsed();
    assert!(over < WINDOW + MARGIN, "{over:?}");
    let (after, _) = case.look(0, Duration::from_secs(2));
    assert_eq!((after, case.falls()), (0, 0), "after it was over");
    (case, noticed, over, (wrong, looks))
}

fn everything_down(case: Case) -> Vec<Row> {
    let (_case, _, over, (wrong, looks)) = both(case, ["close", "open"]);
    let follows = format!(
        "no empty answer, {wrong} of {looks} looks changed; right {} after it is back",
        seconds(over)
    );
    vec![("everything is down for 7 s", follows)]
}

fn cut_off(case: Case) -> Vec<Row> {
    let (_case, noticed, over, _) = both(case, ["dark", "light"]);
    let follows = format!(
        "suspects itself after {}, 0 endpoints fall, trusts itself {} after it is back",
        seconds(noticed),
        seconds(over)
    );
    vec![("the server is cut off for 7 s (8 endpoints)", follows)]
}
