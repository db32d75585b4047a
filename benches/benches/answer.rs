//! What one answer costs, from the octets of the query to those of the reply, without the kernel.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use halfmoon::transport::{Service, Verdict};
use halfmoon_benches::{QUESTIONS, peer, query, worker, zone};

fn answer(c: &mut Criterion) {
    let mut worker = worker("example", &zone());
    let mut out = vec![0; 4096];
    let mut group = c.benchmark_group("answer");
    for (what, name, rtype) in QUESTIONS {
        let query = query(name, rtype);
        let peer = peer();
        worker.refresh();
        let verdict = worker.answer(&query, &peer, 4096, &mut out);
        assert!(matches!(verdict, Verdict::Reply(_)) && out[3] & 0xf != 2, "{what}");
        group.bench_function(what, |b| {
            b.iter(|| worker.answer(black_box(&query), &peer, 4096, &mut out));
        });
    }
    group.finish();
}

criterion_group!(benches, answer);
criterion_main!(benches);
