//! Zones that come signed: by `dnssec-signzone` and `ldns-signzone`, with each kind of denial and each
//! algorithm, as children of our own signed parent.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use hickory_proto::op::{Edns, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

use crate::hierarchy::{ZONES, anchors, serve_with};
use crate::resolvers::{bind, unbound};
use crate::support::peer::{alone, free_port, installed, is_alone};
use crate::support::signers::{CHAINS, Chain, Tool};
use crate::support::{Running, question, run, udp, wait_for};
use crate::validators::{Start, answer_of, ask, judge};

const ZONE: &str = "\
$TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
ns A 127.0.0.1
www A 192.0.2.40
WWW AAAA 2001:db8::40
mx MX 10 www
alias CNAME www
*.wild TXT any
*.wildalias CNAME www
below.empty TXT x
dn DNAME wild
insecure NS ns.insecure
ns.insecure A 127.0.0.1
deep.insecurer NS ns.insecure
secure NS ns.secure
secure DS 1 13 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
ns.secure A 127.0.0.1
";

/// Questions, how many records answer, and whether an opt-out leaves open what is there.
const QUESTIONS: [(&str, RecordType, usize, bool); 22] = [
    ("", RecordType::SOA, 1, false),
    ("", RecordType::DNSKEY, 2, false),
    ("", RecordType::MX, 0, false),
    ("www", RecordType::A, 1, false),
    ("wWw", RecordType::AAAA, 1, false),
    ("www", RecordType::TXT, 0, false),
    ("mx", RecordType::MX, 1, false),
    ("alias", RecordType::A, 2, false),
    ("alias", RecordType::MX, 1, false),
    ("a.wild", RecordType::TXT, 1, true),
    ("a.b.wild", RecordType::TXT, 1, true),
    ("a.wild", RecordType::MX, 0, true),
    ("x.wildalias", RecordType::AAAA, 2, true),
    ("x.dn", RecordType::TXT, 3, true),
    ("empty", RecordType::A, 0, false),
    ("nothing.empty", RecordType::A, 0, true),
    ("nothing", RecordType::A, 0, true),
    ("a.b.c.nothing", RecordType::A, 0, true),
    ("insecure", RecordType::DS, 0, true),
    ("insecurer", RecordType::A, 0, true),
    ("deep.insecurer", RecordType::DS, 0, true),
    ("secure", RecordType::DS, 1, false),
];

/// One of the zones.
struct Signed {
    apex: String,
    chain: Chain,
    text: String,
    ds: String,
}

/// The zone in every way.
fn signed(folder: &Path) -> Vec<Signed> {
    let mut zones = Vec::new();
    for tool in [Tool::Bind, Tool::Ldns] {
        for chain in CHAINS {
            for algorithm in [13, 8, 15] {
                let apex = format!("{tool:?}-{chain:?}-{algorithm}.test.").to_lowercase();
                let text = format!("$ORIGIN {apex}\n{ZONE}");
                let keys = folder.join(&apex);
                let (text, ds) = tool.sign(&keys, (&apex, &text), (chain, algorithm), &[]);
                zones.push(Signed { apex, chain, text, ds });
            }
        }
    }
    zones
}

#[test]
fn unbound_takes_zones_that_come_signed_for_secure() {
    let programs = ["unbound", "dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen"];
    alone("presigned::inside_with_unbound", &programs);
}

#[test]
fn bind_takes_zones_that_come_signed_for_secure() {
    let programs = ["named", "dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen"];
    alone("presigned::inside_with_bind", &programs);
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_unbound() {
    if is_alone() {
        resolver(free_port(), unbound);
    }
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_bind() {
    if is_alone() {
        resolver(53, bind);
    }
}

fn resolver(port: u16, start: Start) {
    let folder = tempfile::tempdir().unwrap();
    let zones = signed(&folder.path().join("signers"));
    let mut delegations = String::new();
    for Signed { apex, ds, .. } in &zones {
        write!(delegations, "{apex} NS ns.{apex}\nns.{apex} A 127.0.0.1\n{ds}\n").unwrap();
    }
    let children: Vec<(String, String)> =
        zones.iter().map(|zone| (zone.apex.clone() + "x", zone.text.clone())).collect();
    let (running, here) =
        serve_with(folder.path(), port, (free_port(), ""), (&delegations, &children));
    // Nothing is wrong with what comes from those tools.
    let warnings = running.err();
    let is_one = |line: &&str| line.contains(".zone:") || line.contains("ERROR");
    let warnings: Vec<&str> = warnings.lines().filter(is_one).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
    let own = zones.iter().map(|zone| zone.apex.as_str());
    let apexes: Vec<&str> = ZONES.into_iter().chain(own).collect();
    let (mut peer, there) = start(folder.path(), here, &anchors(here), &apexes);
    peer.wait_for_answer(there, &ask("www.test.", RecordType::A), |answer| {
        answer.metadata.response_code == ResponseCode::NoError
    });
    for Signed { apex, chain, .. } in &zones {
        for (label, rtype, count, is_open) in QUESTIONS {
            let name = if label.is_empty() { apex.clone() } else { format!("{label}.{apex}") };
            let answer = answer_of(there, &name, rtype);
            let found = judge(&answer);
            let secure = if is_open && *chain == Chain::OptOut { found.1 } else { true };
            let direct = answer_of(here, &name, rtype);
            let said = peer.said();
            assert_eq!(
                found,
                (true, secure, count),
                "{name} {rtype}: {answer}\nwe say {direct}\n{said}"
            );
        }
    }
}

/// Serves one signed zone, without any configuration of signing.
fn serve(folder: &Path, text: &str) -> (Running, std::net::SocketAddr) {
    fs::create_dir_all(folder.join("zones")).unwrap();
    fs::write(folder.join("zones/example.test.zone"), text).unwrap();
    fs::write(
        folder.join("halfmoon.toml"),
        "[zones]\npath = \"zones\"\n[health]\ntargets.allow = [\"127.0.0.0/8\"]\n",
    )
    .unwrap();
    Running::serve(&[folder.join("halfmoon.toml").to_str().unwrap()])
}

/// The zone, signed by BIND's tool; `None` where that is not installed.
fn by_bind(folder: &Path, text: &str, chain: Chain, more: &[&str]) -> Option<String> {
    if installed("dnssec-signzone").is_none() || installed("dnssec-keygen").is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: dnssec-signzone is not installed");
        return None;
    }
    let text = format!("$ORIGIN example.test.\n{text}");
    let zone = ("example.test.", text.as_str());
    Some(Tool::Bind.sign(&folder.join("signer"), zone, (chain, 13), more).0)
}

fn types(records: &[Record]) -> Vec<RecordType> {
    let mut types: Vec<RecordType> = records.iter().map(Record::record_type).collect();
    types.sort();
    types
}

#[test]
fn signatures_come_to_those_who_ask_for_them_and_records_of_signing_can_be_asked_for() {
    use RecordType::{A, DNSKEY, NSEC3, NSEC3PARAM, RRSIG, SOA};
    let folder = tempfile::tempdir().unwrap();
    let Some(text) = by_bind(folder.path(), ZONE, Chain::Nsec3, &[]) else {
        return;
    };
    let (_running, server) = serve(folder.path(), &text);
    let ask = |name: &str, rtype, signed| {
        let mut message = question(name, rtype);
        let mut edns = Edns::new();
        edns.set_dnssec_ok(signed);
        message.set_edns(edns);
        udp(server, &message).unwrap()
    };
    for (name, rtype, signed, answers, authorities) in [
        ("www.example.test.", A, true, &[A, RRSIG][..], &[][..]),
        ("www.example.test.", A, false, &[A], &[]),
        ("www.example.test.", RRSIG, false, &[RRSIG, RRSIG], &[]),
        ("example.test.", NSEC3PARAM, true, &[RRSIG, NSEC3PARAM], &[]),
        ("example.test.", DNSKEY, false, &[DNSKEY, DNSKEY], &[]),
        ("nothing.example.test.", A, false, &[], &[SOA]),
    ] {
        let answer = ask(name, rtype, signed);
        assert_eq!(types(&answer.answers), answers, "{name} {rtype} {signed}: {answer}");
        assert_eq!(types(&answer.authorities), authorities, "{name} {rtype} {signed}: {answer}");
    }
    // RFC 5155 section 7.2.8: whoever asks for the name that a hash makes is told that there is none.
    let denied = ask("nothing.example.test.", A, true);
    let hashed = denied.authorities.iter().find(|record| record.record_type() == NSEC3).unwrap();
    let answer = ask(&hashed.name.to_string(), NSEC3, true);
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{answer}");
    assert!(types(&answer.authorities).contains(&NSEC3));
}

#[test]
fn what_is_wrong_with_signatures_is_told() {
    let program = format!("{ZONE}lua LUA A \"'192.0.2.1'\"\n");
    let nothing = |text: &str| text.to_owned();
    type Change<'c> = &'c dyn Fn(&str) -> String;
    let cases: [(&str, Chain, &[&str], Change<'_>, &str); 10] = [
        (ZONE, Chain::Nsec, &[], &nothing, ""),
        (ZONE, Chain::OptOut, &[], &nothing, ""),
        (
            ZONE,
            Chain::Nsec,
            &["-P", "-s", "20200101000000", "-e", "20200201000000"],
            &nothing,
            "has run out (and ",
        ),
        (
            ZONE,
            Chain::Nsec,
            &["-P", "-s", "20300101000000", "-e", "20300201000000"],
            &nothing,
            "does not hold yet (and ",
        ),
        (
            ZONE,
            Chain::Nsec,
            &["-O", "full"],
            &|text| lines_without(text, "www.example.test.", "NSEC"),
            "www.example.test. has no NSEC record",
        ),
        (
            ZONE,
            Chain::Nsec,
            &["-O", "full"],
            &|text| text.replacen("192.0.2.40", "192.0.2.41", 1),
            "a signature of A at www.example.test. is not that of its records by the zone's key",
        ),
        (
            ZONE,
            Chain::Nsec,
            &["-O", "full"],
            &|text| {
                text.lines()
                    .filter(|line| !line.contains("DNSKEY\t256"))
                    .fold(String::new(), joined)
            },
            "has no signature by a key that is among the zone's DNSKEY records (and ",
        ),
        (
            ZONE,
            Chain::Nsec3,
            &["-O", "full"],
            &|text| text.replacen("10 www.example.test.", "20 www.example.test.", 1),
            "a signature of MX at mx.example.test. is not that of its records by the zone's key",
        ),
        (ZONE, Chain::Nsec3, &["-H", "100"], &nothing, "NSEC3 with 100 iterations"),
        (&program, Chain::Nsec, &[], &nothing, "the program at lua.example.test. is not run"),
    ];
    for (zone, chain, options, change, said) in cases {
        let folder = tempfile::tempdir().unwrap();
        let zone = zone.replace("LUA A", "TYPE65402");
        let zone = zone.replace("\"'192.0.2.1'\"", "\\# 14 00010b273139322e302e322e3127");
        let Some(text) = by_bind(folder.path(), &zone, chain, options) else {
            return;
        };
        let path = folder.path().join("example.test.zone");
        fs::write(&path, change(&text)).unwrap();
        let ended = run(&["check", path.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(0), "{said}: {ended:?}");
        if said.is_empty() {
            assert_eq!(ended.out, "");
        } else {
            assert!(ended.out.contains(said), "{said}: {}", ended.out);
        }
    }
}

fn joined(text: String, line: &str) -> String {
    text + line + "\n"
}

#[test]
fn a_zone_with_a_broken_signature_is_refused_where_the_rule_says_so() {
    let apex = "example.test.";
    for tool in [Tool::Bind, Tool::Ldns] {
        if installed(tool.program()).is_none() {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not installed", tool.program());
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let text = format!("$ORIGIN {apex}\n{ZONE}");
        let signer = folder.path().join("signer");
        let (good, _) = tool.sign(&signer, (apex, &text), (Chain::Nsec3, 13), &[]);
        let broken = good.replacen("192.0.2.40", "192.0.2.41", 1);
        assert_ne!(good, broken);
        for (level, status, address) in [
            ("error", 1, [192, 0, 2, 40]),
            ("warning", 0, [192, 0, 2, 41]),
            ("off", 0, [192, 0, 2, 41]),
        ] {
            let place = folder.path().join(level);
            let zone = place.join("zones/example.test.zone");
            let config = place.join("halfmoon.toml");
            fs::create_dir_all(place.join("zones")).unwrap();
            fs::write(&zone, &good).unwrap();
            let rules = format!("[check.rules]\nrrsig-bogus = \"{level}\"\n");
            let rest = "[server]\nlisten = [\"127.0.0.1:0\"]\n[zones]\npath = \"zones\"\n\
                        [health]\ntargets.allow = [\"127.0.0.0/8\"]\n";
            fs::write(&config, format!("{rest}{rules}")).unwrap();
            let (running, server) = Running::serve(&[config.to_str().unwrap()]);
            fs::write(&zone, &broken).unwrap();
            let said = || running.err();
            let rule = "is not that of its records by the zone's key";
            match level {
                "error" => {
                    wait_for("the refusal", || said().contains("new version refused").then_some(()))
                }
                _ => wait_for("the new version", || {
                    let answer = udp(server, &question("www.example.test.", RecordType::A)).ok()?;
                    answer.answers[0].to_string().contains("192.0.2.41").then_some(())
                }),
            }
            // What is wrong is told before how many were read.
            wait_for("the second load", || {
                (said().matches("zones loaded").count() == 2).then_some(())
            });
            assert_eq!(said().contains(rule), level != "off", "{tool:?} {level}: {}", said());
            let answer = udp(server, &question("www.example.test.", RecordType::A)).unwrap();
            let expected = std::net::Ipv4Addr::from(address).to_string();
            assert!(
                answer.answers[0].to_string().contains(&expected),
                "{tool:?} {level}: {answer}"
            );
            let ended = run(&["check", config.to_str().unwrap()]);
            assert_eq!(ended.status.code(), Some(status), "{tool:?} {level}: {ended:?}");
            assert_eq!(ended.out.contains(rule), level != "off", "{tool:?} {level}: {ended:?}");
        }
    }
}

#[test]
fn a_zone_with_more_nsec3_iterations_than_are_served_is_refused() {
    if installed("ldns-signzone").is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: ldns-signzone is not installed");
        return;
    }
    let apex = "example.test.";
    let text = format!("$ORIGIN {apex}\n{ZONE}");
    for (iterations, status, said) in [
        ("50", 0, None),
        (
            "51",
            0,
            Some(
                "warning: NSEC3 with 51 iterations: validators take the zone for one without signatures",
            ),
        ),
        ("500", 0, Some("warning: NSEC3 with 500 iterations")),
        ("501", 1, Some("error: NSEC3 with 501 iterations, of which at most 500 are served")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let signer = folder.path().join("signer");
        let more = ["-t", iterations];
        let (signed, _) = Tool::Ldns.sign(&signer, (apex, &text), (Chain::Nsec3, 13), &more);
        let path = folder.path().join("example.test.zone");
        fs::write(&path, signed).unwrap();
        let ended = run(&["check", path.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(status), "{iterations}: {ended:?}");
        match said {
            None => assert_eq!(ended.out, ""),
            Some(said) => assert!(ended.out.contains(said), "{iterations}: {ended:?}"),
        }
    }
}

/// A zone, of one record a line, without those of one owner and type.
fn lines_without(text: &str, owner: &str, rtype: &str) -> String {
    let is_one = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() == Some(owner) && words.nth(2) == Some(rtype)
    };
    text.lines().filter(|line| !is_one(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn programs_in_a_zone_that_comes_signed_are_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let zone = format!("{ZONE}lua TYPE65402 \\# 14 00010b273139322e302e322e3127\n");
    let Some(text) = by_bind(folder.path(), &zone, Chain::Nsec, &[]) else {
        return;
    };
    let (_running, server) = serve(folder.path(), &text);
    for signed in [false, true] {
        for rtype in [RecordType::A, RecordType::Unknown(65402)] {
            let mut message = question("lua.example.test.", rtype);
            let mut edns = Edns::new();
            edns.set_dnssec_ok(signed);
            message.set_edns(edns);
            let answer = udp(server, &message).unwrap();
            assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
            assert!(answer.answers.is_empty(), "{answer}");
        }
    }
    // Tests beside it are run as beside any other.
    let tests = "[[test]]\nname = 'it'\nask = '@ NS'\nis = []\n";
    fs::write(folder.path().join("zones/example.test.test.toml"), tests).unwrap();
    let ended = run(&["check", "--test", folder.path().join("zones").to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.out.contains("test \"it\": answers ns."), "{}", ended.out);
}
