//! Programs among records.

use super::support::{Zones, example};
use halfmoon_healthcheck::Outcome;
use halfmoon_lua::{Dialect, Settings};

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
        let outcome =
            if up { Outcome::Success { weight: 0 } } else { Outcome::Failure("refused".into()) };
        for _ in 0..3 {
            zones.health.report(&report.check, outcome.clone());
        }
    }
    zones.check("www.example. A", "NOERROR aa | www.example. A 127.0.0.2 | |");
}
