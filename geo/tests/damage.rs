//! Databases with wrong octets in them: refused or partly unknown, and never a panic.

use std::net::IpAddr;
use std::path::Path;

use halfmoon_geo::write::{Value, Writer};
use halfmoon_geo::{Attribute, Geo, Warning};

fn sample(ip_version: u16, record_bits: u16) -> Vec<u8> {
    Writer::new("Test", ip_version)
        .record_bits(record_bits)
        .insert("192.0.2.0/24", Value::place("DE", "EU", 52.5, 13.4))
        .and_then(|w| w.insert("192.0.2.64/26", Value::place("SE", "EU", 59.3, 18.1)))
        .and_then(|w| w.insert("10.0.0.0/8", Value::map([("asn", "AS64496")])))
        .unwrap()
        .to_bytes()
}

/// Asks everything of a few addresses. What is answered is any answer; what counts is that
/// there is one, and that its network is one.
fn exercise(octets: Vec<u8>) -> bool {
    let Ok(geo) = Geo::from_octets(Path::new("damaged.mmdb"), octets) else {
        return false;
    };
    for ip in ["192.0.2.1", "192.0.2.65", "10.1.2.3", "255.255.255.255", "2001:db8::1", "::"] {
        let ip: IpAddr = ip.parse().unwrap();
        let full = if ip.is_ipv4() { 32 } else { 128 };
        for attribute in Attribute::ALL {
            assert!(geo.text(attribute, ip).prefix <= full);
        }
        assert!(geo.asn(ip).prefix <= full);
        let location = geo.location(ip);
        assert!(location.prefix <= full);
        assert!(location.value.is_none_or(|at| at.lat.abs() <= 90.0 && at.lon.abs() <= 180.0));
    }
    true
}

#[test]
fn no_wrong_octet_brings_a_panic() {
    for (ip_version, record_bits) in [(4, 24), (4, 28), (4, 32), (6, 28)] {
        let whole = sample(ip_version, record_bits);
        assert!(exercise(whole.clone()));
        for i in 0..whole.len() {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[i] ^= flip;
                exercise(damaged);
            }
        }
    }
}

#[test]
fn no_cut_brings_a_panic() {
    let whole = sample(4, 24);
    for length in 0..whole.len() {
        assert!(!exercise(whole[..length].to_vec()), "{length} octets are no database");
    }
    for start in 1..whole.len() {
        exercise(whole[start..].to_vec());
    }
}

#[test]
fn a_damaged_record_is_unknown_and_pointed_out() {
    let mut octets = sample(4, 24);
    // The control octet of a double of eight octets, before 52.5; four are too few.
    let double: Vec<u8> = [0x68].into_iter().chain(52.5f64.to_be_bytes()).collect();
    let at = octets.windows(9).position(|window| window == double).unwrap();
    octets[at] = 0x64;
    let geo = Geo::from_octets(Path::new("damaged.mmdb"), octets).unwrap();

    let warnings: Vec<_> = geo.warnings().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("damaged.mmdb: a record is damaged and counts as unknown: "),
        "{warnings:?}"
    );
    assert!(matches!(geo.warnings().next(), Some(Warning::Damaged { .. })));
    let damaged = geo.location("192.0.2.1".parse().unwrap());
    assert_eq!((damaged.value, damaged.prefix), (None, 26));
    assert!(geo.location("192.0.2.65".parse().unwrap()).value.is_some());
    assert_eq!(geo.country("192.0.2.1".parse().unwrap()).value, Some("DE"));
}

#[test]
fn a_tree_that_bites_its_tail_is_refused() {
    let mut octets = sample(4, 24);
    // Both records of the root point to the root.
    octets[..6].fill(0);
    let error = Geo::from_octets(Path::new("cycle.mmdb"), octets).unwrap_err().to_string();
    assert!(error.starts_with("cycle.mmdb: not a usable mmdb database: "), "{error}");
}
