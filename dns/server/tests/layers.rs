//! Every setting of checks and pools in three layers: a record's option counts before its zone's
//! setting, and that before the server's.
//!
//! A row each; what is looked at is what the program made of it: its check, its pool, its budget.

use std::fs;

use halfmoon::config::Config;
use halfmoon::publish::{Compile, load};
use halfmoon::serve::{lua_settings, targets};
use halfmoon::shared::Zones;
use halfmoon_geo::Source;
use halfmoon_healthcheck::Health;
use halfmoon_zones::{Level, Loader};

const ZONE: &str = "$TTL 30\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n";

/// What a record with these settings is checked by and answers as, as text.
fn seen(server: &str, zone: Option<&str>, record: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("example.test.zone"), format!("{ZONE}www LUA A \"{record}\"\n")).unwrap();
    if let Some(zone) = zone {
        fs::write(path("example.test.health.toml"), zone).unwrap();
    }
    let text = format!("zones.path = '.'\n[health]\nfiles = 'state'\n{server}\n");
    let config = Config::parse(&text, &path("halfmoon.toml")).expect(&text);
    let health = Health::unprobed(targets(&config));
    let settings = lua_settings(&config, &Source::new(Vec::new()));
    let mut compile = Compile::new(settings, health.clone()).with_budgets();
    let mut loader = Loader::new(config.zones.path.unwrap(), false);
    let loaded = load(&mut loader, &mut compile, &Zones::default()).unwrap();
    let report = &loaded.reports[0];
    let faults =
        report.faults.iter().filter(|fault| fault.rule != "rto" && fault.level == Level::Error);
    let faults: Vec<String> = faults.map(|f| f.display(&report.files).to_string()).collect();
    assert!(faults.is_empty(), "{server} {zone:?} {record}: {faults:?}");
    let checks: Vec<String> =
        health.checks().iter().map(|report| format!("{:?}", report.check)).collect();
    let pools: Vec<String> =
        health.pools().iter().map(|report| format!("{:?}", report.pool.policy)).collect();
    let budgets = compile.into_budgets();
    let (_, _, budget) = &budgets[0].records[0];
    let rto = budget.rto;
    format!("{checks:?} {pools:?} ttl: {} rto: {rto:?}", budget.ttl).replace('\\', "")
}

const PORT: &str = "ifportup(80, {'127.0.0.1'}, {selector='all', %})";
const URL: &str = "ifurlup('https://www.example.test/', {'127.0.0.1'}, {selector='all', %})";
const TLS: &str = "iftlsup(443, {'127.0.0.1'}, {%})";
const DNS: &str = "ifdnsup(53, {'127.0.0.1'}, {name='here.test', %})";
const NAMELESS: &str = "ifdnsup(53, {'127.0.0.1'}, {%})";
const GRPC: &str = "ifgrpcup(50051, {'127.0.0.1'}, {%})";
const FILE: &str = "ifbeat({{'127.0.0.1', file='fra'}}, {%})";

/// A function; what the server, the zone and the record say; and what is seen of each.
type Row = (&'static str, [&'static str; 3], [&'static str; 3]);

const ROWS: [Row; 39] = [
    (
        DNS,
        ["dns.answer = '192.0.2.11'", "dns.answer = '192.0.2.12'", "answer='192.0.2.13'"],
        ["192.0.2.11", "192.0.2.12", "192.0.2.13"],
    ),
    (
        PORT,
        ["interval = '11s'", "interval = '12s'", "interval=13"],
        ["interval: 11s", "interval: 12s", "interval: 13s"],
    ),
    (
        PORT,
        ["timeout = '11s'", "timeout = '12s'", "timeout=13"],
        ["timeout: 11s", "timeout: 12s", "timeout: 13s"],
    ),
    (PORT, ["fall = 11", "fall = 12", "fall=13"], ["fall: 11", "fall: 12", "fall: 13"]),
    (PORT, ["fall = 11", "fall = 12", "minimumFailures=13"], ["fall: 11", "fall: 12", "fall: 13"]),
    (PORT, ["rise = 11", "rise = 12", "rise=13"], ["rise: 11", "rise: 12", "rise: 13"]),
    (
        PORT,
        ["source = '127.0.0.11'", "source = '127.0.0.12'", "source='127.0.0.13'"],
        ["Some(127.0.0.11)", "Some(127.0.0.12)", "Some(127.0.0.13)"],
    ),
    (
        PORT,
        ["hold_down = '11s'", "hold_down = '12s'", "hold_down=13"],
        ["hold_down: 11s", "hold_down: 12s", "hold_down: 13s"],
    ),
    (
        PORT,
        ["resume = 'manual'", "resume = '12s'", "resume='auto'"],
        ["resume: Manual", "resume: After(12s)", "resume: Auto"],
    ),
    (PORT, ["ramp = '11s'", "ramp = '12s'", "ramp=13"], ["ramp: 11s", "ramp: 12s", "ramp: 13s"]),
    (
        PORT,
        ["flap = { suppress = 5000 }", "flap = false", "flap={suppress=7000}"],
        ["suppress: 5000", "flap: None", "suppress: 7000"],
    ),
    (
        PORT,
        ["flap = false", "flap = { half_life = '12s' }", "flap=false"],
        ["flap: None", "half_life: 12s", "flap: None"],
    ),
    (
        PORT,
        ["fresh = '11s'", "fresh = '12s'", "fresh=13"],
        ["fresh: 11s", "fresh: 12s", "fresh: 13s"],
    ),
    (
        PORT,
        ["unknown = 'up'", "unknown = 'down'", "unknown='last'"],
        ["unknown: Up", "unknown: Down", "unknown: Last"],
    ),
    (
        PORT,
        ["all_down = 'all'", "all_down = 'none'", "all_down='servfail'"],
        ["all_down: All", "all_down: None", "all_down: Servfail"],
    ),
    (
        PORT,
        ["min_answers = 11", "min_answers = 12", "min_answers=13"],
        ["min_answers: 11", "min_answers: 12", "min_answers: 13"],
    ),
    (
        PORT,
        ["panic = 0.11", "panic = 0.12", "panic=0.13"],
        ["panic: 110", "panic: 120", "panic: 130"],
    ),
    (
        PORT,
        [
            "velocity = { part = 0.11, window = '11s' }",
            "velocity = false",
            "velocity={part=0.13, window=13}",
        ],
        ["part: 110, window: 11s", "velocity: None", "part: 130, window: 13s"],
    ),
    (
        PORT,
        ["ttl = { min = 1, max = 11 }", "ttl = false", "ttl={min=1, max=13}"],
        ["ttl: 11 ", "ttl: 30 ", "ttl: 13 "],
    ),
    (
        PORT,
        ["ttl = false", "ttl = { min = 1, max = 12 }", "ttl=13"],
        ["ttl: 30 ", "ttl: 12 ", "ttl: 13 "],
    ),
    (
        PORT,
        ["rto = '11s'", "rto = '12s'", "rto=13"],
        ["rto: Some(11s)", "rto: Some(12s)", "rto: Some(13s)"],
    ),
    (
        PORT,
        ["rto = '11s'", "rto = false", "rto=13"],
        ["rto: Some(11s)", "rto: None", "rto: Some(13s)"],
    ),
    (
        URL,
        ["http.method = 'HEAD'", "http.method = 'OPTIONS'", "method='POST'"],
        ["method: Head", "method: Options", "method: Post"],
    ),
    (
        URL,
        [
            "http = { method = 'POST', body = 'b11' }",
            "http = { method = 'POST', body = 'b12' }",
            "body='b13'",
        ],
        ["body: \"b11\"", "body: \"b12\"", "body: \"b13\""],
    ),
    (
        URL,
        ["http.httpcode = '211'", "http.httpcode = '212'", "httpcode=213"],
        ["211", "212", "213"],
    ),
    (
        URL,
        ["http.stringmatch = 'm11'", "http.stringmatch = 'm12'", "stringmatch='m13'"],
        ["Some(\"m11\")", "Some(\"m12\")", "Some(\"m13\")"],
    ),
    (
        URL,
        ["http.byteslimit = 1111", "http.byteslimit = 1112", "byteslimit=1113"],
        ["byte_limit: 1111", "byte_limit: 1112", "byte_limit: 1113"],
    ),
    (
        URL,
        ["http.useragent = 'u11'", "http.useragent = 'u12'", "useragent='u13'"],
        ["Some(\"u11\")", "Some(\"u12\")", "Some(\"u13\")"],
    ),
    (
        URL,
        [
            "http.headers = { X-Probe = 'h11' }",
            "http.headers = { X-Probe = 'h12' }",
            "headers={['X-Probe']='h13'}",
        ],
        ["h11", "h12", "h13"],
    ),
    (
        URL,
        ["http.weightheader = 'w11'", "http.weightheader = 'w12'", "weightheader='w13'"],
        ["Some(\"w11\")", "Some(\"w12\")", "Some(\"w13\")"],
    ),
    (
        URL,
        ["http.reuse = '11s'", "http.reuse = '12s'", "reuse=13"],
        ["reuse: 11s", "reuse: 12s", "reuse: 13s"],
    ),
    (
        TLS,
        ["tls.tls = 'insecure'", "tls.tls = 'verified'", "tls='insecure'"],
        ["certificate: Any", "certificate: Verified", "certificate: Any"],
    ),
    (
        TLS,
        ["tls.servername = 's11.test'", "tls.servername = 's12.test'", "servername='s13.test'"],
        ["s11.test", "s12.test", "s13.test"],
    ),
    (
        TLS,
        [
            "tls = { certwarn = 11, certfail = 1 }",
            "tls = { certwarn = 12, certfail = 2 }",
            "certwarn=13, certfail=3",
        ],
        [
            "warn_days: 11, fail_days: 1",
            "warn_days: 12, fail_days: 2",
            "warn_days: 13, fail_days: 3",
        ],
    ),
    (
        NAMELESS,
        ["dns.name = 'n11.test'", "dns.name = 'n12.test'", "name='n13.test'"],
        ["n11.test", "n12.test", "n13.test"],
    ),
    (DNS, ["dns.type = 'SOA'", "dns.type = 'NS'", "type='TXT'"], ["SOA", "NS", "TXT"]),
    (
        DNS,
        [
            "dns = { rcode = 'NXDOMAIN', recursion = true }",
            "dns = { rcode = 'REFUSED', recursion = false }",
            "rcode='NOTIMP', recursion=true",
        ],
        ["DnsCode(3)|recursion: true", "DnsCode(5)|recursion: false", "DnsCode(4)|recursion: true"],
    ),
    (
        GRPC,
        [
            "grpc = { service = 'g11', tls = true }",
            "grpc = { service = 'g12', tls = false }",
            "service='g13', tls='insecure'",
        ],
        ["g11|tls: Some", "g12|tls: None", "g13|tls: Some"],
    ),
    (
        FILE,
        [
            "push = { within = '11s', stale = 'unknown' }",
            "push = { within = '12s', stale = 'down' }",
            "within=13, stale='unknown'",
        ],
        ["within: 11s, stale: Unknown", "within: 12s, stale: Down", "within: 13s, stale: Unknown"],
    ),
];

#[test]
fn a_record_counts_before_its_zone_and_a_zone_before_the_server() {
    for (function, [server, zone, option], [of_server, of_zone, of_record]) in ROWS {
        let plain = function.replace('%', "");
        let told = function.replace('%', option);
        let nothing = "";
        for (what, seen, expected) in [
            ("server", seen(server, None, &plain), of_server),
            ("an empty file beside the zone", seen(server, Some(nothing), &plain), of_server),
            ("zone", seen(server, Some(zone), &plain), of_zone),
            ("zone alone", seen(nothing, Some(zone), &plain), of_zone),
            ("record", seen(server, Some(zone), &told), of_record),
        ] {
            for part in expected.split('|') {
                assert!(seen.contains(part), "{what} of {server}: no {part} in {seen}");
            }
        }
        if of_server != of_zone {
            let zone = seen(server, Some(zone), &plain);
            let is_servers = of_server.split('|').all(|part| zone.contains(part));
            assert!(!is_servers, "{of_server} in {zone}");
        }
    }
}
