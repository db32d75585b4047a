//! What the header says of a chain of aliases.

use super::support::{Zones, example};

fn zones() -> Zones {
    Zones::new(&[
        (
            "example",
            &example(
                "gone CNAME nowhere\nfar CNAME nowhere.other.\nthere CNAME www\nwww A 192.0.2.1\n\
                 out CNAME name.elsewhere.\ncut CNAME x.sub\nsub NS ns.else.\ndn DNAME other.\n\
                 *.w CNAME nowhere\n",
            ),
        ),
        ("other", "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 9\n@ NS ns.else.\nhere TXT x\n"),
    ])
}

#[test]
fn s2_aa_is_that_of_the_first_name() {
    let mut zones = zones();
    for name in ["gone", "far", "there", "out", "cut", "x.dn", "x.w"] {
        assert!(zones.ask(&format!("{name}.example. A")).message.metadata.authoritative, "{name}");
    }
    assert!(!zones.ask("x.sub.example. A").message.metadata.authoritative);
}

#[test]
fn s3_the_rcode_is_that_of_the_last_name() {
    let mut zones = zones();
    for (question, rcode) in [
        ("gone.example. A", 3),
        ("far.example. A", 3),
        ("x.dn.example. A", 3),
        ("here.dn.example. A", 0),
        ("x.w.example. A", 3),
        ("there.example. A", 0),
        ("there.example. MX", 0),
        // Who knows the last name is another.
        ("out.example. A", 0),
        ("cut.example. A", 0),
        // The alias itself was asked for.
        ("gone.example. CNAME", 0),
    ] {
        let reply = zones.ask(question).message;
        assert_eq!(u16::from(reply.metadata.response_code), rcode, "{question}");
    }
}
