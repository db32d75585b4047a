//! What zones of PowerDNS count on: generated names, includes, data of other zones.

use super::support::{Zones, example};
use halfmoon_lua::{Dialect, Settings};

#[test]
fn names_that_spell_addresses_go_both_ways() {
    let mut zones = Zones::new(&[
        (
            "example",
            &example(
                "*.v4 LUA A \"createForward()\"\n*.v6 LUA AAAA \"createForward6()\"\n\
                              fixed LUA A \"createForward()\"\n",
            ),
        ),
        (
            "2.0.192.in-addr.arpa",
            "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\n\
             * LUA PTR \"createReverse('ip-%5%.v4.example.', {['192.0.2.9']='nine.example.'})\"\n",
        ),
    ]);
    for (question, answer) in [
        ("ip-192-0-2-7.v4.example. A", "ip-192-0-2-7.v4.example. A 192.0.2.7"),
        ("7.2.0.192.v4.example. A", "7.2.0.192.v4.example. A 7.2.0.192"),
        ("2001-db8--1.v6.example. AAAA", "2001-db8--1.v6.example. AAAA 2001:db8::1"),
        // The owner is no wildcard.
        ("fixed.example. A", "fixed.example. A 0.0.0.0"),
        ("7.2.0.192.in-addr.arpa. PTR", "7.2.0.192.in-addr.arpa. PTR ip-192-0-2-7.v4.example."),
        ("9.2.0.192.in-addr.arpa. PTR", "9.2.0.192.in-addr.arpa. PTR nine.example."),
        ("x.2.0.192.in-addr.arpa. PTR", "x.2.0.192.in-addr.arpa. PTR error."),
    ] {
        zones.check(question, &format!("NOERROR aa | {answer} | |"));
    }
    zones.check("ip-192-0-2-7.v4.example. AAAA", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn programs_to_be_included_answer_nothing_themselves() {
    let mut zones = Zones::example(
        "config LUA LUA \"ips = {'192.0.2.1', '192.0.2.2'}\"\n\
         www LUA A \";include('config') return ips\"\n\
         mixed LUA LUA \"error('never run')\"\nmixed LUA TXT \"'text'\"\nmixed A 192.0.2.3\n",
    );
    zones.check(
        "www.example. A",
        "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2 | |",
    );
    for rtype in ["A", "TYPE65402", "ANY"] {
        zones.check(&format!("config.example. {rtype}"), "NOERROR aa | | example. 5 SOA |");
    }
    zones.check(
        "mixed.example. ANY +tcp",
        "NOERROR aa | mixed.example. A 192.0.2.3, mixed.example. TXT text | |",
    );
}

#[test]
fn programs_see_the_zones_and_the_header() {
    let mut zones = Zones::new(&[
        (
            "example",
            &example(
                "www LUA A \"dblookup('host.other', 1)\"\n\
                 far LUA A \";local t = {} for i, r in ipairs(resolve('alias.other', 1)) do t[i] = r:toString() end return t\"\n\
                 none LUA A \"dblookup('host.elsewhere', 1)\"\n\
                 id LUA TXT \";return dh:getID() .. ' ' .. dh:getQDCOUNT()\"\n",
            ),
        ),
        (
            "other",
            "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\nhost A 192.0.2.5\nalias CNAME host\n",
        ),
    ]);
    zones.check("www.example. A", "NOERROR aa | www.example. A 192.0.2.5 | |");
    zones.check("far.example. A", "NOERROR aa | far.example. A 192.0.2.5 | |");
    zones.check("none.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("id.example. TXT", "NOERROR aa | id.example. TXT 4660 1 | |");
}

#[test]
fn globals_last_where_they_are_shared() {
    let zone = |apex: &str| {
        format!(
            "$ORIGIN {apex}.\n$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\n\
             count LUA TXT \";n = (n or 0) + 1 return n\"\n"
        )
    };
    let (one, two) = (zone("one"), zone("two"));
    let files = [("one", one.as_str()), ("two", two.as_str())];
    for (shared, expected) in [(false, ["1", "1", "1"]), (true, ["1", "2", "1"])] {
        let settings = Settings { shared, ..Settings::of(Dialect::PowerDns) };
        let mut zones = Zones::with(&files, settings);
        for (name, count) in ["one", "one", "two"].into_iter().zip(expected) {
            let answer = format!("NOERROR aa | count.{name}. TXT {count} | |");
            zones.check(&format!("count.{name}. TXT"), &answer);
        }
    }
}

#[test]
fn aliases_and_wildcards_are_followed_with_the_name_looked_up_now() {
    let mut zones = Zones::new(&[
        (
            "example",
            &example(
                "*.w LUA TXT \"qname:toString()\"\n\
                 *.c LUA CNAME \"'target.example'\"\n*.c LUA TXT \"'hidden'\"\n\
                 *.f LUA A \";error('no')\"\n\
                 to LUA CNAME \"'target.example'\"\nout LUA CNAME \"'far.other'\"\n\
                 target LUA TXT \"qname:toString() .. zone:toString()\"\n\
                 mx MX 10 one\none LUA A \"'192.0.2.1'\"\n",
            ),
        ),
        (
            "other",
            "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\n\
             far LUA TXT \"qname:toString() .. zone:toString()\"\n",
        ),
    ]);
    for (question, answer) in [
        // A wildcard's program sees the whole name in question.
        ("x.y.w.example. TXT", "NOERROR aa | x.y.w.example. TXT x.y.w.example. | |"),
        // Any program at the wildcard makes the name, whatever its type.
        ("x.w.example. A", "NOERROR aa | | example. 5 SOA |"),
        // A CNAME wins over all else at a wildcard.
        (
            "x.c.example. TXT",
            "NOERROR aa | x.c.example. CNAME target.example., \
             target.example. TXT target.example.example. | |",
        ),
        ("x.f.example. A", "SERVFAIL | | |"),
        // What is followed runs with its own name and its own zone.
        (
            "to.example. TXT",
            "NOERROR aa | to.example. CNAME target.example., \
             target.example. TXT target.example.example. | |",
        ),
        (
            "out.example. TXT",
            "NOERROR aa | out.example. CNAME far.other., far.other. TXT far.other.other. | |",
        ),
        // Programs make no additional records.
        ("mx.example. MX", "NOERROR aa | mx.example. MX 10 one.example. | |"),
    ] {
        zones.check(question, answer);
    }
}
