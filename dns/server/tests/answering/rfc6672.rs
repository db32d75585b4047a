//! DNAME.

use super::support::{Zones, example};

#[test]
fn s3_1_names_below_are_rewritten() {
    let mut zones = Zones::new(&[
        ("example", &example("d DNAME t.other.\nx.d A 192.0.2.9\nd TXT own\n")),
        ("other", "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\na.t A 192.0.2.3\n"),
    ]);
    zones.check(
        "a.d.example. A",
        "NOERROR aa | d.example. DNAME t.other., a.d.example. CNAME a.t.other., a.t.other. A 192.0.2.3 | |",
    );
    zones.check(
        "x.d.example. A",
        "NXDOMAIN aa | d.example. DNAME t.other., x.d.example. CNAME x.t.other. | other. 5 SOA |",
    );
    zones.check("d.example. TXT", "NOERROR aa | d.example. TXT own | |");
    zones.check("d.example. A", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s2_2_names_that_grow_too_long() {
    let label = "a".repeat(63);
    let target = format!("{label}.{label}.{label}.");
    let mut zones = Zones::example(&format!("d DNAME {target}\n"));
    let long = "b".repeat(60);
    zones.check(
        &format!("{long}.x.d.example. A +tcp"),
        &format!("YXDOMAIN aa | d.example. DNAME {target} | |"),
    );
}
