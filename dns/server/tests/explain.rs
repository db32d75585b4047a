//! What is explained is what is answered, and says why.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use halfmoon::explain::view::{DidView, Stage};
use halfmoon::explain::{Explanation, Paper, Rest, Wish, explain};
use halfmoon::offline::Offline;
use halfmoon::overrides::Target;
use halfmoon::tenants::Realm;
use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon_lua::{Dialect, Settings};
use halfmoon_wire::Type;
use hickory_proto::op::Message;

const CLIENTS: [&str; 4] = ["192.0.2.7", "127.0.0.1", "2001:db8::7", "81.2.69.160"];

const ZONE: &str = "$ORIGIN example.\n$TTL 60\n@ SOA ns host 7 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n\
    alias CNAME www\nd DNAME example.\nsub NS ns.sub\nns.sub A 192.0.2.54\n*.wild TXT text\n\
    www LUA A \"ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.3'}}, {selector='hashed', ttl={min=10, max=300}})\"\n\
    random LUA A \"pickrandom({'192.0.2.1', '192.0.2.2', '192.0.2.3'})\"\n\
    split LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"\n\
    place LUA A \";if netmask({'192.0.2.0/24'}) and not country('US') then return '192.0.2.1' end return '192.0.2.2'\"\n\
    code LUA A \";local t = {} for i = 1, 3 do t[i] = '192.0.2.' .. i end if os.time() > 1000 then return ifportup(80, t) end return t\"\n\
    both LUA A \"'192.0.2.1'\"\nboth LUA A \"'192.0.2.2'\"\nboth A 192.0.2.9\n\
    gone LUA A \"nxdomain()\"\nfails LUA A \";error('on purpose')\"\n\
    to LUA CNAME \"'www.example.'\"\nto.loop CNAME fro.loop\nfro.loop CNAME to.loop\nfar CNAME www.elsewhere.\n\
    t11 CNAME t10\nt10 CNAME t9\nt9 CNAME t8\nt8 CNAME t7\nt7 CNAME t6\nt6 CNAME t5\nt5 CNAME t4\nt4 CNAME t3\n\
    t3 CNAME t2\nt2 CNAME t1\nt1 CNAME t0\nt0 A 192.0.2.1\n";

fn zones(text: &str) -> (tempfile::TempDir, Offline) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.zone"), text).unwrap();
    let offline = Offline::load(folder.path().to_owned(), Settings::of(Dialect::Halfmoon)).unwrap();
    assert_eq!(offline.shared.zones.load().zones().len(), 1, "{:#?}", offline.reports);
    (folder, offline)
}

fn wish(name: &str, rtype: Type, client: &str, seed: u64) -> Wish {
    let client: IpAddr = client.parse().unwrap();
    let at = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_517_760));
    Wish { name: name.parse().unwrap(), rtype, client, subnet: None, at, seed }
}

/// The answer of a reply, as `owner ttl type` and the data where they are an address.
fn answers(reply: &[u8]) -> (String, Vec<String>) {
    let message = Message::from_vec(reply).expect("a well-formed reply");
    let records = message.answers.iter().map(|record| {
        let mut owner = record.name.to_string();
        if !owner.ends_with('.') {
            owner.push('.');
        }
        format!("{owner} {} {}", record.ttl, record.record_type())
    });
    (message.metadata.response_code.to_str().to_owned(), records.collect())
}

/// Explains one question, and compares with what is answered without anybody looking.
fn compare(offline: &Offline, wish: &Wish) -> Explanation {
    let shared = &offline.shared;
    let realm = Realm::whole(shared);
    let health = Arc::clone(shared.health.reader().load());
    // A computed check that is asked for in the first run may be there in the second.
    let _ = Paper::new(&realm, health).answer(wish);
    let health = Arc::clone(shared.health.reader().load());
    let silent = Paper::new(&realm, Arc::clone(&health)).answer(wish).to_vec();
    let told = Paper::new(&realm, Arc::clone(&health)).explain(shared, wish);
    let (_, records) = answers(&silent);
    let shown: Vec<String> = told
        .answer
        .iter()
        .map(|line| line.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    let question = format!("{} {} for {}", wish.name, wish.rtype, wish.client);
    if !told.truncated {
        assert_eq!(shown.len(), records.len(), "{question}: {told}");
        for (shown, record) in shown.iter().zip(&records) {
            assert!(shown.eq_ignore_ascii_case(record), "{question}: {shown} is not {record}");
        }
    }
    // The worker of a server, if nothing is left to chance or the clock.
    let is_fixed = told.steps.iter().all(|step| match step {
        Stage::Program(run) => run.did.iter().all(|did| match did {
            DidView::Call { found, .. } => !found.iter().any(|line| line.starts_with("drew")),
            DidView::Read { what, .. } => !what.starts_with("math.") && what != "os.time",
            DidView::Branch { .. } => true,
        }),
        _ => true,
    });
    if is_fixed {
        let mut worker = offline.worker();
        let peer = Peer {
            remote: SocketAddr::new(wish.client, 53),
            local: "127.0.0.1:53".parse().unwrap(),
            protocol: Protocol::Udp,
        };
        let mut out = vec![0; 65_535];
        worker.refresh();
        let verdict = worker.answer(&wish.query(), &peer, 65_535, &mut out);
        let Verdict::Reply(length) = verdict else { panic!("{question}: {verdict:?}") };
        assert_eq!(&out[..length], silent, "{question}: {told}");
    }
    told
}

#[test]
fn what_is_explained_is_what_is_answered() {
    let (_folder, offline) = zones(ZONE);
    for name in [
        "example.",
        "ns.example.",
        "alias.example.",
        "x.d.example.",
        "www.sub.example.",
        "a.wild.example.",
        "www.example.",
        "random.example.",
        "split.example.",
        "place.example.",
        "code.example.",
        "both.example.",
        "gone.example.",
        "fails.example.",
        "to.example.",
        "nowhere.example.",
        "to.loop.example.",
        "far.example.",
        "t11.example.",
        "other.",
    ] {
        for rtype in [Type::A, Type::AAAA, Type::TXT, Type::ANY, Type::NS, Type::CNAME] {
            for (seed, client) in (0..).zip(CLIENTS) {
                compare(&offline, &wish(name, rtype, client, seed));
            }
        }
    }
}

#[test]
fn what_is_explained_of_zones_from_production_is_what_is_answered() {
    let zones = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/zones/grapheneos");
    if !zones.is_dir() {
        // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not there", zones.display());
        return;
    }
    let settings = Settings { time: Duration::from_secs(10), ..Settings::of(Dialect::PowerDns) };
    let offline = Offline::load(zones, settings).unwrap();
    let catalog = offline.shared.zones.load_full();
    let (mut asked, mut programs) = (0, 0);
    for hosted in catalog.zones() {
        for node in hosted.zone.nodes() {
            let mut types: Vec<Type> = node.sets().map(|set| set.rtype()).collect();
            types.extend(node.programs().map(|program| program.inner));
            types.push(Type::AAAA);
            types.sort_unstable();
            types.dedup();
            for rtype in types.into_iter().filter(|rtype| *rtype != Type::LUA) {
                // Each question from somebody else.
                for (seed, client) in (0..).zip(CLIENTS).skip(asked % CLIENTS.len()).take(1) {
                    let name = node.owner().to_string();
                    let told = compare(&offline, &wish(&name, rtype, client, seed));
                    asked += 1;
                    programs += usize::from(told.to_string().contains("  program "));
                }
            }
        }
    }
    assert!(asked > 150 && programs > 15, "{asked} questions, {programs} with programs");
}

#[test]
fn an_explanation_says_why() {
    let (folder, offline) = zones(ZONE);
    let zone = folder.path().join("example.zone").display().to_string();
    let down = [Target::parse("192.0.2.1").unwrap()];
    for (name, expected) in [
        (
            "alias.example.",
            &["records   1 record of ZONE:6", "alias.example. 60 CNAME www.example."][..],
        ),
        (
            "www.example.",
            &[
                "www.example. A (ZONE:11), runs as plan",
                "call    ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.3'}}",
                "  192.0.2.1  down     group 1  supposed",
                "* 192.0.2.2  up       group 1  supposed",
                "  192.0.2.3  up       group 2  supposed",
                "= 192.0.2.2",
                "ttl     300 s: the program's `ttl`; no change of state is near",
            ],
        ),
        ("random.example.", &["drew ", "of 0 to 2"]),
        (
            "split.example.",
            &[
                "hash of client 192.0.2.7: ",
                "of the weights' sum of 100, it falls on ",
                "32 bits of the client's address mattered",
            ],
        ),
        (
            "place.example.",
            &[
                "call    netmask({'192.0.2.0/24'})",
                "if      netmask({'192.0.2.0/24'}) and not country('US'): yes",
                "gave    192.0.2.1",
            ],
        ),
        (
            "code.example.",
            &[
                "runs as Lua",
                "read    os.time = 1795517760",
                "if      os.time() > 1000: yes",
                "call    ifportup(80, {'192.0.2.1', '192.0.2.2', '192.0.2.3'})",
                "  192.0.2.1  down     supposed",
            ],
        ),
        ("gone.example.", &["= no such name", "NXDOMAIN, no records"]),
        ("fails.example.", &["failed  ", "on purpose", "SERVFAIL"]),
        ("x.wild.example.", &["is made by the wildcard *.wild.example."]),
        (
            "www.sub.example.",
            &[
                "is delegated at sub.example.",
                "referral  sub.example. to ns.sub.example. (ZONE:8), not signed",
            ],
        ),
        (
            "nowhere.example.",
            &[
                "is not there; example. is",
                "end       there is no nowhere.example., for 5 s",
                "NXDOMAIN",
            ],
        ),
        ("other.", &["REFUSED", "other. is in no zone of this server", "extended error 20"]),
        ("x.d.example.", &["is below the DNAME of d.example.", "x.d.example. 60 CNAME x.example."]),
        ("to.loop.example.", &["the aliases come back to to.loop.example."]),
        ("far.example.", &["far.example. 60 CNAME www.elsewhere.", "www.elsewhere. is in no zone"]),
        ("t11.example.", &["t0.example. is one alias too many"]),
        (
            "wild.example.",
            &["wild.example. has nothing of this type, for 5 s", "NOERROR, no records"],
        ),
    ] {
        let wish = wish(name, Type::A, "192.0.2.7", 1);
        let told = explain(&Realm::whole(&offline.shared), &wish, &down, Rest::Up);
        let text = told.to_string();
        for part in expected {
            let part = part.replace("ZONE", &zone);
            assert!(text.contains(&part), "{name}: {part:?} is not in\n{text}");
        }
        let json = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), told);
    }
}

#[test]
fn a_client_subnet_is_explained_with_its_scope() {
    let (_folder, offline) = zones(ZONE);
    let wish = Wish {
        subnet: Some("198.51.100.0/24".parse().unwrap()),
        ..wish("split.example.", Type::A, "192.0.2.7", 1)
    };
    let told = explain(&Realm::whole(&offline.shared), &wish, &[], Rest::AsItIs);
    assert_eq!((told.scope, told.answer.len()), (Some(24), 1), "{told}");
    assert!(told.to_string().contains("on behalf of 198.51.100.0/24"), "{told}");
}
