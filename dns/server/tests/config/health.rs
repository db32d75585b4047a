//! `[health]`: how endpoints are probed.

use std::time::Duration;

use super::{read, refused_with};

/// How endpoints are probed where a program does not say.
fn checks(text: &str) -> halfmoon_healthcheck::Options {
    let config = read(text);
    config.checks(halfmoon_healthcheck::Options::default())
}

#[test]
fn every_option_of_checks_has_a_default_that_can_be_set() {
    assert_eq!(checks(""), halfmoon_healthcheck::Options::default());
    let options = checks(
        r#"
        [health]
        source = "127.0.0.9"
        files = "state"
        [health.http]
        method = "POST"
        body = "x"
        httpcode = "200-299,401"
        stringmatch = "ok"
        byteslimit = 7
        useragent = "probe/1"
        headers = { X-B = "2", X-A = "1" }
        weightheader = "X-Weight"
        reuse = "1m"
        [health.tls]
        tls = "insecure"
        servername = "a.example"
        certwarn = 30
        certfail = 3
        [health.dns]
        name = "a.example"
        type = "SOA"
        rcode = "REFUSED"
        answer = "x"
        recursion = true
        [health.grpc]
        service = "a.B"
        tls = true
        [health.push]
        within = "30s"
        stale = "unknown"
        "#,
    );
    assert_eq!(options.source, Some("127.0.0.9".parse().unwrap()));
    let (http, dns) = (&options.http, &options.dns);
    assert_eq!((http.method.name(), http.body.as_str()), ("POST", "x"));
    assert_eq!((http.statuses.to_string().as_str(), http.byte_limit), ("200-299,401", 7));
    let texts = [&http.body_match, &http.user_agent, &http.weight_header];
    assert_eq!(texts.map(|text| text.as_deref()), [Some("ok"), Some("probe/1"), Some("X-Weight")]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(http.headers, [pair("X-A", "1"), pair("X-B", "2")]);
    assert_eq!(http.reuse, Duration::from_secs(60));
    assert_eq!(options.tls.certificate, halfmoon_healthcheck::Certificate::Any);
    assert_eq!((options.tls.warn_days, options.tls.fail_days), (30, 3));
    assert_eq!(options.server_name.as_deref(), Some("a.example"));
    assert_eq!((dns.name.as_deref(), dns.answer.as_deref()), (Some("a.example"), Some("x")));
    assert_eq!((dns.rtype.to_string(), dns.rcode.to_string()), ("SOA".into(), "REFUSED".into()));
    assert!(dns.recursion && options.grpc.is_tls);
    assert_eq!(options.grpc.service, "a.B");
    assert_eq!(options.push.within, Duration::from_secs(30));
    assert_eq!(options.push.stale, halfmoon_healthcheck::Stale::Unknown);
    assert_eq!(read("[health]\nfiles = 'state'\n").health.files, Some("etc/state".into()));
}

#[test]
fn defaults_of_checks_that_cannot_be_are_refused() {
    refused_with(
        "[health.http]\nmethod = 'get'\n",
        "2:10: \"get\" is no method that is probed with: write GET",
    );
    refused_with("[health.http]\nhttpcode = '2xx'\n", "2:12: \"2xx\" is no list of HTTP statuses");
    refused_with(
        "[health.http]\nhtpcode = '200'\n",
        "2:1: unknown key `htpcode`; did you mean `httpcode`?",
    );
    refused_with("[health.tls]\ntls = 'off'\n", "2:7: unknown value `off`");
    refused_with("[health.dns]\ntype = 'AXFR'\n", "2:8: \"AXFR\" is no record type");
    refused_with(
        "[health.push]\nwithin = '169h'\n",
        "2:10: \"169h\" is too long: at most \"168h\"",
    );
    refused_with("[health.push]\nstale = 'up'\n", "2:9: unknown value `up`");
    let token = "[[admin.tokens]]\nname = 'a'\nsecret_file = 'a'\n";
    refused_with(&format!("{token}beats = ['a/b']\n"), "4:9: \"a/b\" is no name for a heartbeat");
    refused_with(&format!("{token}may = 'beat'\n"), "1:1: token \"a\" may do nothing");
}

/// Each key of `[health]` that speaks of records, with a value that is taken and one that is not.
#[test]
fn every_key_of_health_takes_what_it_can_be_and_says_what_it_cannot() {
    for (good, bad, said) in [
        ("hold_down = '10s'", "hold_down = '169h'", "2:13: is too long: at most \"168h\""),
        ("ramp = '10s'", "ramp = '169h'", "2:8: is too long: at most \"168h\""),
        ("fresh = '10s'", "fresh = '169h'", "2:9: is too long: at most \"168h\""),
        ("resume = 'manual'", "resume = 'soon'", "2:10: \"soon\" is none of them; write \"auto\""),
        ("resume = '10m'", "resume = '169h'", "2:10: \"169h\" is too long: at most \"168h\""),
        ("flap = false", "flap = 3", "2:8: write false, or { half_life = \"5m\""),
        ("flap = { reuse = 5 }", "flap = { reuse = 0 }", "2:8: reuse has to be above 0 and"),
        ("unknown = 'up'", "unknown = 'upp'", "2:11: unknown value `upp`; did you mean `up`?"),
        ("all_down = 'last'", "all_down = 'lst'", "2:12: unknown value `lst`; did you mean"),
        ("min_answers = 2", "min_answers = 256", "2:15: "),
        ("panic = 0.3", "panic = 30", "2:9: "),
        ("panic = 1.0", "panic = 1.1", "2:9: 1.1 is no part; write 0.3 for 30 %"),
        (
            "velocity = { part = 0.3, window = '5m' }",
            "velocity = true",
            "2:12: write false, or { part = 0.34, window = \"5m\" }",
        ),
        ("velocity = false", "velocity = { part = 0.3 }", "2:12: write false, or { part"),
        ("ttl = { min = 5, max = 9 }", "ttl = { min = 9, max = 5 }", "2:7: min has to be at most"),
        ("ttl = false", "ttl = 5", "2:7: write false, or { min = 10, max = 300 }"),
        ("rto = '60s'", "rto = '0s'", "2:7: must be longer than 0"),
        ("rto = false", "rto = 60", "2:7: write false, or a duration, as in \"60s\""),
        ("rto = '168h'", "rto = '169h'", "2:7: is too long: at most \"168h\""),
        ("suspect = 0.5", "suspect = 2.0", "2:11: 2 is no part; write 0.3 for 30 %"),
        ("source = '127.0.0.1'", "source = 'here'", "2:10: "),
        ("rise = 1", "rise = 0", "2:8: "),
        ("fall = 1", "fall = 0", "2:8: "),
        ("computed_per_zone = 1", "computed_per_zone = 0", "2:21: "),
        (
            "labels.'region:fsn' = ['127.0.0.1/32']",
            "labels.fsn = ['127.0.0.1/32']",
            "2:1: \"fsn\" is no label; write a kind and a name, \"region:fsn\"",
        ),
        (
            "labels.'rack:1' = []",
            "labels.'rack:1' = ['127.0.0.1']",
            "2:20: \"127.0.0.1\" has no prefix length",
        ),
    ] {
        read(&format!("[health]\n{good}\n"));
        refused_with(&format!("[health]\n{bad}\n"), said);
    }
}
