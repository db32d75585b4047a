//! Thousands of generated zones on NSD, Knot and here: the answers are the same, but for
//! differences that are wanted and listed in `docs/conformance.md`.
//!
//! `HALFMOON_SEED` and `HALFMOON_ZONES` make other zones, and more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use fastrand::Rng;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::RecordType;

use answer::Asker;
use known::Asked;
use proof::read_name;
use support::peer::{alone, is_alone};
use support::{Running, question};
use zones::{ASKED, Family, Made};

mod answer;
mod known;
mod peers;
mod proof;
mod signed;
#[path = "../support/mod.rs"]
mod support;
mod zones;

/// How many types are asked of each name.
const TYPES: usize = 3;

#[test]
fn answers_are_those_of_nsd_and_knot() {
    alone("inside_a_network_of_its_own", &["nsd", "knotd"]);
}

#[test]
fn answers_of_the_root_and_zones_of_one_label_are_those_of_nsd_and_knot() {
    alone("inside_with_the_root", &["nsd", "knotd"]);
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_a_network_of_its_own() {
    if is_alone() {
        compare(Family::Nested, 2000);
    }
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_the_root() {
    if is_alone() {
        compare(Family::Top, 300);
    }
}

/// Serves zones of a family with all three and compares their answers.
fn compare(family: Family, zones: usize) {
    let number = |name: &str, or: usize| {
        env::var(name).ok().map_or(or, |text| text.parse().expect("a number"))
    };
    let (seed, count) = (number("HALFMOON_SEED", 1), number("HALFMOON_ZONES", zones));
    let mut rng = Rng::with_seed(seed as u64);
    let mut made: Vec<Made> =
        (0..count).map(|zone| zones::make(family, zone, count, &mut rng)).collect();
    made.push(zones::last());
    let folder = tempfile::tempdir().unwrap();
    write(&made, folder.path());

    let config = folder.path().join("halfmoon.toml");
    let (_here, address) = Running::serve(&[config.to_str().unwrap()]);
    let (mut nsd, nsd_address) = peers::nsd(&made, folder.path());
    let (mut knot, knot_address) = peers::knot(&made, folder.path());
    let last = question(&made[count].apex, RecordType::SOA);
    nsd.wait_for_answer(nsd_address, &last, |answer| !answer.answers.is_empty());
    knot.wait_for_answer(knot_address, &last, |answer| !answer.answers.is_empty());

    let mut ours = Asker::new(address);
    let mut theirs = [("NSD", Asker::new(nsd_address)), ("Knot", Asker::new(knot_address))];
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut different: BTreeMap<(&str, String), (usize, String)> = BTreeMap::new();
    let apexes: BTreeSet<String> = made.iter().map(|zone| zone.apex.clone()).collect();
    let mut compared = 0;
    for (at, zone) in made.iter().enumerate() {
        for name in &zone.names {
            for rtype in rng.choose_multiple(ASKED.iter(), TYPES) {
                let id = compared as u16;
                let Some(octets) = query(id, name, rtype) else { continue };
                let (here, over_tcp) = ours.ask(&octets, false).expect(name);
                let lower = as_answered(name);
                for (peer, asker) in &mut theirs {
                    let (there, truncated) = asker.ask(&octets, over_tcp).expect(name);
                    let here = match truncated && !over_tcp {
                        true => ours.ask(&octets, true).expect(name).0,
                        false => here.clone(),
                    };
                    compared += 1;
                    let (name, is_ds) = (lower.as_str(), *rtype == "DS");
                    let asked = Asked { peer, name, is_ds, apexes: &apexes };
                    if here == there {
                        continue;
                    }
                    if let Some(reason) = asked.reason(&here, &there) {
                        *known.entry((peer, reason)).or_default() += 1;
                        continue;
                    }
                    let example =
                        || format!("{at}.zone {name} {rtype}\n  here\n{here}  {peer}\n{there}");
                    let kind = (*peer, here.kind(&there));
                    different.entry(kind).or_insert_with(|| (0, example())).0 += 1;
                }
            }
        }
    }
    let mut out = io::stdout();
    for ((peer, reason), count) in &known {
        writeln!(out, "{count:7} {peer}: {reason}").unwrap();
    }
    writeln!(out, "{compared} answers compared, seed {seed}").unwrap();
    if different.is_empty() {
        return;
    }
    if let Some(kept) = env::var_os("HALFMOON_KEEP") {
        write(&made, Path::new(&kept));
    }
    for ((peer, kind), (count, example)) in &different {
        writeln!(out, "{count:7} {peer}: {kind}\n{example}").unwrap();
    }
    let refused = [nsd.said(), knot.said()].concat();
    for line in refused.lines().filter(|line| line.contains("error")) {
        writeln!(out, "{line}").unwrap();
    }
    panic!("answers differ in {} ways", different.len());
}

/// Writes the zones and our configuration.
fn write(made: &[Made], folder: &Path) {
    fs::create_dir_all(folder.join("zones")).unwrap();
    let mut config = "[server]\nlisten = [\"127.0.0.1:0\"]\n[health]\n\
                      targets.allow = [\"127.0.0.0/8\"]\n[zones]\n"
        .to_owned();
    for (number, zone) in made.iter().enumerate() {
        let file = folder.join(format!("zones/{number}.zone"));
        fs::write(&file, &zone.text).unwrap();
        let (apex, file) = (&zone.apex, file.display());
        config += &format!("[[zones.zone]]\nname = \"{apex}\"\nfile = \"{file}\"\n");
    }
    fs::write(folder.join("halfmoon.toml"), config).unwrap();
}

/// A name as it stands in answers.
fn as_answered(name: &str) -> String {
    read_name(name, 10).map_or_else(String::new, |name| name.to_string().to_lowercase())
}

/// The octets of a question; `None` for names that cannot be asked.
fn query(id: u16, name: &str, rtype: &str) -> Option<Vec<u8>> {
    asking(id, name, rtype, false)
}

/// The same, with signatures or without.
fn asking(id: u16, name: &str, rtype: &str, signed: bool) -> Option<Vec<u8>> {
    let rtype = match rtype {
        "TYPE65280" => RecordType::Unknown(65280),
        "DNAME" => RecordType::Unknown(39),
        _ => rtype.parse().unwrap(),
    };
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(read_name(name, 10)?, rtype));
    let mut edns = Edns::new();
    edns.set_dnssec_ok(signed);
    message.set_edns(edns);
    message.to_vec().ok()
}
