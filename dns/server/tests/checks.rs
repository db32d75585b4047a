//! docs/checks.md: every rule has a section, and its examples are what they say.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use halfmoon::config::{RULES, TENANT_RULES};
use halfmoon_geo::write::{Value, Writer};
use tempfile::TempDir;

const HALFMOON: &str = env!("CARGO_BIN_EXE_halfmoon");
const SOA: &str = "$TTL 300\n@ SOA ns1.example.net. hostmaster 1 3600 900 604800 300\n";
const NS: &str = "@ NS ns1.example.net.\n";

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    fs::read_to_string(path).unwrap()
}

/// The text of blocks of this language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    let after = text.split(opening.as_str()).skip(1);
    after.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The one block of shell that begins so.
fn block<'t>(document: &'t str, beginning: &str) -> &'t str {
    let found: Vec<&str> =
        blocks(document, "sh").into_iter().filter(|block| block.starts_with(beginning)).collect();
    let [block] = found.as_slice() else { panic!("{beginning}: {found:?}") };
    block
}

/// The rules that find something in these records, with more in the configuration.
fn found(records: &str, more: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    fs::create_dir(&zones).unwrap();
    let mut file = "example.test.zone";
    for (at, records) in records.split("; file: ").enumerate() {
        let mut records = records;
        if at > 0 {
            (file, records) = records.split_once('\n').unwrap();
        }
        // An example with an SOA record, or about having none, is the whole file.
        let is_whole = records.contains(" SOA");
        let (soa, ns) = match records.contains("@ NS") {
            _ if is_whole => ("", ""),
            true => (SOA, ""),
            false => (SOA, NS),
        };
        fs::write(zones.join(file), format!("{soa}{ns}{records}")).unwrap();
    }
    let place = Value::map([
        ("continent", Value::map([("code", "EU")])),
        ("country", Value::map([("iso_code", "DE")])),
    ]);
    let database = Writer::new("Test-Country", 6).insert("192.0.2.0/24", place).unwrap();
    fs::write(folder.path().join("country.mmdb"), database.to_bytes()).unwrap();
    let config = format!("zones.path = \"zones\"\n[geo]\ndatabases = [\"country.mmdb\"]\n{more}");
    let path = folder.path().join("halfmoon.toml");
    fs::write(&path, config).unwrap();
    let ended = Command::new(HALFMOON).args(["check", "--format", "json"]).arg(&path).output();
    let out = String::from_utf8(ended.unwrap().stdout).unwrap();
    let faults = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    faults.map(|fault| fault["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_rule_has_a_wrong_example_it_finds_and_a_right_one_that_passes() {
    let document = document("checks.md");
    let (mut named, mut surprises) = (Vec::new(), Vec::new());
    for section in document.split("\n### ").skip(1) {
        let rule = section.lines().next().unwrap();
        named.push(rule);
        let examples = blocks(section, "zone");
        let [wrong, right] = examples.as_slice() else { panic!("{rule}: {examples:?}") };
        let more = blocks(section, "toml").concat();
        let of_wrong = found(wrong, &more);
        if of_wrong.is_empty() || of_wrong.iter().any(|other| other != rule) {
            surprises.push(format!("{rule}: the wrong one has {of_wrong:?}"));
        }
        let of_right = found(right, &more);
        if !of_right.is_empty() {
            surprises.push(format!("{rule}: the right one has {of_right:?}"));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    // Those of signed zones stand in a table: `tests/dnssec/presigned.rs` tries them with zones that are signed for it.
    let (_, of_signed) = document.split_once("\n## Zones that come signed\n").unwrap();
    let (table, _) = of_signed.split_once("\n## ").unwrap();
    named.extend(table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()));
    named.sort_unstable();
    let mut rules = [&RULES[..], &TENANT_RULES].concat();
    rules.sort_unstable();
    assert_eq!(
        named, rules,
        "the document has a section for each rule that can be set, or is of tenants"
    );
}

/// The lines of the code in a cell of a table.
fn lines(cell: &str) -> String {
    cell.split('`').skip(1).step_by(2).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_cannot_be_served_is_found_in_each_wrong_example_and_not_in_the_right_one() {
    let document = document("checks.md");
    let (_, rest) = document.split_once("\n## What cannot be served\n").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let (mut rows, mut surprises) = (0, Vec::new());
    for row in section.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [rule, _, wrong, right] = cells.as_slice() else { panic!("{row}") };
        let rule = rule.trim_end_matches('`');
        let (of_wrong, of_right) = (found(&lines(wrong), ""), found(&lines(right), ""));
        if of_wrong != [rule] {
            surprises.push(format!("{rule}: {wrong} has {of_wrong:?}"));
        }
        if !of_right.is_empty() {
            surprises.push(format!("{rule}: {right} has {of_right:?}"));
        }
        assert!(![&RULES[..], &TENANT_RULES].concat().contains(&rule), "{rule} needs a section");
        rows += 1;
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    assert!(rows > 40, "{rows}");
}

/// A repository whose hook is the one of the document.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(git(folder.path(), &["init", "-q"]).status.success());
    let hook = document("git.md");
    let hook = block(&hook, "#!/bin/sh\ndir=");
    let path = folder.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, hook).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    folder
}

fn git(folder: &Path, args: &[&str]) -> Output {
    let programs = Path::new(HALFMOON).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.test"]).args(args);
    command.current_dir(folder).stdin(Stdio::null()).env("PATH", path);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.output().unwrap()
}

#[test]
fn the_hook_lets_no_commit_with_errors_through() {
    let folder = repository();
    let zone = folder.path().join("zones/example.test.zone");
    for (records, passes) in [
        ("www LUA A \"ifportUp(443, {'192.0.2.1'})\"\n", false),
        ("www LUA A \"ifportup(443, {'192.0.2.1'})\"\n", true),
    ] {
        fs::write(&zone, format!("{SOA}{NS}{records}")).unwrap();
        assert!(git(folder.path(), &["add", "."]).status.success());
        let ended = git(folder.path(), &["commit", "-q", "-m", "change"]);
        assert_eq!(ended.status.success(), passes, "{ended:?}");
        let said = format!("{ended:?}");
        assert_eq!(said.contains("nothing is called ifportUp; write ifportup"), !passes, "{said}");
    }
}

const WRONG: &str = "www LUA A \"ifportUp(443, {'192.0.2.1'})\"\n";
const RIGHT: &str = "www LUA A \"ifportup(443, {'192.0.2.1'})\"\n";

#[test]
fn the_hook_looks_at_what_is_committed_and_not_at_the_working_tree() {
    let folder = repository();
    let zone = folder.path().join("zones/example.test.zone");
    let write = |records: &str| fs::write(&zone, format!("{SOA}{NS}{records}")).unwrap();
    let commit = |args: &[&str]| {
        let ended = git(folder.path(), &[&["commit", "-q", "-m", "change"], args].concat());
        (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    // What was added is wrong, what lies there has been mended since.
    write(WRONG);
    assert!(git(folder.path(), &["add", "."]).status.success());
    write(RIGHT);
    let (is_made, said) = commit(&[]);
    assert!(!is_made, "{said}");
    // As somebody in the repository names it.
    assert!(said.contains("zones/example.test.zone:4:"), "{said}");
    // The other way round.
    assert!(git(folder.path(), &["add", "."]).status.success());
    write(WRONG);
    assert!(commit(&[]).0);
    // A commit of some paths has an index of its own.
    assert!(!commit(&["zones/example.test.zone"]).0);
    assert!(!commit(&["--all"]).0);
    // What is not followed is nobody's affair.
    write(RIGHT);
    fs::write(folder.path().join("zones/new.zone"), "nonsense").unwrap();
    assert!(commit(&["--allow-empty"]).0);
}

/// Runs a step as CI would, in this folder; its exit status, and what it says.
fn step(script: &str, folder: &Path, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let programs = Path::new(HALFMOON).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder).stdin(Stdio::null()).env("PATH", path);
    let ended = command.envs(variables.iter().copied()).output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Takes in one request; its head and its body.
fn take_request(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.to_ascii_lowercase();
    let length = length.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    if head.to_ascii_lowercase().contains("expect: 100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    }
    reader.read_exact(&mut body).unwrap();
    stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").unwrap();
    (head, body)
}

#[test]
fn the_steps_for_ci_fail_on_errors_and_hand_the_findings_over() {
    let document = document("git.md");
    let (check, upload) = (
        block(&document, "halfmoon check --format text"),
        block(&document, "halfmoon check --format sarif"),
    );
    for tool in ["curl", "jq", "gzip", "base64"] {
        if Command::new(tool).arg("--version").output().is_err() {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {tool} is not installed");
            return;
        }
    }
    for (records, status, results) in [(WRONG, 1, 1), (RIGHT, 0, 0)] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("zones")).unwrap();
        let zone = folder.path().join("zones/example.test.zone");
        fs::write(zone, format!("{SOA}{NS}{records}")).unwrap();
        let (ended, said) = step(check, folder.path(), &[]);
        assert_eq!(ended, Some(status), "{said}");
        assert_eq!(said.contains("nothing is called ifportUp"), status == 1, "{said}");

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || take_request(&listener));
        let variables = [
            ("API", api.as_str()),
            ("REPOSITORY", "example/zones"),
            ("COMMIT", "0123456789012345678901234567890123456789"),
            ("REF", "refs/heads/main"),
            ("TOKEN", "a-token"),
            ("no_proxy", "*"),
        ];
        let (ended, said) = step(upload, folder.path(), &variables);
        assert_eq!(ended, Some(status), "{said}");
        let (head, body) = server.join().unwrap();
        assert!(head.starts_with("POST /repos/example/zones/code-scanning/sarifs "), "{head}");
        assert!(head.contains("Bearer a-token"), "{head}");
        let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(sent["ref"], "refs/heads/main");
        let packed = folder.path().join("packed");
        fs::write(&packed, sent["sarif"].as_str().unwrap()).unwrap();
        let (ended, sarif) = step("base64 -d packed | gzip -dc", folder.path(), &[]);
        assert_eq!(ended, Some(0), "{sarif}");
        let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), results, "{sarif}");
    }
    // What cannot be looked at is no zone without faults.
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(step(check, folder.path(), &[]).0, Some(2));
    assert_eq!(step(upload, folder.path(), &[("API", "http://127.0.0.1:1")]).0, Some(2));
}
