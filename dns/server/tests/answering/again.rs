//! Answers of plans are kept to go out again, and single strings go out by a shorter way: they have to be what they
//! would be without.

use std::sync::Arc;
use std::time::Duration;

use halfmoon::events::Events;
use halfmoon::offline::Offline;
use halfmoon::overrides::{Order, Overrides, Target, Wish};
use halfmoon::tenants::Realm;
use halfmoon::transport::{Peer, Service, Verdict};
use halfmoon::worker::Worker;
use halfmoon_healthcheck::Outcome;
use halfmoon_lua::{Dialect, Settings};

use super::support::{example, query};

/// What does not depend on chance.
const PROGRAMS: &str = "one LUA A \"ifportup(1, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.3'}}, {selector='all', all_down='all'})\"\n\
    one LUA AAAA \"ifportup(1, {'2001:db8::1', '2001:db8::2'}, {selector='all', all_down='first', ttl={min=5, max=50}})\"\n\
    first LUA A \"ifportup(1, {'192.0.2.2', '192.0.2.1'}, {selector='first', all_down='none'})\"\n\
    fails LUA A \"ifportup(1, {'192.0.2.1'}, {all_down='servfail'})\"\n\
    beside A 192.0.2.99\nbeside LUA A \"ifportup(1, {'192.0.2.1'}, {all_down='servfail'})\"\n\
    two LUA A \"ifportup(1, {'192.0.2.1'}, {all_down='none'})\"\ntwo LUA A \"ifportup(1, {'192.0.2.2'}, {all_down='none'})\"\n\
    client LUA A \"ifportup(1, {'192.0.2.1', '192.0.2.2'}, {selector='hashed', all_down='all'})\"\n\
    self LUA A \"pickselfweighted('http://a.example/', {'192.0.2.1', '192.0.2.2'}, {all_down='all'})\"\n\
    either LUA A \";if netmask({'192.0.2.0/24'}) then return ifportup(1, {'192.0.2.1', '192.0.2.3'}, {selector='all', all_down='none'}) \
    else return '192.0.2.98' end\"\n\
    fixed LUA A \"all({'192.0.2.1', '192.0.2.2'})\"\n\
    const LUA A \"{'192.0.2.1', '192.0.2.2'}\"\nname LUA TXT \"qname:toString()\"\n\
    *.wild LUA A \"ifportup(1, {'192.0.2.1', '192.0.2.2'}, {selector='all', all_down='none'})\"\n\
    alias CNAME one\n\
    hash LUA A \"pickwhashed({{15, '192.0.2.1'}, {42, '192.0.2.2'}, {43, '192.0.2.3'}})\"\n\
    part LUA A \"pickhashed({'192.0.2.1', '192.0.2.2', '192.0.2.3'})\"\n\
    ring LUA AAAA \"pickchashed({{15, '2001:db8::1'}, {42, '2001:db8::2'}})\"\n\
    *.named LUA A \"picknamehashed({{15, '192.0.2.1'}, {42, '192.0.2.2'}})\"\n\
    text LUA TXT \"pickhashed({'one', 'two', 'three'})\"\n\
    host LUA CNAME \"pickhashed({'one.example.', 'first.example.'})\"\n\
    branch LUA A \";if netmask({'198.51.100.0/24'}) then return '192.0.2.1' else return '192.0.2.2' end\"\n\
    static A 192.0.2.98\nstatic LUA A \"pickhashed({'192.0.2.1', '192.0.2.2'})\"\n\
    many LUA A \"ifportup(1, {'192.0.2.1','192.0.2.2','192.0.2.3','192.0.2.4','192.0.2.5','192.0.2.6','192.0.2.7',\
    '192.0.2.8','192.0.2.9','192.0.2.10','192.0.2.11','192.0.2.12','192.0.2.13'}, {selector='all', all_down='all'})\"\n";

const QUESTIONS: [&str; 34] = [
    "one.example. A",
    "one.example. AAAA",
    "one.example. AAAA +edns",
    "one.example. ANY",
    "one.example. ANY +tcp",
    "ONE.example. A +subnet=198.51.100.0/24",
    "first.example. A",
    "fails.example. A",
    "beside.example. A +edns",
    "two.example. A",
    "client.example. A",
    "either.example. A",
    "either.example. A +subnet=198.51.100.0/24",
    "fixed.example. A",
    "const.example. A",
    "name.example. TXT",
    "a.wild.example. A",
    "b.wild.example. A",
    "alias.example. A",
    "many.example. A",
    "hash.example. A",
    "hash.example. A +edns",
    "hash.example. A +subnet=198.51.100.0/24",
    "hash.example. A +subnet=198.51.101.0/24",
    "hash.example. AAAA",
    "part.example. A +subnet=198.51.100.0/24",
    "ring.example. AAAA +subnet=2001:db8::/56",
    "a.named.example. A",
    "b.named.example. A",
    "text.example. TXT +subnet=198.51.102.0/24",
    "host.example. A",
    "branch.example. A",
    "branch.example. A +subnet=198.51.100.0/24",
    "static.example. A",
];

fn ask(worker: &mut Worker, question: &str) -> Vec<u8> {
    let (query, protocol) = query(question);
    let remote = "192.0.2.7:4711".parse().unwrap();
    let peer = Peer { remote, local: "127.0.0.1:53".parse().unwrap(), protocol };
    let mut out = vec![0; 4096];
    worker.refresh();
    let Verdict::Reply(length) = worker.answer(&query, &peer, 4096, &mut out) else {
        panic!("no reply to {question}");
    };
    out.truncate(length);
    out
}

fn load(text: &str) -> Offline {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.zone"), example(text)).unwrap();
    // One result is enough for a verdict there.
    let defaults = Settings::of(Dialect::PowerDns).defaults;
    let settings = Settings { defaults, ..Settings::of(Dialect::Halfmoon) };
    let offline = Offline::load(folder.path().to_owned(), settings).unwrap();
    assert_eq!(offline.shared.zones.load().zones().len(), 1, "{:#?}", offline.reports);
    offline
}

/// Numbers without a pattern: xorshift (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn what_is_kept_is_what_would_be_worked_out() {
    let offline = load(PROGRAMS);
    let health = &offline.shared.health;
    let most = (Duration::from_secs(3600), Vec::new());
    let overrides =
        Overrides::open(health.clone(), Arc::new(Events::in_memory()), None, most, Arc::default())
            .unwrap();
    let mut keeps = offline.worker();
    let mut random = Random(0x4861_6c66_6d6f_6f6e);
    let mut seen = [const { Vec::new() }; QUESTIONS.len()];
    for step in 0..150 {
        let checks = health.checks();
        let check = &checks[random.below(checks.len())].check;
        for _ in 0..=random.below(3) {
            health.report(
                check,
                match random.below(2) {
                    0 => Outcome::success(random.below(9) as u32),
                    _ => Outcome::Failure("refused".into()),
                },
            );
        }
        if step % 10 == 4 {
            let target = ["192.0.2.1", "192.0.2.2", "2001:db8::1"][random.below(3)];
            let order = [Order::Down, Order::Drain, Order::Up, Order::Pin][random.below(4)];
            let _ = overrides.set(Wish {
                order,
                target: Target::parse(target).unwrap(),
                within: None,
                time: Duration::from_secs(60),
                reason: "a test".to_owned(),
                who: "somebody".to_owned(),
                may_empty: true,
                tenant: None,
            });
        }
        if step % 10 == 9 {
            for set in overrides.list() {
                overrides.end(set.id, None, ("somebody", "it is over")).unwrap();
            }
        }
        health.publish();
        for (question, seen) in QUESTIONS.iter().zip(&mut seen) {
            // Whoever answers aside keeps nothing, and has each program say what it says into a list.
            let realm = Realm::whole(&offline.shared);
            let snapshot = Arc::clone(health.reader().load());
            let fresh = ask(&mut Worker::aside(&realm, snapshot), question);
            for time in ["first", "second"] {
                assert_eq!(
                    ask(&mut keeps, question),
                    fresh,
                    "{question}, step {step}, {time} time"
                );
            }
            if !seen.contains(&fresh) {
                seen.push(fresh);
            }
        }
    }
    for (question, least) in [
        ("one.example. A", 4),
        ("one.example. AAAA", 3),
        ("fails.example. A", 2),
        ("fixed.example. A", 2),
        ("hash.example. A", 2),
        ("part.example. A +subnet=198.51.100.0/24", 2),
    ] {
        let at = QUESTIONS.iter().position(|known| *known == question).unwrap();
        assert!(seen[at].len() >= least, "{question} had {} answers", seen[at].len());
    }
}

/// What goes out again counts as what is worked out.
#[test]
fn answers_are_counted_whether_they_were_kept_or_not() {
    let offline = load(PROGRAMS);
    let mut worker = offline.worker();
    for _ in 0..5 {
        ask(&mut worker, "one.example. A");
        ask(&mut worker, "const.example. A");
        ask(&mut worker, "x.wild.example. A");
        ask(&mut worker, "hash.example. A");
    }
    let zones = offline.shared.zones.load();
    let programs = &zones.zones()[0].beside.programs;
    let asked = programs.iter().filter(|entry| programs.answers(entry) > 0);
    let counted = |entry| (programs.answers(entry), programs.answers_of_pools(entry).collect());
    let mut counted: Vec<(u64, Vec<(u32, u64)>)> = asked.map(counted).collect();
    counted.sort();
    assert_eq!(counted, [(5, vec![]), (5, vec![]), (5, vec![(0, 5)]), (5, vec![(0, 5)])]);
}

#[test]
fn what_was_kept_goes_with_its_zones() {
    let offline = load("www LUA A \"'192.0.2.1'\"\n");
    let mut worker = offline.worker();
    for text in ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"] {
        let other = load(&format!("www LUA A \"'{text}'\"\n"));
        offline.shared.zones.store(other.shared.zones.load_full());
        for _ in 0..2 {
            let reply = ask(&mut worker, "www.example. A");
            assert!(
                reply.ends_with(&text.parse::<std::net::Ipv4Addr>().unwrap().octets()),
                "{text}"
            );
        }
    }
}
