//! What fails leaves the answers, and comes back.

use std::time::{Duration, Instant};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::support::endpoint::{Endpoint, regions};
use crate::support::site::{Folder, QUICK};
use crate::support::{addresses, ask, question, tcp, udp, wait_for, wait_for_answer};

/// What [`QUICK`] says: two failures, 100 ms apart, and a timeout of a second.
const WINDOW: Duration = Duration::from_millis(2 * 100 + 1000);
/// What a busy machine may take on top.
const MARGIN: Duration = Duration::from_secs(8);

/// The records of a zone, with the port and the addresses of the endpoints in them.
fn zone(text: &str, regions: &[Endpoint; 3]) -> String {
    let [a, b, c] = regions.each_ref().map(|region| region.address.ip().to_string());
    let port = regions[0].address.port().to_string();
    text.replace("PORT", &port)
        .replace("'a'", &format!("'{a}'"))
        .replace("'b'", &format!("'{b}'"))
        .replace("'c'", &format!("'{c}'"))
}

fn ips(regions: &[Endpoint]) -> Vec<String> {
    regions.iter().map(|region| region.address.ip().to_string()).collect()
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Waits until UDP and TCP answer this, and says that the TTL is the record's.
#[track_caller]
fn wait_for_both(server: std::net::SocketAddr, name: &str, expected: &[&str]) {
    wait_for_answer(server, name, expected);
    let over_tcp = tcp(server, &question(name, RecordType::A)).unwrap();
    let found: Vec<String> = addresses(&over_tcp).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{name} over TCP");
    assert!(over_tcp.answers.iter().all(|record| record.ttl == 30), "{over_tcp}");
    assert!(over_tcp.metadata.authoritative);
}

const SELECTORS: &str = "\
first  LUA A \"ifurlup('http://www.example.test:PORT/', {'a', 'b', 'c'}, {selector='first'})\"
groups LUA A \"ifurlup('http://www.example.test:PORT/', {{'a'}, {'b', 'c'}}, {selector='all'})\"
all    LUA A \"ifurlup('http://www.example.test:PORT/', {'a', 'b', 'c'}, {selector='all'})\"
any    LUA A \"ifurlup('http://www.example.test:PORT/', {'a', 'b', 'c'}, {selector='random'})\"
";

#[test]
fn an_endpoint_that_answers_errors_leaves_the_answers_until_it_is_well() {
    let regions = regions();
    let folder = Folder::new(QUICK, &zone(SELECTORS, &regions));
    let (running, server) = folder.serve();
    let all = ips(&regions);
    let all = refs(&all);
    wait_for_both(server, "all.example.test.", &all);
    wait_for_both(server, "first.example.test.", &all[..1]);
    wait_for_both(server, "groups.example.test.", &all[..1]);

    let failed = Instant::now();
    regions[0].answer(503);
    wait_for_both(server, "first.example.test.", &all[1..2]);
    let took = failed.elapsed();
    assert!(took < WINDOW + MARGIN, "{took:?} until the answer changed");
    wait_for_both(server, "all.example.test.", &all[1..]);
    wait_for_both(server, "groups.example.test.", &all[1..]);
    for _ in 0..50 {
        assert_ne!(ask(server, "any.example.test."), all[..1], "a failed one by chance");
    }
    let line = running.logged(&format!("{} is down: ", line_of(&regions[0])), 0);
    assert!(line.contains("503"), "{line}");

    regions[1].answer(500);
    wait_for_both(server, "first.example.test.", &all[2..]);
    let before = running.err().len();
    regions[0].answer(200);
    wait_for_both(server, "first.example.test.", &all[..1]);
    wait_for_both(server, "groups.example.test.", &all[..1]);
    wait_for_both(server, "all.example.test.", &[all[0], all[2]]);
    running.logged(&format!("{} is up: ", line_of(&regions[0])), before);
    regions[1].answer(200);
    wait_for_both(server, "all.example.test.", &all);
}

/// How the log calls the check of an endpoint.
fn line_of(region: &Endpoint) -> String {
    let port = region.address.port();
    format!("http://www.example.test:{port}/ at {}", region.address.ip())
}

#[test]
fn a_port_that_closes_leaves_the_answers_until_it_is_open_again() {
    let regions = regions();
    let text = "\
first  LUA A \"ifportup(PORT, {'a', 'b', 'c'}, {selector='first'})\"
groups LUA A \"ifportup(PORT, {{'a'}, {'b', 'c'}}, {selector='all'})\"
all    LUA A \"ifportup(PORT, {'a', 'b', 'c'}, {selector='all'})\"
";
    let folder = Folder::new(QUICK, &zone(text, &regions));
    let (_running, server) = folder.serve();
    let all = ips(&regions);
    let all = refs(&all);
    wait_for_both(server, "all.example.test.", &all);
    wait_for_both(server, "first.example.test.", &all[..1]);

    // A status is nothing to a check of a port.
    for region in &regions {
        region.answer(503);
    }
    let [first, _second, _third] = regions;
    let failed = Instant::now();
    let closed = first.close();
    wait_for_both(server, "first.example.test.", &all[1..2]);
    let took = failed.elapsed();
    assert!(took < WINDOW + MARGIN, "{took:?} until the answer changed");
    wait_for_both(server, "groups.example.test.", &all[1..]);
    wait_for_both(server, "all.example.test.", &all[1..]);

    let _again = wait_for("the same port", || Endpoint::open_at(closed).ok());
    wait_for_both(server, "all.example.test.", &all);
    wait_for_both(server, "first.example.test.", &all[..1]);
    wait_for_both(server, "groups.example.test.", &all[..1]);
}

#[test]
fn when_all_are_down_the_fallback_rule_decides() {
    let regions = regions();
    let url = "ifurlup('http://www.example.test:PORT/'";
    let text = format!(
        "\
random LUA A \"{url}, {{'a', 'b', 'c'}}, {{selector='all'}})\"
all    LUA A \"{url}, {{'a', 'b', 'c'}}, {{selector='first', backupSelector='all'}})\"
first  LUA A \"{url}, {{'a', 'b', 'c'}}, {{selector='all', backupSelector='first'}})\"
empty  LUA A \"{url}, {{'a', 'b', 'c'}}, {{selector='all', backupSelector='empty'}})\"
groups LUA A \"{url}, {{{{'a', 'b'}}, {{'c'}}}}, {{selector='all', backupSelector='all'}})\"
"
    );
    let folder = Folder::new(QUICK, &zone(&text, &regions));
    let (_running, server) = folder.serve();
    let all = ips(&regions);
    let all = refs(&all);
    wait_for_both(server, "random.example.test.", &all);

    for region in &regions {
        region.answer(404);
    }
    wait_for_both(server, "empty.example.test.", &[]);
    let nodata: Message = udp(server, &question("empty.example.test.", RecordType::A)).unwrap();
    assert_eq!(nodata.metadata.response_code, ResponseCode::NoError);
    let soa = &nodata.authorities[0];
    assert_eq!((soa.record_type(), soa.ttl), (RecordType::SOA, 7), "{nodata}");
    wait_for_both(server, "all.example.test.", &all);
    wait_for_both(server, "first.example.test.", &all[..1]);
    wait_for_both(server, "groups.example.test.", &all[..2]);
    let mut seen = std::collections::BTreeSet::new();
    wait_for("each of them by chance", || {
        let answer = ask(server, "random.example.test.");
        assert!(answer.len() == 1 && all.contains(&answer[0].as_str()), "{answer:?}");
        seen.extend(answer);
        (seen.len() == all.len()).then_some(())
    });

    regions[2].answer(200);
    wait_for_both(server, "empty.example.test.", &all[2..]);
    wait_for_both(server, "random.example.test.", &all[2..]);
    wait_for_both(server, "groups.example.test.", &all[2..]);
}

#[test]
fn endpoints_of_both_families_are_answered_each_in_its_own() {
    let four = Endpoint::open("127.0.0.1");
    let port = four.address.port();
    let six = wait_for("the same port on ::1", || {
        Endpoint::open_at(([0, 0, 0, 0, 0, 0, 0, 1], port).into()).ok()
    });
    let options = "{selector='all', backupSelector='empty'}";
    let text = format!(
        "www LUA A    \"ifportup({port}, {{'127.0.0.1'}}, {options})\"\n\
         www LUA AAAA \"ifurlup('http://www.example.test:{port}/', {{'::1'}}, {options})\"\n"
    );
    let folder = Folder::new(QUICK, &text);
    let (_running, server) = folder.serve();
    let six_answer = || {
        let answer = udp(server, &question("www.example.test.", RecordType::AAAA)).unwrap();
        addresses(&answer).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    wait_for("::1", || (six_answer() == ["::1"]).then_some(()));
    six.answer(500);
    wait_for("no ::1", || six_answer().is_empty().then_some(()));
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.1"]);
}

#[test]
fn a_program_that_fails_says_what_it_said_last_also_when_its_zone_is_loaded_again() {
    let [region, ..] = regions();
    let (ip, port) = (region.address.ip().to_string(), region.address.port());
    // Fails when nothing is up.
    let program = format!(
        "www LUA A \";local t = ifportup({port}, {{'{ip}'}}, {{backupSelector='empty'}}) \
         return t[1] .. ''\"\n"
    );
    let folder = Folder::new(&format!("{QUICK}[lua]\ntime = \"1s\"\n"), &program);
    let (running, server) = folder.serve();
    wait_for_both(server, "www.example.test.", &[&ip]);
    let before = running.err().len();
    region.close();
    let line = wait_for("a failure", || {
        ask(server, "www.example.test.");
        let log = running.err();
        log[before..].lines().find(|line| line.contains("program failed")).map(str::to_owned)
    });
    assert!(line.contains("last_good=true"), "{line}");
    wait_for_both(server, "www.example.test.", &[&ip]);
    // Something else changes in the zone.
    folder.zone("example.test", &format!("{program}new A 127.0.0.2\n"));
    wait_for_answer(server, "new.example.test.", &["127.0.0.2"]);
    wait_for_both(server, "www.example.test.", &[&ip]);
    // Another program has said nothing yet.
    folder.zone("example.test", &program.replace(".. ''", ".. '' .. ''"));
    let failed = || {
        let answer = udp(server, &question("www.example.test.", RecordType::A)).unwrap();
        (answer.metadata.response_code == ResponseCode::ServFail).then_some(())
    };
    wait_for("SERVFAIL", failed);
}
