//! Endpoints that cannot be had, or must not be.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;

use crate::support::site::Folder;
use crate::support::{addresses, ask, question, tcp, wait_for_answer};

/// The dialect in which a target that may not be probed is no error.
const LENIENT: &str = "[lua]\ndialect = \"powerdns\"\n";

#[test]
fn first_answers_wait_for_nobody() {
    // Connections are taken by the system, and then nobody speaks.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let slow = format!("interval = \"1s\"\ntimeout = \"20s\"\n{LENIENT}");
    let text = format!(
        "silent LUA A ( \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1', '127.0.0.2'}}, \"\n\
         \"{{selector='first', backupSelector='all'}})\" )\n\
         denied LUA A \"ifportup(443, {{'192.0.2.1', '198.51.100.1'}}, {{selector='all', backupSelector='all'}})\"\n\
         none   LUA A \"ifportup(443, {{'192.0.2.1'}}, {{backupSelector='empty'}})\"\n\
         local  LUA A \"ifportup(443, {{'169.254.169.254'}}, {{selector='all'}})\"\n"
    );
    let folder = Folder::new(&slow, &text);
    let started = Instant::now();
    let (running, server) = folder.serve();
    assert_eq!(ask(server, "silent.example.test."), ["127.0.0.1", "127.0.0.2"]);
    assert_eq!(ask(server, "denied.example.test."), ["192.0.2.1", "198.51.100.1"]);
    assert_eq!(ask(server, "none.example.test."), [""; 0]);
    let over_tcp = tcp(server, &question("local.example.test.", RecordType::A)).unwrap();
    assert_eq!(addresses(&over_tcp).len(), 1);
    // Far less than one timeout, for a start and four answers.
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");

    // What is not allowed, and what is denied, is said at its place.
    let at = |line, column| format!("example.test.zone:{}:{column}: ", Folder::line(line));
    for (place, target, list) in [
        (at(3, 30), "192.0.2.1", "targets.allow"),
        (at(3, 43), "198.51.100.1", "targets.allow"),
        (at(4, 30), "192.0.2.1", "targets.allow"),
        (at(5, 30), "169.254.169.254", "targets.deny"),
    ] {
        let line = running.logged(&place, 0);
        assert!(line.contains("WARN") && line.contains(&format!("target {target} ")), "{line}");
        assert!(line.contains(list) && line.contains("never probed"), "{line}");
    }
}

#[test]
fn a_refused_target_counts_as_not_up() {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let text = format!("www LUA A \"ifportup({port}, {{{{'192.0.2.1'}}, {{'127.0.0.1'}}}})\"\n");
    let folder = Folder::new(&format!("interval = \"100ms\"\n{LENIENT}"), &text);
    let (_running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
}
