//! What records of a zone have to be to each other: zone text in, faults out.

use std::path::Path;

use halfmoon_wire::NameBuf;
use halfmoon_zones::{Builder, Built, Files, Level, ReadOptions, read_text};

fn build(text: &str) -> Built {
    let path = Path::new("example.zone");
    let origin: NameBuf = "example.".parse().unwrap();
    let (mut files, mut builder) = (Files::default(), Builder::new());
    read_text(text.as_bytes(), path, &ReadOptions::new(origin), &mut files, &mut builder);
    builder.build(origin.as_name(), path, files)
}

/// Builds a zone of `SOA`, `NS` and `text`, and compares its faults as `level line rule`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let head = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n";
    let built = build(&format!("{head}{text}"));
    let faults: Vec<String> = built
        .faults
        .iter()
        .map(|fault| format!("{} {} {}", fault.level, fault.place.line, fault.rule))
        .collect();
    assert_eq!(faults, expected, "{text}\n{:#?}", built.faults);
    let refused = built.faults.iter().any(|fault| fault.level == Level::Error);
    assert_eq!(built.is_refused(), refused);
}

#[test]
fn a_zone_needs_one_soa() {
    let built = build("$TTL 60\n@ NS ns.else.\n");
    assert!(built.zone.is_none() && !built.has_soa);
    assert_eq!(built.faults[0].rule, "no-soa");
    check("@ SOA ns. host. 1 2 3 4 5\n", &[]);
    check("@ SOA ns. host. 9 2 3 4 5\n", &["error 4 two-soas"]);
    check("sub SOA ns. host. 1 2 3 4 5\n", &["error 4 two-soas"]);
}

#[test]
fn the_owner_of_the_soa_names_the_zone() {
    let built = build("$TTL 60\n@ A 192.0.2.1\nother. SOA ns. host. 1 2 3 4 5\nother. NS ns.\n");
    assert_eq!(built.zone.unwrap().apex().to_string(), "other.");
    assert_eq!(built.faults[0].rule, "out-of-zone");
}

#[test]
fn an_apex_without_ns_is_served_with_a_warning() {
    let built = build("@ 60 SOA ns. host. 1 2 3 4 5\n");
    assert!(built.zone.is_some());
    assert_eq!(built.faults[0].rule, "no-ns");
}

#[test]
fn an_alias_stands_alone() {
    check("a CNAME b\na A 192.0.2.1\n", &["error 5 cname-and-other-data"]);
    check("a A 192.0.2.1\nA CNAME b\n", &["error 5 cname-and-other-data"]);
    check("a CNAME b\na CNAME c\n", &["error 5 two-aliases"]);
    check("a CNAME b\na CNAME b\n", &[]);
    check("a CNAME b\na CNAME B\n", &[]);
    check("a DNAME b\na DNAME c\n", &["error 5 two-aliases"]);
    check("a CNAME b\na LUA A \"'192.0.2.1'\"\n", &["warning 5 program-beside-cname"]);
}

#[test]
fn ttls_of_an_rrset_are_one() {
    check("a 60 A 192.0.2.1\na 30 A 192.0.2.2\n", &["warning 5 ttls-differ"]);
    check("a 60 A 192.0.2.1\na 30 AAAA ::1\n", &[]);
}

#[test]
fn cuts_are_looked_at() {
    check("sub NS ns.sub\n", &["warning 4 missing-glue"]);
    check("sub NS ns.sub\nns.sub A 192.0.2.1\n", &[]);
    check("sub NS ns.other.\nx.sub TXT hidden\n", &["warning 5 occluded"]);
    check("sub NS ns.other.\nsub TXT hidden\n", &["warning 5 occluded"]);
    check("sub DNAME x.\na.sub TXT hidden\n", &["warning 5 occluded"]);
    check("sub NS ns.other.\nsub DNAME x.\n", &["warning 4 dname-at-cut"]);
    check("*.sub NS ns.other.\n", &["warning 4 ns-at-wildcard"]);
}

#[test]
fn what_is_not_of_the_zone_is_left_out() {
    check("a.other. A 192.0.2.1\n", &["warning 4 out-of-zone"]);
    let zone =
        build("@ 60 SOA ns. host. 1 2 3 4 5\na.other. 60 A 192.0.2.1\na.b 60 A 192.0.2.2\n").zone;
    let zone = zone.unwrap();
    let mut names: Vec<String> = zone.nodes().map(|node| node.owner().to_string()).collect();
    names.sort();
    assert_eq!(names, ["a.b.example.", "b.example.", "example."], "what lies outside is no name");
}

#[test]
fn sizes_are_kept() {
    use std::fmt::Write;
    let mut text = String::from("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n");
    let count = 20_000;
    for i in 0..count {
        writeln!(text, "host-{i} A 192.0.2.{}", i % 256).unwrap();
    }
    let zone = build(&text).zone.unwrap();
    assert_eq!(zone.record_count(), count + 2);
    let each = zone.size() / count as usize;
    assert!(each <= 150, "{each} octets for a plain A record");
}
