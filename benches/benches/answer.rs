//! What one answer costs, from the octets of the query to those of the reply, without the kernel.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use halfmoon::transport::{Service, Verdict};
use halfmoon_benches::{peer, query, worker};
use halfmoon_wire::Type;

/// Names with an address beside the ones that are asked for.
const NAMES: u32 = 10_000;

fn zone() -> String {
    let mut text = String::from("$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n");
    for i in 0..NAMES {
        writeln!(text, "host{i} A 10.0.{}.{}", i >> 8 & 255, i & 255).expect("a string takes all");
    }
    text.push_str(
        "sub NS ns.sub\nns.sub A 192.0.2.54\nalias CNAME host7\n*.wild A 192.0.2.9\n\
         up LUA A \"ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.3'}}, {selector='all'})\"\n\
         first LUA A \"ifurlup('https://www.example/', {'192.0.2.1', '192.0.2.2'}, {selector='first'})\"\n\
         hash LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"\n\
         branch LUA A \";if netmask({'10.0.0.0/8'}) then return '192.0.2.1' else return '192.0.2.2' end\"\n\
         lua LUA A \";local a = {} for i = 1, 4 do a[i] = '192.0.2.' .. i end return a\"\n\
         site LUA A \";local up = ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='all'}) \
         if #up == 2 then return up end return '192.0.2.9'\"\n",
    );
    text
}

fn answer(c: &mut Criterion) {
    let mut worker = worker("example", &zone());
    let mut out = vec![0; 4096];
    let mut group = c.benchmark_group("answer");
    for (what, name, rtype) in [
        ("static", "host4711.example.", Type::A),
        ("nodata", "host4711.example.", Type::AAAA),
        ("nxdomain", "nowhere.example.", Type::A),
        ("nxdomain, deep", "a.b.c.d.e.f.g.h.example.", Type::A),
        ("referral", "www.sub.example.", Type::A),
        ("alias", "alias.example.", Type::A),
        ("wildcard", "x.wild.example.", Type::A),
        ("plan, ifportup all", "up.example.", Type::A),
        ("plan, ifurlup first", "first.example.", Type::A),
        ("plan, pickwhashed", "hash.example.", Type::A),
        ("plan, if netmask", "branch.example.", Type::A),
        ("lua, loop", "lua.example.", Type::A),
        ("lua, call site", "site.example.", Type::A),
    ] {
        let query = query(name, rtype);
        let peer = peer();
        worker.refresh();
        let verdict = worker.answer(&query, &peer, 4096, &mut out);
        assert!(matches!(verdict, Verdict::Reply(_)) && out[3] & 0xf != 2, "{what}");
        group.bench_function(what, |b| {
            b.iter(|| worker.answer(black_box(&query), &peer, 4096, &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, answer);
criterion_main!(benches);
