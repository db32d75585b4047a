//! What somebody sees who asks with dig: the real one, of BIND, and the real binary.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::Command;

use support::Running;
use support::peer::installed;

mod support;

const CONFIG: &str = "[server]\nversion = \"moon 1\"\nidentity = \"ns1\"\nnsid = \"ns1.fsn\"\n\
                      tcp_idle = \"10s\"\n[zones]\npath = \"zones\"\n\
                      [health]\ntargets.allow = [\"127.0.0.0/8\"]\n";

fn zone() -> String {
    let mut zone = "$TTL 60\n@ SOA ns host 7 2 3 4 5\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n\
                    www TXT \"text\"\n\
                    view LUA A \"view({{{'192.0.2.0/24'}, {'192.0.2.2'}}, {{'0.0.0.0/0'}, {'192.0.2.3'}}})\"\n\
                    broken LUA A \";error('no')\"\nodd TYPE65280 \\# 3 010203\n"
        .to_owned();
    for i in 0..40 {
        // Fits into 1232 octets and not into 512.
        writeln!(zone, "some A 192.0.2.{i}").unwrap();
    }
    for i in 0..400 {
        writeln!(zone, "many A 192.0.{}.{}", i / 250, i % 250).unwrap();
    }
    zone
}

/// What is asked, what dig has to show, and what it must not show.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: [Row; 49] = [
    (
        "www.example.org A",
        &["status: NOERROR", "flags: qr aa rd;", "192.0.2.1", "udp: 1232", "COOKIE: ", "(good)"],
        &["Warning", "malformed", "Truncated"],
    ),
    ("www.example.org A +norec", &["flags: qr aa;", "192.0.2.1"], &["recursion requested"]),
    ("www.example.org A +noedns", &["status: NOERROR", "192.0.2.1"], &["OPT PSEUDOSECTION"]),
    ("www.example.org A +tcp", &["192.0.2.1", "(TCP)"], &["(UDP)"]),
    ("www.example.org A +notcp", &["192.0.2.1", "(UDP)"], &["(TCP)"]),
    // Client Subnet: the network, and for whom the answer holds.
    (
        "view.example.org A +subnet=192.0.2.0/28",
        &["192.0.2.2", "CLIENT-SUBNET: 192.0.2.0/28/24"],
        &[],
    ),
    (
        "view.example.org A +subnet=198.51.100.0/24",
        &["192.0.2.3", "CLIENT-SUBNET: 198.51.100.0/24/"],
        &[],
    ),
    ("view.example.org A +subnet=0", &["192.0.2.3", "CLIENT-SUBNET: 0.0.0.0/0/0"], &[]),
    (
        "www.example.org A +subnet=2001:db8::/56",
        &["192.0.2.1", "CLIENT-SUBNET: 2001:db8::/56/0"],
        &[],
    ),
    ("view.example.org A +nosubnet", &["192.0.2.3"], &["CLIENT-SUBNET"]),
    // Cookies.
    ("www.example.org A +nocookie", &["192.0.2.1"], &["COOKIE"]),
    (
        "www.example.org A +cookie=0123456789abcdef",
        &["COOKIE: 0123456789abcdef01000000", "(good)"],
        &[],
    ),
    (
        "www.example.org A +cookie=0123456789abcdef00112233445566778899aabbccddeeff",
        &["192.0.2.1", "COOKIE: 0123456789abcdef01000000", "(good)"],
        &["BADCOOKIE"],
    ),
    ("www.example.org A +cookie=01234567", &["status: FORMERR"], &["192.0.2.1"]),
    // Who answers.
    ("www.example.org A +nsid", &["NSID: 6e 73 31 2e 66 73 6e (\"ns1.fsn\")"], &[]),
    ("www.example.org A +nonsid", &["192.0.2.1"], &["NSID"]),
    ("version.bind TXT CH", &["status: NOERROR", "\"moon 1\"", "flags: qr aa"], &[]),
    ("version.server TXT CH +tcp", &["\"moon 1\""], &[]),
    ("hostname.bind TXT CH", &["\"ns1\""], &[]),
    ("id.server TXT CH", &["\"ns1\""], &[]),
    ("authors.bind TXT CH", &["status: REFUSED", "EDE: 20 (Not Authoritative)"], &[]),
    // How much fits.
    ("some.example.org A", &["ANSWER: 40,", "(UDP)"], &["Truncated"]),
    ("some.example.org A +bufsize=512 +ignore", &["flags: qr aa tc", "ANSWER: 0,", "(UDP)"], &[]),
    (
        "some.example.org A +bufsize=512",
        &["Truncated, retrying in TCP mode", "ANSWER: 40,", "(TCP)"],
        &[],
    ),
    ("some.example.org A +bufsize=0 +ignore", &["flags: qr aa tc"], &[]),
    ("some.example.org A +noedns +ignore", &["flags: qr aa tc", "ANSWER: 0,"], &["OPT"]),
    ("many.example.org A +ignore", &["flags: qr aa tc", "ANSWER: 0,", "udp: 1232"], &[]),
    ("many.example.org A +bufsize=65535 +ignore", &["flags: qr aa tc", "ANSWER: 0,"], &[]),
    ("many.example.org A", &["Truncated, retrying in TCP mode", "ANSWER: 400,"], &[]),
    ("many.example.org A +tcp", &["ANSWER: 400,"], &["Truncated"]),
    // ANY: dig takes TCP for it by itself.
    ("www.example.org ANY", &["ANSWER: 2,", "(TCP)"], &[]),
    ("www.example.org ANY +notcp", &["ANSWER: 1,", "(UDP)"], &[]),
    // What is not known (RFC 8906).
    ("www.example.org A +ednsflags=0x0080", &["192.0.2.1", "flags:; udp: 1232"], &["MBZ"]),
    ("www.example.org A +ednsflags=0xff", &["192.0.2.1"], &["MBZ"]),
    ("www.example.org A +ednsopt=65001:0102", &["192.0.2.1"], &["OPT=65001"]),
    (
        "www.example.org A +edns=100 +noednsnegotiation",
        &["status: BADVERS", "version: 0", "ANSWER: 0,"],
        &[],
    ),
    ("www.example.org A +edns=100", &["status: NOERROR", "192.0.2.1"], &[]),
    ("www.example.org A +zflag", &["192.0.2.1", "flags: qr aa rd;"], &["MBZ"]),
    ("www.example.org A +adflag +cdflag", &["flags: qr aa rd cd;"], &[]),
    ("www.example.org A +opcode=status", &["opcode: STATUS, status: NOTIMP"], &["192.0.2.1"]),
    ("example.org SOA +opcode=update", &["opcode: UPDATE, status: NOTIMP"], &[]),
    ("example.org SOA +opcode=15", &["opcode: RESERVED15, status: NOTIMP"], &[]),
    ("www.example.org A +header-only +nocookie", &["status: FORMERR"], &["192.0.2.1"]),
    // A query for a cookie and nothing else (RFC 7873 section 5.4).
    ("www.example.org A +header-only", &["status: NOERROR", "QUERY: 0, ANSWER: 0", "(good)"], &[]),
    ("odd.example.org TYPE65280", &["TYPE65280", "\\# 3 010203"], &[]),
    ("www.example.org TYPE1000", &["status: NOERROR", "ANSWER: 0, AUTHORITY: 1"], &[]),
    // Why (RFC 8914), and how long (RFC 7828).
    ("broken.example.org A", &["status: SERVFAIL", "EDE: 0 (Other): (record program failed)"], &[]),
    ("www.example.com A", &["status: REFUSED", "EDE: 20 (Not Authoritative)"], &[]),
    ("www.example.org A +tcp +keepalive", &["TCP KEEPALIVE: 10.0 secs"], &[]),
];

#[test]
fn dig_shows_what_it_should() {
    ask(CONFIG, &ROWS);
}

/// Who may know why an answer is what it is, and what others get.
const EXPLAINED: [Row; 6] = [
    (
        "view.example.org.a.explain.halfmoon TXT CH -b 127.0.0.2",
        &[
            "Truncated, retrying in TCP mode",
            "flags: qr aa",
            "\"001 view.example.org. A for 127.0.0.2\"",
            "NOERROR, 1 record\"",
            "   view.example.org. 60 A 192.0.2.3\"",
            "zones/example.org.zone:7), runs as plan\"",
        ],
        &[],
    ),
    (
        "VIEW.example.org.A.EXPLAIN.halfmoon TXT CH -b 127.0.0.2 +tcp +subnet=192.0.2.0/24",
        &["on behalf of 192.0.2.0/24\"", "60 A 192.0.2.2\"", "for all clients of the same /24"],
        &["Truncated"],
    ),
    (
        "www.example.org.alpha.explain.halfmoon TXT CH -b 127.0.0.2",
        &["is no type of records; write www.example.org.a.explain.halfmoon"],
        &[],
    ),
    (
        "view.example.org.a.explain.halfmoon TXT CH -b 127.0.0.1",
        &["status: REFUSED", "ANSWER: 0,", "EDE: 20"],
        &["192.0.2.3", "Truncated"],
    ),
    (
        "view.example.org.a.explain.halfmoon TXT CH -b 127.0.0.1 +tcp",
        &["status: REFUSED"],
        &["why"],
    ),
    ("view.example.org.a.explain.halfmoon TXT IN -b 127.0.0.2", &["status: REFUSED"], &["why"]),
];

#[test]
fn why_an_answer_is_what_it_is_is_told_to_whom_may_know() {
    let config = CONFIG.replace("[zones]", "explain_to = [\"127.0.0.2/32\"]\n[zones]");
    ask(&config, &EXPLAINED);
}

#[test]
fn nobody_is_told_why_unless_the_configuration_says_so() {
    let denied = |from: &str| format!("view.example.org.a.explain.halfmoon TXT CH -b {from}");
    for args in [denied("127.0.0.1"), denied("127.0.0.2 +tcp")] {
        ask(CONFIG, &[(&args, &["status: REFUSED", "ANSWER: 0,"], &["view.example.org. 60"])]);
    }
}

/// Starts a server with this configuration and asks it with dig.
fn ask(config: &str, rows: &[(&str, &[&str], &[&str])]) {
    let Some(dig) = installed("dig") else {
        let _ = writeln!(io::stderr(), "SKIPPED: dig is not installed; nothing was asked with it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/example.org.zone"), zone()).unwrap();
    let path = folder.path().join("halfmoon.toml");
    fs::write(&path, config).unwrap();
    let (_running, server) = Running::serve(&[path.to_str().unwrap()]);
    let mut wrong = String::new();
    for (args, shown, hidden) in rows {
        let said = Command::new(&dig)
            .args(["@127.0.0.1", "-p", &server.port().to_string(), "+tries=1", "+time=10"])
            .args(args.split(' '))
            // No settings of whoever runs the test.
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&said.stdout);
        for part in shown.iter().filter(|part| !said.contains(**part)) {
            writeln!(wrong, "dig {args}: no `{part}` in\n{said:.1500}").unwrap();
        }
        for part in hidden.iter().filter(|part| said.contains(**part)) {
            writeln!(wrong, "dig {args}: `{part}` in\n{said:.1500}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
