//! What the lines of a file mean, whatever their records hold.

use crate::support::{options, read, read_with};

/// `$TTL 60`, then `text`, must give exactly `records`, without a fault.
fn check(text: &str, records: &[&str]) {
    let seen = read(format!("$TTL 60\n{text}"));
    assert_eq!(seen.faults, [], "{text:?}");
    assert_eq!(seen.records, records, "{text:?}");
}

#[test]
fn owner_ttl_and_class_may_be_left_out() {
    check(
        "a A 192.0.2.1\n A 192.0.2.2\n\t5 A 192.0.2.3\nb 6 IN A 192.0.2.4\nc IN 7 A 192.0.2.5\n\
         in in A 192.0.2.6\nd class1 type1 192.0.2.7\n",
        &[
            "a.example. 60 A c0000201",
            "a.example. 60 A c0000202",
            "a.example. 5 A c0000203",
            "b.example. 6 A c0000204",
            "c.example. 7 A c0000205",
            "in.example. 60 A c0000206",
            "d.example. 60 A c0000207",
        ],
    );
}

#[test]
fn ends_of_lines_and_blanks_do_not_matter() {
    let expected = ["a.example. 60 A c0000201", "a.example. 60 TXT 0178"];
    check("a A 192.0.2.1\n  TXT x", &expected);
    check("a\tA\t192.0.2.1\t\r\n\tTXT\tx\r\n", &expected);
    check("\n\r\n  \n; comment\n  ; comment\na A 192.0.2.1;comment\n TXT x ;", &expected);
    let seen = read("\u{feff}$TTL 60\na A 192.0.2.1\n TXT x");
    assert_eq!((seen.records.len(), seen.faults.len()), (2, 0), "a byte order mark");
    assert_eq!((seen.places[0].line, seen.places[0].column), (2, 1));
}

#[test]
fn parentheses_join_lines() {
    check(
        "a (\n 5 ; five\n) IN TXT ( x\n\"(;)\" ) y\nb A (192.0.2.1)\n",
        &["a.example. 5 TXT 017803283b290179", "b.example. 60 A c0000201"],
    );
    check(
        "@ SOA ns host (\n  1 ; serial\n  1h 1m\n 1w 2d )\n",
        &["example. 60 SOA 026e73076578616d706c650004686f7374076578616d706c6500\
         0000000100000e100000003c00093a800002a300"],
    );
}

#[test]
fn names_are_completed_with_the_origin() {
    check(
        "$ORIGIN sub\na NS @\n$ORIGIN deeper\n@ NS b\n$ORIGIN .\n@ NS c\n$origin other.\nd NS e.\n\\@ NS \\$x\n",
        &[
            "a.sub.example. 60 NS 03737562076578616d706c6500",
            "deeper.sub.example. 60 NS 01620664656570657203737562076578616d706c6500",
            ". 60 NS 016300",
            "d.other. 60 NS 016500",
            r"\@.other. 60 NS 022478056f7468657200",
        ],
    );
}

#[test]
fn escapes_stand_for_octets() {
    check(
        r#"a\.b\032\c\200 TXT a\077b "\"\\\;\010" \;\(\032 a\"b ""
"#,
        &[r"a\.b\032c\200.example. 60 TXT 03614d6204225c3b0a033b28200361226200"],
    );
}

#[test]
fn quoted_strings_may_run_over_lines() {
    let seen = read("$TTL 60\na TXT \"x\n;y(\" z\nb A 192.0.2.1\n");
    assert_eq!(seen.records, ["a.example. 60 TXT 05780a3b7928017a", "b.example. 60 A c0000201"]);
    assert_eq!(seen.places[1].line, 4);
    assert_eq!(seen.warnings(), ["2:7 string-over-lines"]);
}

#[test]
fn long_strings_are_cut() {
    let seen = read(format!("a 1 TXT \"{}\"\n", "x".repeat(300)));
    let expected = format!("a.example. 1 TXT ff{}2d{}", "78".repeat(255), "78".repeat(45));
    assert_eq!((seen.errors(), seen.warnings()), (vec![], vec!["1:9 string-cut".to_owned()]));
    assert_eq!(seen.records, [expected]);
}

#[test]
fn a_missing_ttl_comes_from_somewhere() {
    let soa = "@ SOA . . 1 2 3 4 ";
    for (text, ttls, warnings) in [
        // `$TTL` goes before what a record said last.
        ("$TTL 9\na 5 A 192.0.2.1\n A 192.0.2.2\n", vec![5, 9], vec![]),
        ("a 5 A 192.0.2.1\n A 192.0.2.2\nb A 192.0.2.3", vec![5, 5, 5], vec!["2:2 no-ttl"]),
        (&format!("{soa} 77\na A 192.0.2.1\n"), vec![77, 77], vec!["1:3 no-ttl"]),
        (&format!("@ 5 {}77\na A 192.0.2.1\n", &soa[2..]), vec![5, 5], vec!["2:3 no-ttl"]),
        ("a A 192.0.2.1\nb A 192.0.2.1\n", vec![3600, 3600], vec!["1:3 no-ttl"]),
        ("a 2147483648 A 192.0.2.1\n", vec![0], vec!["1:3 ttl-too-large"]),
        ("$TTL 4294967295\na A 192.0.2.1\n", vec![0], vec!["1:6 ttl-too-large"]),
        ("$TTL 1D2h\na A 192.0.2.1\nb 1w A 192.0.2.1", vec![93_600, 604_800], vec![]),
    ] {
        let seen = read(text);
        let found: Vec<u32> = seen
            .records
            .iter()
            .map(|record| record.split(' ').nth(1).unwrap().parse().unwrap())
            .collect();
        assert_eq!(found, ttls, "{text}");
        assert_eq!(seen.warnings(), warnings, "{text}");
        assert_eq!(seen.errors(), [""; 0], "{text}");
    }
}

#[test]
fn every_record_has_its_place() {
    let seen = read(
        "$TTL 60\n\na A 192.0.2.1\n  A (\n192.0.2.2 )\n\tA 192.0.2.3\nb TXT \"x\ny\"\nc A 192.0.2.4",
    );
    let places: Vec<(u32, u32)> =
        seen.places.iter().map(|place| (place.line, place.column)).collect();
    assert_eq!(places, [(3, 1), (4, 3), (6, 2), (7, 1), (9, 1)]);
}

#[test]
fn no_prefix_of_a_zone_brings_the_reader_down() {
    let text = "$TTL 1h\n$ORIGIN x\n@ SOA a b ( 1 2 3 4 5 )\n$GENERATE 1-3 h$ A 192.0.2.$\n\
                a LUA A (\";return\" ;x\n \"'1'\")\nb LOC 1 N 2 E 3m\nc HTTPS 1 . alpn=\"h2\"\nd TYPE9 \\# 1 00\n";
    for end in 0..=text.len() {
        let seen = read(&text[..end]);
        assert!(seen.faults.iter().all(|fault| fault.place.line > 0), "{:?}", &text[..end]);
    }
    // Octets that are nothing.
    for octet in 0..=255u8 {
        let text = [
            b"a A ".as_slice(),
            &[octet; 3],
            b"\n",
            &[octet],
            b" TXT ",
            &[octet],
            b"\nz A 192.0.2.1",
        ];
        read_with(text.concat(), &options());
    }
}
