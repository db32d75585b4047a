//! MaxMind's own test databases, where they are at hand: beside the repository, in
//! `shared/data/geo`. They are not part of it.

use std::fmt::Debug;
use std::io::{Write, stderr};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use halfmoon_geo::{Attribute, Found, Geo, Location, Warning};
use serde_json::Value;

/// A file of the test data; `None`, said loudly, where there is none.
fn data(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/geo"));
    if !folder.is_dir() {
        skip(&folder);
        return None;
    }
    Some(folder.join(name))
}

fn skip(folder: &std::path::Path) {
    // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
    let shown = folder.display();
    let _ = writeln!(stderr(), "SKIPPED: MaxMind's test databases are not in {shown}");
}

/// The first and the last address of a network, and its length.
fn bounds(network: &str) -> ([IpAddr; 2], u8) {
    let (first, length) = network.split_once('/').unwrap();
    let length: u8 = length.parse().unwrap();
    let bounds = match first.parse().unwrap() {
        IpAddr::V4(first) => {
            let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
            [first.into(), Ipv4Addr::from_bits(first.to_bits() | host).into()]
        }
        IpAddr::V6(first) => {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
            [first.into(), Ipv6Addr::from_bits(first.to_bits() | host).into()]
        }
    };
    (bounds, length)
}

/// Compares an answer with the source of the database.
fn check<T: PartialEq + Debug>(found: Found<T>, expected: Option<T>, length: u8, what: &str) {
    assert_eq!((found.value, found.prefix), (expected, length), "{what}");
}

#[test]
fn the_city_database_answers_as_its_source_says() {
    let Some(path) = data("GeoLite2-City-Test.mmdb") else {
        return;
    };
    let geo = Geo::open(&[path]).unwrap();
    assert_eq!(geo.warnings().count(), 0);
    for attribute in Attribute::ALL {
        let expected = !matches!(attribute, Attribute::Asn | Attribute::Name);
        assert_eq!(geo.has(attribute), expected, "{attribute:?}");
    }

    let source = std::fs::read(data("GeoLite2-City-Test.json").unwrap()).unwrap();
    let source: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(&source).unwrap();
    let mut networks = 0;
    for (network, record) in source.iter().flatten() {
        networks += 1;
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
        let location = record.pointer("/location/latitude").map(|lat| Location {
            lat: lat.as_f64().unwrap(),
            lon: record.pointer("/location/longitude").unwrap().as_f64().unwrap(),
        });
        let (addresses, length) = bounds(network);
        for ip in addresses {
            let what = format!("{network} {ip}");
            check(geo.country(ip), text("/country/iso_code"), length, &what);
            check(geo.continent(ip), text("/continent/code"), length, &what);
            check(geo.region(ip), text("/subdivisions/0/iso_code"), length, &what);
            check(geo.city(ip), text("/city/names/en"), length, &what);
            check(geo.location(ip), location, length, &what);
            check(geo.location_with_accuracy(ip), location, length, &what);
            assert_eq!(geo.asn(ip).value, None, "{what}");
        }
    }
    assert_eq!(networks, 242);
}

#[test]
fn the_country_and_operator_databases_answer_together() {
    let Some(country) = data("GeoLite2-Country-Test.mmdb") else {
        return;
    };
    let geo = Geo::open(&[country, data("GeoLite2-ASN-Test.mmdb").unwrap()]).unwrap();
    assert_eq!(geo.warnings().count(), 0);
    let operator = |ip| (geo.asn(ip), geo.text(Attribute::Name, ip));
    for (ip, country, continent, number, name) in [
        ("89.160.20.112", Some("SE"), Some("EU"), Some(29_518), Some("Bredband2 AB")),
        ("81.2.69.160", Some("GB"), Some("EU"), None, None),
        ("216.160.83.57", Some("US"), Some("NA"), Some(209), None),
        ("1.128.0.1", None, None, Some(1221), Some("Telstra Pty Ltd")),
        ("2001:218::1", Some("JP"), Some("AS"), None, None),
        ("10.0.0.1", None, None, None, None),
    ] {
        let ip: IpAddr = ip.parse().unwrap();
        assert_eq!(geo.country(ip).value, country, "{ip}");
        assert_eq!(geo.continent(ip).value, continent, "{ip}");
        assert_eq!(operator(ip).0.value, number, "{ip}");
        assert_eq!(operator(ip).1.value, name, "{ip}");
        assert_eq!(geo.location(ip).value, None, "{ip}");
    }
}

#[test]
fn a_damaged_double_makes_a_location_unknown() {
    let Some(path) = data("GeoIP2-City-Test-Broken-Double-Format.mmdb") else {
        return;
    };
    let geo = Geo::open(std::slice::from_ref(&path)).unwrap();
    let warnings: Vec<_> = geo.warnings().collect();
    assert!(matches!(&warnings[..], [Warning::Damaged { .. }]), "{warnings:?}");
    assert!(warnings[0].to_string().starts_with(&path.display().to_string()));

    let source = std::fs::read(data("GeoLite2-City-Test.json").unwrap()).unwrap();
    let source: Vec<serde_json::Map<String, Value>> = serde_json::from_slice(&source).unwrap();
    for (network, _) in source.iter().flatten() {
        for ip in bounds(network).0 {
            for attribute in Attribute::ALL {
                let _ = geo.text(attribute, ip);
            }
            let _ = (geo.location(ip), geo.asn(ip));
        }
    }
}

#[test]
fn a_wrong_node_count_is_refused() {
    let Some(path) = data("GeoIP2-City-Test-Invalid-Node-Count.mmdb") else {
        return;
    };
    let error = Geo::open(std::slice::from_ref(&path)).unwrap_err().to_string();
    let start = format!("{}: not a usable mmdb database: ", path.display());
    assert!(error.starts_with(&start), "{error}");
}
