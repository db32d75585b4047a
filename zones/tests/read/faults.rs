//! Where a fault is, what it is called, and that reading goes on behind it.

use crate::support::read;

/// Between two good records, `text` must have exactly these errors.
fn check(text: &str, errors: &[&str]) {
    let seen = read(format!("$TTL 60\n{text}\ngood A 192.0.2.1\n"));
    assert_eq!(seen.errors(), errors, "{text}");
    assert_eq!(seen.records, ["good.example. 60 A c0000201"], "{text}");
}

#[test]
fn a_faulty_record_is_placed_and_left_out() {
    let label = "a".repeat(64);
    let long = format!("x HINFO {}", "a".repeat(256));
    for (text, errors) in [
        ("a A 1.2.3", &["2:5 bad-address"][..]),
        ("a A 2001:db8::1", &["2:5 bad-address"]),
        ("a AAAA ( ; x\n\n  1.2.3.4 )", &["4:3 bad-address"]),
        ("a A", &["2:4 missing-field"]),
        ("a A 192.0.2.1 x", &["2:15 extra-data"]),
        ("a MX (\n10\n)", &["4:2 missing-field"]),
        ("a MX 65536 b", &["2:6 number-too-large"]),
        ("a MX ten b", &["2:6 bad-number"]),
        ("a 192.0.2.1", &["2:3 missing-type"]),
        ("a 2001:db8::1", &["2:3 missing-type"]),
        ("a 60 IN", &["2:8 missing-field"]),
        ("a 60 60 A 192.0.2.1", &["2:6 missing-type"]),
        ("a IN IN A 192.0.2.1", &["2:6 class-twice"]),
        ("a CH A 192.0.2.1", &["2:3 class-not-in"]),
        ("a CLASS42 A 192.0.2.1", &["2:3 class-not-in"]),
        ("a BOGUS x", &["2:3 unknown-type"]),
        ("a ANY x", &["2:3 meta-type"]),
        ("a OPT x", &["2:3 meta-type"]),
        ("a TYPE255 \\# 0", &["2:3 meta-type"]),
        ("a TYPE0 \\# 0", &["2:3 meta-type"]),
        ("a TYPE70000 \\# 0", &["2:3 unknown-type"]),
        ("a TYPE700 x", &["2:11 no-text-form"]),
        ("a 4294967296 A 192.0.2.1", &["2:3 number-too-large"]),
        ("  $TTL 60", &["2:3 no-owner"]),
        ("$BOGUS x", &["2:1 unknown-directive"]),
        ("$TTL x", &["2:6 bad-period"]),
        ("$TTL", &["2:5 missing-field"]),
        ("$TTL 60 60", &["2:9 extra-data"]),
        ("$ORIGIN a..b", &["2:9 empty-label"]),
        ("$INCLUDE x", &["2:10 include-refused"]),
        (&format!("{label} A 192.0.2.1"), &["2:1 label-too-long"]),
        (&format!("a NS {label}"), &["2:6 label-too-long"]),
        (&format!("a NS {}b", "abcdefg.".repeat(31)), &["2:6 name-too-long"]),
        ("a..b A 192.0.2.1", &["2:1 empty-label"]),
        (r"a\256 A 192.0.2.1", &["2:1 bad-name"]),
        (r"a TXT ab\25", &["2:9 bad-escape"]),
        (r#"a TXT "ab\256""#, &["2:10 bad-escape"]),
        ("a TXT x\\", &["2:8 bad-escape"]),
        (&long, &["2:9 string-too-long"]),
        ("\"a\" A 192.0.2.1", &["2:1 unexpected-quotes"]),
        ("a A \"192.0.2.1\"", &["2:5 unexpected-quotes"]),
        ("a NS \"b\"", &["2:6 unexpected-quotes"]),
        ("a A 192.0.2.1 )", &["2:15 unopened-parenthesis"]),
        ("a DNSKEY 0 3 8 (\nAAAA\n A*AA )", &["4:3 bad-base64"]),
        ("a TYPE9 \\# 2 00", &["2:12 generic-length"]),
        ("a A \\# 3 000000", &["2:5 short-data"]),
        ("a NS \\# 2 c000", &["2:6 bad-name"]),
        ("a MX \\# 4 00010000", &["2:6 extra-data"]),
        (
            "a A 1.2.3\nb A 1.2.3\nc A 1.2.3",
            &["2:5 bad-address", "3:5 bad-address", "4:5 bad-address"],
        ),
    ] {
        check(text, errors);
    }
}

#[test]
fn what_is_not_closed_costs_its_line_only() {
    check("a A ( 192.0.2.1", &["2:5 unclosed-parenthesis"]);
    check("a TXT \"x", &["2:7 unclosed-string"]);
    check(
        "a BOGUS (\nb A ( 192.0.2.2",
        &["2:3 unknown-type", "2:9 unclosed-parenthesis", "3:5 unclosed-parenthesis"],
    );
}

#[test]
fn a_file_that_is_not_closed_everywhere_is_given_up() {
    let seen = read("a A (\n".repeat(100_000));
    let errors = seen.errors();
    assert_eq!(errors.len(), 17);
    assert_eq!(errors.last().unwrap().split(' ').nth(1), Some("unclosed"));
}

#[test]
fn records_do_not_inherit_a_faulty_owner() {
    let seen = read("$TTL 60\na A 192.0.2.1\nb..c A 192.0.2.2\n A 192.0.2.3\n");
    assert_eq!(seen.records, ["a.example. 60 A c0000201"]);
    assert_eq!(seen.errors(), ["3:1 empty-label", "4:2 no-owner"]);
}

#[test]
fn every_error_says_what_to_write() {
    for text in
        ["a A 1.2.3", "a BOGUS x", "a MX x y", "a CH A x", "$BOGUS", "a TXT \"", "a NS \"b\""]
    {
        let seen = read(format!("$TTL 60\n{text}\n"));
        assert!(seen.faults.iter().all(|fault| fault.help.is_some()), "{:?}", seen.faults);
        let shown = &seen.faults[0].message;
        assert!(shown.starts_with(|c: char| c.is_lowercase() || c == '`'), "{shown}");
        assert!(!shown.ends_with('.'), "{shown}");
    }
}
