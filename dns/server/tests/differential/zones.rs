//! Makes zones of every shape, and what to ask of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fastrand::Rng;

/// Labels of owners. Few, so that names meet: below cuts, at aliases, under wildcards. Some hold
/// what labels may hold and seldom do: dots, octets beyond ASCII, upper case.
const LABELS: [&str; 12] =
    ["a", "b", "c", "www", "*", "ns", "mail", "_sip", "UP", "do\\.ts", "\\000\\255", "\\195\\169"];

/// Types, of which some are asked of each name.
pub(crate) const ASKED: [&str; 10] =
    ["A", "AAAA", "NS", "SOA", "CNAME", "DNAME", "MX", "TXT", "DS", "TYPE65280"];

/// A zone as text.
pub(crate) struct Made {
    /// Its apex, with the dot at its end.
    pub(crate) apex: String,
    /// Its file.
    pub(crate) text: String,
    /// Names worth a question: owners, names between, below and beside them.
    pub(crate) names: BTreeSet<String>,
}

/// Where the zones of one server lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Below `test.`. Some lie below others, so that parent and child meet in one server, with and
    /// without a delegation.
    Nested,
    /// The root, and zones of one label.
    Top,
}

impl Family {
    /// The apex of zone `number`.
    fn apex(self, number: usize) -> String {
        match (self, number % 8) {
            (Self::Top, _) if number == 0 => ".".to_owned(),
            (Self::Top, _) => format!("z{number}."),
            (Self::Nested, 7) => format!("a.z{}.test.", number - 1),
            (Self::Nested, 5) => format!("b.c.z{}.test.", number - 1),
            (Self::Nested, _) => format!("z{number}.test."),
        }
    }
}

/// A name below an apex.
fn below(name: &str, apex: &str) -> String {
    format!("{name}.{}", apex.trim_start_matches('.'))
}

/// Makes zone `number` of `count`.
pub(crate) fn make(family: Family, number: usize, count: usize, rng: &mut Rng) -> Made {
    let apex = family.apex(number);
    let mut owners = owners(rng);
    if family == Family::Top && number == 0 {
        // The root delegates some of the zones that are here, and some that are not.
        owners.extend((1..count + 10).filter(|n| n % 3 == 0).map(|n| format!("z{n}")));
    }
    let mut zone: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let targets = Targets { family, apex: &apex, owners: &owners, count };
    for owner in &owners {
        zone.insert(owner.clone(), node(owner, &targets, rng));
    }
    settle(&mut zone);
    // NSD loads no zone that lies below a DNAME of another, or has one above names of another.
    let near = |owner: &str, child: &str| format!(".{owner}").ends_with(child);
    for (owner, records) in &mut zone {
        let meets = match number % 8 {
            _ if family == Family::Top => owner == "@" || owner.starts_with('z') || *owner == "*",
            4 | 6 => {
                matches!(owner.as_str(), "@" | "c") || near(owner, ".a") || near(owner, ".b.c")
            }
            5 | 7 => true,
            _ => false,
        };
        records.retain(|record| !meets || !record.starts_with("DNAME"));
    }
    let mut text = format!("$ORIGIN {apex}\n$TTL {}\n", 60 * rng.u32(1..10));
    let (minimum, refresh) = (rng.u32(0..4000), rng.u32(1..9999));
    let _ = writeln!(text, "@ SOA ns hostmaster 1 {refresh} 600 604800 {minimum}");
    let _ = writeln!(text, "@ NS ns\n@ NS {}", targets.pick(rng));
    let mut lines: Vec<String> = zone
        .iter()
        .flat_map(|(owner, records)| records.iter().map(move |record| format!("{owner} {record}")))
        .collect();
    rng.shuffle(&mut lines);
    for line in &lines {
        let _ = writeln!(text, "{line}");
    }
    let names = names(&apex, zone.keys(), rng);
    Made { apex, text, names }
}

/// A plain zone: when a server has this one, it has read them all.
pub(crate) fn last() -> Made {
    let text = "$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    Made { apex: "zzz.last.".to_owned(), text, names: BTreeSet::new() }
}

/// Relative names, the apex (`@`) among them.
fn owners(rng: &mut Rng) -> BTreeSet<String> {
    let mut owners: BTreeSet<String> = ["@".to_owned(), "ns".to_owned()].into();
    for _ in 0..rng.usize(2..16) {
        let mut name = (*rng.choice(&LABELS).unwrap()).to_owned();
        for _ in 0..rng.usize(0..4) {
            name = format!("{}.{name}", rng.choice(&LABELS).unwrap());
        }
        owners.insert(name);
    }
    if rng.u8(..16) == 0 {
        // As long as names get: 255 octets with the apex.
        let label = "l".repeat(63);
        owners.insert(format!("{label}.{label}.{label}"));
    }
    owners
}

/// What records may point at.
struct Targets<'a> {
    family: Family,
    apex: &'a str,
    owners: &'a BTreeSet<String>,
    count: usize,
}

impl Targets<'_> {
    /// A name of this zone, below one of its names, of another zone, or of none.
    fn pick(&self, rng: &mut Rng) -> String {
        let near = |rng: &mut Rng| {
            let at = rng.usize(..self.owners.len());
            match self.owners.iter().nth(at).map_or("@", |owner| owner.trim_start_matches("*.")) {
                "@" | "*" => self.apex.to_owned(),
                owner => owner.to_owned(),
            }
        };
        match rng.u8(..10) {
            0..=4 => near(rng),
            5 => {
                let label = rng.choice(&LABELS).unwrap();
                let name = near(rng);
                if name.len() > 100 { name } else { format!("{label}.{name}") }
            }
            6 | 7 => {
                let label = rng.choice(&["", "a.", "www.", "ns.", "x.y."]).unwrap();
                let apex = self.family.apex(rng.usize(..self.count));
                if label.is_empty() { apex } else { below(label.trim_end_matches('.'), &apex) }
            }
            8 => "outside.example.".to_owned(),
            _ => "ns".to_owned(),
        }
    }
}

/// The records of one name.
fn node(owner: &str, targets: &Targets<'_>, rng: &mut Rng) -> Vec<String> {
    let address = |rng: &mut Rng| format!("A 192.0.2.{}", rng.u8(..));
    let address6 = |rng: &mut Rng| format!("AAAA 2001:db8::{:x}", rng.u16(..));
    if owner == "ns" {
        return vec![address(rng), address6(rng)];
    }
    let mut records = Vec::new();
    match rng.u8(..12) {
        0 | 1 if owner != "@" => return vec![format!("CNAME {}", targets.pick(rng))],
        2 => {
            records.push(format!("DNAME {}", targets.pick(rng)));
            if rng.bool() {
                records.push(address(rng));
            }
        }
        3 | 4 if owner != "@" => {
            for _ in 0..rng.usize(1..4) {
                let server = match rng.u8(..4) {
                    // Glue below the cut, whether it is there or not.
                    0 | 1 => format!("ns.{owner}"),
                    _ => targets.pick(rng),
                };
                records.push(format!("NS {server}"));
            }
            if rng.bool() {
                records.push(format!("DS {} 13 2 {}", rng.u16(..), "ab".repeat(32)));
            }
            if rng.u8(..4) == 0 {
                records.push(address(rng));
            }
        }
        _ => {
            for _ in 0..rng.usize(1..5) {
                records.push(match rng.u8(..9) {
                    0..=2 => address(rng),
                    3 => address6(rng),
                    4 => format!("MX {} {}", rng.u8(..), targets.pick(rng)),
                    5 => format!("SRV 1 {} 80 {}", rng.u8(..), targets.pick(rng)),
                    6 => format!("TXT \"{}\" \"\\195\\169\\\"\"", "t".repeat(rng.usize(..256))),
                    7 => "TYPE65280 \\# 3 00ff20".to_owned(),
                    _ => "CAA 0 issue \"example.net\"".to_owned(),
                });
            }
            if rng.u8(..40) == 0 {
                records.extend((0..rng.u16(20..2000)).map(|n| format!("AAAA 2001:db8:1::{n:x}")));
            }
        }
    }
    // A record given twice is one.
    if rng.u8(..10) == 0 {
        records.push(records[0].clone());
    }
    records
}

/// Takes away what no server loads: names below a DNAME. Glue for half of the cuts is added.
fn settle(zone: &mut BTreeMap<String, Vec<String>>) {
    let all = |zone: &BTreeMap<String, Vec<String>>, rtype: &str| -> Vec<String> {
        let has = |records: &[String]| records.iter().any(|record| record.starts_with(rtype));
        zone.iter().filter(|(_, records)| has(records)).map(|(owner, _)| owner.clone()).collect()
    };
    for (at, cut) in all(zone, "NS ").into_iter().enumerate() {
        let owner = format!("ns.{cut}");
        if at % 2 == 0 && owner.len() < 100 {
            zone.entry(owner).or_insert_with(|| vec![format!("A 198.51.100.{}", at % 250)]);
        }
    }
    for above in all(zone, "DNAME ") {
        let below = format!(".{above}");
        zone.retain(|owner, _| match above.as_str() {
            "@" => owner == "@",
            _ => !owner.to_lowercase().ends_with(&below.to_lowercase()),
        });
    }
    // The servers of the zone must have addresses, unless a DNAME took them.
    if let Some(apex) = zone.get_mut("@") {
        apex.retain(|record| !record.starts_with("NS ") && !record.starts_with("DS "));
    }
}

/// Names worth a question, absolute.
fn names<'a>(
    apex: &str,
    owners: impl Iterator<Item = &'a String>,
    rng: &mut Rng,
) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = [apex.to_owned()].into();
    for owner in owners.filter(|owner| *owner != "@") {
        // The name, all names between it and the apex, and one beside and one below each.
        let mut rest = owner.as_str();
        loop {
            let name = below(rest, apex);
            if name.len() < 200 {
                names.insert(format!("{}.{name}", rng.choice(&LABELS).unwrap()));
                names.insert(format!("x.y.{name}"));
            }
            names.insert(name);
            // The label's end; `\.` is not.
            let Some(end) =
                rest.match_indices('.').map(|(at, _)| at).find(|at| !rest[..*at].ends_with('\\'))
            else {
                break;
            };
            rest = &rest[end + 1..];
        }
    }
    names.insert(below("nothing", apex));
    names
}
