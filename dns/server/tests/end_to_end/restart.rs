//! What is known of endpoints survives the process, however it ends.

use std::fs;

use super::support::endpoint::Endpoint;
use super::support::site::{Folder, QUICK};
use super::support::{ask, wait_for, wait_for_answer};

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
