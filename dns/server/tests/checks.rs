//! docs/checks.md: every rule has a section, and its examples are what they say.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use halfmoon::config::RULES;
use serde_json::Value;
use tempfile::TempDir;

const HALFMOON: &str = env!("CARGO_BIN_EXE_halfmoon");
const SOA: &str = "$TTL 300\n@ SOA ns1.example.net. hostmaster 1 3600 900 604800 300\n";
const NS: &str = "@ NS ns1.example.net.\n";

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/checks.md");
    fs::read_to_string(path).unwrap()
}

/// The text of blocks of this language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    let after = text.split(opening.as_str()).skip(1);
    after.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The rules that find something in these records.
fn found(records: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("example.test.zone");
    let ns = if records.contains("@ NS") { "" } else { NS };
    fs::write(&path, format!("{SOA}{ns}{records}")).unwrap();
    let ended = Command::new(HALFMOON).args(["check", "--format", "json"]).arg(&path).output();
    let out = String::from_utf8(ended.unwrap().stdout).unwrap();
    let faults = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    faults.map(|fault| fault["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_rule_has_a_wrong_example_it_finds_and_a_right_one_that_passes() {
    let document = document();
    let (mut named, mut surprises) = (Vec::new(), Vec::new());
    for section in document.split("\n### ").skip(1) {
        let rule = section.lines().next().unwrap();
        named.push(rule);
        let examples = blocks(section, "zone");
        let [wrong, right] = examples.as_slice() else { panic!("{rule}: {examples:?}") };
        let of_wrong = found(wrong);
        if of_wrong.is_empty() || of_wrong.iter().any(|other| other != rule) {
            surprises.push(format!("{rule}: the wrong one has {of_wrong:?}"));
        }
        let of_right = found(right);
        if !of_right.is_empty() {
            surprises.push(format!("{rule}: the right one has {of_right:?}"));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
    named.sort_unstable();
    assert_eq!(named, RULES, "the document has a section for each rule that can be set");
}

/// A repository whose hook is the one of the document.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(git(folder.path(), &["init", "-q"]).status.success());
    let document = document();
    let hook = blocks(&document, "sh")[0];
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
