//! What a signature costs by algorithm, and what one costs that is remembered.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use halfmoon_dnssec::{
    Algorithm, Desk, Means, SignatureCache, Signed, TypeSet, Unlimited, Validity, ZoneKeys,
};
use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::{Builder, Files, ReadOptions, Zone, read_text};

const NOW: u32 = 1_800_000_000;

fn zone(apex: NameBuf) -> Zone {
    let text = b"$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
    let (mut files, mut builder) = (Files::default(), Builder::new());
    let path = Path::new("bench.zone");
    read_text(text, path, &ReadOptions::new(apex), &mut files, &mut builder);
    builder.build(apex.as_name(), path, files).zone.expect("a zone")
}

fn signing(criterion: &mut Criterion) {
    let apex: NameBuf = "example.".parse().expect("a name");
    let owner: NameBuf = "www.example.".parse().expect("a name");
    let names = (apex.as_name(), owner.as_name());
    let zone = zone(apex);
    for algorithm in Algorithm::ALL {
        let mut group = criterion.benchmark_group(algorithm.mnemonic());
        let keys = Arc::new(ZoneKeys::make(apex, algorithm, false).expect("keys"));
        let cache = Arc::new(SignatureCache::new(1024));
        let signed = Signed::new(&zone, keys, Validity::default(), cache);
        let (mut desk, mut budget) = (Desk::default(), Unlimited);
        let mut ttl = 0;
        group.bench_function("made", |bench| {
            bench.iter(|| {
                // Another TTL is another RRset, which nobody has signed yet.
                ttl += 1;
                let mut means = Means { now: NOW, budget: &mut budget, desk: &mut desk };
                let rdatas = [&[192, 0, 2, 1][..], &[192, 0, 2, 2]].into_iter();
                black_box(signed.of_made(names, (Type::A, ttl), rdatas, &mut means))
                    .expect("signed")
            });
        });
        group.bench_function("remembered", |bench| {
            bench.iter(|| {
                let mut means = Means { now: NOW, budget: &mut budget, desk: &mut desk };
                let rdatas = [&[192, 0, 2, 1][..], &[192, 0, 2, 2]].into_iter();
                black_box(signed.of_made(names, (Type::A, 0), rdatas, &mut means)).expect("signed")
            });
        });
        group.bench_function("denial remembered", |bench| {
            bench.iter(|| {
                let mut means = Means { now: NOW, budget: &mut budget, desk: &mut desk };
                black_box(signed.deny(names, TypeSet::default(), 5, &mut means)).expect("signed")
            });
        });
    }
}

criterion_group!(benches, signing);
criterion_main!(benches);
