//! Wildcards by closest encloser.

use super::support::Zones;

/// The zone of section 2.2.1.
const ZONE: &str = "* TXT \"this is a wildcard\"\n* MX 10 host1\nsub.* TXT \"this is not a wildcard\"\n\
                    host1 A 192.0.2.1\n_ssh._tcp.host1 SRV 0 0 22 host1\n_ssh._tcp.host2 SRV 0 0 22 host2\n\
                    subdel NS ns.else.\n";

#[test]
fn s2_2_1_synthesised() {
    let mut zones = Zones::example(ZONE);
    zones.check(
        "host3.example. MX",
        "NOERROR aa | host3.example. MX 10 host1.example. | | host1.example. A 192.0.2.1",
    );
    zones.check("host3.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("foo.bar.example. TXT", "NOERROR aa | foo.bar.example. TXT this is a wildcard | |");
}

#[test]
fn s2_2_1_not_synthesised() {
    let mut zones = Zones::example(ZONE);
    zones.check("host1.example. MX", "NOERROR aa | | example. 5 SOA |");
    zones.check("sub.*.example. MX", "NOERROR aa | | example. 5 SOA |");
    zones.check("_telnet._tcp.host1.example. SRV", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("host.subdel.example. A", "NOERROR | | subdel.example. NS ns.else. |");
    zones.check("ghost.*.example. MX", "NXDOMAIN aa | | example. 5 SOA |");
}

#[test]
fn s2_2_2_an_empty_non_terminal_stops_a_wildcard() {
    let mut zones = Zones::example("*.a A 192.0.2.1\nc.b.a A 192.0.2.2\n");
    zones.check("b.a.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("x.b.a.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("x.a.example. A", "NOERROR aa | x.a.example. A 192.0.2.1 | |");
    zones.check("y.x.a.example. A", "NOERROR aa | y.x.a.example. A 192.0.2.1 | |");
}

#[test]
fn s4_3_a_wildcard_may_be_an_alias() {
    let mut zones = Zones::example("*.a CNAME host\nhost A 192.0.2.1\n");
    zones.check(
        "x.a.example. A",
        "NOERROR aa | x.a.example. CNAME host.example., host.example. A 192.0.2.1 | |",
    );
    zones.check("*.a.example. CNAME", "NOERROR aa | *.a.example. CNAME host.example. | |");
}

#[test]
fn s3_3_3_a_wildcard_may_be_a_program() {
    let mut zones = Zones::example("*.a LUA TXT \"qname:toString()\"\n");
    zones.check("X.y.a.example. TXT", "NOERROR aa | X.y.a.example. TXT X.y.a.example. | |");
    zones.check("x.a.example. A", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s2_1_2_an_asterisk_among_others_is_nothing_special() {
    let mut zones = Zones::example("a* A 192.0.2.1\n** A 192.0.2.2\nb.*.c A 192.0.2.3\n");
    zones.check("a*.example. A", "NOERROR aa | a\\*.example. A 192.0.2.1 | |");
    zones.check("ab.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("xy.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    // `*.c` makes this name, and has no records.
    zones.check("b.x.c.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("b.*.c.example. A", "NOERROR aa | b.*.c.example. A 192.0.2.3 | |");
}

#[test]
fn s2_1_3_a_wildcard_may_have_names_below_it() {
    let mut zones = Zones::example("*.w A 192.0.2.1\nx.*.w A 192.0.2.2\n*.*.w TXT two\n");
    zones.check("x.*.w.example. A", "NOERROR aa | x.*.w.example. A 192.0.2.2 | |");
    zones.check("x.y.w.example. A", "NOERROR aa | x.y.w.example. A 192.0.2.1 | |");
    zones.check("y.*.w.example. TXT", "NOERROR aa | y.*.w.example. TXT two | |");
    zones.check("y.*.w.example. A", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s2_3_a_wildcard_that_is_asked_for_is_a_name() {
    let mut zones = Zones::example("*.w A 192.0.2.1\n");
    zones.check("*.w.example. A", "NOERROR aa | *.w.example. A 192.0.2.1 | |");
    zones.check("*.w.example. TXT", "NOERROR aa | | example. 5 SOA |");
    // It makes names below it, too: `w` is their closest encloser no longer, `*.w` is.
    zones.check("x.*.w.example. A", "NXDOMAIN aa | | example. 5 SOA |");
}

#[test]
fn s3_1_a_wildcard_does_not_reach_into_a_zone_below_or_above() {
    let sub = "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 9\n@ NS ns.else.\nx.y A 192.0.2.9\n";
    let mut zones = Zones::new(&[
        ("example", &super::support::example("* A 192.0.2.1\nsub NS ns.else.\n")),
        ("sub.example", sub),
    ]);
    zones.check("a.sub.example. A", "NXDOMAIN aa | | sub.example. 9 SOA |");
    zones.check("y.sub.example. A", "NOERROR aa | | sub.example. 9 SOA |");
    zones.check("y.example. A", "NOERROR aa | y.example. A 192.0.2.1 | |");
}

#[test]
fn s3_3_1_the_closest_encloser_has_the_wildcard_or_nobody() {
    let mut zones =
        Zones::example("* TXT far\n*.a.b TXT near\nc.a.b A 192.0.2.1\nd.b A 192.0.2.2\n");
    zones.check("x.a.b.example. TXT", "NOERROR aa | x.a.b.example. TXT near | |");
    // `b` and `c.a.b` are closer than the apex and have none.
    zones.check("x.b.example. TXT", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("x.c.a.b.example. TXT", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("x.y.example. TXT", "NOERROR aa | x.y.example. TXT far | |");
}

#[test]
fn s3_3_3_what_a_wildcard_has_not_of_a_type_is_no_data() {
    let mut zones = Zones::example("*.w MX 10 host\nhost A 192.0.2.1\n");
    zones.check("x.w.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check(
        "x.w.example. MX",
        "NOERROR aa | x.w.example. MX 10 host.example. | | host.example. A 192.0.2.1",
    );
    zones.check("x.w.example. ANY +tcp", "NOERROR aa | x.w.example. MX 10 host.example. | |");
}

#[test]
fn s4_2_servers_at_a_wildcard_delegate_nothing() {
    // Nothing is defined for them; they are an RRset like another, as in NSD and Knot.
    let mut zones = Zones::example("*.w NS ns.else.\n*.w TXT x\n");
    zones.check("a.w.example. NS", "NOERROR aa | a.w.example. NS ns.else. | |");
    zones.check("a.w.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("a.w.example. TXT", "NOERROR aa | a.w.example. TXT x | |");
    // The wildcard itself is a cut when it is asked for by its name.
    zones.check("*.w.example. A", "NOERROR | | *.w.example. NS ns.else. |");
    zones.check("a.*.w.example. A", "NOERROR | | *.w.example. NS ns.else. |");
}

#[test]
fn s4_3_aliases_that_wildcards_make_are_followed_once_each() {
    let mut zones = Zones::example("*.a CNAME x.b\n*.b CNAME y.a\n*.c CNAME z.c\n");
    zones.check(
        "q.a.example. A",
        "NOERROR aa | q.a.example. CNAME x.b.example., x.b.example. CNAME y.a.example., \
         y.a.example. CNAME x.b.example. | |",
    );
    zones.check(
        "q.c.example. A",
        "NOERROR aa | q.c.example. CNAME z.c.example., z.c.example. CNAME z.c.example. | |",
    );
}

#[test]
fn s4_4_a_dname_at_a_wildcard_rewrites_what_is_below_the_wildcard_alone() {
    let mut zones = Zones::example("*.w DNAME t\na.t A 192.0.2.1\n");
    // The name itself is not rewritten (RFC 6672 section 2.3), and a name below one that the
    // wildcard makes is made by the wildcard, too (section 3.3 there).
    zones.check("x.w.example. DNAME", "NOERROR aa | x.w.example. DNAME t.example. | |");
    zones.check("x.w.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check(
        "a.*.w.example. A",
        "NOERROR aa | *.w.example. DNAME t.example., a.*.w.example. CNAME a.t.example., \
         a.t.example. A 192.0.2.1 | |",
    );
}

#[test]
fn s4_6_a_wildcard_has_no_delegation_to_sign() {
    let mut zones = Zones::example("*.w TXT x\n");
    zones.check("a.w.example. DS", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s4_9_a_wildcard_without_records_makes_names_without_records() {
    let mut zones = Zones::example("a.*.w A 192.0.2.1\n");
    zones.check("x.w.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("x.y.w.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("a.x.w.example. A", "NOERROR aa | | example. 5 SOA |");
}
