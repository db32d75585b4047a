//! How fast zone files are read and built, and how large a zone is then.
#![expect(clippy::print_stderr, reason = "a figure that criterion has no form for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use halfmoon_wire::NameBuf;
use halfmoon_zones::{Builder, Entry, Fault, Files, ReadOptions, Sink, Zone, read_text};

const RECORDS: u32 = 1_000_000;

/// Counts, so that the reader alone is measured.
#[derive(Default)]
struct Count {
    records: u32,
    faults: u32,
}

impl Sink for Count {
    fn entry(&mut self, entry: &Entry<'_>) {
        black_box(entry);
        self.records += 1;
    }

    fn fault(&mut self, _: Fault) {
        self.faults += 1;
    }
}

/// A zone of plain addresses, as a list of hosts is generated.
fn addresses() -> String {
    let mut text = String::from("$TTL 300\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n");
    for i in 2..RECORDS {
        let [_, a, b, c] = i.to_be_bytes();
        writeln!(text, "host{i}\tIN\tA\t10.{a}.{b}.{c}").expect("a string takes all");
    }
    text
}

/// A zone of what else there is: as many records of mixed types, some over several lines.
fn mixed() -> String {
    let mut text = String::from("$TTL 300\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n");
    for i in 2..RECORDS {
        let line = match i % 6 {
            0 => format!("h{i} 3600 IN AAAA 2001:db8::{:x} ; host", i & 0xffff),
            1 => format!("h{i} IN MX 10 mail.h{i}\n"),
            2 => format!("h{i} TXT \"v=spf1 ip4:192.0.2.{} -all\" \"x\"", i & 0xff),
            3 => format!("h{i} CNAME h{}.other.example.", i + 1),
            4 => format!("_sip._tcp.h{i} 1h SRV (\n 0 5 ; weight\n 5060 h{i} )"),
            _ => format!("h{i} DS 60485 13 2 ( {:064x} )", i),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn read(text: &str) -> Count {
    let origin: NameBuf = "example.".parse().expect("a name");
    let mut count = Count::default();
    let options = ReadOptions::new(origin);
    let path = Path::new("example.zone");
    read_text(text.as_bytes(), path, &options, &mut Files::default(), &mut count);
    assert_eq!((count.records, count.faults), (RECORDS, 0));
    count
}

/// From text to a zone that can be served.
fn build(text: &str) -> Zone {
    let origin: NameBuf = "example.".parse().expect("a name");
    let path = Path::new("example.zone");
    let (mut files, mut builder) = (Files::default(), Builder::new());
    read_text(text.as_bytes(), path, &ReadOptions::new(origin), &mut files, &mut builder);
    let built = builder.build(origin.as_name(), path, files);
    assert!(!built.is_refused(), "{:#?}", built.faults);
    built.zone.expect("not refused")
}

fn zones(c: &mut Criterion) {
    let mut group = c.benchmark_group("zones");
    // Elements are records: criterion prints how many are read a second.
    group.throughput(Throughput::Elements(RECORDS.into())).sample_size(10);
    let text = addresses();
    group.bench_function("read 1M A records", |b| b.iter(|| read(black_box(&text))));
    group.bench_function("read and build 1M A records", |b| b.iter(|| build(black_box(&text))));
    let zone = build(&text);
    let each = zone.size() as f64 / f64::from(zone.record_count());
    eprintln!("zones/size of 1M A records    {each:.1} octets a record, its text {:.1}", {
        text.len() as f64 / f64::from(RECORDS)
    });
    let text = mixed();
    group.bench_function("read 1M records of mixed types", |b| b.iter(|| read(black_box(&text))));
    group.finish();
}

criterion_group!(benches, zones);
criterion_main!(benches);
