//! What one answer costs with each function a program can call, with literal arguments (a plan,
//! or a call site where a plan cannot be had) and with arguments that Lua computes.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use halfmoon::transport::{Service, Verdict};
use halfmoon_benches::{peer, query, worker};
use halfmoon_wire::Type;

/// Name, type of record, and call. The owner is the name, below a wildcard where one is needed.
const CALLS: &[(&str, &str, &str)] = &[
    ("constant", "A", "'192.0.2.1'"),
    ("ifportup", "A", "ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='all'})"),
    ("ifurlup", "A", "ifurlup('https://x.example/', {{'192.0.2.1'}, {'192.0.2.2'}})"),
    ("ifurlextup", "A", "ifurlextup({{['192.0.2.1']='http://192.0.2.1/'}})"),
    ("pickselfweighted", "A", "pickselfweighted('http://x.example/', {'192.0.2.1', '192.0.2.2'})"),
    ("all", "A", "all({'192.0.2.1', '192.0.2.2'})"),
    ("answer", "A", "answer({'192.0.2.1', '192.0.2.2'}, {ttl=30})"),
    ("nxdomain", "A", "nxdomain()"),
    ("pickrandom", "A", "pickrandom({'192.0.2.1', '192.0.2.2'})"),
    ("pickrandomsample", "A", "pickrandomsample(2, {'192.0.2.1', '192.0.2.2', '192.0.2.3'})"),
    ("pickhashed", "A", "pickhashed({'192.0.2.1', '192.0.2.2'})"),
    ("pickwrandom", "A", "pickwrandom({{80, '192.0.2.1'}, {20, '192.0.2.2'}})"),
    ("pickwhashed", "A", "pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})"),
    ("picknamehashed", "A", "picknamehashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})"),
    ("pickchashed", "A", "pickchashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})"),
    ("pickclosest", "A", "pickclosest({'192.0.2.1', '198.51.100.1'})"),
    ("view", "A", "view({{{'10.0.0.0/8'}, {'192.0.2.1'}}, {{'0.0.0.0/0'}, {'192.0.2.2'}}})"),
    ("netmask", "A", ";if netmask({'10.0.0.0/8'}) then return '192.0.2.1' end return '192.0.2.2'"),
    ("country", "A", ";if country('DE') then return '192.0.2.1' end return '192.0.2.2'"),
    ("continent", "A", ";if continent('EU') then return '192.0.2.1' end return '192.0.2.2'"),
    ("region", "A", ";if region('CA') then return '192.0.2.1' end return '192.0.2.2'"),
    ("asnum", "A", ";if asnum(64500) then return '192.0.2.1' end return '192.0.2.2'"),
    ("countryCode", "TXT", "countryCode()"),
    ("continentCode", "TXT", "continentCode()"),
    ("regionCode", "TXT", "regionCode()"),
    ("geoiplookup", "TXT", "geoiplookup('192.0.2.1', GeoIPQueryAttribute.Country)"),
    ("latlon", "TXT", "latlon()"),
    ("latlonloc", "LOC", "latlonloc()"),
    ("latlonMagic", "TXT", "latlonMagic()"),
    ("createReverse", "PTR", "createReverse('ip-%1%-%2%-%3%-%4%.example.')"),
    ("createReverse6", "PTR", "createReverse6('ip-%33%.example.')"),
    ("createForward", "A", "createForward()"),
    ("createForward6", "AAAA", "createForward6()"),
    ("filterForward", "A", "filterForward('192.0.2.1', newNMG({'192.0.2.0/24'}))"),
    ("closestMagic", "A", "closestMagic()"),
    ("dblookup", "TXT", "dblookup('ns.example', pdns.A)"),
    ("include", "A", ";include('config') return servers"),
    ("resolve", "TXT", "resolve('ns.example', pdns.A)[1]:toString()"),
    (
        "computed ifportup",
        "A",
        ";local a = {'192.0.2.1'} return ifportup(443, {a[1], '192.0.2.2'})",
    ),
    ("computed pickhashed", "A", ";local a = '192.0.2.1' return pickhashed({a, '192.0.2.2'})"),
];

/// What stands below the wildcard of a function that reads the name in question.
fn below(function: &str) -> &'static str {
    match function {
        "createReverse" => "4.3.2.1.",
        "createReverse6" => "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.",
        "createForward" => "192-0-2-1.",
        "createForward6" => "2001-db8--1.",
        "closestMagic" => "192-0-2-1.198-51-100-1.",
        _ => "x.",
    }
}

fn functions(c: &mut Criterion) {
    let mut zone = String::from(
        "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n\
         config LUA LUA \"servers = {'192.0.2.1', '192.0.2.2'}\"\n",
    );
    for (at, (_, rtype, call)) in CALLS.iter().enumerate() {
        zone.push_str(&format!("*.f{at} LUA {rtype} \"{call}\"\n"));
    }
    let mut worker = worker("example", &zone);
    let mut out = vec![0; 4096];
    let mut group = c.benchmark_group("functions");
    group.sample_size(20);
    for (at, (function, rtype, _)) in CALLS.iter().enumerate() {
        let rtype: Type = rtype.parse().expect("a type");
        let query = query(&format!("{}f{at}.example.", below(function)), rtype);
        let peer = peer();
        worker.refresh();
        let verdict = worker.answer(&query, &peer, 4096, &mut out);
        assert!(matches!(verdict, Verdict::Reply(_)), "{function}");
        let expected = if *function == "nxdomain" { (3, false) } else { (0, true) };
        assert_eq!((out[3] & 0xf, out[7] > 0), expected, "{function} is answered");
        group.bench_function(*function, |b| {
            b.iter(|| worker.answer(black_box(&query), &peer, 4096, &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, functions);
criterion_main!(benches);
