//! What of an HTTP answer counts.

use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::support::endpoint::Endpoint;
use crate::support::site::{Folder, QUICK};
use crate::support::{ask, wait_for, wait_for_answer};

/// A record that holds the endpoint while the check succeeds, and is empty otherwise.
fn record(name: &str, endpoint: &Endpoint, options: &str) -> String {
    let address = endpoint.address;
    format!(
        "{name} LUA A ( \"ifurlup('http://www.example.test:{}/healthz', {{'{}'}}, \"\n\
         \"{{backupSelector='empty'{options}}})\" )\n",
        address.port(),
        address.ip()
    )
}

/// Serves one record `www` of this endpoint.
fn serve(endpoint: &Endpoint, options: &str) -> (Folder, crate::support::Running, SocketAddr) {
    let folder = Folder::new(QUICK, &record("www", endpoint, options));
    let (running, server) = folder.serve();
    (folder, running, server)
}

#[test]
fn only_the_status_that_was_asked_for_is_up() {
    let endpoint = Endpoint::open("127.0.0.1");
    let text = record("ok", &endpoint, "") + &record("teapot", &endpoint, ", httpcode=418");
    let folder = Folder::new(QUICK, &text);
    let (_running, server) = folder.serve();
    for status in [200, 418, 204, 200, 302] {
        endpoint.answer(status);
        let if_up = |wanted| if status == wanted { &["127.0.0.1"][..] } else { &[] };
        wait_for_answer(server, "ok.example.test.", if_up(200));
        wait_for_answer(server, "teapot.example.test.", if_up(418));
    }
}

#[test]
fn a_text_that_was_asked_for_has_to_be_there() {
    let endpoint = Endpoint::open("127.0.0.1");
    endpoint.say("all is well here");
    let (_folder, running, server) = serve(&endpoint, ", stringmatch='well'");
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    endpoint.say("all is Well here");
    wait_for_answer(server, "www.example.test.", &[]);
    let line = running.logged("is down: ", 0);
    assert!(line.contains("well"), "the reason says what was not there: {line}");
    endpoint.say("well");
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
}

#[test]
fn the_address_is_the_members_and_the_host_is_the_urls() {
    // Nobody can look up www.example.test: whoever is reached was not reached by name.
    let endpoint = Endpoint::open("127.0.0.1");
    let (_folder, _running, server) = serve(&endpoint, "");
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    assert_eq!(endpoint.hosts(), [format!("www.example.test:{}", endpoint.address.port())]);
}

#[test]
fn an_endpoint_that_accepts_and_says_nothing_is_up_for_its_port_alone() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    thread::spawn(move || {
        let held: Vec<_> = silent.incoming().collect();
        drop(held);
    });
    let (ip, port) = (address.ip(), address.port());
    let text = format!(
        "port LUA A \"ifportup({port}, {{'{ip}'}}, {{backupSelector='empty'}})\"\n\
         url  LUA A \"ifurlup('http://www.example.test:{port}/', {{'{ip}'}}, {{backupSelector='all'}})\"\n\
         none LUA A \"ifurlup('http://www.example.test:{port}/', {{'{ip}'}}, {{backupSelector='empty'}})\"\n"
    );
    let folder = Folder::new(QUICK, &text);
    let (running, server) = folder.serve();
    let line = running.logged("is down: ", 0);
    assert!(line.contains("http://"), "{line}");
    wait_for_answer(server, "port.example.test.", &["127.0.0.1"]);
    assert_eq!(ask(server, "url.example.test."), ["127.0.0.1"], "the fallback");
    assert_eq!(ask(server, "none.example.test."), [""; 0]);
}

#[test]
fn equal_checks_of_many_records_are_one() {
    let endpoint = Endpoint::open("127.0.0.1");
    let other = Endpoint::open("127.0.0.1");
    let mut text: String =
        (0..50).map(|n| record(&format!("www{n}"), &endpoint, ", interval=0.2")).collect();
    text += &record("other", &other, ", interval=0.2");
    let folder = Folder::new(QUICK, &text);
    let (_running, server) = folder.serve();
    wait_for_answer(server, "www49.example.test.", &["127.0.0.1"]);
    // While one record makes its check 10 times, 50 records that share one make it as often.
    wait_for("10 probes", || (other.requests() >= 10).then_some(()));
    let shared = endpoint.requests();
    assert!((5..=20).contains(&shared), "{shared} requests, not about 10");
}
