//! The command line: what the binary prints, and what it ends with.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use support::{ANY, Ended, Running, ask, halfmoon, question, run, tcp, udp, wait_for_answer};

mod support;

const ZONE: &str = "\
$TTL 60
@    SOA ns hostmaster 1 3600 600 604800 60
     NS  ns
ns   A   127.0.0.1
www  A   127.0.0.20
";

/// A folder with these files in it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The process could not do it, and says why in one line that contains `why`.
#[track_caller]
fn refused(ended: &Ended, why: &str) {
    let lines: Vec<&str> =
        ended.err.lines().filter(|line| line.starts_with("halfmoon: ")).collect();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(lines.len() == 1 && lines[0].contains(why), "not {why:?} in {ended:?}");
}

#[test]
fn a_folder_is_served_until_it_is_told_to_end() {
    for signal in ["TERM", "INT"] {
        let folder = folder(&[("example.test.zone", ZONE)]);
        let (running, server) = Running::serve(&[text(folder.path())]);
        assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
        let over_tcp = tcp(server, &question("www.example.test.", RecordType::A)).unwrap();
        assert_eq!(support::addresses(&over_tcp).len(), 1);
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
}

#[test]
fn a_configuration_is_served() {
    let folder = folder(&[("example.test.zone", ZONE), ("halfmoon.toml", "zones.path = '.'\n")]);
    let (_running, server) = Running::serve(&[text(&folder.path().join("halfmoon.toml"))]);
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
    let other = udp(server, &question("www.example.net.", RecordType::A)).unwrap();
    assert_eq!(other.metadata.response_code, ResponseCode::Refused);
}

#[test]
fn a_change_is_served_at_once_and_a_broken_one_is_not() {
    let folder = folder(&[("example.test.zone", ZONE)]);
    let path = folder.path().join("example.test.zone");
    let (running, server) = Running::serve(&[text(folder.path())]);
    fs::write(&path, ZONE.replace("127.0.0.20", "127.0.0.21")).unwrap();
    wait_for_answer(server, "www.example.test.", &["127.0.0.21"]);
    fs::write(&path, ZONE.replace("127.0.0.20", "127.0.0.300")).unwrap();
    running.signal("HUP");
    support::wait_for("the fault", || running.err().contains("127.0.0.300").then_some(()));
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.21"]);
}

#[test]
fn what_cannot_be_served_is_one_line_and_status_2() {
    let empty = folder(&[]);
    refused(&run(&["serve", "--listen", ANY, text(empty.path())]), "no zone to serve");

    let broken = folder(&[("example.test.zone", "@ SOA what\n")]);
    refused(
        &run(&["serve", "--listen", ANY, text(broken.path())]),
        "no zone there can be served, of 1",
    );

    let wrong = folder(&[("halfmoon.toml", "[server]\nlisten = ['127.0.0.1']\n")]);
    let ended = run(&["serve", text(&wrong.path().join("halfmoon.toml"))]);
    refused(&ended, "halfmoon.toml:2:11: \"127.0.0.1\" has no port; write \"127.0.0.1:53\"");

    let nowhere = folder(&[("halfmoon.toml", "")]);
    let ended = run(&["serve", text(&nowhere.path().join("halfmoon.toml"))]);
    refused(&ended, "zones.path");

    refused(&run(&["serve", "/nowhere"]), "/nowhere: ");
    let zone = folder(&[("a.zone", ZONE)]);
    refused(&run(&["serve", text(&zone.path().join("a.zone"))]), "neither a folder");
}

#[test]
fn a_port_that_is_taken_is_one_line_and_status_2() {
    let folder = folder(&[("example.test.zone", ZONE)]);
    let tcp = TcpListener::bind(ANY).unwrap();
    let udp = UdpSocket::bind(ANY).unwrap();
    for taken in [tcp.local_addr().unwrap(), udp.local_addr().unwrap()] {
        let taken = taken.to_string();
        let ended = run(&["serve", "--listen", &taken, text(folder.path())]);
        refused(&ended, &format!("{taken} is in use by another process"));
        refused(&run(&["demo", "--listen", &taken]), &format!("{taken} is in use"));
    }
}

#[test]
fn options_that_do_not_exist_are_status_2() {
    for args in [
        &["serve"][..],
        &["serve", "--lisen", ANY, "."],
        &["serve", "--listen", "localhost", "."],
        &["serve", "--log", "loud", "."],
        &["check"],
        &["check", "--format", "xml", "."],
        &["conquer"],
    ] {
        let ended = run(args);
        refused(&ended, "`--help` says what there is");
        assert!(ended.out.is_empty() && ended.err.lines().count() == 1, "{args:?}: {ended:?}");
    }
}

#[test]
fn help_and_version_are_status_0() {
    for args in [&["--help"][..], &["serve", "--help"], &["check", "-h"], &["demo", "--help"]] {
        let ended = run(args);
        assert_eq!(ended.status.code(), Some(0), "{args:?}");
        assert!(ended.out.contains("Examples:"), "{args:?}: {}", ended.out);
    }
    let ended = run(&["--version"]);
    assert_eq!(ended.out, concat!("halfmoon ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn good_zones_pass_the_check() {
    let folder = folder(&[("example.test.zone", ZONE), ("halfmoon.toml", "zones.path = '.'\n")]);
    for path in [
        folder.path().to_owned(),
        folder.path().join("example.test.zone"),
        folder.path().join("halfmoon.toml"),
    ] {
        let ended = run(&["check", text(&path)]);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(ended.out, "");
        assert_eq!(ended.err, "1 zone, 4 records: 0 errors, 0 warnings\n");
    }
}

#[test]
fn every_fault_has_its_place() {
    let bad = format!("{ZONE}bad A 127.0.0.300\nworse MX ten mail\n");
    let program = "p LUA A \"ifportup(80, {'127.0.0.1'}, {selektor='all'})\"\n";
    let folder =
        folder(&[("bad.test.zone", &bad), ("program.test.zone", &format!("{ZONE}{program}"))]);
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let (bad, program) = (path("bad.test.zone"), path("program.test.zone"));
    let ended = run(&["check", text(folder.path())]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ended.out);
    for (line, part) in lines.iter().zip([
        format!("{bad}:6:7: error: "),
        format!("{bad}:7:10: error: "),
        format!("{program}:6:39: error: "),
    ]) {
        assert!(line.starts_with(&part), "{line}, not {part}");
    }
    assert!(lines[2].contains("selektor"), "{}", lines[2]);

    let ended = run(&["check", "--format", "json", &bad]);
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(1), ""));
    let faults: Vec<serde_json::Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0]["file"], bad);
    assert_eq!((&faults[0]["line"], &faults[0]["column"]), (&6.into(), &7.into()));
    assert_eq!(faults[0]["level"], "error");
    assert_eq!(faults[0]["zone"], "bad.test.");
}

#[test]
fn findings_are_written_for_people_with_the_place_and_the_rule() {
    let program = "p LUA A \"ifportup(80, {'127.0.0.1'}, {selektor='all'})\"\n";
    let folder = folder(&[("example.test.zone", &format!("{ZONE}{program}"))]);
    let path = folder.path().join("example.test.zone");
    let ended = run(&["check", "--format", "full", text(&path)]);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[0].ends_with("there is no option selektor [lua-option]"), "{}", ended.out);
    assert_eq!(lines[1], format!("  6 | {}", program.trim_end()));
    assert_eq!(lines[2].find('^'), lines[1].find("selektor"), "{}", ended.out);
    assert_eq!(lines[3], "  help: write selector");
}

#[test]
fn findings_are_written_as_sarif() {
    let bad = "wärme TXT ä\nbad TXT ä ä\\300\nworse MX ten mail\n";
    let folder = folder(&[("ä.test.zone", &format!("{ZONE}{bad}"))]);
    let ended = run(&["check", "--format", "sarif", text(folder.path())]);
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(1), ""));
    let log: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    // What section 3 of the standard demands of these objects.
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-schema-2.1.0"));
    let [run] = log["runs"].as_array().unwrap().as_slice() else { panic!("{log}") };
    assert_eq!(run["tool"]["driver"]["name"], "halfmoon");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{log:#}");
    for result in results {
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]), "{result}");
        assert_eq!(result["level"], "error");
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("file:///") && uri.ends_with("/%C3%A4.test.zone"), "{uri}");
        assert!(place["region"]["startLine"].as_u64() >= Some(7), "{place}");
    }
    // Columns count letters, not octets.
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["region"]["startColumn"], 12);
}

#[test]
fn rules_have_the_level_that_is_set() {
    let zone = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\n@ NS ns2\n\
                ns1 A 127.0.0.1\nns2 A 127.0.0.1\n";
    for (level, status, found) in
        [("warning", 0, "warning: all 2"), ("error", 1, "error: all 2"), ("off", 0, "")]
    {
        let config = format!("zones.path = '.'\n[check.rules]\nns-one-address = '{level}'\n");
        let folder = folder(&[("example.test.zone", zone), ("halfmoon.toml", &config)]);
        let ended = run(&["check", text(&folder.path().join("halfmoon.toml"))]);
        assert_eq!(ended.status.code(), Some(status), "{ended:?}");
        assert!(ended.out.contains(found), "{ended:?}");
        assert_eq!(ended.out.is_empty(), found.is_empty(), "{ended:?}");
    }
    let folder = folder(&[("halfmoon.toml", "[check.rules]\nns-one-adress = 'off'\n")]);
    let ended = run(&["check", text(&folder.path().join("halfmoon.toml"))]);
    refused(&ended, "did you mean `ns-one-address`?");
}

/// The configuration and the zone that the demo brings, as somebody would run them.
#[test]
fn a_fault_of_an_included_file_is_told_once() {
    let part = "www A nonsense\n";
    let zone = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\n$INCLUDE part.zone\n";
    let folder = folder(&[("part.zone", part), ("a.test.zone", zone), ("b.test.zone", zone)]);
    let ended = run(&["check", text(folder.path())]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(ended.out.matches("part.zone:1:").count(), 1, "{}", ended.out);
    let json = run(&["check", "--format", "json", text(folder.path())]);
    assert_eq!(json.out.lines().count(), 2, "machines are told for which zones: {}", json.out);
}

#[test]
fn the_settings_of_a_zone_are_checked_with_it_and_those_without_a_zone_are_told() {
    let zone = format!("{ZONE}p LUA A \"ifportup(80, {{'127.0.0.1'}})\"\n");
    for (settings, expected) in [
        ("fall = 2\n[http]\nhttpcode = '200-299'\n", ""),
        ("\nfal = 2\n", "2:1: error: unknown key `fal`; did you mean `fall`?"),
        ("fall = 0\n", "1:8: error: "),
        ("[http]\nmethods = 'GET'\n", "2:1: error: unknown key `methods`; did you mean `method`?"),
        (
            "targets.deny = []\n",
            "1:1: error: `targets` is not for a zone to set; it stands under [health] in the \
             configuration of the server",
        ),
        ("[health]\nfall = 2\n", "1:2: error: the settings of a zone have no [health] around them"),
        ("labels.fsn = ['127.0.0.1/32']\n", "1:1: error: \"fsn\" is no label; write a kind and"),
        ("fall = \n", "1:8: error: "),
    ] {
        let files = [("example.test.zone", &*zone), ("example.test.health.toml", settings)];
        let folder = folder(&files);
        let config = "zones.zone = [{ name = 'example.test', file = 'example.test.zone' }]\n";
        fs::write(folder.path().join("halfmoon.toml"), config).unwrap();
        let settings_path = folder.path().join("example.test.health.toml");
        let status = i32::from(!expected.is_empty());
        for path in ["", "halfmoon.toml", "example.test.zone", "example.test.health.toml"] {
            let ended = run(&["check", text(&folder.path().join(path))]);
            assert_eq!(ended.status.code(), Some(status), "{path}: {ended:?}");
            let line = format!("{}:{expected}", settings_path.display());
            let is_told = expected.is_empty() || ended.out.starts_with(&line);
            assert!(is_told, "{path} {settings:?}: not {line:?} in {ended:?}");
        }
    }
    let folder = folder(&[("example.test.zone", ZONE), ("exampel.test.health.toml", "")]);
    let ended = run(&["check", text(folder.path())]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let expected =
        "exampel.test.health.toml:1:1: warning: no zone file exampel.test.zone is beside";
    assert!(ended.out.contains(expected), "{ended:?}");
    assert_eq!(ended.err, "1 zone, 4 records: 0 errors, 1 warning\n");
    let json = run(&["check", "--format", "json", text(folder.path())]);
    let fault: serde_json::Value = serde_json::from_str(json.out.trim()).unwrap();
    assert_eq!((&fault["rule"], &fault["line"]), (&"stray-settings".into(), &1.into()));
}

/// 5 s × 3 + 2 s and a TTL of 60 s.
#[test]
fn a_record_that_cannot_meet_its_rto_is_a_fault_with_the_sum_and_what_to_write() {
    let tcp = "tcp 127.0.0.1:80: ";
    // Options, what is said, and what is said to write, which is without fault then.
    for (options, sum, remedy) in [
        ("rto=77", "", ""),
        ("rto=76.9", "5 s × 3 + 2 s + TTL 60 s = 77 s, more than the rto of 76.9 s", "ttl=59"),
        ("rto=60, ttl=50", "5 s × 3 + 2 s + TTL 50 s = 67 s", "ttl=43"),
        (
            "rto=60, ttl={min=5, max=300}",
            "5 s × 3 + 2 s + TTL 300 s = 317 s",
            "ttl={min=5, max=43}",
        ),
        ("rto=10, ttl=20", "5 s × 3 + 2 s + TTL 20 s = 37 s", "ttl=5, timeout=0.6, interval=1.4"),
        ("rto=57, ttl=0, timeout=12", "", ""),
    ] {
        let record = |options: &str| {
            format!("{ZONE}p LUA A \"ifportup(80, {{'127.0.0.1'}}, {{{options}}})\"\n")
        };
        let folder = folder(&[("example.test.zone", &record(options))]);
        let check = || run(&["check", text(folder.path())]);
        let ended = check();
        if remedy.is_empty() {
            assert_eq!(ended.status.code(), Some(0), "{options}: {ended:?}");
            continue;
        }
        assert_eq!(ended.status.code(), Some(1), "{options}: {ended:?}");
        assert!(ended.out.contains(":6:10: error: "), "{ended:?}");
        assert!(ended.out.contains(&format!("{tcp}{sum}")), "{options}: {ended:?}");
        let help = ended.out.trim().rsplit("; write ").next().unwrap();
        assert!(help.starts_with(remedy), "{options}: {help}, not {remedy}");
        let rto = options.split(',').next().unwrap();
        fs::write(folder.path().join("example.test.zone"), record(&format!("{rto}, {remedy}")))
            .unwrap();
        let mended = check();
        assert_eq!(mended.status.code(), Some(0), "{rto}, {remedy}: {mended:?}");
    }
}

#[test]
fn the_budget_of_each_record_is_a_table_or_an_object_a_line() {
    let zone = format!(
        "{ZONE}a LUA A \"ifportup(80, {{'127.0.0.1'}})\"\n\
         b LUA A \"ifurlup('http://b.test/', {{'127.0.0.1', '127.0.0.2'}}, {{selector='all', ttl={{min=5, max=20}}, rto=30}})\"\n\
         c LUA A \";local ips = {{}} table.insert(ips, '127.0.0.1') return ifportup(80, ips, {{fall=1, ttl=1, rto=false}})\"\n\
         d LUA A \";if country('de') then return ifportup(80, {{'127.0.0.1'}}, {{interval=60}}) end return ifportup(81, {{'127.0.0.1'}})\"\n\
         e LUA A \"ifbeat({{{{'127.0.0.1', file='e'}}}}, {{stale='unknown', rto=false}})\"\n\
         f LUA A \"ifup({{{{'127.0.0.1', check={{'all', {{'ping'}}, {{'port', 90, interval=9}}}}}}}})\"\n\
         g LUA A \"pickrandom({{'127.0.0.1'}})\"\n"
    );
    let folder = folder(&[("example.test.zone", &zone)]);
    fs::write(folder.path().join("example.test.health.toml"), "rto = '100s'\n").unwrap();
    fs::write(folder.path().join("c.toml"), "zones.path = '.'\nhealth.files = 'files'\n").unwrap();
    let config = folder.path().join("c.toml");
    let ended = run(&["check", "--budget", "--format", "json", text(&config)]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let lines: Vec<serde_json::Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (budgets, faults): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.get("budget").is_some());
    let rtos = faults.iter().filter(|fault| fault["rule"] == "rto");
    assert_eq!(rtos.map(|fault| &fault["line"]).collect::<Vec<_>>(), [7, 9]);
    let found: Vec<String> = budgets
        .iter()
        .map(|row| {
            let owner = row["owner"].as_str().unwrap().trim_end_matches(".example.test.");
            format!("{owner} {} {} {} {}", row["budget"], row["ttl"], row["rto"], row["met"])
        })
        .collect();
    let expected = [
        "a 77.0 60 100.0 true",
        "b 37.0 20 30.0 false",
        "c 8.0 1 null true",
        "d 242.0 60 100.0 false",
        "e null 60 null true",
        "f 89.0 60 100.0 true",
    ];
    assert_eq!(found, expected, "{}", ended.out);
    assert_eq!(budgets[3]["check"], "tcp 127.0.0.1:80");

    let ended = run(&["check", "--budget", text(&config)]);
    let table: Vec<&str> =
        ended.out.lines().skip_while(|line| !line.starts_with("RECORD")).collect();
    assert_eq!(table.len(), 7, "{}", ended.out);
    let row = |at: usize| table[at].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(row(0), "RECORD BUDGET RTO SUM SLOWEST CHECK");
    assert_eq!(
        row(2),
        "b.example.test. A 37 s 30 s (exceeded) 5 s × 3 + 2 s + TTL 20 s = 37 s \
         http://b.test/ at 127.0.0.1"
    );
    assert_eq!(row(5), "e.example.test. A never - silence is never taken for a failure file e");
    assert!(ended.err.contains("1 zone, "), "{}", ended.err);
}

#[test]
fn the_examples_are_without_fault() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/failover/halfmoon.toml");
    let ended = run(&["check", example]);
    assert_eq!((ended.status.code(), ended.out.as_str()), (Some(0), ""), "{ended:?}");
}

#[test]
fn the_dialect_decides_what_is_a_fault() {
    let zone = format!("{ZONE}p LUA A \"ifportup(80, {{'127.0.0.1'}}, {{selector='nosuch'}})\"\n");
    let folder = folder(&[("example.test.zone", &zone)]);
    let own = run(&["check", text(folder.path())]);
    assert_eq!(own.status.code(), Some(1), "{own:?}");
    let powerdns = run(&["check", "--dialect", "powerdns", text(folder.path())]);
    assert_eq!(powerdns.status.code(), Some(0), "{powerdns:?}");
    assert!(powerdns.out.contains("warning"), "{powerdns:?}");
}

#[test]
fn a_check_of_nothing_is_status_2() {
    refused(&run(&["check", text(folder(&[]).path())]), "no zone files");
    refused(&run(&["check", "/nowhere"]), "/nowhere: ");
}

#[test]
fn the_log_is_what_was_asked_for() {
    let folder = folder(&[("example.test.zone", ZONE)]);
    let (running, _) = Running::serve(&["--log", "off", text(folder.path())]);
    running.signal("TERM");
    assert_eq!(running.wait().err, "");

    let (running, _) = Running::serve(&["--log-format", "json", text(folder.path())]);
    running.signal("TERM");
    let ended = running.wait();
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(!lines.is_empty());
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
    }

    let mut command = halfmoon(&["serve", text(folder.path())]);
    command.env("HALFMOON_LOG", "loud");
    refused(&Running::spawn(command).wait(), "HALFMOON_LOG: \"loud\" is not a level");
}

/// A failed region leaves the answers while a person watches, and comes back.
#[test]
fn the_demo_shows_a_failover() {
    let mut demo = Running::spawn(halfmoon(&["demo", "--listen", ANY]));
    let server = demo.address();
    demo.line("www: 127.0.0.11, all: 127.0.0.11 127.0.0.12 127.0.0.13,", 0);
    assert_eq!(ask(server, "www.failover.test."), ["127.0.0.11"]);
    assert_eq!(ask(server, "static.failover.test."), ["127.0.0.20"]);

    for act in ["fail", "cut"] {
        let before = demo.out().len();
        demo.type_line(&format!("{act} fra"));
        demo.line(
            "fra down   iad up   sin up   | www: 127.0.0.12, all: 127.0.0.12 127.0.0.13,",
            before,
        );
        assert_eq!(ask(server, "www.failover.test."), ["127.0.0.12"]);
        demo.type_line("heal fra");
        demo.line(
            "fra up   iad up   sin up   | www: 127.0.0.11, all: 127.0.0.11 127.0.0.12",
            before,
        );
        assert_eq!(ask(server, "www.failover.test."), ["127.0.0.11"]);
    }

    demo.type_line("fly fra");
    demo.line("`fly` is not known here", 0);
    demo.type_line("quit");
    let ended = demo.wait();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.err, "");
}

#[test]
fn the_demo_runs_on_without_a_keyboard_and_ends_on_ctrl_c() {
    let mut demo = Running::spawn(halfmoon(&["demo", "--listen", ANY]));
    demo.close_input();
    demo.line("all: 127.0.0.11 127.0.0.12 127.0.0.13,", 0);
    assert!(demo.is_running());
    let zone = demo.out().lines().find_map(|line| {
        line.strip_prefix("The zone is ")?
            .strip_suffix("; edit it, and it is loaded at once.")
            .map(str::to_owned)
    });
    let zone = zone.expect("where the zone is");
    assert!(Path::new(&zone).exists());
    demo.signal("INT");
    let ended = demo.wait();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(!Path::new(&zone).exists(), "{zone} was left behind");
}
