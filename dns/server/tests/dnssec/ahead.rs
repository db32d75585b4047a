//! Answers that are signed before anybody asks: here nobody may cause a signature.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::request;
use crate::support::site::{Folder, QUICK};
use crate::support::{Running, question, question_for, tcp, wait_for};

const ZONE: &str = "$ORIGIN example.\n$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 127.0.0.1\n\
     one LUA A \"ifportup(PORT, {'127.0.0.1', '127.0.0.2'}, {selector='hashed', interval=0.1})\"\n\
     all LUA A \"ifportup(PORT, {'127.0.0.1', '127.0.0.2'}, {selector='all', interval=0.1, ttl=7})\"\n\
     both LUA A \"ifportup(PORT, {{'127.0.0.2'}, {'127.0.0.1'}}, {interval=0.1})\"\n\
     both A 192.0.2.9\n\
     elsewhere LUA A \"pickrandom({'127.0.0.1', '127.0.0.2'})\"\n";

fn asking(name: &str) -> Message {
    let mut message = question(&format!("{name}.example."), RecordType::A);
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    message.set_edns(edns);
    message
}

/// The addresses and how many signatures there are, `None` if the answer needs a signature that nobody
/// made.
fn answer(server: SocketAddr, name: &str) -> Option<(Vec<String>, usize)> {
    signed(&tcp(server, &asking(name)).unwrap())
}

/// The same of an answer.
fn signed(answer: &Message) -> Option<(Vec<String>, usize)> {
    if answer.metadata.response_code == ResponseCode::ServFail {
        return None;
    }
    let of = |rtype| answer.answers.iter().filter(move |record| record.record_type() == rtype);
    let mut addresses: Vec<String> =
        of(RecordType::A).map(|record| record.data.to_string()).collect();
    addresses.sort();
    Some((addresses, of(RecordType::RRSIG).count()))
}

#[test]
fn a_failover_costs_no_query_a_signature() {
    let folder = tempfile::tempdir().unwrap();
    let stays = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stays.local_addr().unwrap().port();
    let Ok(goes) = TcpListener::bind(("127.0.0.2", port)) else {
        // Somebody else has the port there: another one.
        return a_failover_costs_no_query_a_signature();
    };
    thread::spawn(move || stays.incoming().for_each(drop));
    fs::create_dir(folder.path().join("zones")).unwrap();
    let zone = ZONE.replace("PORT", &port.to_string());
    fs::write(folder.path().join("zones/example.zone"), zone).unwrap();
    let config = folder.path().join("halfmoon.toml");
    let text = "[zones]\npath = \"zones\"\n[health]\nfall = 1\nrise = 1\ntargets.allow = [\"127.0.0.0/8\"]\n\
         [dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\nsignatures_per_source = 0\n";
    fs::write(&config, text).unwrap();
    let (_running, server) = Running::serve(&[config.to_str().unwrap()]);

    // What does not depend on health is signed as it leaves, which nobody may cause here.
    assert_eq!(answer(server, "elsewhere"), None);
    let is = |name: &str, expected: &[&str]| {
        wait_for(&format!("{name} to be {expected:?}"), || {
            let (addresses, signatures) = answer(server, name)?;
            (addresses == expected && signatures == 1).then_some(())
        });
    };
    is("all", &["127.0.0.1", "127.0.0.2"]);
    is("both", &["127.0.0.2", "192.0.2.9"]);
    drop(goes);
    is("all", &["127.0.0.1"]);
    is("both", &["127.0.0.1", "192.0.2.9"]);
    is("one", &["127.0.0.1"]);
    let answered = tcp(server, &asking("all")).unwrap();
    assert!(answered.answers.iter().all(|record| record.ttl == 7), "{answered}");
}

/// What three endpoints are answered with, where what is asked for is a list of all that may be.
const FORESEEN: &str = "\
all LUA A \"ifportup(PORT, {'A', 'B', 'C'}, {selector='all'})\"
one LUA A \"ifportup(PORT, {'A', 'B', 'C'}, {selector='hashed', ttl=7})\"
sample LUA A \"ifportup(PORT, {'A', 'B', 'C'}, {selector='sample:2'})\"
two LUA A \"ifportup(PORT, {'A', 'B'}, {selector='random'})\"
two LUA A \"ifportup(PORT, {'C', 'A'}, {selector='random', ttl=7})\"
few LUA A \"ifportup(PORT, {'A', 'B', 'C'}, {selector='all', min_answers=2})\"
beside LUA A \"ifportup(PORT, {'C'})\"
beside LUA A \"all({'A', 'B'})\"
none LUA A \"ifportup(PORT, {'B'}, {all_down='none'})\"
*.wild LUA A \"ifportup(PORT, {'A', 'B'}, {selector='all'})\"
";

#[test]
fn what_an_operator_or_a_policy_changes_is_signed_ahead() {
    const SECRET: &str = "a-secret-of-somebody-who-may-write";
    for denial in ["compact", "nsec", "nsec3"] {
        let ends = regions();
        let [a, b, c] = ends.each_ref().map(|end| end.address.ip().to_string());
        let config = format!(
            "{QUICK}[admin]\nlisten = '127.0.0.1:0'\n[[admin.tokens]]\nname = 'ops'\nsecret_file = 'ops'\nmay = 'write'\n\
             [dnssec]\nzones = ['*']\nkeys = 'keys'\nsignatures_per_source = 0\ndenial = '{denial}'\n"
        );
        let zone = [("PORT", &ends[0].address.port().to_string()), ("'A'", &format!("'{a}'"))];
        let zone =
            zone.into_iter().fold(FORESEEN.to_owned(), |zone, (from, to)| zone.replace(from, to));
        let zone = zone.replace("'B'", &format!("'{b}'")).replace("'C'", &format!("'{c}'"));
        let folder = Folder::new(&config, &zone);
        folder.write("ops", SECRET);
        fs::set_permissions(folder.path("ops"), fs::Permissions::from_mode(0o600)).unwrap();
        let (running, server) = folder.serve();
        let admin = running.line("admin on http://", 0);
        let admin = admin.trim().trim_start_matches("admin on http://").trim_end_matches('/');
        let order = |order: &str, target: &str| {
            let body = format!(
                "{{\"order\":\"{order}\",\"target\":\"{target}\",\"for\":\"1h\",\
                 \"reason\":\"a test\",\"may_empty\":true}}"
            );
            let bearer = format!("Bearer {SECRET}");
            let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
            let path = "/api/v1/overrides";
            let answer = request(admin.parse().unwrap(), "POST", path, &headers, &body);
            assert_eq!(answer.status, 201, "{}", answer.body);
        };
        // Whatever of it is answered, it is signed.
        let is = |name: &str, count: usize, among: &[&String]| {
            let what = format!("{name} with {denial} to be {count} of {among:?}");
            wait_for(&what, || {
                let mut asked = asking(name);
                let full = format!("{name}.example.test.");
                asked.queries[0].set_name(full.parse().unwrap());
                let answer = tcp(server, &asked).unwrap();
                let (addresses, signatures) = signed(&answer)?;
                let is_right = addresses.len() == count
                    && addresses.iter().all(|address| among.contains(&address))
                    && signatures == usize::from(count > 0);
                let denied = answer
                    .authorities
                    .iter()
                    .filter(|record| record.record_type() == RecordType::RRSIG);
                (is_right && (count > 0 || denied.count() > 1)).then_some(())
            });
        };
        let wild = |count, among: &[&String]| {
            if denial != "compact" {
                is("some.wild", count, among);
            }
        };
        is("all", 3, &[&a, &b, &c]);
        is("few", 3, &[&a, &b, &c]);
        is("beside", 3, &[&a, &b, &c]);
        is("one", 1, &[&a, &b, &c]);
        is("none", 1, &[&b]);
        wild(2, &[&a, &b]);
        // Now that it is known of all that they are up, many answers are possible. None is missing.
        for _ in 0..30 {
            is("sample", 2, &[&a, &b, &c]);
            is("two", 2, &[&a, &b, &c]);
        }
        order("down", &b);
        is("all", 2, &[&a, &c]);
        is("few", 2, &[&a, &c]);
        is("beside", 2, &[&a, &c]);
        is("one", 1, &[&a, &c]);
        is("none", 0, &[]);
        is("sample", 2, &[&a, &c]);
        wild(1, &[&a]);
        order("down", &c);
        is("all", 1, &[&a]);
        is("two", 1, &[&a]);
        is("beside", 1, &[&a]);
        is("sample", 1, &[&a]);
    }
}

#[test]
fn whoever_is_let_in_by_an_endpoint_on_its_way_back_gets_a_signature_that_is_ready() {
    let [stays, goes, _other] = regions();
    let back = goes.address;
    let zone = format!(
        "all LUA A \"ifportup({}, {{'{}', '{}'}}, {{selector='all', ramp=20}})\"\n",
        back.port(),
        stays.address.ip(),
        back.ip()
    );
    let folder = Folder::new(
        &format!("{QUICK}[dnssec]\nzones = ['*']\nkeys = 'keys'\nsignatures_per_source = 0\n"),
        &zone,
    );
    let (_running, server) = folder.serve();
    let of = |network: u8| {
        let client = format!("198.51.{network}.0/24");
        let mut asked = question_for("all.example.test.", RecordType::A, &client);
        asked.edns.as_mut().unwrap().set_dnssec_ok(true);
        let answer = tcp(server, &asked).unwrap();
        signed(&answer).map(|(addresses, signatures)| (addresses.len(), signatures))
    };
    let all_have = |count| (0..64).all(|network| of(network) == Some((count, 1)));
    wait_for("both to answer", || all_have(2).then_some(()));
    goes.close();
    wait_for("one to answer", || all_have(1).then_some(()));
    let _back = wait_for("the same port", || Endpoint::open_at(back).ok());
    wait_for("some to be let in", || {
        (0..64).any(|network| of(network) == Some((2, 1))).then_some(())
    });
    let found: Vec<_> = (0..=255).map(of).collect();
    assert!(found.iter().all(|one| matches!(one, Some((1 | 2, 1)))), "{found:?}");
    assert!(found.contains(&Some((1, 1))), "all were let in at once");
}

#[test]
fn zones_that_come_go_and_change_are_signed_ahead_beside_those_that_stay() {
    let [stays, goes, _other] = regions();
    let (port, one, other) = (stays.address.port(), stays.address.ip(), goes.address.ip());
    let of = |names: &[&str]| -> String {
        let line = |name| {
            format!(
                "{name} LUA A \"ifportup({port}, {{'{one}', '{other}'}}, {{selector='all'}})\"\n"
            )
        };
        names.iter().map(line).collect()
    };
    let folder = Folder::new(
        &format!("{QUICK}[dnssec]\nzones = ['*']\nkeys = 'keys'\nsignatures_per_source = 0\n"),
        &of(&["first", "second"]),
    );
    folder.zone("stays.test", &of(&["a", "b", "c"]));
    folder.zone("goes.test", &of(&["a", "b"]));
    let (_running, server) = folder.serve();
    let is = |name: &str, count: usize| {
        wait_for(&format!("{name} to be {count}, signed"), || {
            let mut asked = asking(name);
            asked.queries[0].set_name(format!("{name}.").parse().unwrap());
            let (addresses, signatures) = signed(&tcp(server, &asked).unwrap())?;
            (addresses.len() == count && signatures == 1).then_some(())
        });
    };
    for name in ["first.example.test", "second.example.test", "c.stays.test", "b.goes.test"] {
        is(name, 2);
    }
    folder.zone("example.test", &of(&["second", "third", "fourth"]));
    folder.remove_zone("goes.test");
    folder.zone("comes.test", &of(&["a", "b", "c"]));
    let after = [
        "second.example.test",
        "fourth.example.test",
        "a.stays.test",
        "c.stays.test",
        "a.comes.test",
        "c.comes.test",
    ];
    after.iter().for_each(|name| is(name, 2));
    goes.close();
    after.iter().for_each(|name| is(name, 1));
}
