//! Signatures are what a validator takes for true: hickory-proto verifies each kind.

use std::path::Path;
use std::sync::Arc;

use halfmoon_dnssec::{
    Algorithm, Budget, Desk, Digest, Means, SignError, SignatureCache, SignatureSet, Signed,
    TypeSet, Unlimited, Validity, ZoneKeys,
};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Builder, Files, ReadOptions, Zone, read_text};
use hickory_proto::dnssec::DigestType;
use hickory_proto::dnssec::Verifier as _;
use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::Message;
use hickory_proto::rr::{DNSClass, RData, Record};

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
sub DS 1 13 2 aabb
ns.sub A 192.0.2.3
";

fn zone() -> Zone {
    let apex: NameBuf = "example.".parse().unwrap();
    let text = format!("$TTL 60\n{ZONE}");
    let (options, path) = (ReadOptions::new(apex), Path::new("test.zone"));
    let (mut files, mut builder) = (Files::default(), Builder::new());
    read_text(text.as_bytes(), path, &options, &mut files, &mut builder);
    let built = builder.build(apex.as_name(), path, files);
    assert!(!built.is_refused(), "{:?}", built.faults);
    built.zone.unwrap()
}

fn signed(zone: &Zone, algorithm: Algorithm, split: bool) -> Signed {
    let keys = ZoneKeys::make(zone.apex().to_buf(), algorithm, split).unwrap();
    let cache = Arc::new(SignatureCache::new(16));
    Signed::new(zone, Arc::new(keys), Validity::default(), cache)
}

/// Records as hickory-proto reads them from a message.
fn read<'r>(
    owner: Name<'_>,
    (rtype, ttl): (Type, u32),
    rdatas: impl Iterator<Item = &'r [u8]>,
) -> Vec<Record> {
    let mut message = vec![0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for rdata in rdatas {
        message[7] += 1;
        message.extend(owner.as_wire());
        message.extend(rtype.0.to_be_bytes());
        message.extend([0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend((rdata.len() as u16).to_be_bytes());
        message.extend(rdata);
    }
    Message::from_vec(&message).unwrap().answers
}

/// Verifies that each key that should sign has, and that the signature is right.
#[track_caller]
fn verify<'r>(
    signed: &Signed,
    owner: Name<'_>,
    (rtype, ttl): (Type, u32),
    rdatas: impl Iterator<Item = &'r [u8]>,
    signatures: &SignatureSet,
) {
    let records = read(owner, (rtype, ttl), rdatas);
    let keys = signed.keys().signing(rtype);
    assert_eq!(signatures.rdatas().count(), keys.len());
    let rrsigs = read(owner, (Type::RRSIG, ttl), signatures.rdatas());
    for (rrsig, key) in rrsigs.iter().zip(keys) {
        let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &rrsig.data else { panic!("{rrsig}") };
        let dnskey = read(owner, (Type::DNSKEY, ttl), [key.dnskey()].into_iter());
        let RData::DNSSEC(DNSSECRData::DNSKEY(dnskey)) = &dnskey[0].data else {
            panic!("{dnskey:?}")
        };
        assert_eq!(rrsig.input().key_tag, key.tag());
        assert_eq!(dnskey.calculate_key_tag().unwrap(), key.tag());
        let verdict = dnskey.verify_rrsig(&records[0].name, DNSClass::IN, rrsig, records.iter());
        verdict.unwrap_or_else(|error| panic!("{owner} {rtype}: {error}"));
    }
}

fn means<'m>(budget: &'m mut dyn Budget, desk: &'m mut Desk) -> Means<'m> {
    Means { now: NOW, budget, desk }
}

#[test]
fn every_rrset_of_a_zone_is_signed_by_every_algorithm() {
    let zone = zone();
    for algorithm in Algorithm::ALL {
        for split in [false, true] {
            let signed = signed(&zone, algorithm, split);
            let progress = signed.refresh(&zone, NOW, usize::MAX).unwrap();
            // SOA, NS, MX, A, TXT at a wildcard, TXT, DS; no delegation and no glue.
            assert_eq!((progress.signed, progress.good), (7, 0));
            let (mut desk, mut none) = (Desk::default(), Nothing);
            let mut verified = 0;
            for node in zone.nodes().filter(|node| !node.is_occluded()) {
                for set in node.sets() {
                    let known =
                        signed.of_set(&zone, (node.owner(), set), &mut means(&mut none, &mut desk));
                    if node.is_cut() && set.rtype() != Type::DS {
                        assert_eq!(known.unwrap_err(), SignError::Budget, "not signed ahead");
                        continue;
                    }
                    let known = known.unwrap();
                    let what = (set.rtype(), set.ttl());
                    let signatures = known.as_ref().unwrap();
                    verify(&signed, node.owner(), what, set.rdatas(), signatures);
                    verified += 1;
                }
            }
            assert_eq!(verified, 7);
            let again = signed.refresh(&zone, NOW + 86_400, usize::MAX).unwrap();
            assert_eq!((again.signed, again.good), (0, 7), "a day later all are good");
            let later = signed.refresh(&zone, NOW + 8 * 86_400, usize::MAX).unwrap();
            assert_eq!(later.signed, 7, "a week before their end they are made anew");
        }
    }
}

#[test]
fn ends_are_spread_and_the_same_on_every_server() {
    let zone = zone();
    let keys = Arc::new(ZoneKeys::make(zone.apex().to_buf(), Algorithm::Ed25519, false).unwrap());
    let ends = || {
        let cache = Arc::new(SignatureCache::new(16));
        let signed = Signed::new(&zone, Arc::clone(&keys), Validity::default(), cache);
        signed.refresh(&zone, NOW, usize::MAX).unwrap();
        let (mut desk, mut none) = (Desk::default(), Nothing);
        let mut ends = Vec::new();
        for node in zone.nodes().filter(|node| !node.is_cut() && !node.is_occluded()) {
            for set in node.sets() {
                let owner = (node.owner(), set);
                let known = signed.of_set(&zone, owner, &mut means(&mut none, &mut desk));
                ends.push(known.unwrap().as_ref().unwrap().window());
            }
        }
        ends
    };
    let (one, other) = (ends(), ends());
    assert_eq!(one, other);
    let Validity { lifetime, jitter, .. } = Validity::default();
    assert!(one.iter().any(|window| *window != one[0]));
    for window in one {
        assert_eq!(window.inception, NOW - 3600);
        assert!((NOW + lifetime - jitter..=NOW + lifetime).contains(&window.expiration));
    }
}

/// A budget of nothing.
struct Nothing;

impl Budget for Nothing {
    fn take(&mut self) -> bool {
        false
    }
}

/// What leaves a small cache gives its memory to what enters, unless somebody still has it.
#[test]
fn signatures_that_are_held_stay_what_they_are_while_others_are_made() {
    let zone = zone();
    let keys = Arc::new(ZoneKeys::make(zone.apex().to_buf(), Algorithm::Ed25519, false).unwrap());
    let cache = Arc::new(SignatureCache::new(2));
    let signed = Signed::new(&zone, keys, Validity::default(), cache);
    let owner: NameBuf = "www.example.".parse().unwrap();
    let rdatas = |ttl: u32| -> Vec<Vec<u8>> {
        (0..1 + ttl as u8 % 3).map(|number| vec![10, 0, ttl as u8, number]).collect()
    };
    let (mut desk, mut any) = (Desk::default(), Unlimited);
    let mut held = Vec::new();
    for ttl in 1..200 {
        let data = rdatas(ttl);
        let octets = data.iter().map(Vec::as_slice);
        let mut means = means(&mut any, &mut desk);
        let names = (zone.apex(), owner.as_name());
        let made = signed.of_made(names, (Type::A, ttl), octets, &mut means).unwrap();
        // Some are held, the others are there to be used again.
        if ttl % 3 == 0 {
            held.push((ttl, made));
        } else {
            let octets = data.iter().map(Vec::as_slice);
            verify(&signed, owner.as_name(), (Type::A, ttl), octets, &made);
        }
    }
    for (ttl, made) in &held {
        let data = rdatas(*ttl);
        let octets = data.iter().map(Vec::as_slice);
        verify(&signed, owner.as_name(), (Type::A, *ttl), octets, made);
    }
}

#[test]
fn what_is_made_is_signed_once_and_within_the_budget() {
    let zone = zone();
    let signed = signed(&zone, Algorithm::default(), false);
    let owner: NameBuf = "Www.Example.".parse().unwrap();
    let names = (zone.apex(), owner.as_name());
    let rdatas: [&[u8]; 3] = [&[192, 0, 2, 9], &[192, 0, 2, 1], &[192, 0, 2, 9]];
    let of = |ttl, budget: &mut dyn Budget| {
        let mut desk = Desk::default();
        let set = (Type::A, ttl);
        signed.of_made(names, set, rdatas.into_iter(), &mut means(budget, &mut desk))
    };
    assert_eq!(of(30, &mut Nothing).unwrap_err(), SignError::Budget);
    let made = of(30, &mut Unlimited).unwrap();
    verify(&signed, owner.as_name(), (Type::A, 30), rdatas[..2].iter().copied(), &made);
    assert!(Arc::ptr_eq(&of(30, &mut Nothing).unwrap(), &made), "it is known now");
    assert_eq!(of(31, &mut Nothing).unwrap_err(), SignError::Budget, "another TTL");
}

#[test]
fn who_signs_ahead_makes_signatures_anew_before_they_are_too_old_for_others() {
    const HOUR: u32 = 3600;
    let zone = zone();
    // From which hour on a desk takes no signature that was made at the beginning.
    let ends = |mut desk: Desk| {
        let signed = signed(&zone, Algorithm::default(), false);
        let rdatas: [&[u8]; 1] = [&[192, 0, 2, 9]];
        let of = |now, desk: &mut Desk, budget: &mut dyn Budget| {
            let (names, mut means) = ((zone.apex(), zone.apex()), Means { now, budget, desk });
            signed.of_made(names, (Type::A, 30), rdatas.into_iter(), &mut means).map(drop)
        };
        of(NOW, &mut desk, &mut Unlimited).unwrap();
        let mut hours = (0..24 * 60).map(|hour| (hour, NOW + hour * HOUR));
        hours.find(|(_, now)| of(*now, &mut desk, &mut Nothing).is_err()).unwrap().0
    };
    assert_eq!(ends(Desk::ahead(2 * HOUR)) + 2, ends(Desk::default()));
}

#[test]
fn rfc9824_denials_are_signed() {
    let zone = zone();
    let signed = signed(&zone, Algorithm::default(), false);
    let mut desk = Desk::default();
    for (name, types) in [("Nothing.example.", vec![Type::NXNAME]), ("ns.example.", vec![Type::A])]
    {
        let name: NameBuf = name.parse().unwrap();
        let mut set = TypeSet::default();
        types.iter().for_each(|rtype| set.insert(*rtype));
        let names = (zone.apex(), name.as_name());
        let mut all = Unlimited;
        let made = signed.deny(names, set, 300, &mut means(&mut all, &mut desk)).unwrap();
        let nsec = desk.nsec().to_vec();
        verify(&signed, name.as_name(), (Type::NSEC, 300), [&nsec[..]].into_iter(), &made);
        let records = read(name.as_name(), (Type::NSEC, 300), [&nsec[..]].into_iter());
        let RData::DNSSEC(DNSSECRData::NSEC(nsec)) = &records[0].data else { panic!() };
        let found: Vec<u16> = nsec.type_bit_maps().map(u16::from).collect();
        let expected: Vec<u16> = match types[..] {
            [Type::A] => vec![1, 46, 47],
            _ => vec![46, 47, 128],
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn the_parents_digest_is_that_of_the_key() {
    for algorithm in Algorithm::ALL {
        let apex: NameBuf = "Example.".parse().unwrap();
        let keys = ZoneKeys::make(apex, algorithm, true).unwrap();
        let entry = &keys.keys()[0];
        let dnskey = read(apex.as_name(), (Type::DNSKEY, 1), [entry.dnskey()].into_iter());
        let RData::DNSSEC(DNSSECRData::DNSKEY(dnskey)) = &dnskey[0].data else { panic!() };
        for (digest, kind) in
            [(Digest::Sha256, DigestType::SHA256), (Digest::Sha384, DigestType::SHA384)]
        {
            let ds = entry.ds(apex.as_name(), digest);
            let theirs = dnskey.to_digest(&dnskey_owner(), kind).unwrap();
            assert_eq!(&ds[4..], theirs.as_ref());
            assert_eq!(
                ds[..4],
                [&entry.tag().to_be_bytes()[..], &[algorithm.number(), digest.number()]].concat()
            );
        }
        assert_eq!(keys.ds(), [entry.ds(apex.as_name(), Digest::Sha256)]);
        // Two keys, and for the one that the parent points at CDS and CDNSKEY.
        let types: Vec<Type> = keys.apex_records().iter().map(|(rtype, _)| *rtype).collect();
        assert_eq!(types, [Type::DNSKEY, Type::DNSKEY, Type::CDS, Type::CDNSKEY]);
    }
}

fn dnskey_owner() -> hickory_proto::rr::Name {
    "example.".parse().unwrap()
}

#[test]
fn what_a_new_version_of_a_zone_has_in_common_with_the_old_is_not_signed_again() {
    let text = |ttl: u32| format!("$TTL 60\n{ZONE}extra {ttl} A 192.0.2.9\n");
    let version = |text: &str| {
        let apex: NameBuf = "example.".parse().unwrap();
        let (options, path) = (ReadOptions::new(apex), Path::new("test.zone"));
        let (mut files, mut builder) = (Files::default(), Builder::new());
        read_text(text.as_bytes(), path, &options, &mut files, &mut builder);
        builder.build(apex.as_name(), path, files).zone.unwrap()
    };
    let old_zone = version(&text(60));
    let old = signed(&old_zone, Algorithm::EcdsaP256Sha256, true);
    old.refresh(&old_zone, NOW, usize::MAX).unwrap();
    let under = |zone: &Zone, keys: &ZoneKeys| {
        let cache = Arc::new(SignatureCache::new(16));
        let new = Signed::new(zone, Arc::new(keys.clone()), Validity::default(), cache);
        new.inherit(zone, &old_zone, &old);
        let progress = new.refresh(zone, NOW, usize::MAX).unwrap();
        (progress.signed, progress.good)
    };
    assert_eq!(under(&version(&text(60)), old.keys()), (0, 8));
    assert_eq!(under(&version(&text(61)), old.keys()), (1, 7), "the TTL is signed, too");
    assert_eq!(under(&version(&text(60).replace("ns A", "NS A")), old.keys()), (0, 8));
    assert_eq!(under(&version(&text(60).replace("192.0.2.1", "192.0.2.8")), old.keys()), (1, 7));
    let others = ZoneKeys::make(*old.keys().apex(), Algorithm::EcdsaP256Sha256, true).unwrap();
    assert_eq!(under(&old_zone, &others), (8, 0));
}
