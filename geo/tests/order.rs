//! Several databases: which one answers, and for which network.

use std::net::IpAddr;
use std::path::PathBuf;

use halfmoon_geo::Geo;
use halfmoon_geo::write::{Value, Writer};

struct Files {
    folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl Files {
    fn of(writers: &[Writer]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = (0..writers.len()).map(|i| folder.path().join(format!("{i}.mmdb")));
        let paths: Vec<_> = paths.collect();
        for (path, writer) in paths.iter().zip(writers) {
            std::fs::write(path, writer.to_bytes()).unwrap();
        }
        Self { folder, paths }
    }

    fn open(self) -> Geo {
        let geo = Geo::open(&self.paths).unwrap();
        // In memory by now: the files may go.
        self.folder.close().unwrap();
        geo
    }
}

fn countries(networks: &[(&str, &str)]) -> Writer {
    networks.iter().fold(Writer::new("Test-Country", 6), |writer, (network, code)| {
        let record = Value::map([("country", Value::map([("iso_code", *code)]))]);
        writer.insert(network, record).unwrap()
    })
}

fn operators(network: &str, number: u32) -> Writer {
    let record = Value::map([("autonomous_system_number", number)]);
    Writer::new("Test-ASN", 6).insert(network, record).unwrap()
}

fn check_country(geo: &Geo, ip: &str, expected: (Option<&str>, u8)) {
    let found = geo.country(ip.parse::<IpAddr>().unwrap());
    assert_eq!((found.value, found.prefix), expected, "{ip}");
}

#[test]
fn the_first_that_knows_answers_and_the_longest_prefix_asked_counts() {
    let geo = Files::of(&[
        countries(&[("192.0.2.0/28", "DE"), ("192.0.2.64/28", "--"), ("10.0.0.0/9", "")]),
        countries(&[("192.0.2.0/24", "SE"), ("10.0.0.0/30", "FR")]),
    ])
    .open();
    for (ip, expected) in [
        // Only the first is asked.
        ("192.0.2.1", (Some("DE"), 28)),
        // The first has a hole of this size; the second knows.
        ("192.0.2.17", (Some("SE"), 28)),
        ("192.0.2.200", (Some("SE"), 25)),
        // Two dashes and empty text are no answer.
        ("192.0.2.65", (Some("SE"), 28)),
        ("10.0.0.1", (Some("FR"), 30)),
        ("10.0.0.5", (None, 30)),
        ("10.128.0.1", (None, 9)),
        ("2001:db8::1", (None, 3)),
    ] {
        check_country(&geo, ip, expected);
    }
}

#[test]
fn a_database_that_cannot_know_does_not_narrow_the_scope() {
    let geo = Files::of(&[operators("192.0.2.7/32", 64_496), countries(&[("192.0.2.0/24", "DE")])])
        .open();
    check_country(&geo, "192.0.2.7", (Some("DE"), 24));
    let asn = geo.asn("192.0.2.7".parse().unwrap());
    assert_eq!((asn.value, asn.prefix), (Some(64_496), 32));
}

#[test]
fn generations_differ() {
    let writers = [countries(&[("192.0.2.0/24", "DE")])];
    let (a, b) = (Files::of(&writers).open(), Files::of(&writers).open());
    assert_ne!(a.generation(), b.generation());
    assert_ne!(a.generation(), Geo::empty().generation());
    assert_eq!(Geo::empty().generation(), Geo::open(&[]).unwrap().generation());
}
