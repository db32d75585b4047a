//! Programs among records.

use super::support::{Zones, example};
use halfmoon_healthcheck::Outcome;
use halfmoon_lua::{Dialect, Settings};
use hickory_proto::op::ResponseCode;

#[test]
fn programs_add_to_records_of_their_type() {
    let mut zones = Zones::example(
        "www A 192.0.2.1\nwww LUA A \"'192.0.2.2'\"\nwww LUA A \"{'192.0.2.3', '192.0.2.4'}\"\n\
         www LUA AAAA \"'2001:db8::1'\"\n",
    );
    zones.check(
        "www.example. A",
        "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2, www.example. A 192.0.2.3, \
         www.example. A 192.0.2.4 | |",
    );
    zones.check("www.example. AAAA", "NOERROR aa | www.example. AAAA 2001:db8::1 | |");
    zones.check("www.example. TXT", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn the_source_is_never_told() {
    let mut zones = Zones::example("www LUA A \"'192.0.2.2'\"\n");
    zones.check("www.example. TYPE65402", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn a_program_may_be_an_alias() {
    let mut zones = Zones::example(
        "www LUA CNAME \"'host.example'\"\nhost A 192.0.2.1\nhost TXT text\nlast LUA CNAME \"'www.example.'\"\n",
    );
    zones.check(
        "www.example. A",
        "NOERROR aa | www.example. CNAME host.example., host.example. A 192.0.2.1 | |",
    );
    zones.check("www.example. CNAME", "NOERROR aa | www.example. CNAME host.example. | |");
    zones.check(
        "last.example. TXT",
        "NOERROR aa | last.example. CNAME www.example., www.example. CNAME host.example., \
         host.example. TXT text | |",
    );
}

#[test]
fn programs_stand_at_the_apex_and_below_an_alias() {
    let mut zones = Zones::example("@ LUA A \"'192.0.2.1'\"\nalias CNAME @\n");
    zones.check("example. A", "NOERROR aa | example. A 192.0.2.1 | |");
    zones.check(
        "alias.example. A",
        "NOERROR aa | alias.example. CNAME example., example. A 192.0.2.1 | |",
    );
}

#[test]
fn no_records_is_nodata() {
    let mut zones = Zones::example("www LUA A \"{}\"\nboth A 192.0.2.1\nboth LUA A \"{}\"\n");
    zones.check("www.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("both.example. A", "NOERROR aa | both.example. A 192.0.2.1 | |");
}

#[test]
fn a_program_denies_the_name() {
    let mut zones = Zones::example(
        "www LUA A \"nxdomain()\"\nboth A 192.0.2.1\nboth LUA A \"nxdomain()\"\n\
         two LUA A \"nxdomain()\"\ntwo LUA A \"'192.0.2.2'\"\nto CNAME www\n\
         above LUA A \"nxdomain()\"\nwww.above A 192.0.2.1\nalone LUA A \"nxdomain()\"\n\
         *.wild LUA A \"nxdomain()\"\nwild LUA A \"nxdomain()\"\n\
         alias LUA CNAME \"nxdomain()\"\nmixed LUA CNAME \"nxdomain()\"\nmixed TXT text\n",
    );
    zones.check("www.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("www.example. TXT", "NOERROR aa | | example. 5 SOA |");
    zones.check("both.example. A", "NOERROR aa | both.example. A 192.0.2.1 | |");
    zones.check("two.example. A", "NOERROR aa | two.example. A 192.0.2.2 | |");
    zones.check("to.example. A", "NXDOMAIN aa | to.example. CNAME www.example. | example. 5 SOA |");
    zones.check("alias.example. AAAA", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("mixed.example. TXT", "NOERROR aa | mixed.example. TXT text | |");
    // The TXT record is there, so the name is.
    zones.check("mixed.example. A", "NOERROR aa | | example. 5 SOA |");
    // RFC 8020: what has no name has no names below it.
    zones.check("above.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("alone.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("x.wild.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("wild.example. A", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn a_program_says_how_long_its_answer_lives() {
    let mut zones = Zones::example(
        "www LUA A \"answer({'192.0.2.1', '192.0.2.2'}, {ttl=7})\"\n\
         alias LUA CNAME \"answer('host', {ttl=8})\"\n\
         up LUA A \"ifportup(80, {'127.0.0.1'}, {ttl=9})\"\n\
         plain LUA A \"'192.0.2.1'\"\n",
    );
    let ttls = |reply: &super::support::Reply| {
        reply.message.answers.iter().map(|record| record.ttl).collect::<Vec<_>>()
    };
    assert_eq!(ttls(&zones.ask("www.example. A")), [7, 7]);
    assert_eq!(ttls(&zones.ask("alias.example. A")), [8]);
    assert_eq!(ttls(&zones.ask("up.example. A")), [9]);
    assert_eq!(ttls(&zones.ask("plain.example. A")), [60]);
}

/// Fails whenever it is run.
const FAILS: &str = "www LUA A \";error('no')\"\nboth A 192.0.2.1\nboth LUA A \";error('no')\"\n";

#[test]
fn a_program_that_fails_leaves_the_records_beside_it() {
    let mut zones = Zones::example(FAILS);
    zones.check("www.example. A", "SERVFAIL | | |");
    zones.check("both.example. A", "NOERROR aa | both.example. A 192.0.2.1 | |");
    let edns = zones.ask("www.example. A +edns");
    assert!(
        edns.octets.windows(12).any(|octets| octets == b"\0\x0f\0\x17\0\0record"),
        "an extended error says why"
    );
}

#[test]
fn an_alias_that_fails_leaves_the_records_beside_it() {
    let mut zones = Zones::example(
        "www LUA CNAME \";error('no')\"\nwww A 192.0.2.1\nwww LUA AAAA \"'2001:db8::1'\"\n",
    );
    zones.check("www.example. A", "NOERROR aa | www.example. A 192.0.2.1 | |");
    zones.check("www.example. AAAA", "NOERROR aa | www.example. AAAA 2001:db8::1 | |");
    zones.check("www.example. TXT", "SERVFAIL | | |");
    zones.check("www.example. CNAME", "SERVFAIL | | |");
}

/// Says what is up, and fails if nothing is.
const WAVERS: &str = "local t = ifportup(80, {'127.0.0.1'}, {backupSelector='empty'}) \
                      if #t == 0 then error('nothing is up') end";

/// Reports so often that a check is what it is then.
fn observe(zones: &Zones, outcome: &Outcome) {
    for report in zones.health.checks() {
        for _ in 0..3 {
            zones.health.report(&report.check, outcome.clone());
        }
    }
}

#[test]
fn a_program_that_fails_says_what_it_said_last() {
    let text = format!(
        "one LUA A \";{WAVERS} return t\"\n\
         mixed LUA A \";{WAVERS} return t\"\nmixed A 192.0.2.1\nmixed LUA A \"'192.0.2.2'\"\n\
         alias LUA CNAME \";{WAVERS} return 'host.example'\"\nhost A 192.0.2.1\n\
         none LUA A \";{WAVERS} return {{}}\"\n\
         denied LUA A \";{WAVERS} return nxdomain()\"\n\
         text LUA TXT \";{WAVERS} return ('x'):rep(200)\"\n\
         long LUA TXT \";{WAVERS} return ('x'):rep(5000)\"\n\
         client LUA A \";{WAVERS} if netmask({{'192.0.2.0/24'}}) then return t end return t\"\n\
         who LUA TXT \";{WAVERS} return bestwho:toString()\"\n\
         place LUA TXT \";{WAVERS} return countryCode()\"\n\
         tcp LUA TXT \";{WAVERS} return tostring(tcp)\"\n\
         *.name LUA TXT \";{WAVERS} return qname:toString()\"\n\
         *.any LUA A \";{WAVERS} return t\"\n\
         same LUA A \";{WAVERS} return t\"\nsame A 127.0.0.1\n"
    );
    let x = "x".repeat(200);
    // Each row: the question, what is said while the program works, what when it fails.
    let rows = [
        ("one", "A", "NOERROR aa | one.example. A 127.0.0.1 | |".to_owned(), None),
        (
            "mixed",
            "A",
            "NOERROR aa | mixed.example. A 127.0.0.1, mixed.example. A 192.0.2.1, \
             mixed.example. A 192.0.2.2 | |"
                .to_owned(),
            None,
        ),
        (
            "alias",
            "A",
            "NOERROR aa | alias.example. CNAME host.example., host.example. A 192.0.2.1 | |"
                .to_owned(),
            None,
        ),
        ("none", "A", "NOERROR aa | | example. 5 SOA |".to_owned(), None),
        ("denied", "A", "NXDOMAIN aa | | example. 5 SOA |".to_owned(), None),
        ("text", "TXT +tcp", format!("NOERROR aa | text.example. TXT {x} | |"), None),
        // What was said to somebody is not said to others.
        (
            "client",
            "A",
            "NOERROR aa | client.example. A 127.0.0.1 | |".to_owned(),
            Some("SERVFAIL | | |"),
        ),
        (
            "who",
            "TXT",
            "NOERROR aa | who.example. TXT 192.0.2.7 | |".to_owned(),
            Some("SERVFAIL | | |"),
        ),
        (
            "place",
            "TXT",
            "NOERROR aa | place.example. TXT -- | |".to_owned(),
            Some("SERVFAIL | | |"),
        ),
        (
            "tcp",
            "TXT",
            "NOERROR aa | tcp.example. TXT false | |".to_owned(),
            Some("SERVFAIL | | |"),
        ),
        (
            "a.name",
            "TXT",
            "NOERROR aa | a.name.example. TXT a.name.example. | |".to_owned(),
            Some("SERVFAIL | | |"),
        ),
        // Whatever the name, it is one record.
        ("a.any", "A", "NOERROR aa | a.any.example. A 127.0.0.1 | |".to_owned(), None),
        ("same", "A", "NOERROR aa | same.example. A 127.0.0.1 | |".to_owned(), None),
    ];
    let mut zones = Zones::example(&text);
    for (owner, rtype, _, _) in &rows {
        let before = zones.ask(&format!("{owner}.example. {rtype}")).message;
        let fails = before.metadata.response_code == ResponseCode::ServFail;
        assert_eq!(fails, !["mixed", "same"].contains(owner), "{owner}");
    }
    observe(&zones, &Outcome::success(0));
    for (owner, rtype, works, _) in &rows {
        zones.check(&format!("{owner}.example. {rtype}"), works);
    }
    let long = zones.ask("long.example. TXT +tcp").message;
    assert_eq!(long.answers.len(), 1);
    observe(&zones, &Outcome::Failure("refused".into()));
    for (owner, rtype, works, fails) in &rows {
        zones.check(&format!("{owner}.example. {rtype}"), fails.unwrap_or(works));
    }
    zones.check("b.any.example. A", "NOERROR aa | b.any.example. A 127.0.0.1 | |");
    // Too much to be kept for each record.
    zones.check("long.example. TXT +tcp", "SERVFAIL | | |");
    // It is told, and does not live long.
    let stale = zones.ask("one.example. A +edns");
    assert_eq!(stale.option(15).unwrap(), b"\0\x03record program failed");
    assert_eq!(stale.message.answers[0].ttl, 30);
    // The program works again.
    observe(&zones, &Outcome::success(0));
    let fresh = zones.ask("one.example. A +edns");
    assert_eq!((fresh.option(15), fresh.message.answers[0].ttl), (None, 60));
}

#[test]
fn in_powerdns_nothing_is_said_for_a_program_that_fails() {
    let text = example(&format!("one LUA A \";{WAVERS} return t\"\n"));
    let mut zones = Zones::with(&[("example", &text)], Settings::of(Dialect::PowerDns));
    observe(&zones, &Outcome::success(0));
    zones.check("one.example. A", "NOERROR aa | one.example. A 127.0.0.1 | |");
    observe(&zones, &Outcome::Failure("refused".into()));
    zones.check("one.example. A", "SERVFAIL | | |");
}

#[test]
fn in_powerdns_a_program_that_fails_fails_the_answer() {
    let settings = Settings::of(Dialect::PowerDns);
    let mut zones = Zones::with(&[("example", &example(FAILS))], settings);
    zones.check("both.example. A", "SERVFAIL | | |");
}

#[test]
fn a_first_answer_waits_for_nobody() {
    let mut zones = Zones::example(
        "www LUA A \"ifportup(80, {{'127.0.0.1'}, {'127.0.0.2'}}, {selector='all', backupSelector='all'})\"\n",
    );
    zones.check("www.example. A", "NOERROR aa | www.example. A 127.0.0.1 | |");
    for report in zones.health.checks() {
        let up = report.check.to_string().contains("127.0.0.2");
        let outcome = if up { Outcome::success(0) } else { Outcome::Failure("refused".into()) };
        for _ in 0..3 {
            zones.health.report(&report.check, outcome.clone());
        }
    }
    zones.check("www.example. A", "NOERROR aa | www.example. A 127.0.0.2 | |");
}

#[test]
fn one_rrset_whoever_made_its_parts() {
    let mut zones = Zones::example(
        "www 50 A 192.0.2.1\nwww LUA A \"{'192.0.2.1', '192.0.2.2'}\"\n\
         www LUA A \"answer({'192.0.2.2', '192.0.2.3'}, {ttl=90})\"\n",
    );
    let reply = zones.ask("www.example. A");
    let ttls: Vec<u32> = reply.message.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls, [50, 50, 50], "RFC 2181 section 5.2: one TTL, the least");
    zones.check(
        "www.example. A",
        "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2, www.example. A 192.0.2.3 | |",
    );
}

#[test]
fn so_many_programs_run_for_a_query_and_no_more() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for i in 0..100 {
        writeln!(text, "many LUA A \"'192.0.2.{i}'\"").unwrap();
        writeln!(text, "broken LUA A \";error('no')\"").unwrap();
    }
    let mut zones = Zones::example(&text);
    assert_eq!(zones.ask("many.example. A +tcp").message.answers.len(), 64);
    assert_eq!(zones.ask("many.example. ANY +tcp").message.answers.len(), 64);
    zones.check("broken.example. A", "SERVFAIL | | |");
}
