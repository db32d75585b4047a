//! What validators make of the answers.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::hierarchy::{
    INSECURE_ONES, SECURE, ZONES, anchors, says_that_a_name_is_not_there, serve,
};
use crate::resolvers::{bind, unbound};
use crate::support::peer::{Peer, alone, free_port, installed, is_alone};
use crate::support::{question, tcp, udp, wait_for};

#[test]
fn unbound_takes_every_answer_for_secure() {
    alone("validators::inside_with_unbound", &["unbound"]);
}

#[test]
fn bind_takes_every_answer_for_secure() {
    alone("validators::inside_with_bind", &["named"]);
}

#[test]
fn delv_takes_every_answer_for_secure() {
    alone("validators::inside_with_delv", &["delv"]);
}

/// The settings that each validator meets.
const SETTINGS: [&str; 8] = [
    "",
    "split = true",
    "algorithm = \"ED25519\"",
    "algorithm = 8\nsplit = true",
    "denial = \"nsec\"",
    "denial = \"nsec3\"",
    "denial = \"nsec3\"\nsplit = true\nnsec3 = { iterations = 3, salt = \"aabb\" }",
    "denial = \"nsec3\"\nnsec3 = { opt_out = true }",
];

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_unbound() {
    if is_alone() {
        SETTINGS.into_iter().for_each(|settings| resolver(settings, free_port(), unbound));
    }
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_bind() {
    if is_alone() {
        // It asks port 53 and no other of servers that it is told of by address.
        SETTINGS.into_iter().for_each(|settings| resolver(settings, 53, bind));
    }
}

/// How a validating resolver is started.
pub(crate) type Start = fn(&Path, SocketAddr, &[String], &[&str]) -> (Peer, SocketAddr);

/// Asks a validating resolver all questions, while an endpoint fails and comes back.
fn resolver(settings: &str, port: u16, start: Start) {
    let folder = tempfile::tempdir().unwrap();
    let probed = free_port();
    let endpoint = |address: &str| TcpListener::bind((address, probed)).unwrap();
    // One stays, one goes.
    let (_stays, goes) = (accept(endpoint("127.0.0.1")), endpoint("127.0.0.2"));
    let (_running, here) = serve(folder.path(), port, probed, settings);
    let (mut peer, there) = start(folder.path(), here, &anchors(here), &ZONES);
    peer.wait_for_answer(there, &ask("www.test.", RecordType::A), |answer| {
        answer.metadata.response_code == ResponseCode::NoError
    });
    for (secure, questions) in [(true, &SECURE[..]), (false, &INSECURE_ONES[..])] {
        for &(name, rtype, count) in questions {
            // One key for all that is to be signed, or two.
            let keys = if settings.contains("split") { 2 } else { 1 };
            let count = if rtype == RecordType::DNSKEY { keys } else { count };
            let answer = answer_of(there, name, rtype);
            let found = judge(&answer);
            let opts_out = settings.contains("opt_out") && says_that_a_name_is_not_there(name)
                || settings.contains("opt_out") && count == 0 && name.contains("insecure");
            let secure = if opts_out { found.1 } else { secure };
            assert_eq!(
                found,
                (true, secure, count),
                "{settings} {name} {rtype}: {answer}\n{}",
                peer.said()
            );
        }
    }
    // Before and after a failover, under wildcards that the resolver has not heard of before: within the
    // TTL it may give what one of them made for another name (RFC 8198 section 5.3).
    let settled = |name: &str, count: usize| {
        wait_for("the endpoints' states", || {
            let answer = udp(here, &question(name, RecordType::A)).unwrap();
            (answer.answers.len() == count).then_some(())
        });
        let answer = udp(there, &ask(name, RecordType::A)).unwrap();
        let secure = !settings.contains("opt_out");
        assert_eq!(judge(&answer), (true, secure, count), "{settings} {name}: {answer}");
    };
    settled("before.up.test.", 2);
    drop(goes);
    settled("after.down.test.", 1);
}

/// A question for signed answers.
pub(crate) fn ask(name: &str, rtype: RecordType) -> Message {
    let mut message = question(name, rtype);
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    message.set_edns(edns);
    message.metadata.recursion_desired = true;
    message
}

/// The answer to it, over TCP if it has to be.
pub(crate) fn answer_of(server: SocketAddr, name: &str, rtype: RecordType) -> Message {
    let answer = udp(server, &ask(name, rtype)).unwrap();
    if answer.metadata.truncation { tcp(server, &ask(name, rtype)).unwrap() } else { answer }
}

/// Whether there is an answer, whether it is secure, and how many records it has.
pub(crate) fn judge(answer: &Message) -> (bool, bool, usize) {
    let records = answer.answers.iter();
    let count = records.filter(|record| record.record_type() != RecordType::RRSIG).count();
    let code = answer.metadata.response_code;
    (code != ResponseCode::ServFail, answer.metadata.authentic_data, count)
}

/// Takes connections for as long as the test runs.
fn accept(listener: TcpListener) {
    thread::spawn(move || listener.incoming().for_each(drop));
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_delv() {
    if !is_alone() {
        return;
    }
    for settings in SETTINGS {
        let folder = tempfile::tempdir().unwrap();
        let probed = free_port();
        let (_running, here) = serve(folder.path(), free_port(), probed, settings);
        // The zone's own key: delv follows no delegation from one zone of a server to the next.
        for (apex, names) in [("test.", &SECURE[..])] {
            let anchor = folder.path().join("anchor");
            let key = tcp(here, &question(apex, RecordType::DNSKEY)).unwrap();
            let key = key
                .answers
                .iter()
                .map(|record| record.data.to_string())
                .find(|key| key.starts_with("257 "))
                .unwrap_or_else(|| panic!("{key}"));
            let mut words = key.splitn(4, ' ');
            let numbers: Vec<&str> = words.by_ref().take(3).collect();
            let numbers = numbers.join(" ");
            let key = words.next().unwrap();
            let text = format!("trust-anchors {{ \"{apex}\" static-key {numbers} \"{key}\"; }};\n");
            fs::write(&anchor, text).unwrap();
            for (name, rtype, _) in names.iter().filter(|(name, ..)| !name.contains("child")) {
                let said = Command::new(installed("delv").unwrap())
                    .arg(format!("@{}", here.ip()))
                    .args(["-p", &here.port().to_string(), "-a", anchor.to_str().unwrap()])
                    .args([&format!("+root={apex}"), *name, &rtype.to_string()])
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&said.stdout).into_owned();
                let elsewhere = ["away.test.", "luaalias.test."].contains(name)
                    || *rtype == RecordType::DS
                    || settings.contains("opt_out") && says_that_a_name_is_not_there(name);
                assert!(
                    elsewhere || said.contains("fully validated"),
                    "{settings} {name} {rtype}: {said}"
                );
            }
        }
    }
}
