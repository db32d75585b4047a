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
fn s3_1_the_root_is_a_zone() {
    let mut zones = Zones::new(&[(
        "root",
        ". 60 SOA a. host. 1 2 3 4 5\n. 60 NS a.\na. 60 A 192.0.2.1\nexample. 60 NS ns.example.\n\
         ns.example. 60 A 192.0.2.2\n",
    )]);
    zones.check(". NS", "NOERROR aa | . NS a. | | a. A 192.0.2.1");
    zones.check("www.example. A", "NOERROR | | example. NS ns.example. | ns.example. A 192.0.2.2");
    zones.check("nowhere. A", "NXDOMAIN aa | | . 5 SOA |");
}

#[test]
fn s3_1_the_root_and_zones_of_one_label_side_by_side() {
    let zone = |ns: &str| format!("$TTL 60\n@ SOA {ns} host. 1 2 3 4 5\n@ NS {ns}\n");
    let root = format!("{}a. A 192.0.2.1\norg. NS ns.org.\nns.org. A 192.0.2.2\n", zone("a."));
    let mut zones = Zones::new(&[
        ("root", &format!("$ORIGIN .\n{root}")),
        ("org", &format!("{}ns A 192.0.2.2\nx NS ns.x\nns.x A 192.0.2.3\n", zone("ns.org."))),
        ("net", &zone("ns.org.")),
    ]);
    zones.check(". SOA", "NOERROR aa | . 60 SOA | |");
    zones.check("org. SOA", "NOERROR aa | org. 60 SOA | |");
    zones.check("ns.org. A", "NOERROR aa | ns.org. A 192.0.2.2 | |");
    zones.check("www.x.org. A", "NOERROR | | x.org. NS ns.x.org. | ns.x.org. A 192.0.2.3");
    // A zone is there without a delegation, too, and its denials are its own.
    zones.check("net. A", "NOERROR aa | | net. 5 SOA |");
    zones.check("www.net. A", "NXDOMAIN aa | | net. 5 SOA |");
    zones.check("com. A", "NXDOMAIN aa | | . 5 SOA |");
}

#[test]
fn s4_1_no_recursion_is_offered() {
    use halfmoon::transport::Protocol;
    let mut zones = Zones::example("www A 192.0.2.1\n");
    for question in ["www.example. A", "nothing.example. A", "elsewhere. A"] {
        let (mut octets, _) = super::support::query(question);
        octets[2] |= 1;
        let reply = zones.raw(&octets, Protocol::Udp).unwrap();
        assert_eq!(reply[2] & 1, 1, "RD is repeated: {question}");
        assert_eq!(reply[3] & 0x80, 0, "RA is clear: {question}");
    }
}

#[test]
fn s4_2_1_what_lies_below_a_cut_is_not_the_zones() {
    // Glue, an address that is none, an alias, a wildcard, another cut: all of it is occluded.
    let mut zones = Zones::example(
        "sub NS ns.sub\nns.sub A 192.0.2.53\nwww.sub A 192.0.2.1\nalias.sub CNAME www\n\
         *.sub TXT hidden\ndeep.sub NS ns.deep.sub\nns.deep.sub A 192.0.2.54\nsub TXT hidden\n\
         www A 192.0.2.2\n",
    );
    let referral = "NOERROR | | sub.example. NS ns.sub.example. | ns.sub.example. A 192.0.2.53";
    for name in ["sub", "ns.sub", "www.sub", "alias.sub", "x.sub", "deep.sub", "a.deep.sub"] {
        for rtype in ["A", "TXT", "NS", "CNAME", "SOA"] {
            zones.check(&format!("{name}.example. {rtype}"), referral);
        }
    }
    zones.check("ns.sub.example. DS", referral);
}

#[test]
fn s4_3_2_an_alias_leads_into_a_zone_below_and_back() {
    let below = "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\nback CNAME www.example.\n";
    let mut zones = Zones::new(&[
        ("example", &example("to CNAME back.sub\nsub NS ns.else.\nwww A 192.0.2.1\n")),
        ("sub.example", below),
    ]);
    zones.check(
        "to.example. A",
        "NOERROR aa | to.example. CNAME back.sub.example., back.sub.example. CNAME www.example., \
         www.example. A 192.0.2.1 | |",
    );
}

#[test]
fn s4_3_2_additional_addresses_are_the_zones_own() {
    // Of hosts in another zone of the server, of a host below a cut (as of an MX), of an alias and
    // of a host outside: nothing.
    let mut zones = Zones::new(&[
        (
            "example",
            &example(
                "@ MX 1 host.other.\n@ MX 2 ns.sub\n@ MX 3 alias\n@ MX 4 host\nsub NS ns.sub\n\
                 ns.sub A 192.0.2.53\nalias CNAME host\nhost A 192.0.2.1\n",
            ),
        ),
        ("other", "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\nhost A 192.0.2.9\n"),
    ]);
    zones.check(
        "example. MX",
        "NOERROR aa | example. MX 1 host.other., example. MX 2 ns.sub.example., \
         example. MX 3 alias.example., example. MX 4 host.example. | | host.example. A 192.0.2.1",
    );
}

#[test]
fn s3_6_2_chains_and_loops_through_zones_end() {
    let zone =
        |text: &str| format!("$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\n{text}");
    let mut zones = Zones::new(&[
        ("one", &zone("a CNAME a.two.\nd DNAME d.two.\n")),
        ("two", &zone("a CNAME a.three.\nd DNAME d.three.\n")),
        ("three", &zone("a CNAME a.one.\nd DNAME d.one.\nb CNAME a.one.\n")),
    ]);
    zones.check(
        "a.one. A",
        "NOERROR aa | a.one. CNAME a.two., a.two. CNAME a.three., a.three. CNAME a.one. | |",
    );
    zones.check(
        "b.three. A",
        "NOERROR aa | b.three. CNAME a.one., a.one. CNAME a.two., a.two. CNAME a.three., \
         a.three. CNAME a.one. | |",
    );
    zones.check(
        "x.d.one. A",
        "NOERROR aa | d.one. DNAME d.two., x.d.one. CNAME x.d.two., d.two. DNAME d.three., \
         x.d.two. CNAME x.d.three., d.three. DNAME d.one., x.d.three. CNAME x.d.one. | |",
    );
}
