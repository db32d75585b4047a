//! Octets as an mmdb file: refused, or every look-up gives an answer for a network.
#![no_main]

use std::net::IpAddr;
use std::path::Path;

use halfmoon_geo::{Attribute, Found, Geo};
use libfuzzer_sys::fuzz_target;

const ADDRESSES: [&str; 6] =
    ["192.0.2.1", "10.1.2.3", "255.255.255.255", "2001:db8::1", "::", "::ffff:192.0.2.1"];

fuzz_target!(|octets: &[u8]| {
    let Ok(geo) = Geo::from_octets(Path::new("fuzz.mmdb"), octets.to_vec()) else {
        return;
    };
    for address in ADDRESSES {
        let ip: IpAddr = address.parse().expect("these are addresses");
        for attribute in Attribute::ALL {
            check(ip, &geo.text(attribute, ip));
        }
        check(ip, &geo.asn(ip));
        let found = geo.location(ip);
        check(ip, &found);
        assert!(found.value.is_none_or(|at| at.lat.abs() <= 90.0 && at.lon.abs() <= 180.0));
    }
});

fn check<T>(ip: IpAddr, found: &Found<T>) {
    let full = if ip.to_canonical().is_ipv4() { 32 } else { 128 };
    assert!(found.prefix <= full, "{ip} has no network of {} bits", found.prefix);
}
