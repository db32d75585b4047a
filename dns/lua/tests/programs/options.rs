//! Each option of the functions that probe, as the peer takes it (options of 3.3 in the peer's
//! specification): what is probed, how, and when. That probes do so is tested in `healthcheck`.

use halfmoon_healthcheck::{Certificate, Check, HttpProbe, Probe, Statuses};
use halfmoon_lua::Dialect;

use crate::world::World;

const BOTH: [Dialect; 2] = [Dialect::PowerDns, Dialect::Halfmoon];

/// The only check of a program.
#[track_caller]
fn check(dialect: Dialect, record: &str) -> Check {
    let world = World::new(dialect);
    let program = world.program(record);
    let mut checks: Vec<Check> =
        world.health.checks().into_iter().map(|report| Check::clone(&report.check)).collect();
    assert_eq!(checks.len(), 1, "{record}");
    drop(program);
    checks.remove(0)
}

/// The check of a URL with these options, whichever function names it.
#[track_caller]
fn http(dialect: Dialect, options: &str) -> HttpProbe {
    let url = "'http://www.example.com/'";
    let probes = [
        format!("A ifurlup({url}, {{'192.0.2.1'}}, {options})"),
        format!("A ifurlup({url}, {{{{'192.0.2.1'}}}}, {options})"),
        format!("A pickselfweighted({url}, {{'192.0.2.1'}}, {options})"),
        format!("A ifurlextup({{{{['192.0.2.1']={url}}}}}, {options})"),
    ]
    .map(|record| match check(dialect, &record).probe {
        // The last of them probes the URL's own host.
        Probe::Http(probe) => HttpProbe { address: None, ..*probe },
        other => panic!("{record} asks for a URL, not {other}"),
    });
    assert!(probes.iter().all(|probe| *probe == probes[0]), "{options}: {probes:#?}");
    let [probe, ..] = probes;
    probe
}

#[test]
fn selector_and_backup_selector() {
    let list = "{'192.0.2.1', '198.51.100.1'}";
    let any = "192.0.2.1|198.51.100.1";
    for (who_is_up, selector, expected) in [
        // 3312216360 mod 2 = 0; all of them are up.
        ("+192.0.2.1 +198.51.100.1", "selector='all'", "192.0.2.1 198.51.100.1"),
        ("+192.0.2.1 +198.51.100.1", "selector='hashed'", "192.0.2.1"),
        ("+192.0.2.1 +198.51.100.1", "selector='pickclosest'", "192.0.2.1"),
        ("+192.0.2.1 +198.51.100.1", "selector='empty'", ""),
        ("+192.0.2.1 +198.51.100.1", "selector='random'", any),
        ("+192.0.2.1 +198.51.100.1", "backupSelector='empty'", any),
        ("+192.0.2.1 +198.51.100.1", "selector='nonsense'", any),
        ("-192.0.2.1 -198.51.100.1", "backupSelector='all'", "192.0.2.1 198.51.100.1"),
        ("-192.0.2.1 -198.51.100.1", "backupSelector='hashed'", "192.0.2.1"),
        ("-192.0.2.1 -198.51.100.1", "backupSelector='pickclosest'", "192.0.2.1"),
        ("-192.0.2.1 -198.51.100.1", "backupSelector='empty'", ""),
        ("-192.0.2.1 -198.51.100.1", "backupSelector='random'", any),
        ("-192.0.2.1 -198.51.100.1", "selector='empty'", any),
        ("-192.0.2.1 -198.51.100.1", "backupSelector='nonsense'", any),
    ] {
        for call in [
            format!("A ifportup(80, {list}, {{{selector}}})"),
            format!("A ifurlup('http://a.example/', {list}, {{{selector}}})"),
        ] {
            let mut world = World::new(Dialect::PowerDns);
            world.client = crate::world::client("192.0.2.1");
            let program = world.program(&call);
            world.observe(who_is_up);
            let mut seen: Vec<String> = (0..64).map(|_| world.run(&program)).collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.join("|"), expected, "{call}, {who_is_up}");
        }
    }
}

#[test]
fn source() {
    for dialect in BOTH {
        for record in [
            "A ifportup(80, {'192.0.2.1'}, {source='198.51.100.1'})",
            "A ifurlup('http://a.example/', {'192.0.2.1'}, {source='198.51.100.1'})",
        ] {
            let source = check(dialect, record).source;
            assert_eq!(source, Some("198.51.100.1".parse().unwrap()), "{record}");
        }
        let none = check(dialect, "A ifportup(80, {'192.0.2.1'})").source;
        assert_eq!(none, None);
    }
}

#[test]
fn timeout_interval_and_minimum_failures() {
    for dialect in BOTH {
        for (options, interval, timeout, fall) in [
            ("timeout=1", None, Some(1000), None),
            ("timeout='4'", None, Some(4000), None),
            ("interval=7", Some(7000), None, None),
            ("interval='7'", Some(7000), None, None),
            ("interval=0", None, None, None),
            ("minimumFailures=5", None, None, Some(5)),
            ("minimumFailures='5'", None, None, Some(5)),
            ("interval=9, timeout=3, minimumFailures=2", Some(9000), Some(3000), Some(2)),
        ] {
            let default = World::new(dialect).settings.defaults.checks.pace;
            let record = format!("A ifportup(80, {{'192.0.2.1'}}, {{{options}}})");
            let pace = check(dialect, &record).pace;
            let expected = (
                interval.unwrap_or(default.interval.as_millis()),
                timeout.unwrap_or(default.timeout.as_millis()),
                fall.unwrap_or(default.fall),
            );
            let found = (pace.interval.as_millis(), pace.timeout.as_millis(), pace.fall);
            assert_eq!(found, expected, "{options}");
        }
    }
    // The peer waits for two seconds unless it is told otherwise, and one failure is enough there.
    let pace = check(Dialect::PowerDns, "A ifportup(80, {'192.0.2.1'})").pace;
    assert_eq!((pace.timeout.as_secs(), pace.fall, pace.rise), (2, 1, 1));
}

#[test]
fn fail_on_incomplete_check() {
    for (value, expected) in
        [("'true'", "Script"), ("'false'", "192.0.2.1"), ("'1'", "192.0.2.1"), ("1", "192.0.2.1")]
    {
        for call in ["ifportup(80", "ifurlup('http://a.example/'"] {
            let record = format!("A {call}, {{'192.0.2.1'}}, {{failOnIncompleteCheck={value}}})");
            assert_eq!(World::new(Dialect::PowerDns).ask(&record), expected, "{record}");
        }
        let record = format!(
            "A ifurlextup({{{{['192.0.2.1']='http://a.example/'}}}}, {{failOnIncompleteCheck={value}}})"
        );
        assert_eq!(World::new(Dialect::PowerDns).ask(&record), expected, "{record}");
    }
}

#[test]
fn stringmatch() {
    for dialect in BOTH {
        assert_eq!(http(dialect, "{stringmatch='It Works'}").http.body_match.unwrap(), "It Works");
        assert_eq!(http(dialect, "{stringmatch=200}").http.body_match.unwrap(), "200");
        assert_eq!(http(dialect, "{}").http.body_match, None);
    }
}

#[test]
fn useragent() {
    for dialect in BOTH {
        assert_eq!(http(dialect, "{useragent='probe/1'}").http.user_agent.unwrap(), "probe/1");
    }
    // Endpoints may tell probes by it.
    let theirs = http(Dialect::PowerDns, "{}").http.user_agent;
    assert_eq!(theirs.as_deref(), Some("PowerDNS Authoritative Server"));
    assert_eq!(http(Dialect::Halfmoon, "{}").http.user_agent, None);
}

#[test]
fn byteslimit() {
    for dialect in BOTH {
        for (options, expected) in [("{byteslimit=100}", 100), ("{byteslimit='7'}", 7), ("{}", 0)] {
            assert_eq!(http(dialect, options).http.byte_limit, expected, "{options}");
        }
    }
}

#[test]
fn httpcode() {
    for dialect in BOTH {
        for (options, expected) in [("{httpcode=301}", 301), ("{httpcode='204'}", 204), ("{}", 200)]
        {
            assert_eq!(http(dialect, options).http.statuses, Statuses::only(expected), "{options}");
        }
    }
}

#[test]
fn headers() {
    for dialect in BOTH {
        let probe = http(dialect, "{headers={X_Token='abc', Accept='text/plain', ['Z-Z']=1}}");
        let headers: Vec<String> =
            probe.http.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(headers, ["Accept: text/plain", "X-Token: abc", "Z-Z: 1"]);
        assert_eq!(http(dialect, "{}").http.headers, []);
    }
}

#[test]
fn certificates_are_verified_unless_it_is_the_peer_or_said_otherwise() {
    assert_eq!(http(Dialect::PowerDns, "{}").tls.certificate, Certificate::Any);
    assert_eq!(http(Dialect::Halfmoon, "{}").tls.certificate, Certificate::Verified);
    assert_eq!(http(Dialect::Halfmoon, "{tls='insecure'}").tls.certificate, Certificate::Any);
}

#[test]
fn options_that_are_of_no_use_or_unknown_do_no_harm_on_the_peer() {
    for options in ["{stringmatch='x'}", "{colour='red'}", "{selector='all', colour={a='b'}}"] {
        let record = format!("A ifportup(80, {{'192.0.2.1'}}, {options})");
        assert_eq!(World::new(Dialect::PowerDns).ask(&record), "192.0.2.1", "{record}");
    }
}

#[test]
fn values_of_options_are_text_or_numbers_or_tables_of_them_there() {
    for (options, expected) in [
        ("{colour='red'}", "192.0.2.1"),
        ("{colour=7}", "192.0.2.1"),
        ("{colour={a='b', c=1}}", "192.0.2.1"),
        ("{colour={'a', 'b'}}", "192.0.2.1"),
        ("{colour=true}", "Script"),
        ("{colour={a=true}}", "Script"),
        ("{colour={a={b='c'}}}", "Script"),
        ("{stringmatch=false}", "Script"),
        ("{selector={a='b'}}", "Script"),
        ("{source={a='b'}}", "Script"),
        ("{interval={a='b'}}", "Script"),
        ("{'all'}", "Script"),
        ("{[7]='all'}", "Script"),
    ] {
        let record = format!("A ifportup(80, {{'192.0.2.1'}}, {options})");
        assert_eq!(World::new(Dialect::PowerDns).ask(&record), expected, "{record}");
    }
}

#[test]
fn what_is_no_number_is_the_default_there() {
    for (options, interval, timeout, fall) in [
        ("timeout=0", 5000, 2000, 1),
        ("timeout='soon'", 5000, 2000, 1),
        ("timeout=-1", 5000, 2000, 1),
        ("timeout=1e9", 5000, 2000, 1),
        ("interval='often'", 5000, 2000, 1),
        ("interval=-1", 5000, 2000, 1),
        ("interval=1e9", 5000, 2000, 1),
        ("minimumFailures='many'", 5000, 2000, 1),
        ("minimumFailures=0", 5000, 2000, 1),
        ("minimumFailures=-7", 5000, 2000, 1),
    ] {
        let record = format!("A ifportup(80, {{'192.0.2.1'}}, {{{options}}})");
        let pace = check(Dialect::PowerDns, &record).pace;
        let found = (pace.interval.as_millis(), pace.timeout.as_millis(), pace.fall);
        assert_eq!(found, (interval, timeout, fall), "{options}");
        let (program, faults) = World::new(Dialect::Halfmoon).compile(&record);
        assert!(program.is_none(), "{options}: {faults:?}");
    }
}

#[test]
fn what_no_check_of_the_peer_succeeds_with_is_never_up_there() {
    for options in ["httpcode='ok'", "httpcode=999", "httpcode=0", "byteslimit='some'"] {
        for call in [
            format!("ifurlup('http://a.example/', {{'192.0.2.1'}}, {{{options}}})"),
            format!("ifurlextup({{{{['192.0.2.1']='http://a.example/'}}}}, {{{options}}})"),
        ] {
            let record = format!("A {call}");
            let mut world = World::new(Dialect::PowerDns);
            let (program, faults) = world.compile(&record);
            assert!(faults[0].contains("never probed"), "{record}: {faults:?}");
            assert_eq!(world.health.checks().len(), 0, "{record}");
            // Nothing is up: the backup selector has the say.
            assert_eq!(world.run(&program.unwrap()), "192.0.2.1", "{record}");
            let (program, faults) = World::new(Dialect::Halfmoon).compile(&record);
            assert!(program.is_none(), "{record}: {faults:?}");
        }
    }
    assert_eq!(http(Dialect::PowerDns, "{byteslimit=-1}").http.byte_limit, 0);
}

#[test]
fn options_hold_for_pickselfweighted_too() {
    let call = "pickselfweighted('http://a.example/', {'192.0.2.1', '192.0.2.2'}";
    for (dialect, options, states, expected) in [
        (Dialect::Halfmoon, "failOnIncompleteCheck=true", "", "Script"),
        (Dialect::Halfmoon, "failOnIncompleteCheck=true", "+192.0.2.1", "192.0.2.1"),
        (Dialect::Halfmoon, "failOnIncompleteCheck=false", "-192.0.2.1 +192.0.2.2", "192.0.2.2"),
        (Dialect::PowerDns, "failOnIncompleteCheck='true'", "", "Script"),
        (Dialect::PowerDns, "selector='all', backupSelector='all'", "+192.0.2.1", "192.0.2.1"),
        (Dialect::PowerDns, "selector='all', backupSelector='all'", "-192.0.2.1", "Script"),
    ] {
        let mut world = World::new(dialect);
        let program = world.program(&format!("A {call}, {{{options}}})"));
        world.observe(states);
        assert_eq!(world.run(&program), expected, "{options} {states}");
    }
    // There it is accepted and ignored; here that would be an option without effect.
    for options in ["selector='all'", "backupSelector='all'"] {
        let (program, faults) =
            World::new(Dialect::Halfmoon).compile(&format!("A {call}, {{{options}}})"));
        assert!(program.is_none(), "{options}");
        assert!(faults[0].contains("leave selector and backupSelector out"), "{faults:?}");
    }
    for dialect in BOTH {
        let (program, faults) = World::new(dialect)
            .compile("A pickselfweighted('http://a.example/', {{'192.0.2.1'}, {'192.0.2.2'}})");
        assert!(program.is_none_or(|program| !program.is_plan()), "{faults:?}");
        assert!(faults[0].contains("takes no groups"), "{faults:?}");
    }
}
