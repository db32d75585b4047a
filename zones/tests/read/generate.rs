//! `$GENERATE`, with the examples of BIND's manual among others.

use crate::support::read;

fn check(text: &str, records: &[&str]) {
    let seen = read(format!("$TTL 60\n{text}"));
    assert_eq!(seen.faults, [], "{text}");
    assert_eq!(seen.records, records, "{text}");
}

#[test]
fn a_range_makes_records() {
    check("$GENERATE 1-2 @ NS s$.\n", &["example. 60 NS 02733100", "example. 60 NS 02733200"]);
    check(
        "$GENERATE 1-5/2 $ 5 IN CNAME $.0 ; comment\n",
        &[
            "1.example. 5 CNAME 01310130076578616d706c6500",
            "3.example. 5 CNAME 01330130076578616d706c6500",
            "5.example. 5 CNAME 01350130076578616d706c6500",
        ],
    );
    check(
        "$generate 8-9 h${0,3} in 1h A 192.0.2.${-7}\n",
        &["h008.example. 3600 A c0000201", "h009.example. 3600 A c0000202"],
    );
    check(
        "$GENERATE 26-27 ${0,3,n}.x PTR h${0,2,X}.\n",
        &["a.1.x.example. 60 PTR 0368314100", "b.1.x.example. 60 PTR 0368314200"],
    );
}

#[test]
fn data_may_be_quoted_as_a_whole() {
    check("$GENERATE 1-1 h MX \"$ mx$.\"\n", &["h.example. 60 MX 0001036d783100"]);
    check("$GENERATE 1-1 h TXT a\"$\" b$\n", &["h.example. 60 TXT 01610131026231"]);
    check("$GENERATE 1-1 h TXT \"\\$ $$\" $\n", &["h.example. 60 TXT 032420240131"]);
}

#[test]
fn the_owner_before_stays() {
    check(
        "a A 192.0.2.1\n$GENERATE 1-1 h$ A 192.0.2.$\n A 192.0.2.2\n",
        &["a.example. 60 A c0000201", "h1.example. 60 A c0000201", "a.example. 60 A c0000202"],
    );
}

#[test]
fn faults_stand_at_the_directive_and_once() {
    for (text, errors) in [
        ("$GENERATE 250-300 h$ A 192.0.2.$", ["2:1 bad-address"]),
        ("$GENERATE 1 h$ A 192.0.2.$", ["2:11 bad-generate"]),
        ("$GENERATE 1-2 h${x} A 192.0.2.$", ["2:16 bad-generate"]),
        ("$GENERATE 1-2 h$ BOGUS x", ["2:1 unknown-type"]),
        ("$GENERATE 1-2 h$ A", ["2:19 missing-field"]),
        ("$GENERATE 1-2 $$INCLUDE A x", ["2:1 bad-address"]),
        ("$GENERATE 0-2000000000 h$ A 192.0.2.1", ["2:1 generate-count"]),
    ] {
        let seen = read(format!("$TTL 60\n{text}\n"));
        assert_eq!(seen.errors(), errors, "{text}");
    }
    let seen = read("$TTL 60\n$GENERATE 254-300 h$ A 192.0.2.$\n");
    assert_eq!(seen.records.len(), 2);
    assert!(seen.faults[0].message.contains("256"), "{}", seen.faults[0].message);
}
