//! Tests beside zones: what they find, and what becomes of a zone whose tests fail.

use std::fs;
use std::path::Path;

use support::{Running, ask, run, wait_for};

mod support;

const ZONE: &str = "\
$TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
ns A 192.0.2.53
www A 192.0.2.80
www AAAA 2001:db8::80
mail MX 10 ns
text TXT \"a b\" c
cname CNAME away.other.test.
both CNAME www
up LUA A \"ifportup(80, {{'192.0.2.1', '192.0.2.2'}, {'198.51.100.1'}}, {selector='all'})\"
first LUA A \"ifurlup('https://www.example/', {'192.0.2.1', '192.0.2.2'}, {selector='first'})\"
made LUA A \";local a = {} for i = 1, 2 do a[i] = '192.0.2.' .. i end return ifportup(81, a, {selector='all'})\"
split LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"
coin LUA A \"pickrandom({'192.0.2.1', '192.0.2.2'})\"
day LUA A \";if os.date('!%H') == '18' then return '192.0.2.18' else return '192.0.2.1' end\"
net LUA A \";if netmask({'198.51.100.0/24'}) then return '192.0.2.1' else return '192.0.2.2' end\"
";

const SETTINGS: &str = "[labels]\n\"region:fsn\" = [\"192.0.2.1/32\"]\n";

fn write(folder: &Path, tests: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("example.test.zone"), ZONE).unwrap();
    fs::write(folder.join("example.test.health.toml"), SETTINGS).unwrap();
    fs::write(folder.join("example.test.test.toml"), tests).unwrap();
}

/// What `check --test` makes of one test: nothing, or what it says of it.
fn judge(test: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("[[test]]\nname = \"it\"\n{test}\n"));
    let ended = run(&["check", "--test", "--format", "text", folder.path().to_str().unwrap()]);
    let said = ended.out.lines().find(|line| line.contains(".test.toml:")).unwrap_or_default();
    assert_eq!(ended.status.code(), Some(i32::from(!said.is_empty())), "{test}: {ended:?}");
    said.to_owned()
}

#[test]
fn each_expectation_is_met_or_told_of() {
    // A test, and a part of what is said of it.
    for (test, said) in [
        ("ask = 'www A'\nis = ['192.0.2.80']", ""),
        ("ask = 'www AAAA'\nis = ['2001:DB8:0::80']\nttl = 60\nrcode = 'noerror'", ""),
        ("ask = 'mail MX'\nis = ['10 ns']", ""),
        ("ask = 'text TXT'\nis = ['\"a b\" \"c\"']", ""),
        ("ask = 'cname A'\nis = ['away.other.test.']", ""),
        ("ask = 'both'\nis = ['192.0.2.80']", ""),
        ("ask = 'nothing A'\nrcode = 'NXDOMAIN'\nis = []", ""),
        ("ask = 'www TXT'\nis = []", ""),
        ("ask = 'www A'\nis = ['192.0.2.81']", "answers 192.0.2.80; expected 192.0.2.81"),
        (
            "ask = 'nothing A'\nis = ['192.0.2.81']",
            "answers nothing (NXDOMAIN); expected 192.0.2.81",
        ),
        ("ask = 'www A'\nttl = 61", "with TTL 60; expected TTL 61"),
        ("ask = 'www A'\nrcode = 'NXDOMAIN'", "with NOERROR; expected NXDOMAIN"),
        // Endpoints: all up, some down, by label and address, others down or unknown.
        ("ask = 'up A'\nis = ['192.0.2.2', '192.0.2.1']", ""),
        ("ask = 'up A'\ndown = ['region:fsn']\nis = ['192.0.2.2']", ""),
        ("ask = 'up A'\ndown = ['192.0.2.0/24']\nis = ['198.51.100.1']", ""),
        ("ask = 'up A'\nothers = 'down'\nup = ['198.51.100.1']\nis = ['198.51.100.1']", ""),
        ("ask = 'first A'\ndown = ['192.0.2.1']\none_of = ['192.0.2.2', '192.0.2.3']", ""),
        (
            "ask = 'up A'\ndown = ['192.0.2.1']\ncontains = ['192.0.2.1']",
            "expected among them 192.0.2.1",
        ),
        ("ask = 'up A'\nlacks = ['192.0.2.1']", "expected none of 192.0.2.1"),
        (
            "ask = 'up A'\none_of = ['192.0.2.1', '192.0.2.2']",
            "expected one of 192.0.2.1, 192.0.2.2",
        ),
        ("ask = 'made A'\ndown = ['192.0.2.1']\nis = ['192.0.2.2']", ""),
        (
            "ask = 'up A'\ndown = ['203.0.113.1']\nis = []",
            "no check of the zone is meant by 203.0.113.1",
        ),
        // Time, place, chance.
        ("ask = 'day A'\nat = '2026-12-24T18:30:00Z'\nis = ['192.0.2.18']", ""),
        ("ask = 'day A'\nat = '2026-12-24T19:30:00Z'\nis = ['192.0.2.1']", ""),
        ("ask = 'net A'\nclient = '198.51.100.7'\nis = ['192.0.2.1']", ""),
        ("ask = 'net A'\nclient = '198.51.101.7'\nis = ['192.0.2.2']", ""),
        ("ask = 'net A'\nsubnet = '198.51.100.0/24'\nis = ['192.0.2.1']\nscope = 24", ""),
        ("ask = 'net A'\nsubnet = '198.51.100.0/24'\nscope = 16", "scope 24; expected scope 16"),
        ("ask = 'coin A'\nshare = { '192.0.2.1' = 0.5, '192.0.2.2' = 0.5 }", ""),
        (
            "ask = 'split A'\nclients = '10.0.0.0/8'\nshare = { '192.0.2.1' = 0.8, '192.0.2.2' = 0.2 }",
            "",
        ),
        ("ask = 'coin A'\nshare = { '192.0.2.1' = 0.8, '192.0.2.2' = 0.2 }", "of 1000 answers, "),
        (
            "ask = 'coin A'\nwithin = 1.0\nshare = { '192.0.2.1' = 0.5 }",
            "which `share` does not name",
        ),
        // What cannot be meant.
        ("ask = 'www A'", "nothing is expected; write `is`"),
        ("ask = 'www A'\nis = ['2001:db8::1']", "\"2001:db8::1\": "),
        ("ask = 'www X'\nis = []", "\"X\" is no type of records"),
        ("ask = 'www A'\niz = []", "unknown key `iz`; did you mean `is`?"),
        ("ask = 'www A'\nis = []\nat = 'noon'", "is no time; write 2026-12-24T18:00:00Z"),
        ("ask = 'www A'\nis = []\nscope = 3", "there is a scope only where `subnet` is set"),
        ("ask = 'www A'\nis = []\nsamples = 3", "are for `share`"),
        ("ask = 'www A'\nshare = { '192.0.2.80' = 2.0 }", "a share is a number from 0 to 1"),
    ] {
        let found = judge(test);
        let is_right = if said.is_empty() { found.is_empty() } else { found.contains(said) };
        assert!(is_right, "{test}\nis told: {found:?}\nexpected: {said:?}");
    }
}

#[test]
fn a_failed_test_has_a_place_and_a_way_on() {
    let said = judge("ask = 'up A'\ndown = ['region:fsn']\nis = []");
    assert!(
        said.contains("example.test.test.toml:1:1: error: test \"it\": answers 192.0.2.2"),
        "{said}"
    );
    let way = "`halfmoon explain up.example.test. A --client 127.0.0.1 --down \"region:fsn\" --config FILE`";
    assert!(said.contains(way), "{said}");
}

#[test]
fn without_being_asked_for_tests_are_read_and_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write(folder.path(), "[[test]]\nname = 'it'\nask = 'www A'\nis = []\n");
    assert_eq!(run(&["check", path]).status.code(), Some(0));
    let ended = run(&["check", "--test", path]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.err.contains(" records, 1 test: 1 error"), "{}", ended.err);
    write(folder.path(), "[[test]]\nname = 'it'\n");
    assert_eq!(run(&["check", path]).status.code(), Some(1), "`ask` is missing");
    // Tests without a zone are told of.
    fs::rename(folder.path().join("example.test.test.toml"), folder.path().join("x.test.toml"))
        .unwrap();
    let ended = run(&["check", path]);
    assert!(ended.out.contains("no zone file x.zone is beside these tests"), "{}", ended.out);
}

#[test]
fn the_server_keeps_what_it_has_when_a_test_fails() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    let allow = "[health]\ntargets.allow = [\"127.0.0.0/8\"]\n";
    let config = folder.path().join("halfmoon.toml");
    fs::write(&config, format!("[zones]\npath = \"zones\"\n{allow}")).unwrap();
    fs::create_dir(&zones).unwrap();
    let zone = |address: &str| {
        let text = format!(
            "$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 192.0.2.53\nwww A {address}\n"
        );
        fs::write(zones.join("example.test.zone"), text).unwrap();
    };
    let expects = |address: &str| {
        let text = format!("[[test]]\nname = 'www'\nask = 'www A'\nis = ['{address}']\n");
        fs::write(zones.join("example.test.test.toml"), text).unwrap();
    };
    zone("192.0.2.1");
    expects("192.0.2.1");
    let (running, server) = Running::serve(&[config.to_str().unwrap()]);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.1"]);
    // Two files are written, and the new zone is not what the test says.
    zone("192.0.2.2");
    running.logged("new version refused; the old one is still served", 0);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.1"]);
    assert!(running.err().contains("answers 192.0.2.2; expected 192.0.2.1"), "{}", running.err());
    // A change of the test alone lets it in.
    expects("192.0.2.2");
    wait_for("the new version", || {
        (ask(server, "www.example.test.") == ["192.0.2.2"]).then_some(())
    });
    // A server that begins has no other version: it serves the zone, and says what is wrong.
    drop(running);
    expects("192.0.2.3");
    let (running, server) = Running::serve(&[config.to_str().unwrap()]);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.2"]);
    running.logged("answers 192.0.2.2; expected 192.0.2.3", 0);
    // What comes later has the version before to fall back to.
    zone("192.0.2.4");
    running.logged("new version refused; the old one is still served", 0);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.2"]);
}
