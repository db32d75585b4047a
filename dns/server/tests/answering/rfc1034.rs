//! Section 4.3.2, the algorithm, and what stands around it.

use super::support::{Zones, example};

#[test]
fn s4_3_2_data_of_the_type() {
    let mut zones = Zones::example("www A 192.0.2.1\nwww A 192.0.2.2\nwww AAAA 2001:db8::1\n");
    zones.check(
        "www.example. A",
        "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2 | |",
    );
    zones.check("www.example. AAAA", "NOERROR aa | www.example. AAAA 2001:db8::1 | |");
    zones.check(
        "WWW.eXample. A",
        "NOERROR aa | WWW.eXample. A 192.0.2.1, WWW.eXample. A 192.0.2.2 | |",
    );
}

#[test]
fn s4_3_2_outside_our_zones() {
    let mut zones = Zones::example("");
    zones.check("other. A", "REFUSED | | |");
    zones.check(". NS", "REFUSED | | |");
}

#[test]
fn s4_3_2_the_closest_zone_answers() {
    let mut zones = Zones::new(&[
        ("example", &example("sub NS ns.sub\nns.sub A 192.0.2.53\nx.sub A 192.0.2.9\n")),
        (
            "sub.example",
            "$TTL 60\n@ SOA ns.sub.example. host. 1 2 3 4 5\n@ NS ns\nns A 192.0.2.54\n",
        ),
    ]);
    zones.check("ns.sub.example. A", "NOERROR aa | ns.sub.example. A 192.0.2.54 | |");
    zones.check("x.sub.example. A", "NXDOMAIN aa | | sub.example. 5 SOA |");
    zones.check("sub.example. DS", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s4_3_2_ds_at_an_apex_without_its_parent() {
    let mut zones = Zones::example("");
    zones.check("example. DS", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s4_3_2_referral() {
    let mut zones = Zones::example(
        "sub NS ns.sub\nsub NS ns\nsub NS ns.other.\nns.sub A 192.0.2.53\nns A 192.0.2.1\n\
         sub DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000\n",
    );
    let referral = "NOERROR | | sub.example. NS ns.sub.example., sub.example. NS ns.example., \
                    sub.example. NS ns.other. | ns.sub.example. A 192.0.2.53, ns.example. A 192.0.2.1";
    zones.check("sub.example. A", referral);
    zones.check("sub.example. NS", referral);
    zones.check("a.b.sub.example. TXT", referral);
    zones.check("ns.sub.example. A", referral);
    let reply = zones.ask("sub.example. DS");
    assert!(reply.message.metadata.authoritative);
    assert_eq!(reply.message.answers.len(), 1);
}

#[test]
fn s3_6_2_aliases_are_followed() {
    let mut zones = Zones::new(&[
        (
            "example",
            &example(
                "a CNAME b\nb CNAME c.other.\nd CNAME nowhere\ne CNAME f.elsewhere.\n\
                              g CNAME h\nh TXT text\nsub NS ns.far.\ni CNAME x.sub\n",
            ),
        ),
        ("other", "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.\nc A 192.0.2.3\n"),
    ]);
    zones.check(
        "a.example. A",
        "NOERROR aa | a.example. CNAME b.example., b.example. CNAME c.other., c.other. A 192.0.2.3 | |",
    );
    zones.check("a.example. CNAME", "NOERROR aa | a.example. CNAME b.example. | |");
    zones.check("e.example. A", "NOERROR aa | e.example. CNAME f.elsewhere. | |");
    zones.check("g.example. A", "NOERROR aa | g.example. CNAME h.example. | example. 5 SOA |");
    zones.check(
        "i.example. A",
        "NOERROR aa | i.example. CNAME x.sub.example. | sub.example. NS ns.far. |",
    );
    // RFC 6604 section 3: the code is that of the last name.
    zones.check(
        "d.example. A",
        "NXDOMAIN aa | d.example. CNAME nowhere.example. | example. 5 SOA |",
    );
}

#[test]
fn s3_6_2_loops_end() {
    let mut zones = Zones::example("a CNAME b\nb CNAME a\nself CNAME self\n");
    zones.check(
        "a.example. A",
        "NOERROR aa | a.example. CNAME b.example., b.example. CNAME a.example. | |",
    );
    zones.check("self.example. A", "NOERROR aa | self.example. CNAME self.example. | |");
}

#[test]
fn s3_6_2_long_chains_end() {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..20 {
        writeln!(text, "a{i} CNAME a{}", i + 1).unwrap();
    }
    let mut zones = Zones::example(&text);
    assert_eq!(zones.ask("a0.example. A +tcp").message.answers.len(), 11);
}

#[test]
fn s3_7_1_everything_at_a_name() {
    let mut zones = Zones::example("www A 192.0.2.1\nwww TXT hello\nwww LUA A \"'192.0.2.2'\"\n");
    zones.check(
        "www.example. ANY +tcp",
        "NOERROR aa | www.example. A 192.0.2.1, www.example. A 192.0.2.2, www.example. TXT hello | |",
    );
}

#[test]
fn s4_3_2_addresses_of_hosts_come_along() {
    let mut zones = Zones::example(
        "mail A 192.0.2.25\nmail AAAA 2001:db8::25\n@ MX 10 mail\n@ MX 20 mail\n@ MX 30 mx.other.\n\
         _sip._tcp SRV 1 2 3 mail\n",
    );
    zones.check(
        "example. MX",
        "NOERROR aa | example. MX 10 mail.example., example. MX 20 mail.example., \
         example. MX 30 mx.other. | | mail.example. A 192.0.2.25, mail.example. AAAA 2001:db8::25",
    );
    zones.check(
        "_sip._tcp.example. SRV",
        "NOERROR aa | _sip._tcp.example. SRV 1 2 3 mail.example. | | \
         mail.example. A 192.0.2.25, mail.example. AAAA 2001:db8::25",
    );
}

#[test]
fn the_root_is_a_zone() {
    let mut zones = Zones::new(&[(
        "root",
        ". 60 SOA a. host. 1 2 3 4 5\n. 60 NS a.\na. 60 A 192.0.2.1\nexample. 60 NS ns.example.\n\
         ns.example. 60 A 192.0.2.2\n",
    )]);
    zones.check(". NS", "NOERROR aa | . NS a. | | a. A 192.0.2.1");
    zones.check("www.example. A", "NOERROR | | example. NS ns.example. | ns.example. A 192.0.2.2");
    zones.check("nowhere. A", "NXDOMAIN aa | | . 5 SOA |");
}
