//! NSD, Knot and BIND take the zone over with a key and answer as we do.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

use crate::rfc8945::{SECRET, serve_keyed};
use crate::support::peer::{Peer, alone, free_port, is_alone};
use crate::support::{question, udp, wait_for};

#[test]
fn nsd_takes_the_zone() {
    alone("secondaries::inside_with_nsd", &["nsd"]);
}

#[test]
fn knot_takes_the_zone() {
    alone("secondaries::inside_with_knot", &["knotd"]);
}

#[test]
fn bind_takes_the_zone() {
    alone("secondaries::inside_with_bind", &["named"]);
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_nsd() {
    compare(|folder, here, port| {
        let at = folder.display();
        let text = format!(
            "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n zonesdir: \"{at}\"\n username: \"\"\n \
             chroot: \"\"\n database: \"\"\n pidfile: \"{at}/nsd.pid\"\n xfrdir: \"{at}\"\n \
             xfrdfile: \"{at}/xfrd.state\"\n zonelistfile: \"{at}/nsd.list\"\n minimal-responses: yes\n\
             remote-control:\n control-enable: no\n\
             zone:\n name: example.org\n zonefile: \"there.zone\"\n \
             request-xfr: AXFR {}@{} key.example\n allow-notify: 127.0.0.1 NOKEY\n\
             key:\n name: key.example\n algorithm: hmac-sha256\n secret: \"{SECRET}\"\n",
            here.ip(),
            here.port()
        );
        fs::write(folder.join("nsd.conf"), text).unwrap();
        Peer::start("nsd", &["-d", "-c", folder.join("nsd.conf").to_str().unwrap()], folder)
    });
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_knot() {
    compare(|folder, here, port| {
        let at = folder.display();
        let text = format!(
            "server:\n  rundir: {at}/knot\n  listen: 127.0.0.1@{port}\ndatabase:\n  storage: {at}/knot\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: key.example\n    algorithm: hmac-sha256\n    secret: {SECRET}\n\
             remote:\n  - id: here\n    address: {}@{}\n    key: key.example\n\
             zone:\n  - domain: example.org\n    master: here\n    storage: {at}/knot\n    file: there.zone\n",
            here.ip(),
            here.port()
        );
        fs::create_dir(folder.join("knot")).unwrap();
        fs::write(folder.join("knot.conf"), text).unwrap();
        Peer::start("knotd", &["-c", folder.join("knot.conf").to_str().unwrap()], folder)
    });
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_bind() {
    compare(|folder, here, port| {
        let at = folder.display();
        let text = format!(
            "options {{ directory \"{at}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile \"{at}/session.key\"; recursion no; notify no;\n\
             minimal-responses yes; }};\ncontrols {{ }};\n\
             key \"key.example\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone \"example.org\" {{ type secondary; file \"there.zone\"; \
             primaries {{ {} port {} key \"key.example\"; }}; }};\n",
            here.ip(),
            here.port()
        );
        fs::write(folder.join("named.conf"), text).unwrap();
        Peer::start("named", &["-g", "-c", folder.join("named.conf").to_str().unwrap()], folder)
    });
}

/// How the zone is signed: not at all, or with a kind of denial record, which leave with it.
const SIGNED: [&str; 4] = [
    "",
    "[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\ndenial = \"nsec\"",
    "[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\ndenial = \"nsec3\"",
    "[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\ndenial = \"nsec3\"\nnsec3 = { opt_out = true }",
];

/// Starts a secondary and compares its answers with ours.
fn compare(start: impl Fn(&Path, SocketAddr, u16) -> Peer) {
    if !is_alone() {
        return;
    }
    for signing in SIGNED {
        let folder = tempfile::tempdir().unwrap();
        let (_running, here) = serve_keyed(folder.path(), signing);
        let port = free_port();
        let mut peer = start(folder.path(), here, port);
        let there = SocketAddr::from(([127, 0, 0, 1], port));
        peer.wait_for_answer(there, &question("example.org.", RecordType::SOA), |answer| {
            !answer.answers.is_empty()
        });
        for (name, rtype) in QUESTIONS {
            let mut message = question(name, rtype);
            message.edns.as_mut().unwrap().set_dnssec_ok(true);
            let ask = |server| normal(&udp(server, &message).unwrap(), !signing.is_empty());
            let expected = ask(here);
            // A secondary that takes a new version over does not answer for a moment.
            wait_for(&format!("{signing} {name} {rtype}: {expected:?}"), || {
                (ask(there) == expected).then_some(())
            });
        }
    }
}

const QUESTIONS: [(&str, RecordType); 15] = [
    ("example.org.", RecordType::SOA),
    ("example.org.", RecordType::NS),
    ("example.org.", RecordType::MX),
    ("mail.example.org.", RecordType::A),
    ("mail.example.org.", RecordType::AAAA),
    ("mail.example.org.", RecordType::TXT),
    ("any.wild.example.org.", RecordType::TXT),
    ("any.wild.example.org.", RecordType::MX),
    ("alias.example.org.", RecordType::A),
    ("x.dn.example.org.", RecordType::A),
    ("www.sub.example.org.", RecordType::A),
    ("empty.example.org.", RecordType::TXT),
    ("a.b.empty.example.org.", RecordType::TXT),
    ("odd.example.org.", RecordType::Unknown(65280)),
    ("nothing.example.org.", RecordType::A),
];

/// What counts of an answer: of the authority section, signatures and what they prove.
fn normal(answer: &Message, is_signed: bool) -> (ResponseCode, bool, Vec<String>) {
    let proves = |record: &&Record| {
        is_signed
            && matches!(
                record.record_type(),
                RecordType::NSEC | RecordType::NSEC3 | RecordType::RRSIG | RecordType::DS
            )
    };
    let records = answer.answers.iter().chain(answer.authorities.iter().filter(proves));
    let mut records: Vec<String> = records.map(|r| r.to_string().to_lowercase()).collect();
    records.sort();
    (answer.metadata.response_code, answer.metadata.authoritative, records)
}
