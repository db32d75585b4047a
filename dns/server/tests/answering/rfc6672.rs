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

#[test]
fn s2_3_the_owner_itself_is_not_rewritten() {
    let mut zones = Zones::example("d DNAME t\nd A 192.0.2.1\nt A 192.0.2.2\n");
    zones.check("d.example. A", "NOERROR aa | d.example. A 192.0.2.1 | |");
    zones.check("d.example. DNAME", "NOERROR aa | d.example. DNAME t.example. | |");
    zones.check("d.example. MX", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s2_3_a_dname_may_stand_at_the_apex() {
    let mut zones = Zones::new(&[
        ("example", &example("@ DNAME other.\n@ A 192.0.2.1\n")),
        ("other", "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\nwww A 192.0.2.3\n"),
    ]);
    zones.check("example. A", "NOERROR aa | example. A 192.0.2.1 | |");
    zones.check("example. SOA", "NOERROR aa | example. 60 SOA | |");
    zones.check(
        "www.example. A",
        "NOERROR aa | example. DNAME other., www.example. CNAME www.other., www.other. A 192.0.2.3 | |",
    );
}

#[test]
fn s2_4_names_below_a_dname_are_hidden() {
    let mut zones = Zones::example(
        "d DNAME t\nx.d A 192.0.2.9\nsub.d NS ns.else.\n*.d TXT hidden\nx.t A 192.0.2.1\n",
    );
    zones.check(
        "x.d.example. A",
        "NOERROR aa | d.example. DNAME t.example., x.d.example. CNAME x.t.example., \
         x.t.example. A 192.0.2.1 | |",
    );
    for name in ["sub.d", "a.sub.d", "y.d"] {
        let target = name.strip_suffix("d").unwrap();
        zones.check(
            &format!("{name}.example. TXT"),
            &format!(
                "NXDOMAIN aa | d.example. DNAME t.example., {name}.example. CNAME {target}t.example. \
                 | example. 5 SOA |"
            ),
        );
    }
}

#[test]
fn s2_5_the_target_is_not_compressed() {
    let mut zones = Zones::example("d DNAME t\n");
    let octets = zones.ask("d.example. DNAME").octets;
    assert!(octets.ends_with(b"\x01t\x07example\0"), "{octets:x?}");
}

#[test]
fn s3_1_the_alias_that_is_made_lives_as_long_as_the_dname() {
    let mut zones = Zones::example("d 77 DNAME t\nx.t 5 A 192.0.2.1\n");
    let reply = zones.ask("x.d.example. A").message;
    let ttls: Vec<u32> = reply.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(ttls, [77, 77, 5]);
}

#[test]
fn s3_1_the_alias_is_the_answer_where_it_is_asked_for() {
    let mut zones = Zones::example("d DNAME t\nx.t A 192.0.2.1\n");
    let both = "NOERROR aa | d.example. DNAME t.example., x.d.example. CNAME x.t.example. | |";
    zones.check("x.d.example. CNAME", both);
    zones.check("x.d.example. ANY", both);
    // Of a DNAME there is none below one.
    zones.check(
        "x.d.example. DNAME",
        "NOERROR aa | d.example. DNAME t.example., x.d.example. CNAME x.t.example. | example. 5 SOA |",
    );
}

#[test]
fn s3_2_dnames_lead_to_dnames_and_to_themselves() {
    let mut zones = Zones::example(
        "a DNAME b\nb DNAME c\nx.c A 192.0.2.1\nl DNAME l\nm DNAME n\nn DNAME m\ng DNAME y.g2\ng2 DNAME g\n",
    );
    zones.check(
        "x.a.example. A",
        "NOERROR aa | a.example. DNAME b.example., x.a.example. CNAME x.b.example., \
         b.example. DNAME c.example., x.b.example. CNAME x.c.example., x.c.example. A 192.0.2.1 | |",
    );
    zones.check(
        "x.l.example. A",
        "NOERROR aa | l.example. DNAME l.example., x.l.example. CNAME x.l.example. | |",
    );
    zones.check(
        "x.m.example. A",
        "NOERROR aa | m.example. DNAME n.example., x.m.example. CNAME x.n.example., \
         n.example. DNAME m.example., x.n.example. CNAME x.m.example. | |",
    );
    // Names that grow with each turn end with the number of aliases.
    let reply = zones.ask("x.g.example. A +tcp").message;
    assert_eq!(u16::from(reply.metadata.response_code), 0);
    assert_eq!(reply.answers.len(), 22);
}

#[test]
fn s3_2_an_alias_below_a_dname_and_a_dname_behind_an_alias() {
    let mut zones = Zones::example("to CNAME x.d\nd DNAME t\nx.t CNAME y.d\ny.t A 192.0.2.1\n");
    zones.check(
        "to.example. A",
        "NOERROR aa | to.example. CNAME x.d.example., d.example. DNAME t.example., \
         x.d.example. CNAME x.t.example., x.t.example. CNAME y.d.example., \
         d.example. DNAME t.example., y.d.example. CNAME y.t.example., y.t.example. A 192.0.2.1 | |",
    );
}

#[test]
fn s3_3_the_target_may_be_made_by_a_wildcard() {
    let mut zones = Zones::example("d DNAME t\n*.t A 192.0.2.1\n");
    zones.check(
        "x.y.d.example. A",
        "NOERROR aa | d.example. DNAME t.example., x.y.d.example. CNAME x.y.t.example., \
         x.y.t.example. A 192.0.2.1 | |",
    );
}

#[test]
fn s2_2_labels_match_whole_and_in_either_case() {
    let mut zones = Zones::example("d DNAME t\nx.t A 192.0.2.1\n");
    zones.check("xd.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check(
        "x.D.Example. A",
        "NOERROR aa | D.Example. DNAME t.example., x.D.Example. CNAME x.t.Example., \
         x.t.Example. A 192.0.2.1 | |",
    );
}
