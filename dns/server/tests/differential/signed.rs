//! The same with signatures: zones signed here, as NSD and Knot serve them that had them by transfer; and zones
//! signed by `dnssec-signzone` and `ldns-signzone`, of which all three send the very signatures.
//!
//! Everything is asked over TCP, so that all that belongs to an answer is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use fastrand::Rng;
use hickory_proto::rr::RecordType;

use crate::answer::{Answer, Asker, of_type};
use crate::known::Asked;
use crate::proof::{Proof, judge};
use crate::support::peer::{alone, is_alone};
use crate::support::signers::{CHAINS, Tool, run};
use crate::support::{Running, question};
use crate::zones::{self, ASKED, Family, Made};
use crate::{as_answered, asking, peers};

/// What is asked beside the types of zones without signatures.
const OF_SIGNING: [&str; 4] = ["DNSKEY", "NSEC", "NSEC3PARAM", "DS"];
/// How many types are asked of each name.
const TYPES: usize = 2;

#[test]
fn answers_from_zones_signed_here_are_those_of_nsd_and_knot() {
    alone("signed::inside_with_our_signatures", &["nsd", "knotd", "dig"]);
}

#[test]
fn answers_from_zones_that_come_signed_are_those_of_nsd_and_knot() {
    let tools = ["dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen"];
    alone("signed::inside_with_other_signatures", &[&["nsd", "knotd"][..], &tools].concat());
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_our_signatures() {
    if !is_alone() {
        return;
    }
    let mut rng = Rng::with_seed(number("HALFMOON_SEED", 1) as u64);
    let made = generated(number("HALFMOON_ZONES", 300), &mut rng);
    let folder = tempfile::tempdir().unwrap();
    let more = format!(
        "[transfer]\nallow = [\"127.0.0.0/8\"]\n[dnssec]\nzones = [\"*\"]\nkeys = \"{}/keys\"\n\
         signatures_per_source = 1000000\n{}",
        folder.path().display(),
        denials(&made)
    );
    let (_here, address) = serve(&made, folder.path(), &more);
    let theirs = folder.path().join("theirs");
    fs::create_dir_all(theirs.join("zones")).unwrap();
    for (number, zone) in made.iter().enumerate() {
        let text = transferred(address, &zone.apex, folder.path());
        fs::write(theirs.join(format!("zones/{number}.zone")), text).unwrap();
    }
    compare(&made, address, &theirs, &mut rng, Answer::with_signatures_named);
}

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_other_signatures() {
    if !is_alone() {
        return;
    }
    let mut rng = Rng::with_seed(number("HALFMOON_SEED", 1) as u64);
    let count = number("HALFMOON_ZONES", 120);
    let made = generated(count, &mut rng);
    let folder = tempfile::tempdir().unwrap();
    let signed = signed_by_tools(made, folder.path());
    // They do not like some of what servers serve, as aliases beside other data.
    assert!(signed.len() * 3 > count, "only {} of {count} were signed", signed.len());
    let (_here, address) = serve(&signed, folder.path(), "");
    let theirs = folder.path().join("theirs");
    fs::create_dir_all(theirs.join("zones")).unwrap();
    for (number, zone) in signed.iter().enumerate() {
        fs::write(theirs.join(format!("zones/{number}.zone")), &zone.text).unwrap();
    }
    compare(&signed, address, &theirs, &mut rng, Answer::clone);
}

fn number(name: &str, or: usize) -> usize {
    env::var(name).ok().map_or(or, |text| text.parse().expect("a number"))
}

fn generated(count: usize, rng: &mut Rng) -> Vec<Made> {
    let zones = (0..count).map(|zone| zones::make(Family::Nested, zone, count, rng));
    let mut made: Vec<Made> = zones.collect();
    made.push(zones::last());
    made
}

/// How each zone denies: by NSEC, NSEC3, or NSEC3 that leaves insecure delegations out.
fn denials(made: &[Made]) -> String {
    let ways = [
        "denial = \"nsec\"",
        "denial = \"nsec3\"",
        "denial = \"nsec3\"\nnsec3 = { opt_out = true }",
    ];
    let zones = made.iter().zip(ways.iter().cycle());
    zones.map(|(zone, way)| format!("[[dnssec.zone]]\nname = \"{}\"\n{way}\n", zone.apex)).collect()
}

/// Serves the zones, with these lines of configuration besides.
fn serve(made: &[Made], folder: &Path, more: &str) -> (Running, SocketAddr) {
    crate::write(made, folder);
    let config = folder.join("halfmoon.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}{more}")).unwrap();
    Running::serve(&[config.to_str().unwrap()])
}

/// A zone as it leaves, as a zone file.
fn transferred(server: SocketAddr, apex: &str, folder: &Path) -> String {
    let port = server.port().to_string();
    let options = ["+noall", "+answer", "+onesoa", "+noidnin", "+noidnout"];
    let args = [&["@127.0.0.1", "-p", &port, "-q", apex, "-t", "AXFR"], &options[..]].concat();
    let text = run(folder, "dig", &args);
    assert!(text.contains("RRSIG"), "{apex}: {text}");
    text
}

/// Zones signed by one of the tools each, with one of the kinds of denial, as far as they like them.
fn signed_by_tools(made: Vec<Made>, folder: &Path) -> Vec<Made> {
    let sign = |(number, mut zone): (usize, Made)| {
        let tool = [Tool::Bind, Tool::Ldns][number % 2];
        let chain = CHAINS[number / 2 % CHAINS.len()];
        let keys = folder.join(format!("signer/{number}"));
        let signed = tool.try_sign(&keys, (&zone.apex, &zone.text), (chain, 13), &[]);
        zone.text = signed.ok()?.0;
        Some((number, zone))
    };
    let mut parts: [Vec<_>; 4] = Default::default();
    for (number, zone) in made.into_iter().enumerate() {
        parts[number % 4].push((number, zone));
    }
    let mut signed = thread::scope(|scope| {
        let sign = &sign;
        let work = parts
            .map(|part| scope.spawn(move || part.into_iter().filter_map(sign).collect::<Vec<_>>()));
        work.into_iter().flat_map(|part| part.join().unwrap()).collect::<Vec<_>>()
    });
    signed.sort_by_key(|(number, _)| *number);
    signed.into_iter().map(|(_, zone)| zone).collect()
}

/// What all ask and what came out.
#[derive(Default)]
struct Found {
    compared: usize,
    with_signatures: usize,
    known: BTreeMap<(&'static str, &'static str), usize>,
    different: BTreeMap<(&'static str, String), (usize, String)>,
}

/// Serves the zones in the folder `theirs` with NSD and Knot, and compares what they answer with what is
/// answered here.
fn compare(
    made: &[Made],
    here: SocketAddr,
    theirs: &Path,
    rng: &mut Rng,
    seen: impl Fn(&Answer) -> Answer,
) {
    let (mut nsd, nsd_address) = peers::nsd(made, theirs);
    let (mut knot, knot_address) = peers::knot(made, theirs);
    let last = question(&made[made.len() - 1].apex, RecordType::SOA);
    nsd.wait_for_answer(nsd_address, &last, |answer| !answer.answers.is_empty());
    knot.wait_for_answer(knot_address, &last, |answer| !answer.answers.is_empty());
    let mut ours = Asker::new(here);
    let mut peers = [("NSD", Asker::new(nsd_address)), ("Knot", Asker::new(knot_address))];
    let apexes: BTreeSet<String> = made.iter().map(|zone| zone.apex.clone()).collect();
    let types: Vec<&str> = ASKED.into_iter().chain(OF_SIGNING).collect();
    let mut found = Found::default();
    for (at, zone) in made.iter().enumerate() {
        for name in &zone.names {
            for rtype in rng.choose_multiple(types.iter(), TYPES) {
                let id = found.compared as u16;
                let Some(octets) = asking(id, name, rtype, true) else { continue };
                let own = seen(&ours.ask(&octets, true).expect(name).0);
                let lower = as_answered(name);
                let proof = judge(&own, &lower, rtype);
                let is_right = match proof {
                    Proof::Exact | Proof::Open => true,
                    Proof::More => is_unsigned(&own),
                    Proof::Incomplete => false,
                };
                assert!(is_right, "{proof:?}: {at}.zone {lower} {rtype}\n{own}");
                for (peer, asker) in &mut peers {
                    let other = seen(&asker.ask(&octets, true).expect(name).0);
                    found.compared += 1;
                    let is_signed =
                        own.answer.iter().chain(&own.authority).any(|r| of_type(r) == "rrsig");
                    found.with_signatures += usize::from(is_signed);
                    if own == other {
                        continue;
                    }
                    let (name, is_ds) = (lower.as_str(), *rtype == "DS");
                    let asked = Asked { peer, name, is_ds, apexes: &apexes };
                    match reason(&asked, rtype, &own, &other) {
                        Some(reason) => *found.known.entry((*peer, reason)).or_default() += 1,
                        None => {
                            let example =
                                format!("{at}.zone {name} {rtype}\n  here\n{own}  {peer}\n{other}");
                            let kind = (*peer, own.kind(&other));
                            found.different.entry(kind).or_insert((0, example)).0 += 1;
                        }
                    }
                }
            }
        }
    }
    found.tell(&[nsd.said(), knot.said()].concat());
    if !found.different.is_empty()
        && let Some(kept) = env::var_os("HALFMOON_KEEP")
    {
        run(theirs, "cp", &["-r", ".", Path::new(&kept).to_str().unwrap()]);
    }
    assert!(found.different.is_empty(), "answers differ in {} ways", found.different.len());
    assert!(found.with_signatures * 2 > found.compared, "hardly anything is signed");
}

impl Found {
    fn tell(&self, said: &str) {
        let mut out = io::stdout();
        for ((peer, reason), count) in &self.known {
            writeln!(out, "{count:7} {peer}: {reason}").unwrap();
        }
        let Self { compared, with_signatures, .. } = self;
        writeln!(out, "{compared} answers compared, {with_signatures} with signatures").unwrap();
        for ((peer, kind), (count, example)) in &self.different {
            writeln!(out, "{count:7} {peer}: {kind}\n{example}").unwrap();
        }
        for line in said.lines().filter(|line| line.contains("error")).take(20) {
            writeln!(out, "{line}").unwrap();
        }
    }
}

/// Whether the answer has no signatures, as what stands at a delegation has none: a wildcard's, whose records
/// are made of it all the same. No proof makes it secure.
fn is_unsigned(answer: &Answer) -> bool {
    !answer.answer.is_empty() && !answer.answer.iter().any(|record| of_type(record) == "rrsig")
}

/// Why answers may differ: as those without signatures may, or in what proves them.
fn reason(asked: &Asked<'_>, rtype: &str, ours: &Answer, theirs: &Answer) -> Option<&'static str> {
    let knot = asked.peer == "Knot";
    let has = |answer: &Answer, rtype: &str| answer.answer.iter().any(|r| of_type(r) == rtype);
    if knot
        && rtype == "NSEC"
        && has(ours, "cname")
        && theirs.answer.is_empty()
        && theirs.rcode == 0
    {
        return Some("who asks for NSEC is not led along a CNAME");
    }
    let is_open = judge(ours, asked.name, rtype) == Proof::Open;
    if knot && theirs.rcode == 3 && !theirs.authoritative && theirs.authority.is_empty() {
        let is_rewritten = ours.of_type("dname").any(|record| record.starts_with("*."));
        return match (is_rewritten, is_open) {
            (true, _) => Some("nothing but NXDOMAIN below a DNAME at a wildcard"),
            (false, true) => Some("nothing but NXDOMAIN where it cannot be proven"),
            (false, false) => None,
        };
    }
    let (plain, their_plain) = (ours.plain(), theirs.plain());
    if plain != their_plain {
        return asked.reason(&plain, &their_plain);
    }
    if ours.answer != theirs.answer {
        return None;
    }
    if ours.authority == theirs.authority {
        let is_signature = |record: &String| of_type(record) == "rrsig";
        let less = ours.additional.is_subset(&theirs.additional);
        let mut more = theirs.additional.difference(&ours.additional);
        return (less && more.all(is_signature))
            .then_some("signatures of addresses that a wildcard makes");
    }
    match judge(theirs, asked.name, rtype) {
        Proof::Incomplete => Some("not all that is needed to prove it"),
        Proof::Open if !is_open => Some("an opt-out instead of what the wildcard lacks"),
        Proof::More => Some("more than is needed to prove it"),
        Proof::Exact | Proof::Open => None,
    }
}
