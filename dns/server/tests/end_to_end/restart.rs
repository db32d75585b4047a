//! What is known of endpoints survives the process, however it ends; and it ends when it is told to.

use std::fs;

use super::support::endpoint::Endpoint;
use super::support::site::{Folder, QUICK};
use super::support::{ANY, Running, ask, halfmoon, wait_for, wait_for_answer};

const NAME: &str = "www.example.test.";

/// The first answer of a server whose predecessor was killed when the first of two endpoints was down.
/// Meanwhile the second one goes, too, and is not asked again for an hour.
fn first_answer(keeps: bool) -> Vec<String> {
    let (one, two) = (Endpoint::open("127.0.31.1"), Endpoint::open("127.0.31.2"));
    let zone = format!(
        "www LUA A \"ifportup(80, {{{{'{}'}}, {{'{}'}}}}, {{all_down='first'}})\"\n",
        one.address, two.address
    );
    let state = if keeps { "state = \"state\"\n" } else { "" };
    let folder = Folder::new(&format!("{QUICK}{state}"), &zone);
    let (running, server) = folder.serve();
    wait_for_answer(server, NAME, &["127.0.31.1"]);
    drop(one);
    wait_for_answer(server, NAME, &["127.0.31.2"]);
    if keeps {
        let file = folder.path("state/health");
        let is_down = |line: &str| line.contains("127.0.31.1") && line.contains("\"down\"");
        wait_for("the state", || {
            fs::read_to_string(&file).ok()?.lines().any(is_down).then_some(())
        });
    }
    running.signal("KILL");
    running.wait();
    drop(two);
    let slow = QUICK.replace("100ms", "1h");
    let config = fs::read_to_string(folder.path("halfmoon.toml")).unwrap();
    folder.write("halfmoon.toml", config.replace(QUICK, &slow));
    let (_running, server) = folder.serve();
    ask(server, NAME)
}

#[test]
fn the_first_answer_of_a_server_is_the_last_one_of_the_one_that_was_killed() {
    assert_eq!(first_answer(true), ["127.0.31.2"]);
}

#[test]
fn without_a_folder_for_it_nothing_is_known_at_the_start() {
    assert_eq!(first_answer(false), ["127.0.31.1"]);
}

#[test]
fn a_state_that_cannot_be_read_is_told_and_the_server_serves() {
    let zone = "www LUA A \"ifportup(80, {'127.0.31.3'})\"\n";
    let folder = Folder::new(&format!("{QUICK}state = \"state\"\n"), zone);
    fs::create_dir(folder.path("state")).unwrap();
    folder.write("state/health", "{\"format\":\"halfmoon-health\",\"version\":99}\n");
    let (running, server) = folder.serve();
    assert_eq!(ask(server, NAME), ["127.0.31.3"]);
    assert!(running.err().contains("it is halfmoon-health 99"), "{}", running.err());
}

#[test]
fn a_server_that_still_reads_zones_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut zone = "@ 60 SOA ns h 1 3600 900 604800 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n".to_owned();
    // More than can be read until the signal comes.
    (0..800_000).for_each(|number| zone.push_str(&format!("n{number} 60 A 192.0.2.2\n")));
    fs::write(folder.path().join("example.test.zone"), zone).unwrap();
    let path = folder.path().to_str().unwrap();
    let running = Running::spawn(halfmoon(&["serve", "--listen", ANY, path]));
    wait_for("a server that catches SIGTERM", || {
        let status = fs::read_to_string(format!("/proc/{}/status", running.pid())).ok()?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        (caught & 1 << (15 - 1) != 0).then_some(())
    });
    running.signal("TERM");
    let ended = running.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(ended.err.contains("ending before the start was done"), "{}", ended.err);
    assert_eq!(ended.out, "", "it has read them all");
}
