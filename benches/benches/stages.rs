//! The stages of an answer one by one: parse the question, hash its name, find it, choose what a
//! program says, encode the reply. What signing costs is in `signing`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use halfmoon::offline::Offline;
use halfmoon_benches::query;
use halfmoon_healthcheck::Outcome;
use halfmoon_lua::{Answers, Client, Context, Machine, Program, Settings};
use halfmoon_wire::{NameBuf, Owner, Places, Query, Rcode, Reply, Section, SuffixHashes, Type};
use halfmoon_zones::Position;

/// Names with an address beside the ones that are asked for.
const NAMES: u32 = 10_000;

/// What is run: what it is called, its owner.
const PROGRAMS: [(&str, &str); 4] = [
    ("choose: a constant", "constant.example."),
    ("choose: weighted by client", "hash.example."),
    ("choose: all that are up", "up.example."),
    ("choose: strings in a loop", "lua.example."),
];

fn zone() -> String {
    let mut text = String::from("$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n");
    for i in 0..NAMES {
        writeln!(text, "host{i} A 10.0.{}.{}", i >> 8 & 255, i & 255).expect("a string takes all");
    }
    text.push_str(
        "constant LUA A \"'192.0.2.1'\"\n\
         hash LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"\n\
         up LUA A \"ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='all'})\"\n\
         lua LUA A \";local a = {} for i = 1, 4 do a[i] = '192.0.2.' .. i end return a\"\n",
    );
    text
}

fn stages(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("example.zone"), zone()).expect("a file");
    let offline = Offline::load(folder.path().to_owned(), Settings::default());
    let shared = offline.expect("a readable folder").shared;
    for report in shared.health.checks() {
        shared.health.report(&report.check, Outcome::success(0));
    }
    let zones = shared.zones.load_full();
    let hosted = Arc::clone(&zones.zones()[0]);
    let mut group = c.benchmark_group("stages");

    let octets = query("host4711.example.", Type::A);
    group.bench_function("parse", |b| b.iter(|| Query::parse(black_box(&octets))));

    let parsed = Query::parse(&octets).expect("a query");
    let name = parsed.question.expect("a question").name;
    let mut hashes = SuffixHashes::default();
    group.bench_function("hash", |b| b.iter(|| hashes.compute(black_box(name))));

    let names: Vec<NameBuf> = (0..NAMES)
        .map(|i| format!("host{}.example.", i * 7919 % NAMES).parse().expect("a name"))
        .collect();
    let mut at = 0;
    group.bench_function("hash and find, any of 10,000", |b| {
        b.iter(|| {
            at = (at + 1) % names.len();
            let name = names[at].as_name();
            hashes.compute(name);
            let hosted = zones.find(name, &hashes, Type::A).expect("a zone");
            let Position::Exact(node) = hosted.zone.find(name, &hashes) else {
                panic!("{name} is there");
            };
            node.set(Type::A).map(|set| set.ready().len())
        });
    });

    let node = hosted.zone.named(name).expect("a node");
    let set = node.set(Type::A).expect("addresses");
    let (mut out, mut places) = (vec![0; 4096], Places::default());
    group.bench_function("encode: ready", |b| {
        b.iter(|| {
            let mut reply = Reply::new(&parsed, 1232, &mut out, &mut places).expect("room");
            reply.ready(Section::Answer, set.count(), set.ready()).expect("room");
            reply.finish(Rcode::NOERROR)
        });
    });
    group.bench_function("encode: record", |b| {
        b.iter(|| {
            let mut reply = Reply::new(&parsed, 1232, &mut out, &mut places).expect("room");
            let rdata = [192, 0, 2, 1];
            reply.record(Section::Answer, Owner::Question, (Type::A, 60), &rdata).expect("room");
            reply.finish(Rcode::NOERROR)
        });
    });

    let client = Client::at(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 7), 4711)));
    let (mut health, mut geo) = (shared.health.reader(), shared.geo.reader());
    let (health, geo) = (health.load(), geo.load());
    let settings = &shared.policy.lua;
    let machines = [
        ("", Machine::new(settings.clone())),
        (", remembered", Machine::new(settings.clone()).remembering()),
    ];
    for (how, mut machine) in machines {
        for (what, owner) in PROGRAMS {
            let owner: NameBuf = owner.parse().expect("a name");
            let node = hosted.zone.named(owner.as_name()).expect("a node");
            let number = node.programs().next().expect("a program").number;
            let entry = hosted.beside.programs.entry(number).expect("an entry");
            let program: &Arc<Program> = entry.program.as_ref().expect("without faults");
            if program.is_plan() && !how.is_empty() {
                continue;
            }
            let context = Context {
                qname: node.owner(),
                zone: hosted.zone.apex(),
                owner: node.owner(),
                data: &zones,
                client: &client,
                geo,
                health,
                requests: &shared.health,
                account: None,
            };
            let mut answers = Answers::default();
            group.bench_function(format!("{what}{how}"), |b| {
                b.iter(|| {
                    answers.clear();
                    machine.run(program, &context, &mut answers)
                });
            });
            assert!(!answers.is_empty(), "{what}");
        }
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
