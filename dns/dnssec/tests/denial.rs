//! Which records prove what: the examples of RFC 4035 appendix B and RFC 5155 appendix B.

use std::path::Path;
use std::sync::Arc;

use halfmoon_dnssec::{
    Algorithm, Chain, ChainError, Desk, Means, Nsec3Params, OptOut, Proof, SignatureCache, Signed,
    TypeSet, Unlimited, Validity, ZoneKeys,
};
use halfmoon_wire::{NameBuf, SuffixHashes, Type};
use halfmoon_zones::{Builder, Files, Position, ReadOptions, Zone, read_text};

/// Both RFCs have this zone, but for one delegation and the keys.
const ZONE: &str = "\
$TTL 3600
@ SOA ns1 bugs.x.w 1 3600 300 3600000 1800
@ NS ns1
@ NS ns2
@ MX 1 xx
a NS ns1.a
a DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B
ns1.a A 192.0.2.5
ai A 192.0.2.9
b NS ns1.b
ns1.b A 192.0.2.7
c NS ns1.c
ns1.c A 192.0.2.7
ns1 A 192.0.2.1
ns2 A 192.0.2.2
*.w MX 1 ai
x.w MX 1 xx
x.y.w MX 1 xx
xx A 192.0.2.10
";

fn zone_of(apex: &str, text: &str) -> Zone {
    let apex: NameBuf = apex.parse().unwrap();
    let (options, path) = (ReadOptions::new(apex), Path::new("test.zone"));
    let (mut files, mut builder) = (Files::default(), Builder::new());
    read_text(text.as_bytes(), path, &options, &mut files, &mut builder);
    let built = builder.build(apex.as_name(), path, files);
    assert!(!built.is_refused(), "{:?}", built.faults);
    built.zone.unwrap()
}

/// The owners of the records of a proof, without the apex.
fn owners(zone: &Zone, chain: &Chain, proof: Proof) -> Vec<String> {
    let owner = |link: &u32| {
        let owner = chain.owner(zone, *link).unwrap().to_string();
        owner.strip_suffix("example.").unwrap().trim_end_matches('.').to_owned()
    };
    let mut owners: Vec<String> = proof.links().iter().map(owner).collect();
    owners.sort();
    owners
}

/// What a zone proves where it has nothing of a type, or where a wildcard has it.
#[track_caller]
fn check(zone: &Zone, chain: &Chain, name: &str, expected: &[&str]) {
    let name: NameBuf = name.parse().unwrap();
    let (name, order) = (name.as_name(), chain.order());
    let mut hashes = SuffixHashes::default();
    hashes.compute(name);
    let proof = match zone.find(name, &hashes) {
        Position::Missing(encloser) => order.no_name(zone, name, encloser.owner().label_count()),
        Position::Exact(node) | Position::Cut { cut: node, .. } => order.types(zone, node),
        Position::Wildcard(node) => order.types_by_wildcard(zone, name, node),
        Position::Below(node) => panic!("{node:?}"),
    };
    assert_eq!(owners(zone, chain, proof), expected, "{name}");
}

#[test]
fn rfc4035_b_the_examples() {
    let zone = zone_of("example.", ZONE);
    let chain = Chain::nsec(&zone);
    for (name, expected) in [
        // B.2: no such name; the record of the apex covers the wildcard that could have made it.
        ("ml.example.", &["", "c"][..]),
        // B.3: no such type.
        ("ns1.example.", &["ns1"]),
        // B.5: a delegation without DS; the same for names below it.
        ("b.example.", &["b"]),
        ("mc.b.example.", &["b"]),
        // B.7: a wildcard without the type.
        ("a.z.w.example.", &["*.w", "x.y.w"]),
        // B.8: a DS of the apex.
        ("example.", &[""]),
        // An empty non-terminal; names below it and beside it.
        ("w.example.", &["ns2"]),
        ("y.w.example.", &["x.w"]),
        ("a.y.w.example.", &["x.w"]),
        ("z.y.w.example.", &["x.w", "x.y.w"]),
        // Behind the last name, and before the first.
        ("zz.example.", &["", "xx"]),
        ("!.example.", &[""]),
        // Capital letters make no difference.
        ("ML.eXample.", &["", "c"]),
    ] {
        check(&zone, &chain, name, expected);
    }
    // B.6: what is not there where a wildcard answers.
    let name: NameBuf = "a.z.w.example.".parse().unwrap();
    let proof = chain.order().by_wildcard(&zone, name.as_name(), 2);
    assert_eq!(owners(&zone, &chain, proof), ["x.y.w"]);
    // Glue has none, and the order is the canonical one.
    let all: Vec<String> = (0..chain.order().len() as u32)
        .map(|n| chain.owner(&zone, n).unwrap().to_string())
        .collect();
    let expected = ["", "a.", "ai.", "b.", "c.", "ns1.", "ns2.", "*.w.", "x.w.", "x.y.w.", "xx."]
        .map(|owner| format!("{owner}example."));
    assert_eq!(all, expected);
}

#[test]
fn rfc5155_b_the_examples() {
    let zone = zone_of("example.", &ZONE.replace("b NS ns1.b\nns1.b A 192.0.2.7\n", ""));
    let params = Nsec3Params::new(12, &[0xaa, 0xbb, 0xcc, 0xdd]).unwrap();
    let chain = Chain::nsec3(&zone, params, OptOut::Yes).unwrap();
    const EXAMPLE: &str = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom";
    const A: &str = "35mthgpgcu1qg68fab165klnsnk3dpvl";
    for (name, expected) in [
        // B.1: no such name.
        ("a.c.x.w.example.", &[EXAMPLE, A, "b4um86eghhds6nea196smvmlo4ors995"][..]),
        // B.2 and B.2.1: no such type, at an empty non-terminal as well.
        ("ns1.example.", &["2t7b4g4vsa5smi47k61mv5bv1a22bojr"]),
        ("y.w.example.", &["ji6neoaepv8b5o6k4ev33abha8ht9fgc"]),
        // B.3: a delegation that was left out.
        ("mc.c.example.", &[EXAMPLE, A]),
        // B.5: a wildcard without the type.
        (
            "a.z.w.example.",
            &[
                "k8udemvp1j2f7eg6jebps17vp3n8i58h",
                "q04jkcevqvmu85r014c7dkba38o0ji5r",
                "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
            ],
        ),
        // B.6: a DS of the apex.
        ("example.", &[EXAMPLE]),
    ] {
        check(&zone, &chain, name, expected);
    }
    // B.4: what is not there where a wildcard answers.
    let name: NameBuf = "a.z.w.example.".parse().unwrap();
    let proof = chain.order().by_wildcard(&zone, name.as_name(), 2);
    assert_eq!(owners(&zone, &chain, proof), ["q04jkcevqvmu85r014c7dkba38o0ji5r"]);
    assert_eq!(chain.order().len(), 11, "all names but `c`, empty non-terminals among them");
}

#[test]
fn records_are_signed_ahead_and_live_as_long_as_denials_do() {
    let zone = zone_of("example.", &format!("{ZONE}lua LUA A \"'192.0.2.1'\"\nlua TXT text\n"));
    let cache = Arc::new(SignatureCache::new(16));
    let keys = ZoneKeys::make(zone.apex().to_buf(), Algorithm::default(), false).unwrap();
    let signed = Signed::new(&zone, Arc::new(keys), Validity::default(), Arc::clone(&cache));
    let signed = signed.with_chain(&zone, Chain::nsec(&zone));
    let now = 1_800_000_000;
    let first = signed.refresh(&zone, now, 10).unwrap();
    assert_eq!((first.signed, first.good), (10, 0));
    let rest = signed.refresh(&zone, now, usize::MAX).unwrap();
    let again = signed.refresh(&zone, now, usize::MAX).unwrap();
    assert_eq!((rest.good, again.signed, again.good), (10, 0, 10 + rest.signed));

    let chain = signed.chain().unwrap();
    let name: NameBuf = "lua.example.".parse().unwrap();
    let mut hashes = SuffixHashes::default();
    hashes.compute(name.as_name());
    let Position::Exact(node) = zone.find(name.as_name(), &hashes) else { panic!("not there") };
    let number = chain.of(&zone, node).unwrap();
    let (mut desk, mut budget) = (Desk::default(), Unlimited);
    let mut link = |types: Option<TypeSet>| {
        let mut means = Means { now, budget: &mut budget, desk: &mut desk };
        let link = signed.link(&zone, number, types.as_ref(), &mut means).unwrap().unwrap();
        assert_eq!(link.owner.as_name(), name.as_name());
        // RFC 9077: the lesser of the TTL of the SOA and its MINIMUM.
        let rrsig = link.signatures.rdatas().next().unwrap().to_vec();
        assert_eq!(rrsig[4..8], 1800_u32.to_be_bytes());
        (desk.nsec().to_vec(), rrsig)
    };
    // A TXT RRSIG NSEC, and what comes next.
    let (nsec, rrsig) = link(None);
    assert_eq!(nsec, b"\x03ns1\x07example\0\0\x06\x40\0\x80\0\0\x03");
    // The same types are the same record; without one of them it is another with the same next name.
    assert_eq!(link(Some(chain.types(node, Type::MX))), (nsec, rrsig.clone()));
    let (without, other) = link(Some(chain.types(node, Type::A)));
    assert_eq!(without, b"\x03ns1\x07example\0\0\x06\0\0\x80\0\0\x03");
    assert_ne!(other, rrsig);
    // As written: TXT and LUA.
    let (written, _) = link(Some(chain.types_as_written(node)));
    let expected = [&without[..], &[255, 16], &[0; 15], &[0x20]].concat();
    assert_eq!(written, expected);
    assert_eq!(cache.counts().1, 2, "two were made for queries");
}

#[test]
fn names_too_long_for_a_hash_have_no_nsec3() {
    let label = "a".repeat(63);
    let apex = format!("{label}.{label}.{label}.{}.", "a".repeat(30));
    let zone = zone_of(&apex, "$TTL 60\n@ SOA ns.x. host.x. 1 2 3 4 5\n@ NS ns.x.\n");
    let chain = Chain::nsec3(&zone, Nsec3Params::default(), OptOut::No);
    assert_eq!(chain.unwrap_err(), ChainError::TooLong);
    assert_eq!(Chain::nsec(&zone).order().len(), 1);
}
