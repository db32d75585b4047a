//! Static answers and plans allocate nothing: an allocator that counts says so.
#![allow(unsafe_code, reason = "an allocator cannot be written without; this one only counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use halfmoon::config::{Config, TenantConfig};
use halfmoon::events::Events;
use halfmoon::offline::Offline;
use halfmoon::overrides::{Order, Overrides, Scope, Target, Wish};
use halfmoon::tenants::Tenants;
use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon::worker::Worker;
use halfmoon_dnssec::{
    Algorithm, Desk, Means, SignatureCache, Signed, Unlimited, Validity, ZoneKeys,
};
use halfmoon_healthcheck::{Health, Outcome};
use halfmoon_lua::Settings;
use halfmoon_wire::{NameBuf, Type};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nobody who asks for it.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\nns AAAA 2001:db8::53\n\
    @ MX 10 ns\nalias CNAME ns\nd DNAME ns\nsub NS ns.sub\nns.sub A 192.0.2.54\n*.wild TXT text\n\
    up LUA A \"ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.3'}}, {selector='all'})\"\n\
    first LUA A \"ifurlup('https://www.example/', {'192.0.2.1', '192.0.2.2'}, {selector='first'})\"\n\
    random LUA A \"ifurlup('https://www.example/', {{'192.0.2.1'}, {'192.0.2.2'}})\"\n\
    hash LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"\n\
    closest LUA A \"pickclosest({'192.0.2.1', '192.0.2.2'})\"\n\
    view LUA A \"view({{{'192.0.2.0/24'}, {'192.0.2.1'}}, {{'0.0.0.0/0'}, {'192.0.2.2'}}})\"\n\
    *.rev LUA PTR \"createReverse('ip-%5%.example.', {['192.0.2.9']='nine.example.'})\"\n\
    *.fwd LUA A \"createForward()\"\n*.fwd6 LUA AAAA \"createForward6()\"\n\
    look LUA A \"dblookup('ns.example', 1)\"\n*.magic LUA A \"closestMagic()\"\n\
    some LUA A \"pickrandomsample(2, {'192.0.2.1', '192.0.2.2', '192.0.2.3'})\"\n\
    ring LUA A \"pickchashed({{8, '192.0.2.1'}, {2, '192.0.2.2'}})\"\n\
    branch LUA A \";if netmask({'10.0.0.0/8'}) or country('US') then return '192.0.2.1' else return {'192.0.2.2'} end\"\n";

fn worker() -> Worker {
    worker_and_health().0
}

fn worker_and_health() -> (Worker, Health) {
    worker_of(ZONE)
}

fn worker_of(zone: &str) -> (Worker, Health) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.zone"), zone).unwrap();
    let offline = Offline::load(folder.path().to_owned(), Settings::default()).unwrap();
    let zones = offline.shared.zones.load().zones().len();
    assert_eq!(zones, 1, "{:#?}", offline.reports);
    let health = &offline.shared.health;
    for report in health.checks().iter().skip(1) {
        health.report(&report.check, Outcome::success(0));
    }
    (offline.worker(), offline.shared.health.clone())
}

const QUESTIONS: [(&str, Type); 26] = [
    ("some.example.", Type::A),
    ("ring.example.", Type::A),
    ("ns.example.", Type::A),
    ("ns.example.", Type::TXT),
    ("ns.example.", Type::ANY),
    ("example.", Type::MX),
    ("example.", Type::SOA),
    ("alias.example.", Type::A),
    ("x.d.example.", Type::A),
    ("www.sub.example.", Type::A),
    ("x.y.wild.example.", Type::TXT),
    ("nowhere.example.", Type::A),
    ("other.", Type::A),
    ("up.example.", Type::A),
    ("first.example.", Type::A),
    ("random.example.", Type::A),
    ("hash.example.", Type::A),
    ("closest.example.", Type::A),
    ("view.example.", Type::A),
    ("branch.example.", Type::A),
    ("1.2.0.192.rev.example.", Type::PTR),
    ("9.2.0.192.rev.example.", Type::PTR),
    ("ip-192-0-2-1.fwd.example.", Type::A),
    ("2001-db8--1.fwd6.example.", Type::AAAA),
    ("look.example.", Type::A),
    ("192-0-2-1.192-0-2-2.magic.example.", Type::A),
];

const PEER: Peer = Peer {
    remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 4711),
    local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53),
    protocol: Protocol::Udp,
};

fn query(name: &str, rtype: Type, flags: u8) -> Vec<u8> {
    let owner: NameBuf = name.parse().unwrap();
    let mut query = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    query.extend(owner.as_name().as_wire());
    query.extend(rtype.0.to_be_bytes());
    query.extend([0, 1, 0, 0, 41, 4, 0xd0, 0, 0, flags, 0, 0, 0]);
    query
}

#[test]
fn static_answers_and_plans_allocate_nothing() {
    allocates_nothing(&mut worker(), &QUESTIONS, 0);
}

/// Of a zone that is large enough for it.
#[test]
fn looking_ahead_allocates_nothing_and_changes_no_answer() {
    let mut zone = ZONE.to_owned();
    (0..5000).for_each(|number| zone.push_str(&format!("host{number} A 192.0.2.1\n")));
    let (mut worker, _) = worker_of(&zone);
    // What draws says another thing each time.
    let drawn = ["random.example.", "some.example."];
    let mut queries: Vec<Vec<u8>> = QUESTIONS
        .iter()
        .filter(|(name, _)| !drawn.contains(name))
        .chain(&[("HOST4999.example.", Type::A), (".", Type::NS), ("host1.example.", Type::A)])
        .chain(&[("sub.example.", Type::DS), ("sub.example.", Type::A), ("example.", Type::DS)])
        .map(|(name, rtype)| query(name, *rtype, 0))
        .collect();
    let whole = queries[0].clone();
    // Cut off anywhere, and such as have no question.
    queries.extend((0..whole.len()).map(|length| whole[..length].to_vec()));
    queries.push([&whole[..5], &[0], &whole[6..]].concat());
    let messages: Vec<&[u8]> = queries.iter().map(Vec::as_slice).collect();
    let mut answers = |looks_ahead: bool| -> Vec<Vec<u8>> {
        let mut out = vec![0; 4096];
        let mut answers = Vec::new();
        for batch in messages.chunks(32) {
            worker.refresh();
            if looks_ahead {
                let before = COUNT.get();
                worker.foresee(batch);
                assert_eq!(COUNT.get(), before);
            }
            answers.extend(batch.iter().map(|query| {
                match worker.answer(query, &PEER, 4096, &mut out) {
                    Verdict::Reply(octets) => out[..octets].to_vec(),
                    _ => Vec::new(),
                }
            }));
        }
        answers
    };
    let plain = answers(false);
    assert_eq!(plain, answers(true));
}

/// Neither those that operators speak of, nor the others.
#[test]
fn plans_that_overrides_touch_allocate_nothing() {
    let (mut worker, health) = worker_and_health();
    let most = (Duration::from_secs(3600), Vec::new());
    // Whose zone it is, is asked for those that a tenant has set.
    let apexes = vec!["example".parse().unwrap()];
    let config = TenantConfig { apexes, ..TenantConfig::default() };
    let tenants = Arc::new(Tenants::new(&[("acme".to_owned(), config)].into()));
    let acme = tenants.id("acme");
    let events = Arc::new(Events::in_memory());
    let overrides = Overrides::open(health, events, None, most, tenants).unwrap();
    for (order, target, within, tenant) in [
        (Order::Drain, "192.0.2.1", None, None),
        (Order::Up, "192.0.2.3", None, acme),
        (Order::Drain, "192.0.2.1", Some("example"), acme),
        (Order::Pin, "192.0.2.2", Some("some.example/A"), None),
        (Order::Pin, "192.0.2.2", Some("some.example/A"), acme),
        (Order::Down, "203.0.113.1", Some("example"), None),
    ] {
        let wish = Wish {
            order,
            target: Target::parse(target).unwrap(),
            within: within.map(|text| Scope::parse(text).unwrap()),
            time: Duration::from_secs(60),
            reason: "a test".to_owned(),
            who: "somebody".to_owned(),
            may_empty: true,
            tenant,
        };
        // Of some, no pool has a member.
        let _ = overrides.set(wish);
    }
    assert!(overrides.list().len() >= 3, "{:?}", overrides.list());
    allocates_nothing(&mut worker, &QUESTIONS, 0);
}

/// Signatures made ahead, the records of proofs, and what is remembered: nothing of it is made anew.
#[test]
fn signed_answers_allocate_nothing_once_they_are_signed() {
    for denial in ["compact", "nsec", "nsec3"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("zones")).unwrap();
        std::fs::write(folder.path().join("zones/example.zone"), ZONE).unwrap();
        let text = format!(
            "[zones]\npath = \"zones\"\n[health]\ntargets.allow = [\"127.0.0.0/8\"]\n\
             [limits]\nresponses_per_second = 0\n[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\ndenial = \"{denial}\"\n\
             signatures_per_source = 100000\n"
        );
        let config = Config::parse(&text, &folder.path().join("halfmoon.toml")).unwrap();
        let offline = Offline::configured(&config).unwrap();
        let health = &offline.shared.health;
        for report in health.checks().iter().skip(1) {
            health.report(&report.check, Outcome::success(0));
        }
        let mut worker = offline.worker();
        // An answer that is signed for the first time is another one with each draw.
        let drawn = ["random.example.", "hash.example.", "some.example.", "ring.example."];
        let questions = QUESTIONS.iter().filter(|(name, _)| !drawn.contains(name));
        let more = [
            ("example.", Type::DNSKEY),
            ("example.", Type::TXT),
            ("up.example.", Type::TXT),
            ("x.wild.example.", Type::A),
            ("a.b.nowhere.example.", Type::A),
            ("sub.example.", Type::DS),
        ];
        let questions: Vec<(&str, Type)> = questions.chain(&more).copied().collect();
        allocates_nothing(&mut worker, &questions, 0x80);
    }
}

/// The signature itself, which a library makes, takes some; what is kept of it takes none once the cache is full, when
/// what enters has the size of what leaves.
#[test]
fn signatures_that_are_made_take_the_memory_of_those_that_leave() {
    let apex: NameBuf = "example.".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.zone"), ZONE).unwrap();
    let offline = Offline::load(folder.path().to_owned(), Settings::default()).unwrap();
    let zones = offline.shared.zones.load();
    let zone = &zones.zone(apex.as_name()).unwrap().zone;
    let keys = Arc::new(ZoneKeys::make(apex, Algorithm::Ed25519, false).unwrap());
    let cache = Arc::new(SignatureCache::new(2));
    let signed = Signed::new(zone, Arc::clone(&keys), Validity::default(), cache);
    let (mut desk, mut budget) = (Desk::default(), Unlimited);
    let mut sign = |ttl: u32| {
        let mut means = Means { now: 1_800_000_000, budget: &mut budget, desk: &mut desk };
        let rdata = [&[192, 0, 2, 1][..]].into_iter();
        signed
            .of_made((apex.as_name(), apex.as_name()), (Type::A, ttl), rdata, &mut means)
            .unwrap();
    };
    (0..50).for_each(&mut sign);
    let before = COUNT.get();
    (50..150).for_each(&mut sign);
    let all = COUNT.get() - before;
    let mut out = Vec::with_capacity(1024);
    let before = COUNT.get();
    for _ in 0..100 {
        out.clear();
        keys.signing(Type::A)[0].sign(&[7; 100], &mut out).unwrap();
    }
    assert_eq!(all, COUNT.get() - before, "no more than the library takes for the signatures");
}

/// Asks each question until scratch space has grown, and then counts; `flags` are those of EDNS.
#[track_caller]
fn allocates_nothing(worker: &mut Worker, questions: &[(&str, Type)], flags: u8) {
    let mut out = vec![0; 4096];
    for &(name, rtype) in questions {
        let query = query(name, rtype, flags);
        // The first time, scratch space may grow.
        let mut ask = || {
            worker.refresh();
            worker.answer(&query, &PEER, 4096, &mut out)
        };
        for _ in 0..3 {
            assert!(matches!(ask(), Verdict::Reply(_)));
        }
        let before = COUNT.get();
        for _ in 0..10 {
            ask();
        }
        assert_eq!(COUNT.get() - before, 0, "{name} {rtype}");
        assert_ne!(out[3] & 0xf, 2, "{name} {rtype} is answered");
    }
}
