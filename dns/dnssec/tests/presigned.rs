//! Zones that come signed: whether their signatures are theirs.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use halfmoon_dnssec::{
    Algorithm, Desk, Means, Presigned, SignatureCache, Signed, Unlimited, Validity, Verify,
    ZoneKeys,
};
use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::{Builder, Fault, Files, ReadOptions, Zone, read_text};

const NOW: u32 = 1_800_000_000;

const ZONE: &str = "\
@ SOA ns Host 1 2 3 4 300
@ NS NS
@ MX 10 Mail.Example.
ns A 192.0.2.1
ns A 192.0.2.2
*.wild TXT \"any\"
UPPER TXT b
UPPER TXT a
sub NS ns.sub
sub DS 1 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
ns.sub A 192.0.2.3
";

const ALL: Verify<'static> = Verify { most: usize::MAX, before: None };

fn zone(text: &str) -> Zone {
    let apex: NameBuf = "example.".parse().unwrap();
    let text = format!("$TTL 60\n{text}");
    let (options, path) = (ReadOptions::new(apex), Path::new("test.zone"));
    let (mut files, mut builder) = (Files::default(), Builder::new());
    read_text(text.as_bytes(), path, &options, &mut files, &mut builder);
    let built = builder.build(apex.as_name(), path, files);
    assert!(!built.is_refused(), "{:?}", built.faults);
    built.zone.unwrap()
}

/// The records of a type as unknown ones (RFC 3597).
fn unknown<'r>(
    owner: &str,
    rtype: Type,
    rdatas: impl Iterator<Item = &'r [u8]>,
    text: &mut String,
) {
    for rdata in rdatas {
        let data = HEXLOWER.encode(rdata);
        writeln!(text, "{owner} TYPE{} \\# {} {data}", rtype.0, rdata.len()).unwrap();
    }
}

fn keys(algorithm: Algorithm) -> Arc<ZoneKeys> {
    Arc::new(ZoneKeys::make("example.".parse().unwrap(), algorithm, true).unwrap())
}

/// The zone with its keys and signatures, and without denial records.
fn signed(text: &str, keys: &Arc<ZoneKeys>) -> String {
    let mut text = text.to_owned();
    for (rtype, rdata) in keys.apex_records() {
        if rtype == Type::DNSKEY {
            unknown("@", rtype, [&*rdata].into_iter(), &mut text);
        }
    }
    let zone = zone(&text);
    let cache = Arc::new(SignatureCache::new(16));
    let signed = Signed::new(&zone, Arc::clone(keys), Validity::default(), cache);
    let (mut desk, mut budget) = (Desk::default(), Unlimited);
    let mut means = Means { now: NOW, budget: &mut budget, desk: &mut desk };
    for node in zone.nodes().filter(|node| !node.is_occluded()) {
        let owner = node.owner().to_string();
        for set in node.sets().filter(|set| !node.is_cut() || set.rtype() == Type::DS) {
            let made = signed.of_set(&zone, (node.owner(), set), &mut means).unwrap();
            unknown(&owner, Type::RRSIG, made.as_ref().unwrap().rdatas(), &mut text);
        }
    }
    text
}

/// What is wrong with the signatures, by rule, and how many were verified.
fn wrong(zone: &Zone, verify: Verify<'_>) -> (Vec<String>, Presigned) {
    let mut faults: Vec<Fault> = Vec::new();
    let presigned = Presigned::of(zone, NOW, verify, &mut faults).unwrap();
    let of_signatures = faults.iter().filter(|fault| fault.rule.starts_with("rrsig"));
    let said = of_signatures.map(|fault| format!("{}: {}", fault.rule, fault.message));
    (said.collect(), presigned)
}

#[test]
fn signatures_of_each_algorithm_are_found_right_and_those_of_other_records_wrong() {
    for algorithm in Algorithm::ALL {
        let text = signed(ZONE, &keys(algorithm));
        let (said, presigned) = wrong(&zone(&text), ALL);
        assert_eq!(said, [""; 0], "{algorithm}");
        assert_eq!(presigned.verified(), 8, "{algorithm}");
        let bogus = |what: &str| {
            vec![format!(
                "rrsig-bogus: a signature of {what} is not that of its records by the zone's key; \
                 validators refuse it"
            )]
        };
        for (old, new, said) in [
            // The case of names in data does not matter, that of text does; TTLs are in the signature.
            ("10 Mail.Example.", "10 mAIL.eXAMPLE.", vec![]),
            ("ns A 192.0.2.1\n", "ns 30 A 192.0.2.1\n", vec![]),
            ("ns A 192.0.2.1\n", "ns A 192.0.2.9\n", bogus("A at ns.example.")),
            ("ns A 192.0.2.1\n", "", bogus("A at ns.example.")),
            ("UPPER TXT a\n", "UPPER TXT A\n", bogus("TXT at UPPER.example.")),
            ("*.wild TXT \"any\"", "*.wild TXT \"none\"", bogus("TXT at *.wild.example.")),
            ("sub DS 1 ", "sub DS 2 ", bogus("DS at sub.example.")),
            ("ns.sub A 192.0.2.3", "ns.sub A 192.0.2.4", vec![]),
        ] {
            let changed = text.replacen(old, new, 1);
            assert_ne!(changed, text);
            assert_eq!(wrong(&zone(&changed), ALL).0, said, "{algorithm}: {new}");
        }
    }
}

#[test]
fn signatures_by_keys_that_are_not_there_are_told() {
    let (old, new) = (keys(Algorithm::Ed25519), keys(Algorithm::EcdsaP256Sha256));
    let text = signed(ZONE, &old);
    let ours = |keys: &ZoneKeys| {
        let records = keys.apex_records().into_iter().filter(|(rtype, _)| *rtype == Type::DNSKEY);
        let mut text = String::new();
        records.for_each(|(rtype, rdata)| unknown("@", rtype, [&*rdata].into_iter(), &mut text));
        text
    };
    let changed = text.replace(&ours(&old), &ours(&new));
    assert_ne!(changed, text);
    let said = wrong(&zone(&changed), ALL).0;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("rrsig-no-key: "), "{said:?}");
    assert!(said[0].ends_with("(and 7 more like it)"), "{said:?}");
    // Beside one by a key that is there, one by a key that is not there yet is in order, as while
    // algorithms change.
    let both = signed(ZONE, &new) + &lines_of(&text, "TYPE46 ");
    assert_eq!(wrong(&zone(&both), ALL).0, [""; 0]);
    // One of an algorithm that is not known here may be right.
    assert_eq!(wrong(&zone(&as_ed448(&text)), ALL).0, [""; 0]);
}

/// The zone, with keys and signatures of algorithm 16 instead of 15.
fn as_ed448(text: &str) -> String {
    let change = |line: &str| {
        let (head, data) = line.rsplit_once(' ').unwrap();
        let Ok(mut rdata) = HEXLOWER.decode(data.as_bytes()) else { return line.to_owned() };
        if head.contains("TYPE48 ") {
            rdata[3] += 1;
        } else if head.contains("TYPE46 ") {
            // The algorithm counts in the tag.
            rdata[2] += 1;
            let tag = u16::from_be_bytes([rdata[16], rdata[17]]) + 1;
            rdata[16..18].copy_from_slice(&tag.to_be_bytes());
        }
        format!("{head} {}", HEXLOWER.encode(&rdata))
    };
    text.lines().map(|line| change(line) + "\n").collect()
}

fn lines_of(text: &str, of: &str) -> String {
    text.lines().filter(|line| line.contains(of)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn of_many_signatures_so_many_are_verified() {
    let names: String = (0..1000).map(|n| format!("n{n} TXT {n}\n")).collect();
    let text = signed(&format!("{ZONE}{names}"), &keys(Algorithm::EcdsaP256Sha256));
    let verified = |most| wrong(&zone(&text), Verify { most, before: None }).1.verified();
    assert_eq!(verified(usize::MAX), 1008);
    assert_eq!(verified(1008), 1008);
    assert!((90..=100).contains(&verified(100)), "{}", verified(100));
    assert_eq!(verified(0), 0);
    // Whoever signed all of them wrong is found out by those.
    let broken = text.replace(" TXT ", " TXT x");
    let most = Verify { most: 100, before: None };
    assert!(!wrong(&zone(&broken), most).0.is_empty());
}

#[test]
fn what_is_the_same_as_before_is_not_verified_again() {
    let keys = keys(Algorithm::EcdsaP256Sha256);
    let first = zone(&signed(ZONE, &keys));
    let known = wrong(&first, ALL).1;
    let again = |text: &str, known: &Presigned| {
        let verify = Verify { most: usize::MAX, before: Some((&first, known)) };
        wrong(&zone(text), verify)
    };
    // ECDSA signatures are others each time; the text has those of the first.
    let text = signed(ZONE, &keys);
    assert_eq!(again(&text, &known).1.verified(), 8);
    let (said, same) = wrong(&first, Verify { most: usize::MAX, before: Some((&first, &known)) });
    assert_eq!((said.len(), same.verified()), (0, 0));
    // What was wrong is told each time.
    let broken = zone(&text.replacen("192.0.2.1\n", "192.0.2.9\n", 1));
    let known = wrong(&broken, ALL).1;
    let (said, same) = wrong(&broken, Verify { most: usize::MAX, before: Some((&broken, &known)) });
    assert_eq!((said.len(), same.verified()), (1, 8));
}
