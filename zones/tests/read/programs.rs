//! `LUA` records: the text of their programs, and where it stands.

use halfmoon_wire::Type;
use halfmoon_zones::ReadOptions;

use crate::support::{options, read, read_with};

/// `a LUA A` and `chunks` must give this program, joined without and with spaces.
fn check(chunks: &str, plain: &str, spaced: &str) {
    let text = format!("$TTL 60\na LUA A {chunks}\nb A 192.0.2.1\n");
    for (insert_whitespace, expected) in [(false, plain), (true, spaced)] {
        let seen = read_with(&text, &ReadOptions { insert_whitespace, ..options() });
        assert_eq!(seen.faults, [], "{chunks}");
        assert_eq!(seen.records.len(), 2, "{chunks}");
        assert_eq!(seen.programs[0].inner, Type::A);
        assert_eq!(seen.programs[0].text, expected, "{chunks}, spaces {insert_whitespace}");
    }
}

#[test]
fn chunks_are_joined() {
    check(r#""x()""#, "x()", "x() ");
    check(r#""'foo" "bar'""#, "'foobar'", "'foo   bar' ");
    check(r#""'foo""bar'""#, "'foobar'", "'foo   bar' ");
    check("(\"a\" ; \"no\"\n\n   \"b\")", "ab", "a   b ");
    // A chunk of one space is taken for what stands between two, an empty one for nothing.
    check(r#""a" " " "b""#, "ab", "a       b ");
    check(r#""a" "  " "b""#, "a  b", "a        b ");
    check(r#""a" "" "b""#, "ab", "a     b ");
    // Without quotes a parenthesis is the file's, not the program's.
    check("x() y", "xy", "x   y ");
}

#[test]
fn escapes_stay_as_they_are_written() {
    check(r#""'\\n \065 \; \n'""#, r"'\\n \065 \; \n'", r"'\\n \065 \; \n' ");
    // A quote is never part of a program.
    check(r#""a\"b""#, r"a\b", r"a\ b ");
    let seen = read(r#"a 1 LUA TXT "\065\"\\é""#);
    assert_eq!(seen.records, ["a.example. 1 LUA 00100541225cc3a9"]);
}

#[test]
fn programs_may_run_over_lines_and_past_255_octets() {
    let seen = read(
        "$TTL 60\napi LUA A \"\n  ifurlup('https://a.example/;x', {\n    {'192.0.2.1'}\n  })\n\"\nb A 192.0.2.1\n",
    );
    assert_eq!(seen.faults, []);
    assert_eq!(seen.records.len(), 2);
    let program = &seen.programs[0];
    assert_eq!(program.text, "\n  ifurlup('https://a.example/;x', {\n    {'192.0.2.1'}\n  })\n");
    let place = program.place(program.text.find("'192").unwrap());
    assert_eq!((place.line, place.column), (4, 6));

    let code = "x".repeat(600);
    let seen = read(format!("a 1 LUA A \"{code}\"\n"));
    assert_eq!(seen.faults, []);
    assert_eq!(seen.programs[0].text, code);
    let hex = |n: usize| "78".repeat(n);
    assert_eq!(
        seen.records,
        [format!("a.example. 1 LUA 0001ff{}ff{}5a{}", hex(255), hex(255), hex(90))]
    );
}

#[test]
fn every_octet_of_a_program_has_its_place() {
    let text = "$TTL 60\na LUA A (\"one\" ; c\n   \"two\"\n\t\"th\\\"ree\"  four )\n";
    let program = &read(text).programs[0];
    assert_eq!(program.text, "onetwoth\\reefour");
    for (piece, line, column) in
        [("one", 2, 11), ("two", 3, 5), ("th\\", 4, 3), ("ree", 4, 7), ("four", 4, 13)]
    {
        let place = program.place(program.text.find(piece).unwrap());
        assert_eq!((place.line, place.column), (line, column), "{piece}");
    }
}

#[test]
fn the_shapes_that_platforms_write_are_read() {
    for program in [
        "ifurlup('https://a.example/healthz', {'192.0.2.1', '192.0.2.2'}, {selector='all'})",
        "pickclosest({'192.0.2.1', '192.0.2.2'})",
        "pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})",
        ";if country('DE') then return '192.0.2.1' else return '192.0.2.2' end",
    ] {
        check(&format!("\"{program}\""), program, &format!("{program} "));
        check(&format!("  \"{program}\" ; comment"), program, &format!("{program} "));
    }
    // Lua's own double quotes end the string: what is left is no code, and no fault here.
    let seen = read(r#"a 30 IN LUA A "ifurlup("https://x/", {{"192.0.2.1"}})""#);
    assert_eq!(seen.programs[0].text, "ifurlup(https://x/, {{192.0.2.1}})");
}

#[test]
fn the_generic_form_holds_a_program_as_well() {
    let seen = read("a 1 LUA \\# 6 0001 02 7822 00\n");
    assert_eq!(seen.faults, []);
    assert_eq!((seen.programs[0].inner, seen.programs[0].text.as_str()), (Type::A, "x\""));
    assert_eq!(seen.records, ["a.example. 1 LUA 000102782200"]);
    assert_eq!(read("a 1 TYPE65402 A \"x\"\n").programs[0].text, "x");
}

#[test]
fn faults_of_programs_are_placed() {
    for (text, errors) in [
        (&b"LUA"[..], ["1:6 missing-field"]),
        (b"LUA A", ["1:8 missing-field"]),
        (b"LUA \"x\"", ["1:7 unexpected-quotes"]),
        (b"LUA BOGUS \"x\"", ["1:7 unknown-type"]),
        (b"LUA ANY \"x\"", ["1:7 meta-type"]),
        (b"LUA A \"ok\" \"a\\256\"", ["1:16 bad-escape"]),
        (b"LUA A (\"ok\"\n \"caf\xe9\")", ["2:6 program-not-utf8"]),
        (b"LUA A \"x", ["1:9 unclosed-string"]),
        (b"LUA \\# 2 0001", ["1:7 short-data"]),
        (b"LUA \\# 3 00ff00", ["1:7 bad-program"]),
        (b"LUA \\# 4 000101e9", ["1:7 bad-program"]),
    ] {
        let seen = read([b"a ".as_slice(), text, b"\n"].concat());
        let shown = String::from_utf8_lossy(text);
        assert_eq!(seen.errors(), errors, "{shown}");
        assert_eq!(seen.records, [""; 0], "{shown}");
    }
}
