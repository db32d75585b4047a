//! Response rate limiting over real sockets: floods, and those who are not to suffer from them.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, RecordType};

use support::{Running, addresses, question, tcp, udp, wait_for};

mod support;

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n\
                    *.wild A 192.0.2.2\n";

/// A server of one thread that exempts nobody.
fn serve(folder: &std::path::Path, limits: &str) -> (Running, SocketAddr) {
    serve_zone(folder, ZONE, limits)
}

fn serve_zone(folder: &std::path::Path, zone: &str, limits: &str) -> (Running, SocketAddr) {
    fs::create_dir(folder.join("zones")).unwrap();
    fs::write(folder.join("zones/example.org.zone"), zone).unwrap();
    let config = folder.join("halfmoon.toml");
    let text = format!(
        "[server]\nworkers = 1\ntcp_workers = 1\nversion = \"1\"\n[zones]\npath = \"zones\"\n[health]\ntargets.allow = [\"127.0.0.0/8\"]\n\
         [limits]\n{limits}\n"
    );
    fs::write(&config, text).unwrap();
    Running::serve(&[config.to_str().unwrap()])
}

/// Asks so often at once; how many answers came whole and how many truncated.
fn flood(server: SocketAddr, count: usize, ask: impl Fn(usize) -> Message) -> (usize, usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let (mut whole, mut truncated) = (0, 0);
    let mut buffer = [0; 4096];
    // In turns, so that no buffer overflows.
    for first in (0..count).step_by(50) {
        for at in first..(first + 50).min(count) {
            socket.send(&ask(at).to_vec().unwrap()).unwrap();
        }
        // Answers that come late are counted in the next turn. After the last there is none.
        if first + 50 >= count {
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        }
        while let Ok(length) = socket.recv(&mut buffer) {
            let answer = Message::from_vec(&buffer[..length]).unwrap();
            if answer.metadata.truncation {
                assert!(answer.answers.is_empty());
                truncated += 1;
            } else {
                whole += 1;
            }
            if whole + truncated >= first + 50 {
                break;
            }
        }
    }
    (whole, truncated)
}

#[test]
fn like_answers_are_limited_and_some_slip() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "responses_per_second = 10\nslip = 2\nexempt = []";
    let (running, server) = serve(folder.path(), limits);
    let random = |at: usize, zone: &str| question(&format!("n{at}.{zone}"), RecordType::A);
    type Ask = Box<dyn Fn(usize) -> Message>;
    let chaos = |_| {
        let mut message = question("version.bind.", RecordType::TXT);
        message.queries[0].set_query_class(DNSClass::CH);
        message
    };
    let other_version = |_| {
        let mut message = question("www.example.org.", RecordType::A);
        message.edns.as_mut().unwrap().set_version(7);
        message
    };
    let asks: [(&str, Ask); 7] = [
        ("one name", Box::new(|_| question("www.example.org.", RecordType::A))),
        ("names that are not there", Box::new(move |at| random(at, "example.org."))),
        ("names that a wildcard makes", Box::new(move |at| random(at, "wild.example.org."))),
        ("zones that are not here", Box::new(move |at| random(at, "example.net."))),
        ("the server's version", Box::new(chaos)),
        ("versions of EDNS", Box::new(other_version)),
        ("transfers", Box::new(|_| question("example.org.", RecordType::AXFR))),
    ];
    for (what, ask) in asks {
        let (whole, truncated) = flood(server, 300, ask);
        // It takes some seconds, in each of which ten are whole; half of the rest is truncated.
        assert!((10..=100).contains(&whole), "{what}: {whole} whole");
        let limited = 300 - whole;
        assert!(
            truncated.abs_diff(limited / 2) <= 10,
            "{what}: {truncated} of {limited} truncated"
        );
    }
    let line = running.logged("answers limited", 0);
    assert!(line.contains("network=127.0.0.1"), "{line}");
    // Whoever comes over TCP is who it says.
    for _ in 0..100 {
        let answer = tcp(server, &question("www.example.org.", RecordType::A)).unwrap();
        assert_eq!(answer.answers.len(), 1);
    }
}

#[test]
fn a_cookie_of_ours_lifts_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, server) = serve(folder.path(), "responses_per_second = 10\nexempt = []");
    let with_cookie = |cookie: &[u8]| {
        let mut message = question("www.example.org.", RecordType::A);
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(10, cookie.to_vec()));
        message.set_edns(edns);
        message
    };
    let first = udp(server, &with_cookie(&[7; 8])).unwrap();
    let edns = first.edns.unwrap();
    let Some(EdnsOption::Unknown(_, cookie)) = edns.option(EdnsCode::from(10)) else {
        panic!("no cookie in {edns:?}");
    };
    let (whole, truncated) = flood(server, 200, |_| with_cookie(cookie));
    assert_eq!((whole, truncated), (200, 0));
    let mut forged = cookie.clone();
    forged[20] ^= 1;
    assert!(flood(server, 200, |_| with_cookie(&forged)).0 < 100);
}

/// Programs that take their time; what `mine` and `beside` say is for one client only.
const SLOW: &str = "\
slow LUA A \";local n = 0 for i = 1, 100000 do n = n + i end return '192.0.2.3'\"
mine LUA A \";local n = 0 for i = 1, 100000 do n = n + i end return bestwho:isIPv4() and '192.0.2.4'\"
beside LUA A \";local n = 0 for i = 1, 100000 do n = n + i end return bestwho:isIPv4() and '192.0.2.4'\"
beside A 192.0.2.5
plan LUA A \"'192.0.2.6'\"
";

#[test]
fn a_network_that_has_spent_its_time_of_programs_waits_for_more() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "responses_per_second = 0\nprogram_time = \"1ms\"\nexempt = []\n\
                  [lua]\ntime = \"10s\"\nfuel = 4000000000";
    let (running, server) = serve_zone(folder.path(), &format!("{ZONE}{SLOW}"), limits);
    let of = |name: &str| question(&format!("{name}.example.org."), RecordType::A);
    let reason = |answer: &Message| match answer.edns.as_ref()?.option(EdnsCode::from(15))? {
        EdnsOption::Unknown(_, octets) => Some(octets.clone()),
        _ => None,
    };
    // The first answer is given: nobody knows what it costs before it is made.
    assert_eq!(udp(server, &of("slow")).unwrap().answers.len(), 1);
    // Whoever may be forged is asked to come over TCP, until more has come in.
    wait_for("a truncated answer", || {
        let answer = udp(server, &of("slow")).unwrap();
        (answer.metadata.truncation && answer.answers.is_empty()).then_some(())
    });
    // Over TCP there is a purse of its own, on the thread for it.
    assert_eq!(tcp(server, &of("slow")).unwrap().answers.len(), 1);
    wait_for("a refusal", || {
        let answer = tcp(server, &of("mine")).unwrap();
        let is_refused = answer.metadata.response_code == ResponseCode::ServFail;
        assert!(is_refused || answer.answers.len() == 1, "{answer}");
        if is_refused {
            assert_eq!(reason(&answer).unwrap(), b"\0\0too much work for your network");
        }
        is_refused.then_some(())
    });
    // As when a program fails, what it said last to everybody is told, or what stands beside it.
    wait_for("the last answer", || {
        let answer = tcp(server, &of("slow")).unwrap();
        assert_eq!(answer.answers.len(), 1);
        (reason(&answer)?[..2] == [0, 3]).then_some(())
    });
    wait_for("the record alone", || {
        let answer = tcp(server, &of("beside")).unwrap();
        (addresses(&answer) == ["192.0.2.5".parse::<IpAddr>().unwrap()]).then_some(())
    });
    // Plans and records cost nothing.
    for name in ["plan", "www"] {
        assert_eq!(udp(server, &of(name)).unwrap().answers.len(), 1, "{name}");
    }
    running.signal("USR1");
    let line = running.logged("counted since the start", 0);
    assert!(line.contains("spent.programs=") && !line.contains("spent.programs=0"), "{line}");
}

#[test]
fn loopback_is_exempt_unless_it_is_said_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, server) = serve(folder.path(), "responses_per_second = 10");
    let www = |_| question("www.example.org.", RecordType::A);
    assert_eq!(flood(server, 200, www), (200, 0));
    let answer = udp(server, &question("www.example.org.", RecordType::A)).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
}
