//! What is counted, told by the real binary when SIGUSR1 asks for it.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use support::{Running, question, tcp, udp, wait_for};

mod support;

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n";

/// A server of one thread for each transport.
fn serve(folder: &Path, settings: &str) -> (Running, std::net::SocketAddr) {
    fs::create_dir(folder.join("zones")).unwrap();
    fs::write(folder.join("zones/example.org.zone"), ZONE).unwrap();
    let config = folder.join("halfmoon.toml");
    let text = format!(
        "[server]\nworkers = 1\ntcp_workers = 1\n[zones]\npath = \"zones\"\n\
         [health]\ntargets.allow = [\"127.0.0.0/8\"]\n{settings}\n"
    );
    fs::write(&config, text).unwrap();
    Running::serve(&[config.to_str().unwrap()])
}

/// The counts of these names, as logged.
fn counted(running: &Running, names: &[&str]) -> Vec<u64> {
    let skip = running.err().len();
    running.signal("USR1");
    let line = running.logged("counted since the start", skip);
    let of = |name: &&str| {
        let word = line.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
        word.unwrap_or_else(|| panic!("no {name} in {line}")).parse().unwrap()
    };
    names.iter().map(of).collect()
}

fn with_cookie(cookie: &[u8]) -> Message {
    let mut message = question("www.example.org.", RecordType::A);
    let mut edns = Edns::new();
    edns.options_mut().insert(EdnsOption::Unknown(10, cookie.to_vec()));
    message.set_edns(edns);
    message
}

#[test]
fn queries_and_cookies_and_refused_transfers_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (running, server) = serve(folder.path(), "");
    let first = udp(server, &with_cookie(&[7; 8])).unwrap();
    let edns = first.edns.unwrap();
    let Some(EdnsOption::Unknown(_, cookie)) = edns.option(EdnsCode::from(10)) else {
        panic!("no cookie in {edns:?}");
    };
    udp(server, &with_cookie(cookie)).unwrap();
    udp(server, &with_cookie(&[9; 24])).unwrap();
    let refused = tcp(server, &question("example.org.", RecordType::AXFR)).unwrap();
    assert_eq!(refused.metadata.response_code, ResponseCode::Refused);
    let names = [
        "udp.queries",
        "udp.answers",
        "tcp.connections",
        "tcp.queries",
        "cookies.new",
        "cookies.valid",
        "cookies.invalid",
        "transfers.refused",
        "transfers.begun",
    ];
    // A transport counts once it is done with a batch.
    wait_for("the counts", || {
        (counted(&running, &names) == [3, 3, 1, 1, 1, 1, 1, 1, 0]).then_some(())
    });
    // What is counted ends nothing.
    assert_eq!(udp(server, &with_cookie(&[7; 8])).unwrap().answers.len(), 1);
}

#[test]
fn limited_answers_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "[limits]\nresponses_per_second = 1\nslip = 2\nexempt = []";
    let (running, server) = serve(folder.path(), limits);
    let www = question("www.example.org.", RecordType::A).to_vec().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        socket.send_to(&www, server).unwrap();
    }
    let names = ["udp.queries", "udp.answers", "answers.dropped", "answers.slipped"];
    let counts = wait_for("the counts", || {
        let counts = counted(&running, &names);
        (counts[0] == 20 && counts[1] + counts[2] == 20).then_some(counts)
    });
    assert!(counts[2] > 0 && counts[3] > 0, "{counts:?}");
}

#[test]
fn signatures_of_queries_and_transfers_are_counted() {
    const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let Some(dig) = support::peer::installed("dig") else {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "SKIPPED: dig is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let (running, server) = serve(
        folder.path(),
        "[[transfer.keys]]\nname = \"key\"\nalgorithm = \"hmac-sha256\"\nsecret_file = \"secret\"",
    );
    for key in [SECRET, "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="] {
        let key = format!("hmac-sha256:key:{key}");
        let port = server.port().to_string();
        let args = ["@127.0.0.1", "-p", &port, "-y", &key, "example.org", "AXFR", "+tries=1"];
        std::process::Command::new(&dig).args(args).output().unwrap();
    }
    let names = ["tsig.good", "tsig.bad", "transfers.begun", "transfers.refused"];
    assert_eq!(counted(&running, &names), [1, 1, 1, 0]);
}
