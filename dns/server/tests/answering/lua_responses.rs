//! From the result of a program to the response, row by row as PowerDNS does it (1.4 in the
//! peer's specification), in both dialects where they agree.

use halfmoon_lua::{Dialect, Settings};

use super::support::{Zones, example};

const ZONE: &str = "\
one       LUA A \"'192.0.2.1'\"
two       7 LUA A \"{'192.0.2.1', '192.0.2.2'}\"
none      LUA A \"filterForward('192.0.2.1', newNMG(), '')\"
nothing   LUA A \";return {}\"
sample    LUA A \"pickrandomsample(0, {'192.0.2.1'})\"
backup    LUA A \"ifportup(80, {'192.0.2.1'}, {backupSelector='empty'})\"
both      LUA A \"pickrandomsample(0, {'192.0.2.1'})\"
both      A 192.0.2.9
texts     LUA TXT \"''\"
blank     LUA A \"''\"
alias     LUA CNAME \"''\"
error     LUA A \";error('no')\"
convert   LUA A \"ifportup(80, {true})\"
parse     LUA A \"'nonsense'\"
nil       LUA A \";return nil\"
endless   LUA A \";while true do end\"
beside    LUA A \";error('no')\"
beside    A 192.0.2.9
any       LUA A \"'192.0.2.1'\"
any       LUA TXT \"'text'\"
any       MX 10 mail
once      LUA A \"{'192.0.2.1', '192.0.2.1'}\"
once      LUA A \"'192.0.2.1'\"
once      A 192.0.2.1
";

/// Owners of what is faulty already at load.
const FAULTY: [&str; 5] = ["blank", "alias", "convert", "parse", "nil"];

/// Each row: the question, the response there, and the response here if it is another.
const ROWS: [(&str, &str, Option<&str>); 22] = [
    // At least one record: NOERROR, AA.
    ("one A", "NOERROR aa | one.example. A 192.0.2.1 | |", None),
    ("two A", "NOERROR aa | two.example. A 192.0.2.1, two.example. A 192.0.2.2 | |", None),
    // An empty table: NODATA with SOA; static records are returned all the same.
    ("none A", "NOERROR aa | | example. 5 SOA |", None),
    ("nothing A", "NOERROR aa | | example. 5 SOA |", None),
    ("sample A", "NOERROR aa | | example. 5 SOA |", None),
    ("backup A", "NOERROR aa | | example. 5 SOA |", None),
    ("both A", "NOERROR aa | both.example. A 192.0.2.9 | |", None),
    // An empty string: one empty character-string, or what does not parse.
    ("texts TXT", "NOERROR aa | texts.example. TXT | |", None),
    ("blank A", "SERVFAIL | | |", None),
    ("alias CNAME", "SERVFAIL | | |", None),
    ("alias A", "SERVFAIL | | |", None),
    // Errors of any kind: SERVFAIL, there also when static records exist.
    ("error A", "SERVFAIL | | |", None),
    ("convert A", "SERVFAIL | | |", None),
    ("parse A", "SERVFAIL | | |", None),
    ("nil A", "SERVFAIL | | |", None),
    ("endless A", "SERVFAIL | | |", None),
    ("beside A", "SERVFAIL | | |", Some("NOERROR aa | beside.example. A 192.0.2.9 | |")),
    // The source is never disclosed.
    ("one TYPE65402", "NOERROR aa | | example. 5 SOA |", None),
    // No program makes the type.
    ("one AAAA", "NOERROR aa | | example. 5 SOA |", None),
    // ANY: what every program makes, next to static data. Over UDP one RRset has to do here.
    (
        "any ANY +tcp",
        "NOERROR aa | any.example. A 192.0.2.1, any.example. MX 10 mail.example., \
         any.example. TXT text | |",
        None,
    ),
    ("any ANY", "NOERROR aa | any.example. MX 10 mail.example. | |", None),
    // 1.3: identical records in one answer are one.
    ("once A", "NOERROR aa | once.example. A 192.0.2.1 | |", None),
];

fn zones(dialect: Dialect) -> Zones {
    // What a fault is here is a warning there, and fails when it runs.
    let text = match dialect {
        Dialect::PowerDns => ZONE.to_owned(),
        Dialect::Halfmoon => ZONE
            .lines()
            .filter(|line| !FAULTY.iter().any(|o| line.starts_with(o)))
            .map(|line| format!("{line}\n"))
            .collect(),
    };
    let settings = Settings { time: std::time::Duration::from_secs(10), ..Settings::of(dialect) };
    Zones::with(&[("example", &example(&text))], settings)
}

#[test]
fn powerdns() {
    let mut zones = zones(Dialect::PowerDns);
    for (question, expected, _) in ROWS {
        let (owner, rest) = question.split_once(' ').unwrap();
        zones.check(&format!("{owner}.example. {rest}"), expected);
    }
}

#[test]
fn halfmoon() {
    let mut zones = zones(Dialect::Halfmoon);
    for (question, there, here) in ROWS {
        let (owner, rest) = question.split_once(' ').unwrap();
        if !FAULTY.contains(&owner) {
            zones.check(&format!("{owner}.example. {rest}"), here.unwrap_or(there));
        }
    }
}

#[test]
fn the_ttl_is_that_of_the_record() {
    for dialect in [Dialect::PowerDns, Dialect::Halfmoon] {
        let reply = zones(dialect).ask("two.example. A");
        let ttls: Vec<u32> = reply.message.answers.iter().map(|record| record.ttl).collect();
        assert_eq!(ttls, [7, 7]);
    }
}

#[test]
fn signed_zones_keep_their_programs_to_themselves() {
    // There a zone that comes signed shows the source; here that stays inside in any case.
    let signed = "one LUA A \"'192.0.2.1'\"\n\
                  @ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n";
    let mut zones = Zones::example(signed);
    zones.check("one.example. TYPE65402", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn aliases_without_end_end_and_names_of_servers_delegate_nothing() {
    // 1.5: a LUA NS is answered when NS is asked, and is no delegation; SOA never comes from LUA.
    let text = "loop LUA CNAME \"'pool.example'\"\npool LUA CNAME \"'loop.example'\"\n\
                self LUA CNAME \"'self.example'\"\n*.grow LUA CNAME \"'x.' .. qname:toString()\"\n\
                sub LUA NS \"'ns.other.'\"\n@ LUA SOA \"'a. b. 9 9 9 9 9'\"\n";
    for dialect in [Dialect::PowerDns, Dialect::Halfmoon] {
        let settings =
            Settings { time: std::time::Duration::from_secs(10), ..Settings::of(dialect) };
        let mut zones = Zones::with(&[("example", &example(text))], settings);
        zones.check(
            "loop.example. A",
            "NOERROR aa | loop.example. CNAME pool.example., pool.example. CNAME loop.example. | |",
        );
        zones.check("self.example. A", "NOERROR aa | self.example. CNAME self.example. | |");
        let grown = zones.ask("a.grow.example. A +tcp").message.answers.len();
        assert_eq!(grown, 11, "no more are followed than of static aliases");
        zones.check("sub.example. NS", "NOERROR aa | sub.example. NS ns.other. | |");
        zones.check("sub.example. A", "NOERROR aa | | example. 5 SOA |");
        zones.check("a.sub.example. A", "NXDOMAIN aa | | example. 5 SOA |");
        let soa = zones.ask("example. SOA").message;
        assert_eq!(soa.answers.len(), 1);
        assert!(soa.answers[0].data.to_string().contains("ns.else."), "{soa}");
    }
}
