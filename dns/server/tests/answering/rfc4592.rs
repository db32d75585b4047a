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
fn s2_2_3_an_empty_non_terminal_stops_a_wildcard() {
    let mut zones = Zones::example("*.a A 192.0.2.1\nc.b.a A 192.0.2.2\n");
    zones.check("b.a.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("x.b.a.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("x.a.example. A", "NOERROR aa | x.a.example. A 192.0.2.1 | |");
    zones.check("y.x.a.example. A", "NOERROR aa | y.x.a.example. A 192.0.2.1 | |");
}

#[test]
fn s4_4_a_wildcard_may_be_an_alias() {
    let mut zones = Zones::example("*.a CNAME host\nhost A 192.0.2.1\n");
    zones.check(
        "x.a.example. A",
        "NOERROR aa | x.a.example. CNAME host.example., host.example. A 192.0.2.1 | |",
    );
    zones.check("*.a.example. CNAME", "NOERROR aa | *.a.example. CNAME host.example. | |");
}

#[test]
fn a_wildcard_may_be_a_program() {
    let mut zones = Zones::example("*.a LUA TXT \"qname:toString()\"\n");
    zones.check("X.y.a.example. TXT", "NOERROR aa | X.y.a.example. TXT X.y.a.example. | |");
    zones.check("x.a.example. A", "NOERROR aa | | example. 5 SOA |");
}
