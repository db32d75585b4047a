//! The shapes of records that the platform writes, and what is said about each.

use crate::support::run;
use crate::support::site::{Folder, HEAD};

/// Checks a zone with these lines and a database-less configuration: one row a fault, as
/// `line:column: level: beginning of the message` with lines counted from the first of `text`.
#[track_caller]
fn check(dialect: &str, text: &str, expected: &[&str]) {
    let folder = Folder::new("", text);
    let file = folder.path("zones/example.test.zone");
    let ended = run(&["check", "--dialect", dialect, file.to_str().unwrap()]);
    let head = format!("{}:", file.display());
    let found: Vec<String> = ended
        .out
        .lines()
        .map(|line| {
            let rest = line.strip_prefix(&head).unwrap_or_else(|| panic!("no place: {line}"));
            let (number, rest) = rest.split_once(':').unwrap();
            let number: usize = number.parse().unwrap();
            format!("{}:{rest}", number - HEAD.lines().count())
        })
        .collect();
    let as_expected = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(as_expected, "{text}\n{found:#?}\nnot {expected:#?}");
    let is_refused = expected.iter().any(|line| line.contains(": error: "));
    assert_eq!(ended.status.code(), Some(i32::from(is_refused)), "{text}");
}

#[test]
fn each_shape_that_the_platform_writes_is_taken_or_told_about() {
    for (text, expected) in [
        // Active-active.
        (
            "www IN LUA A \"ifurlup('https://probe.example.test/healthz', {'192.0.2.1', '198.51.100.1'}, {selector='all'})\"\n",
            &[][..],
        ),
        // By distance, where there is no database to tell it.
        (
            "www IN LUA A \"pickclosest({'192.0.2.1', '198.51.100.1'})\"\n",
            &["1:27: warning: no database with coordinates"],
        ),
        // Quoted over many lines, groups inside.
        (
            "www IN LUA A \"\n  ifurlup('https://probe.example.test/healthz', {\n    {'192.0.2.1', '198.51.100.1'}\n  }, {selector='random'})\n\"\n",
            &[],
        ),
        // T1: the first that is healthy, in both spellings; what is no selector is an error.
        (
            "www IN LUA A \"ifurlup('https://probe.example.test/healthz', {'192.0.2.1', '198.51.100.1'}, {selector='pickfirst'})\"\n\
             alt IN LUA A \"ifurlup('https://probe.example.test/healthz', {'192.0.2.1', '198.51.100.1'}, {selector='first'})\"\n",
            &[],
        ),
        (
            "www IN LUA A \"ifurlup('https://probe.example.test/healthz', {'192.0.2.1', '198.51.100.1'}, {selector='pickfrist'})\"\n",
            &["1:102: error: there is no selector 'pickfrist'; write 'pickfirst'"],
        ),
        // T2: a flat list is no order of preference.
        (
            "www IN LUA A \"ifportup(587, {'192.0.2.1', '198.51.100.1'})\"\n",
            &[
                "1:29: warning: a flat list without a selector: one of those that are up is picked at random; write selector='first' or groups",
            ],
        ),
        (
            "www 300 IN LUA A \"ifurlup('https://probe.example.test/', {'192.0.2.1', '198.51.100.1'}, {timeout=2, interval=10})\"\n",
            &["1:58: warning: a flat list"],
        ),
        // T3: one region's own name, asked of the other region as well.
        (
            "probe-hel A 192.0.2.1\n\
             www IN LUA A \"ifurlup('https://probe-hel.example.test/healthz', {{'192.0.2.1'}, {'198.51.100.1'}}, {selector='pickfirst'})\"\n",
            &[
                "2:23: warning: 198.51.100.1 asked for a URL of probe-hel.example.test., which has 192.0.2.1",
            ],
        ),
        // Weights.
        ("www IN LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '198.51.100.1'}})\"\n", &[]),
        // T5: the type is the record's affair; each address is told about, where it stands.
        (
            "www IN LUA A \"\n  ifurlup('https://probe.example.test/healthz', {\n    'A 192.0.2.1',\n    'A 198.51.100.1'\n  }, {selector='all'})\n\"\n",
            &[
                "3:5: error: 'A 192.0.2.1' is not an address; write '192.0.2.1'",
                "4:5: error: 'A 198.51.100.1' is not an address; write '198.51.100.1'",
            ],
        ),
        // The controller's form: groups, first one primary, options of time. Its double quotes
        // reach a zone file as single ones.
        (
            "www 30 IN LUA A \"ifurlup('https://probe.example.test/healthz', {{'192.0.2.6'}, {'192.0.2.1', '192.0.2.2'}}, {selector='pickfirst', interval=5, timeout=2})\"\n",
            &[],
        ),
        // T6: a selector in the place of the function.
        (
            "www IN LUA A \"pickclosest('https://probe.example.test/healthz', {{'192.0.2.1'}}, {interval=5})\"\n",
            &["1:27: error: pickclosest does not take a string here; write ifurlup("],
        ),
        (
            "www IN LUA A \"pickwhashed('https://probe.example.test/healthz', {{'192.0.2.1'}}, {interval=5})\"\n",
            &["1:27: error: pickwhashed does not take a string here; write ifurlup("],
        ),
        (
            "www IN LUA A \"pickfirst('https://probe.example.test/healthz', {{'192.0.2.1'}}, {interval=5})\"\n",
            &["1:15: error: pickfirst is a selector, not a function"],
        ),
        // T11: a semicolon in quotes is code, a newline is one too, and comments are Lua's.
        (
            "www IN LUA A \";\n  -- ours\n  if country('DE') then\n    return '192.0.2.1'\n  end\n  return '198.51.100.1'\n\"\n",
            &["3:6: warning: no database with countries is loaded"],
        ),
        (
            "www IN LUA A \";\n  if country('DE') then\n    return '192.0.2.1'\n  return '198.51.100.1'\n\"\n",
            &["4:3: error: "],
        ),
        // Many quoted strings with comments between them.
        (
            "www IN LUA A ( \"ifportup(443, {\" ; the members\n  \"'192.0.2.1',\"   ; one\n  \"'198.51.100.300'\" ; two\n  \"}, {selector='all'})\" )\n",
            &["3:4: error: '198.51.100.300' is not an address"],
        ),
        // The base set of a zone, a wildcard with a program beside the names it does not cover.
        (
            "@ A 192.0.2.1\n* A 192.0.2.1\nconsole A 192.0.2.1\n_acme-challenge TXT \"x\"\n_externaldns.a TXT \"heritage=external-dns\"\n*.acme LUA A \"ifportup(443, {'192.0.2.1'})\"\n",
            &[],
        ),
    ] {
        check("halfmoon", text, expected);
    }
}

#[test]
fn in_powerdns_what_loads_there_loads_here_with_a_warning() {
    for (text, expected) in [
        (
            "www IN LUA A \"ifurlup('https://probe.example.test/healthz', {'192.0.2.1', '198.51.100.1'}, {selector='pickfirst'})\"\n",
            &["1:102: warning: the peer has no selector 'pickfirst'"][..],
        ),
        ("www IN LUA A \"ifportup(587, {'192.0.2.1', '198.51.100.1'})\"\n", &[]),
        (
            "www IN LUA A \"ifurlup('https://probe.example.test/', {'A 192.0.2.1'})\"\n",
            &["1:55: warning: 'A 192.0.2.1' is not an address"],
        ),
        (
            "www IN LUA A \"pickclosest('https://probe.example.test/healthz', {{'192.0.2.1'}}, {interval=5})\"\n",
            &["1:27: warning: pickclosest does not take a string here"],
        ),
    ] {
        check("powerdns", text, expected);
    }
}
