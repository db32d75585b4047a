//! What each function by health checks, and what a member says of its own check.

use halfmoon_healthcheck::{Check, Group, Health, Outcome, Probe, Stale, State, TargetPolicy};
use halfmoon_lua::Dialect;

use crate::world::World;

/// A world in which heartbeats `fra` and `nbg`, and files, are known.
fn world(dialect: Dialect) -> World {
    let mut world = World::new(dialect);
    let targets = TargetPolicy::default()
        .with_beats(["fra".into(), "nbg".into()])
        .with_files("/run/health".into());
    world.health = Health::unprobed(targets);
    world
}

/// The checks of a program that are no part of others, as people are shown them, in order of text.
#[track_caller]
fn checks(record: &str) -> Vec<Check> {
    let world = world(Dialect::Halfmoon);
    let program = world.program(record);
    let mut checks: Vec<Check> =
        world.health.checks().into_iter().map(|report| Check::clone(&report.check)).collect();
    drop(program);
    checks.sort_by_key(ToString::to_string);
    checks
}

#[track_caller]
fn only(record: &str) -> Check {
    let mut checks = checks(record);
    assert_eq!(checks.len(), 1, "{record}");
    checks.remove(0)
}

#[test]
fn each_function_checks_what_its_name_says() {
    for (call, expected) in [
        ("iftlsup(853, {'192.0.2.1'}, {servername='a.example'})", "tls 192.0.2.1:853 as a.example"),
        ("iftlsup(853, {'192.0.2.1:8853'}, {tls='insecure'})", "tls 192.0.2.1:8853"),
        ("ifdnsup(53, {'192.0.2.1'}, {name='a.example'})", "dns 192.0.2.1:53 a.example A"),
        (
            "ifdnsup(53, {{'192.0.2.1', probe='192.0.2.9:5353'}}, {name='a.example', type='soa'})",
            "dns 192.0.2.9:5353 a.example SOA",
        ),
        ("ifgrpcup(50051, {'192.0.2.1'})", "grpc 192.0.2.1:50051"),
        ("ifgrpcup(443, {'192.0.2.1'}, {service='a.B'})", "grpc 192.0.2.1:443 a.B"),
        ("ifpingup({'192.0.2.1'})", "ping 192.0.2.1"),
        ("ifpingup({{'192.0.2.1', probe='192.0.2.9'}})", "ping 192.0.2.9"),
        ("ifbeat({{'192.0.2.1', beat='fra'}})", "beat fra"),
        ("ifbeat({{'192.0.2.1', file='eu/fra'}})", "file eu/fra"),
        ("ifup({{'192.0.2.1', check={'port', 443}}})", "tcp 192.0.2.1:443"),
        ("ifup({{'192.0.2.1', check={'ping', address='192.0.2.9'}}})", "ping 192.0.2.9"),
        (
            "ifup({{'192.0.2.1', check={'url', 'https://a.example/'}}})",
            "https://a.example/ at 192.0.2.1",
        ),
        (
            "ifup({{'192.0.2.1', check={'url', 'https://a.example/', method='HEAD'}}})",
            "HEAD https://a.example/ at 192.0.2.1",
        ),
        ("ifup({{'192.0.2.1', check={'grpc', 443, service='a.B'}}})", "grpc 192.0.2.1:443 a.B"),
        ("ifup({{'192.0.2.1', check={'beat', 'fra'}}})", "beat fra"),
        // Any function's members may say so.
        ("ifportup(443, {{'192.0.2.1', check={'ping'}}})", "ping 192.0.2.1"),
        ("ifurlup('https://a.example/', {{'192.0.2.1', beat='nbg'}})", "beat nbg"),
    ] {
        assert_eq!(only(&format!("A {call}")).to_string(), expected, "{call}");
    }
}

#[test]
fn options_go_to_the_check() {
    let Probe::Tls(tls) =
        only("A iftlsup(443, {'192.0.2.1'}, {servername='a.example', certwarn=30, certfail=3})")
            .probe
    else {
        panic!("no TLS");
    };
    assert_eq!((tls.tls.warn_days, tls.tls.fail_days), (30, 3));
    let Probe::Dns(dns) = only(
        "A ifdnsup(53, {'192.0.2.1'}, {name='a.example', type='TXT', rcode='NXDOMAIN', answer='x', \
         recursion=true})",
    )
    .probe
    else {
        panic!("no DNS");
    };
    assert_eq!(dns.dns.rcode.to_string(), "NXDOMAIN");
    assert_eq!((dns.dns.answer.as_deref(), dns.dns.recursion), (Some("x"), true));
    for (options, is_tls) in [
        ("", false),
        (", {tls='verified', servername='a.example'}", true),
        (", {tls='insecure'}", true),
        (", {tls='off'}", false),
    ] {
        let record = format!("A ifgrpcup(443, {{'192.0.2.1'}}{options})");
        let Probe::Grpc(grpc) = only(&record).probe else { panic!("no gRPC") };
        assert_eq!(grpc.tls.is_some(), is_tls, "{record}");
    }
    let Probe::Beat(beat) =
        only("A ifbeat({{'192.0.2.1', beat='fra'}}, {within=30, stale='unknown'})").probe
    else {
        panic!("no heartbeat");
    };
    assert_eq!((beat.push.within.as_secs(), beat.push.stale), (30, Stale::Unknown));
    let Probe::Http(http) = only(
        "A ifurlup('http://a.example/', {'192.0.2.1'}, {method='POST', body='x', \
         httpcode='200-299,401', weightheader='X-Weight', reuse=60})",
    )
    .probe
    else {
        panic!("no URL");
    };
    assert_eq!((http.http.method.name(), http.http.body.as_str()), ("POST", "x"));
    assert_eq!(http.http.statuses.to_string(), "200-299,401");
    assert_eq!(http.http.weight_header.as_deref(), Some("X-Weight"));
    assert_eq!(http.http.reuse.as_secs(), 60);
}

#[test]
fn a_members_check_begins_with_the_options_of_the_call() {
    let record = "A ifup({{'192.0.2.1', check={'any', {'port', 443}, {'port', 80, interval=9, fall=4}, \
                  timeout=3}}}, {interval=7, selector='all'})";
    let checks = checks(record);
    let paces: Vec<String> = checks
        .iter()
        .filter(|check| matches!(check.probe, Probe::Tcp(_)))
        .map(|check| {
            let pace = check.pace;
            format!("{check} {:?} {:?} {}", pace.interval, pace.timeout, pace.fall)
        })
        .collect();
    assert_eq!(paces, ["tcp 192.0.2.1:443 7s 3s 3", "tcp 192.0.2.1:80 9s 3s 4"]);
}

#[test]
fn checks_are_calculated_from_others() {
    for (check, at_least, count) in [
        ("{'all', {'port', 443}, {'ping'}}", 2, 2),
        ("{'any', {'port', 443}, {'ping'}, {'beat', 'fra'}}", 1, 3),
        ("{2, {'port', 443}, {'ping'}, {'beat', 'fra'}}", 2, 3),
        ("{'all', {'any', {'port', 443}, {'port', 80}}, {'ping'}}", 2, 2),
    ] {
        let record = format!("A ifup({{{{'192.0.2.1', check={check}}}}})");
        let groups: Vec<Group> = checks(&record)
            .into_iter()
            .filter_map(|check| match check.probe {
                Probe::Group(group) => Some(group),
                _ => None,
            })
            .collect();
        assert!(
            groups.iter().any(|group| (group.at_least, group.parts.len()) == (at_least, count)),
            "{check}: {groups:?}"
        );
    }
}

#[test]
fn answers_follow_what_is_checked() {
    let record = "A ifup({{'192.0.2.1', check={2, {'port', 443}, {'ping'}, {'beat', 'fra'}}}, \
                  {'192.0.2.2', check={'port', 443}}}, {selector='all', backupSelector='empty'})";
    for plans in [true, false] {
        let mut world = world(Dialect::Halfmoon);
        world.settings.plans = plans;
        let program = world.program(record);
        assert_eq!(program.is_plan(), plans);
        assert_eq!(world.run(&program), "");
        let reports = world.health.checks();
        let check = |text: &str| {
            let found = reports.iter().find(|report| report.check.to_string() == text);
            found.unwrap_or_else(|| panic!("{text}")).check.clone()
        };
        let down = || Outcome::Failure("it is a test".into());
        for (text, outcome, expected) in [
            ("tcp 192.0.2.1:443", Outcome::success(0), ""),
            ("tcp 192.0.2.2:443", Outcome::success(0), "192.0.2.2"),
            ("beat fra", Outcome::success(0), "192.0.2.1 192.0.2.2"),
            ("ping 192.0.2.1", down(), "192.0.2.1 192.0.2.2"),
            ("beat fra", down(), "192.0.2.2"),
        ] {
            for _ in 0..3 {
                world.health.report(&check(text), outcome.clone());
            }
            assert_eq!(world.run(&program), expected, "{text} {outcome:?}");
        }
    }
}

#[test]
fn lists_that_a_program_computes_are_checked_from_load_on() {
    for (call, expected) in [
        ("ifpingup(ips)", "ping 192.0.2.1"),
        ("ifdnsup(53, ips, {name='a.example'})", "dns 192.0.2.1:53 a.example A"),
        ("iftlsup(853, ips, {tls='insecure'})", "tls 192.0.2.1:853"),
        ("ifgrpcup(443, ips)", "grpc 192.0.2.1:443"),
    ] {
        let record = format!("A ;local ips = {{}} ips[1] = ({{'192.0.2.1'}})[1] return {call}");
        let mut world = world(Dialect::Halfmoon);
        let program = world.program(&record);
        // Nobody could foresee what is assembled like this, and it is asked for when it is needed.
        assert_eq!(world.run(&program), "192.0.2.1", "{record}");
        let listed = format!(
            "A ;local ips = {{'192.0.2.1'}} if qname:isPartOf(newDN('com')) then \
                              return {call} end return {{}}"
        );
        let early = world.health.checks().len();
        let program = world.program(&listed);
        let known = world.health.checks();
        assert!(known.iter().any(|report| report.check.to_string() == expected), "{listed}");
        assert!(known.len() >= early);
        assert_eq!(world.run(&program), "192.0.2.1", "{listed}");
        let computed = known.iter().find(|report| report.check.to_string() == expected);
        assert_eq!(computed.map(|report| report.verdict.state), Some(State::Unknown));
    }
}

#[test]
fn what_cannot_be_meant_is_told_at_load() {
    let mut surprises = Vec::new();
    for (record, expected) in [
        (
            "A ifup({'192.0.2.1'})",
            "nothing says how 192.0.2.1 is checked; write {'192.0.2.1', check=",
        ),
        (
            "A ifbeat({'192.0.2.1'})",
            "nothing says how 192.0.2.1 is checked; write {'192.0.2.1', beat=",
        ),
        ("A ifbeat({{'192.0.2.1', beat='ber'}})", "there is no heartbeat \"ber\""),
        ("A ifbeat({{'192.0.2.1', file='../x'}})", "\"../x\" is not a path within a folder"),
        (
            "A ifbeat({{'192.0.2.1', beat='fra', file='x'}})",
            "beat, check and file exclude each other",
        ),
        ("A ifup({{'192.0.2.1', check=443}})", "a check has to be a table, not a number"),
        ("A ifup({{'192.0.2.1', check={}}})", "a check begins with what it is"),
        (
            "A ifup({{'192.0.2.1', check={'prot', 443}}})",
            "there is no check of kind 'prot'; write {'url'",
        ),
        (
            "A ifup({{'192.0.2.1', check={'port'}}})",
            "a check of kind 'port' does not take 0 values",
        ),
        (
            "A ifup({{'192.0.2.1', check={'ping', 1}}})",
            "a check of kind 'ping' does not take 1 values",
        ),
        ("A ifup({{'192.0.2.1', check={'port', 0}}})", "a port is from 1 to 65535, not 0"),
        (
            "A ifup({{'192.0.2.1', check={'port', 443, selector='all'}}})",
            "selector is an option of the answer",
        ),
        (
            "A ifup({{'192.0.2.1', check={'port', 443, httpcode=200}}})",
            "httpcode is an option of checks by URL",
        ),
        ("A ifup({{'192.0.2.1', check={3, {'ping'}, {'port', 1}}}})", "3 of 2 checks"),
        ("A ifup({{'192.0.2.1', check={'any'}}})", "1 of 0 checks"),
        (
            "A ifup({{'192.0.2.1', probe='192.0.2.9', check={'ping'}}})",
            "what is probed is said in the check",
        ),
        (
            "A ifup({{'192.0.2.1', check={'ping', address='169.254.169.254'}}})",
            "target 169.254.169.254",
        ),
        ("A ifdnsup(53, {'192.0.2.1'})", "a DNS check has to ask for something"),
        (
            "A ifdnsup(53, {'192.0.2.1'}, {name='a.example', type='AXFR'})",
            "\"AXFR\" is no record type",
        ),
        (
            "A ifdnsup(53, {'192.0.2.1'}, {name='a.example', rcode='OK'})",
            "\"OK\" is no response code",
        ),
        ("A ifdnsup(53, {'192.0.2.1'}, {httpcode=200})", "httpcode is an option of checks by URL"),
        (
            "A ifgrpcup(443, {'192.0.2.1'}, {tls='perhaps'})",
            "'perhaps' is not what tls can be; write 'verified', 'insecure' or 'off'",
        ),
        (
            "A iftlsup(443, {'192.0.2.1'}, {tls='off'})",
            "'off' is not what tls can be; write 'verified' or 'insecure'",
        ),
        ("A iftlsup(443, {'192.0.2.1'}, {servername='a b'})", "\"a b\" is no server name"),
        (
            "A iftlsup(443, {'192.0.2.1'})",
            "no servername: the certificates have to be for the addresses",
        ),
        ("A iftlsup(443, {'192.0.2.1'}, {certwarn=-1})", "a number of days is from 0 to 3650"),
        ("A ifpingup({'192.0.2.1:80'})", "a ping has no port: leave :80 out"),
        ("A ifpingup({'192.0.2.1'}, {tls='insecure'})", "tls is an option of checks by URL"),
        (
            "A ifpingup({'192.0.2.1'}, {intervall=3})",
            "there is no option intervall; write interval",
        ),
        (
            "A ifbeat({{'192.0.2.1', beat='fra'}}, {within=0})",
            "what is called in cannot hold for 0ns",
        ),
        (
            "A ifbeat({{'192.0.2.1', beat='fra'}}, {stale='up'})",
            "'up' is not what stale can be; write 'down' or 'unknown'",
        ),
        ("A ifurlup('http://a.example/', {'192.0.2.1'}, {method='get'})", "\"get\" is no method"),
        ("A ifurlup('http://a.example/', {'192.0.2.1'}, {body='x'})", "GET sends no body"),
        (
            "A ifurlup('http://a.example/', {'192.0.2.1'}, {method='HEAD', stringmatch='x'})",
            "an answer to HEAD has no body",
        ),
        (
            "A ifurlup('http://a.example/', {'192.0.2.1'}, {httpcode='2xx'})",
            "\"2xx\" is no list of HTTP statuses",
        ),
        ("A ifurlup('http://a.example/', {'192.0.2.1'}, {reuse=-1})", "-1 is no number of seconds"),
    ] {
        let (_, faults) = world(Dialect::Halfmoon).compile(record);
        if !faults.iter().any(|fault| fault.contains(expected)) {
            surprises.push(format!("{record}: {faults:#?}"));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn without_an_operators_word_there_are_no_heartbeats_and_no_files() {
    for (member, said) in [
        ("beat='fra'", "there is no heartbeat \"fra\""),
        ("file='fra'", "no files are read: `health.files` has to name their folder"),
    ] {
        let record = format!("A ifbeat({{{{'192.0.2.1', {member}}}}})");
        let (program, faults) = World::new(Dialect::Halfmoon).compile(&record);
        assert!(program.is_none() && faults[0].contains(said), "{faults:?}");
    }
}

#[test]
fn the_peer_has_none_of_it() {
    for call in [
        "ifup({{'192.0.2.1', check={'ping'}}})",
        "ifbeat({{'192.0.2.1', beat='fra'}})",
        "ifpingup({'192.0.2.1'})",
        "ifdnsup(53, {'192.0.2.1'}, {name='a.example'})",
        "ifgrpcup(443, {'192.0.2.1'})",
        "iftlsup(443, {'192.0.2.1'})",
    ] {
        assert_eq!(world(Dialect::PowerDns).ask(&format!("A {call}")), "Script", "{call}");
    }
    // Options that the peer does not know are ignored, as there.
    let mut world = world(Dialect::PowerDns);
    let options = "{method='POST', body='x', reuse=60, weightheader='X'}";
    let program =
        world.program(&format!("A ifurlup('http://a.example/', {{'192.0.2.1'}}, {options})"));
    let Probe::Http(probe) = world.health.checks()[0].check.probe.clone() else {
        panic!("no URL");
    };
    assert_eq!(probe.http.method.name(), "GET");
    assert!(probe.http.body.is_empty() && probe.http.reuse.is_zero());
    assert_eq!(world.run(&program), "192.0.2.1");
}
