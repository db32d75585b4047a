//! `/metrics`: that it is the format, and that it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::Site;
use crate::support::endpoint::Endpoint;
use crate::support::http::get;
use crate::support::{ask, wait_for, wait_for_answer};

/// Samples by their name and labels, as written. Panics where a line is not of the format.
#[track_caller]
fn read(page: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
    let (mut helped, mut closed) = (BTreeSet::new(), BTreeSet::new());
    let mut current = String::new();
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let name = help.split(' ').next().unwrap();
            assert!(help.len() > name.len() + 1, "no help: {line}");
            assert!(helped.insert(name.to_owned()), "twice: {line}");
            continue;
        }
        if let Some(of_type) = line.strip_prefix("# TYPE ") {
            let (name, kind) = of_type.split_once(' ').unwrap();
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            assert!(helped.contains(name), "no help before: {line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            types.insert(name.to_owned(), kind.to_owned());
            assert!(closed.insert(name.to_owned()), "lines of one metric are apart: {line}");
            name.clone_into(&mut current);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = series.split('{').next().unwrap();
        assert!(!name.is_empty() && name.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'_'));
        let is_own = match types[&current].as_str() {
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|ending| name.strip_suffix(ending) == Some(&*current)),
            _ => name == current,
        };
        assert!(is_own, "{line} is not of {current}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(series.to_owned(), value).is_none(), "twice: {line}");
    }
    samples
}

#[test]
fn what_happens_is_counted() {
    let endpoint = Endpoint::open("127.0.0.1");
    let port = endpoint.address.port();
    let zone = format!(
        "www LUA A \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1'}})\"\n\
         bad LUA A \";return nil + 1\"\n"
    );
    let site = Site::new("", &zone);
    let metrics = || {
        let answer = get(site.admin, "/metrics");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        read(&answer.body)
    };
    wait_for("a verdict", || (metrics()["halfmoon_checks{state=\"up\"}"] == 1.0).then_some(()));
    for _ in 0..5 {
        assert_eq!(ask(site.dns, "www.example.test."), ["127.0.0.1"]);
    }
    ask(site.dns, "bad.example.test.");
    ask(site.dns, "none.example.test.");
    ask(site.dns, "www.elsewhere.test.");
    let counted = metrics();
    let check = format!("http://www.example.test:{port}/ at 127.0.0.1");
    for (series, value) in [
        ("halfmoon_ready", 1.0),
        ("halfmoon_suspicion", 0.0),
        ("halfmoon_suspicion_failing", 0.0),
        ("halfmoon_zones", 1.0),
        ("halfmoon_replies_total{rcode=\"NOERROR\"}", 5.0),
        ("halfmoon_replies_total{rcode=\"SERVFAIL\"}", 1.0),
        ("halfmoon_replies_total{rcode=\"NXDOMAIN\"}", 1.0),
        ("halfmoon_replies_total{rcode=\"REFUSED\"}", 1.0),
        ("halfmoon_zone_queries_total{zone=\"example.test.\"}", 7.0),
        ("halfmoon_program_errors_total{zone=\"example.test.\"}", 1.0),
        ("halfmoon_program_last_good_total{zone=\"example.test.\"}", 0.0),
        (
            "halfmoon_program_answers_total{zone=\"example.test.\",owner=\"www.example.test.\",type=\"A\"}",
            5.0,
        ),
        ("halfmoon_check_changes_total{to=\"up\"}", 1.0),
        ("halfmoon_check_changes_total{to=\"down\"}", 0.0),
        (&format!("halfmoon_check_up{{check=\"{check}\"}}"), 1.0),
    ] {
        assert_eq!(counted.get(series), Some(&value), "{series}");
    }
    assert!(counted["halfmoon_threads"] >= 3.0, "two for UDP, one for TCP");
    assert!(counted["process_resident_memory_bytes"] > 1e6);

    endpoint.answer(503);
    let down = wait_for("the change", || {
        Some(metrics()).filter(|m| m["halfmoon_checks{state=\"down\"}"] == 1.0)
    });
    assert_eq!(down["halfmoon_check_changes_total{to=\"down\"}"], 1.0);
    assert_eq!(down[&format!("halfmoon_check_up{{check=\"{check}\"}}")], 0.0);
    let of = |series: &str| down[&format!("halfmoon_probe_duration_seconds{series}")];
    for result in ["success", "failure"] {
        let label = format!("result=\"{result}\"");
        let total = of(&format!("_count{{{label}}}"));
        assert!(total >= 1.0, "{result}");
        assert_eq!(of(&format!("_bucket{{{label},le=\"+Inf\"}}")), total);
        let mut last = 0.0;
        for bound in ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5"] {
            let count = of(&format!("_bucket{{{label},le=\"{bound}\"}}"));
            assert!(count >= last && count <= total, "{result} {bound}");
            last = count;
        }
    }
}

#[test]
fn answers_are_counted_by_the_pool_that_they_were_chosen_from() {
    let endpoint = Endpoint::open("127.0.0.1");
    let up = |more: &str| format!("ifportup({}, {{'127.0.0.1'}}{more})", endpoint.address.port());
    let zone = format!(
        "plan LUA A \";if netmask({{'127.0.0.0/8'}}) then return {} end return {}\"\n\
         two LUA A \"{}\"\n\
         two LUA A \"{}\"\n\
         code LUA A \";local t = {{}} for i = 1, 3 do t[i] = i end return {}\"\n",
        up(""),
        up(", {selector='first'}"),
        up(""),
        up(", {selector='all'}"),
        up("")
    );
    let site = Site::new("", &zone);
    wait_for_answer(site.dns, "plan.example.test.", &["127.0.0.1"]);
    let pools = || {
        let metrics = read(&get(site.admin, "/metrics").body);
        let of = |owner: &str, numbers: (u32, u32)| {
            let (program, number) = numbers;
            let series = format!(
                "halfmoon_pool_answers_total{{zone=\"example.test.\",owner=\"{owner}.example.test.\",\
                 type=\"A\",program=\"{program}\",number=\"{number}\"}}"
            );
            *metrics.get(&series).unwrap_or_else(|| panic!("{series}: {metrics:#?}")) as u64
        };
        let of_record = metrics["halfmoon_program_answers_total{zone=\"example.test.\",\
                                 owner=\"two.example.test.\",type=\"A\"}"];
        let plan = [of("plan", (1, 1)), of("plan", (1, 2))];
        (plan, [of("two", (1, 1)), of("two", (2, 1))], of("code", (1, 1)), of_record as u64)
    };
    let ([first, other], ..) = pools();
    assert!(first >= 1 && other == 0, "{first} and {other}");
    for name in ["plan", "plan", "two", "code", "code", "code"] {
        // The code is run once and remembered by each thread, and said again from there.
        assert_eq!(ask(site.dns, &format!("{name}.example.test.")), ["127.0.0.1"]);
    }
    assert_eq!(pools(), ([first + 2, 0], [1, 1], 3, 2));
    // What an operator has explained is no answer.
    get(site.admin, "/api/v1/explain?name=plan.example.test");
    assert_eq!(pools(), ([first + 2, 0], [1, 1], 3, 2));
}

/// Prometheus' own tool, where it is installed.
#[test]
fn prometheus_finds_nothing_wrong() {
    let site = Site::new("", "www A 192.0.2.1\n");
    promtool(&get(site.admin, "/metrics").body);
}

/// Has Prometheus' own tool look at a page.
#[track_caller]
pub(crate) fn promtool(page: &str) {
    read(page);
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: promtool is not installed; nothing was tested against it"
        );
        return;
    };
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let ended = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{page}");
}
