//! Keys that are rolled while validators ask: every answer is secure, whatever their caches hold.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;
use serde_json::Value;

use crate::hierarchy::anchors;
use crate::resolvers::{bind, unbound};
use crate::support::peer::{alone, free_port, is_alone};
use crate::support::{Ended, Running, question, run, tcp, udp, wait_for};

#[test]
fn every_answer_is_secure_in_each_step_of_each_roll() {
    alone("rolls::inside_with_validators", &["unbound", "named"]);
}

#[test]
fn a_roll_waits_for_all_servers_of_a_parent_elsewhere() {
    alone("rolls::inside_with_a_parent_elsewhere", &["unbound"]);
}

const ROOT: &str = "$ORIGIN .\n. 1 SOA ns.test. host.test. 1 2 3 4 1\n. 1 NS ns.test.\ntest. 1 NS ns.test.\nns.test. 1 A 127.0.0.1\n";

const PARENT: &str = "$ORIGIN test.\n$TTL 1\n@ SOA ns host 1 2 3 4 1\n@ NS ns\nns A 127.0.0.1\n\
     split NS ns\nsingle NS ns\n";

const CHILD: &str = "$TTL 2\n@ SOA ns.test. host 1 2 3 4 1\n@ NS ns.test.\nwww A 192.0.2.1\n*.wild TXT any\n\
     lua LUA A \"{'192.0.2.7', '192.0.2.6'}\"\n*.spell LUA TXT \"qname:toString()\"\nnone LUA A \";return {}\"\n";

/// Names below each of the zones, and how many records answer.
const QUESTIONS: [(&str, RecordType, usize); 8] = [
    ("www", RecordType::A, 1),
    ("www", RecordType::MX, 0),
    ("any.wild", RecordType::TXT, 1),
    ("missing", RecordType::A, 0),
    ("lua", RecordType::A, 2),
    ("fresh.spell", RecordType::TXT, 1),
    ("none", RecordType::A, 0),
    ("", RecordType::SOA, 1),
];

const SETTINGS: &str = "keys = \"keys\"\nkey_ttl = \"1s\"\npropagation = \"1s\"\nparent_check = \"1s\"\n\
     signatures_per_source = 100000\n";

fn write(folder: &Path, zones: &[(&str, &str)], dnssec: &str) -> String {
    fs::create_dir_all(folder.join("zones")).unwrap();
    for (name, text) in zones {
        fs::write(folder.join(format!("zones/{name}.zone")), text).unwrap();
    }
    let config = folder.join("halfmoon.toml");
    let text = format!(
        "[zones]\npath = \"zones\"\n[lua]\ntime = \"1s\"\n[health]\ntargets.allow = [\"127.0.0.0/8\"]\n\
         [dnssec]\n{SETTINGS}{dnssec}"
    );
    fs::write(&config, text).unwrap();
    config.to_str().unwrap().to_owned()
}

fn keys(config: &str, args: &[&str]) -> Ended {
    let ended = run(&[&["keys", "--config", config], args].concat());
    assert_eq!(ended.status.code(), Some(0), "{args:?}: {ended:?}");
    ended
}

/// The keys of a zone, as JSON.
fn listed(config: &str, zone: &str) -> Vec<Value> {
    let listed = keys(config, &["list", zone, "--format", "json"]).out;
    serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap().clone()
}

/// The roll of a zone, if one is under way.
fn roll(config: &str, zone: &str) -> Option<Value> {
    listed(config, zone).into_iter().find_map(|key| key.get("roll").cloned())
}

fn asking(name: &str, rtype: RecordType) -> Message {
    let mut message = question(name, rtype);
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    message.set_edns(edns);
    message.metadata.recursion_desired = true;
    message
}

/// Asks a validator everything about a zone.
#[track_caller]
fn all_secure(validator: SocketAddr, zone: &str, when: &str) {
    for (below, rtype, count) in QUESTIONS {
        let name = if below.is_empty() { zone.to_owned() } else { format!("{below}.{zone}") };
        let mut answer = udp(validator, &asking(&name, rtype)).unwrap();
        if answer.metadata.truncation {
            answer = tcp(validator, &asking(&name, rtype)).unwrap();
        }
        let records = answer.answers.iter();
        let records = records.filter(|record| record.record_type() != RecordType::RRSIG).count();
        let found = (answer.metadata.response_code, answer.metadata.authentic_data, records);
        assert!(
            found.0 != ResponseCode::ServFail && found.1 && found.2 == count,
            "{when}: {name} {rtype}: {answer}"
        );
    }
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_validators() {
    if !is_alone() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let zones = [("root", ROOT), ("test", PARENT), ("split.test", CHILD), ("single.test", CHILD)];
    // Keys are made with one setting and served with the other: those that are there stay.
    let config = write(folder.path(), &zones, "zones = [\"*\"]\nsplit = true\n");
    keys(&config, &["make", "split.test"]);
    let config = write(folder.path(), &zones, "zones = [\"*\"]\n");
    let here = SocketAddr::from(([127, 0, 0, 1], 53));
    let mut running = Running::serve_at(&here.to_string(), &[&config]).0;
    let names = [".", "test.", "split.test.", "single.test."];
    let trusted = anchors(here);
    let (mut unbound, first) = unbound(folder.path(), here, &trusted, &names);
    let (mut bind, second) = bind(folder.path(), here, &trusted, &names);
    for (peer, validator) in [(&mut unbound, first), (&mut bind, second)] {
        peer.wait_for_answer(validator, &asking("www.split.test.", RecordType::A), |answer| {
            answer.metadata.response_code == ResponseCode::NoError
        });
    }
    let rolls: [(&str, &[&[&str]]); 2] = [
        (
            "split.test.",
            &[
                &["--key", "zsk"],
                &["--key", "ksk", "--method", "double-signature"],
                &["--key", "ksk", "--method", "double-ds"],
            ],
        ),
        ("single.test.", &[&["--method", "double-signature"], &["--method", "double-ds"]]),
    ];
    let (mut next, mut steps) = ([0, 0], BTreeSet::new());
    let before: BTreeSet<String> = tags(&config);
    let end = Instant::now() + Duration::from_secs(180);
    let mut rounds = 0;
    loop {
        let mut is_over = true;
        for (at, (zone, rolls)) in rolls.iter().enumerate() {
            let mut now = roll(&config, zone);
            if now.is_none() && next[at] < rolls.len() {
                keys(&config, &[&["roll", zone], rolls[next[at]]].concat());
                next[at] += 1;
                now = roll(&config, zone);
            }
            if let Some(roll) = &now {
                let word = |field: &str| roll[field].as_str().unwrap().to_owned();
                steps.insert(format!("{zone} {} {}", word("method"), word("step")));
            }
            is_over &= now.is_none() && next[at] == rolls.len();
            for validator in [first, second] {
                all_secure(validator, zone, &format!("{now:?}"));
            }
        }
        rounds += 1;
        steps.extend(told(&running));
        // In the middle of it all the server dies and is started anew.
        if rounds % 40 == 20 {
            running.signal("KILL");
            drop(running);
            running = Running::serve_at(&here.to_string(), &[&config]).0;
        }
        if is_over {
            break;
        }
        assert!(
            Instant::now() < end,
            "rolls stand still: {:?}",
            rolls.map(|(zone, _)| roll(&config, zone))
        );
    }
    let expected = [
        "single.test. double-ds publish",
        "single.test. double-ds submit",
        "single.test. double-ds switch",
        "single.test. double-signature publish",
        "single.test. double-signature submit",
        "split.test. double-ds submit",
        "split.test. double-ds switch",
        "split.test. double-signature publish",
        "split.test. double-signature submit",
        "split.test. pre-publish publish",
        "split.test. pre-publish switch",
    ];
    assert!(rounds >= 20, "{rounds} rounds, and never started anew");
    assert_eq!(steps.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let after = tags(&config);
    assert_eq!(before.intersection(&after).count(), 0, "{before:?} {after:?}");
    assert_eq!(after.len(), 3, "{after:?}");
    drop(running);
}

/// The steps that a server says it came to. On a busy machine one may be over before it is looked at.
fn told(running: &Running) -> Vec<String> {
    let err = running.err();
    let lines = err.lines().filter(|line| line.contains("key roll goes on"));
    let step = |line: &str| {
        let word = |field: &str| {
            let words = line.split_whitespace();
            let value = words.filter_map(|word| word.strip_prefix(field)).next().unwrap();
            value.trim_matches('"').to_owned()
        };
        format!("{} {} {}", word("zone="), word("method="), word("step="))
    };
    lines.map(step).collect()
}

/// The keys of the zones that are rolled.
fn tags(config: &str) -> BTreeSet<String> {
    let zones = ["split.test.", "single.test."];
    let keys = zones.into_iter().flat_map(|zone| listed(config, zone));
    keys.map(|key| format!("{} {}", key["zone"], key["tag"])).collect()
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_a_parent_elsewhere() {
    if !is_alone() {
        return;
    }
    // The parent has two servers, which know of a DS one after the other.
    let parent = "$ORIGIN test.\n$TTL 1\n@ SOA ns1 host 1 2 3 4 1\n@ NS ns1\n@ NS ns2\n\
         ns1 A 127.0.0.2\nns2 A 127.0.0.3\nchild NS ns.child\nns.child A 127.0.0.1\n";
    let parents: Vec<tempfile::TempDir> = [2, 3].map(|_| tempfile::tempdir().unwrap()).into();
    let serve = |at: usize, ds: &str| {
        let config =
            write(parents[at].path(), &[("test", &format!("{parent}{ds}\n"))], "zones = []\n");
        Running::serve_at(&format!("127.0.0.{}:53", at + 2), &[&config]).0
    };
    let mut servers = [serve(0, ""), serve(1, "")];
    let folder = tempfile::tempdir().unwrap();
    let resolver = free_port();
    let child = [("child.test", CHILD)];
    let settings = format!("zones = [\"*\"]\nsplit = true\nresolver = \"127.0.0.1:{resolver}\"\n");
    let config = write(folder.path(), &child, &settings);
    let (running, here) = Running::serve_at("127.0.0.1:53", &[&config]);
    let old: u64 = listed(&config, "child.test.").iter().find(|key| key["role"] == "ksk").unwrap()
        ["tag"]
        .as_u64()
        .unwrap();
    keys(&config, &["roll", "child.test", "--key", "ksk"]);
    let lacking = |part: &str| {
        wait_for(part, || {
            let text = keys(&config, &["list", "child.test"]).out;
            text.contains(part).then_some(text)
        })
    };
    // Nobody there to ask for the parent's servers.
    lacking("the servers of the parent cannot be found");
    let unbound_at = |port: u16| {
        let parent = SocketAddr::from(([127, 0, 0, 2], 53));
        crate::resolvers::unbound_on(port, folder.path(), parent, &[], &["test."])
    };
    let _peer = unbound_at(resolver);
    let text = lacking(
        "ns1.test. (127.0.0.2) has no DS record of the zone; ns2.test. (127.0.0.3) has no DS record",
    );
    let new = roll(&config, "child.test.").unwrap();
    assert_eq!(new["leaving"][0].as_u64(), Some(old), "{text}");
    // One of two is not all.
    let ds = keys(&config, &["ds", "child.test"]).out.replace("child.test.", "child");
    servers[0] = replace(&mut servers, 0, || serve(0, &ds));
    lacking("(127.0.0.3) has no DS record of the zone");
    wait_for("the first server to have it", || {
        let roll = roll(&config, "child.test.")?;
        (roll["parent_lacking"].as_array()?.len() == 1).then_some(())
    });
    assert!(roll(&config, "child.test.").is_some());
    servers[1] = replace(&mut servers, 1, || serve(1, &ds));
    wait_for("the end of the roll", || roll(&config, "child.test.").is_none().then_some(()));
    wait_for("the old key to go", || {
        let served = tcp(here, &question("child.test.", RecordType::DNSKEY)).unwrap();
        (served.answers.len() == 2).then_some(())
    });
    let left = listed(&config, "child.test.");
    assert!(left.iter().all(|key| key["tag"].as_u64() != Some(old)), "{left:?}");
    running.logged("key roll is over", 0);
}

/// Ends a server and starts another in its place.
fn replace(servers: &mut [Running; 2], at: usize, start: impl FnOnce() -> Running) -> Running {
    servers[at].signal("KILL");
    wait_for("the end of a server", || (!servers[at].is_running()).then_some(()));
    start()
}

#[test]
fn what_cannot_be_rolled_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), &[("example", CHILD)], "zones = [\"*\"]\nsplit = true\n");
    let refused = |args: &[&str]| {
        let ended = run(&[&["keys", "--config", &config], args].concat());
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        ended.err
    };
    assert!(refused(&["roll", "example"]).contains("example. has no keys; `halfmoon keys make"));
    keys(&config, &["make", "example"]);
    for (args, said) in [
        (&["roll", "example"][..], "--key does not say which"),
        (&["roll", "example", "--key", "csk"], "example. has no csk; its keys are ksk "),
        (&["roll", "example", "--key", "zsk", "--method", "double-ds"], "take pre-publish"),
        (&["roll", "example", "--abandon"], "no key is being rolled"),
        (&["roll", "example", "--ds-seen", "60"], "no key is being rolled"),
    ] {
        assert!(refused(args).contains(said), "{args:?}: {}", refused(args));
    }
    let begun = keys(&config, &["roll", "example", "--key", "zsk"]).out;
    assert!(begun.contains("zsk roll by pre-publish, step 1 of 2 (publish):"), "{begun}");
    assert!(begun.contains("waits for a server that serves the zone"), "{begun}");
    assert!(
        begun.contains("coming: published") && begun.contains("leaving: published, signs data")
    );
    assert!(
        refused(&["roll", "example", "--key", "ksk"]).contains("a zsk is being rolled already")
    );
    assert!(
        refused(&["roll", "example", "--ds-seen", "1"]).contains("does not wait for the parent")
    );
    let back = keys(&config, &["roll", "example", "--abandon"]).out;
    assert_eq!(back.lines().count(), 3, "{back}");
    for (setting, said) in [
        ("key_ttl = \"0s\"", "must be longer than 0"),
        ("key_ttl = \"169h\"", "dnssec.key_ttl must be \"1s\" to \"168h\" long"),
        ("propagation = \"169h\"", "dnssec.propagation must be at most"),
        ("parent_check = \"10ms\"", "dnssec.parent_check must be at least"),
        ("resolver = \"127.0.0.1\"", "has no port; write \"127.0.0.1:53\""),
        ("parents = { \"a..b\" = [\"127.0.0.1:53\"] }", "is no name of a zone"),
        ("parents = { test = [] }", "\"test\" has no servers"),
    ] {
        let text = format!(
            "[zones]\npath = \"zones\"\n[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\n{setting}\n"
        );
        fs::write(folder.path().join("bad.toml"), text).unwrap();
        let ended = run(&["serve", folder.path().join("bad.toml").to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(2), "{setting}: {ended:?}");
        assert!(ended.err.contains(said), "{setting}: {}", ended.err);
    }
}
