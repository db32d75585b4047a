//! How many results in a row change a state, by dialect.

use crate::support::endpoint::Endpoint;
use crate::support::site::Folder;
use crate::support::{Running, wait_for, wait_for_answer};

/// A server that is told how often to probe, but not how many results decide.
fn serve(endpoint: &Endpoint, dialect: &str) -> (Folder, Running) {
    let config = format!("interval = \"100ms\"\n[lua]\ndialect = \"{dialect}\"\n");
    let record = format!(
        "www LUA A ( \"ifurlup('http://www.example.test:{}/', {{'127.0.0.1'}}, \"\n\
         \"{{backupSelector='empty'}})\" )\n",
        endpoint.address.port()
    );
    let folder = Folder::new(&config, &record);
    let (running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    (folder, running)
}

/// Fails so many probes, and returns once `more` have succeeded after them.
fn fail(endpoint: &Endpoint, failures: usize, more: usize) {
    endpoint.fail(failures);
    wait_for("the failures", || (endpoint.failures_left() == 0).then_some(()));
    let until = endpoint.requests() + more;
    wait_for("the successes", || (endpoint.requests() >= until).then_some(()));
}

#[test]
fn three_failures_are_down_and_two_successes_are_up() {
    let endpoint = Endpoint::open("127.0.0.1");
    let (_folder, running) = serve(&endpoint, "halfmoon");
    fail(&endpoint, 2, 3);
    assert!(!running.err().contains("is down"), "{}", running.err());
    // One success leaves it down: the third failure after it comes without another change.
    endpoint.fail(3);
    running.logged("is down", 0);
    let before = running.err().len();
    running.logged("is up", before);
    fail(&endpoint, 2, 3);
    assert_eq!(running.err().matches("is down").count(), 1, "{}", running.err());
}

#[test]
fn in_powerdns_one_result_decides() {
    let endpoint = Endpoint::open("127.0.0.1");
    let (_folder, running) = serve(&endpoint, "powerdns");
    for changes in 1..=2 {
        fail(&endpoint, 1, 2);
        wait_for("down and up again", || {
            let log = running.err();
            let counts = (log.matches("is down").count(), log.matches("is up").count());
            (counts == (changes, changes + 1)).then_some(())
        });
    }
}
