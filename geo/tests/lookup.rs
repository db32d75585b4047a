//! What a set of databases says to an address, and for which network.

use std::net::IpAddr;
use std::path::Path;

use halfmoon_geo::write::{Value, Writer};
use halfmoon_geo::{Attribute, Geo, Warning};

/// A database in memory, and the set of it alone.
fn set(writer: &Writer) -> Geo {
    Geo::from_octets(Path::new("test.mmdb"), writer.to_bytes()).unwrap()
}

/// Records in MaxMind's arrangement, in a tree for both families.
fn nested() -> Writer {
    let city = Value::map([
        ("city", Value::map([("names", Value::map([("de", "München"), ("en", "Munich")]))])),
        ("continent", Value::map([("code", "EU")])),
        ("country", Value::map([("iso_code", "DE")])),
        ("location", Value::map([("latitude", 48.1), ("longitude", 11.5)])),
        (
            "subdivisions",
            Value::Array(vec![
                Value::map([("iso_code", "BY")]),
                Value::map([("iso_code", "not this one")]),
            ]),
        ),
    ]);
    let network = Value::map([
        ("autonomous_system_number", Value::U32(64_496)),
        ("autonomous_system_organization", "Example Net".into()),
    ]);
    Writer::new("Test-Nested", 6)
        .insert("192.0.2.0/24", city)
        .and_then(|w| w.insert("192.0.2.128/27", Value::place("SE", "EU", 59.3, 18.1)))
        .and_then(|w| w.insert("198.51.100.0/24", network))
        .and_then(|w| w.insert("2001:db8::/32", Value::place("BR", "SA", -23.5, -46.6)))
        .and_then(|w| w.insert("203.0.113.0/24", Value::map([("country", "--")])))
        .unwrap()
}

/// `attribute address -> value/prefix`, one a line.
fn check(geo: &Geo, table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (question, expected) = line.split_once(" -> ").unwrap();
        let (attribute, address) = question.split_once(' ').unwrap();
        assert_eq!(ask(geo, attribute, address.parse().unwrap()), expected, "{line}");
    }
}

fn ask(geo: &Geo, attribute: &str, ip: IpAddr) -> String {
    let (value, prefix) = match attribute {
        "asn" => {
            let found = geo.asn(ip);
            (found.value.map(|asn| asn.to_string()), found.prefix)
        }
        "location" => {
            let found = geo.location(ip);
            (found.value.map(|at| format!("{} {}", at.lat, at.lon)), found.prefix)
        }
        "accurate" => {
            let found = geo.location_with_accuracy(ip);
            (found.value.map(|at| format!("{} {}", at.lat, at.lon)), found.prefix)
        }
        _ => {
            let found = match attribute {
                "country" => geo.country(ip),
                "continent" => geo.continent(ip),
                "region" => geo.region(ip),
                "city" => geo.city(ip),
                "name" => geo.text(Attribute::Name, ip),
                _ => panic!("no attribute {attribute:?}"),
            };
            (found.value.map(str::to_owned), found.prefix)
        }
    };
    format!("{}/{prefix}", value.unwrap_or_else(|| "unknown".to_owned()))
}

#[test]
fn nested_records_answer_with_the_network_they_hold_for() {
    check(
        &set(&nested()),
        "
        country 192.0.2.1 -> DE/25
        continent 192.0.2.1 -> EU/25
        region 192.0.2.1 -> BY/25
        city 192.0.2.1 -> Munich/25
        location 192.0.2.1 -> 48.1 11.5/25
        asn 192.0.2.1 -> unknown/25
        country 192.0.2.128 -> SE/27
        country 192.0.2.159 -> SE/27
        country 192.0.2.160 -> DE/27
        country 192.0.2.200 -> DE/26
        asn 198.51.100.77 -> 64496/24
        name 198.51.100.77 -> Example Net/24
        country 198.51.100.77 -> unknown/24
        country 2001:db8:5::1 -> BR/32
        location 2001:db8:5::1 -> -23.5 -46.6/32
        ",
    );
}

#[test]
fn a_miss_names_the_hole_it_fell_into() {
    check(
        &set(&nested()),
        "
        country 10.0.0.1 -> unknown/1
        country 193.0.0.1 -> unknown/8
        country 192.0.3.1 -> unknown/24
        country 2001:db9::1 -> unknown/32
        country 4000::1 -> unknown/2
        country 8000::1 -> unknown/1
        ",
    );
}

#[test]
fn an_ipv4_mapped_address_is_that_ipv4_address() {
    check(
        &set(&nested()),
        "
        country ::ffff:192.0.2.1 -> DE/25
        country ::ffff:10.0.0.1 -> unknown/1
        ",
    );
}

#[test]
fn two_dashes_are_unknown() {
    check(&set(&nested()), "country 203.0.113.1 -> unknown/24");
}

#[test]
fn coordinates_without_accuracy_count_unless_it_is_demanded() {
    check(
        &set(&nested()),
        "
        location 192.0.2.1 -> 48.1 11.5/25
        accurate 192.0.2.1 -> unknown/25
        accurate 192.0.2.130 -> 59.3 18.1/27
        ",
    );
}

#[test]
fn one_coordinate_or_one_off_the_globe_is_no_location() {
    let location =
        |entries: &[(&str, Value)]| Value::map([("location", Value::map(entries.iter().cloned()))]);
    let lat = |degrees: f64| ("latitude", Value::Double(degrees));
    let lon = |degrees: f64| ("longitude", Value::Double(degrees));
    let writer = Writer::new("Test", 4)
        .insert("10.0.0.0/32", location(&[lat(1.0)]))
        .and_then(|w| w.insert("10.0.0.1/32", location(&[lon(1.0)])))
        .and_then(|w| w.insert("10.0.0.2/32", location(&[lat(90.1), lon(1.0)])))
        .and_then(|w| w.insert("10.0.0.3/32", location(&[lat(f64::NAN), lon(1.0)])))
        .and_then(|w| w.insert("10.0.0.4/32", location(&[lat(-90.0), lon(180.0)])))
        .unwrap();
    check(
        &set(&writer),
        "
        location 10.0.0.0 -> unknown/32
        location 10.0.0.1 -> unknown/32
        location 10.0.0.2 -> unknown/32
        location 10.0.0.3 -> unknown/32
        location 10.0.0.4 -> -90 180/32
        ",
    );
}

#[test]
fn flat_records_of_dbip_are_read() {
    let record = Value::map([
        ("city", Value::from("Munich")),
        ("country_code", "DE".into()),
        ("latitude", Value::Float(48.125)),
        ("longitude", Value::Float(11.5)),
        ("postcode", "".into()),
        ("state1", "Bavaria".into()),
        ("state2", "Upper Bavaria".into()),
        ("timezone", "".into()),
    ]);
    let writer = Writer::new("dbip-city", 6).insert("192.0.2.0/24", record).unwrap();
    check(
        &set(&writer),
        "
        country 192.0.2.1 -> DE/24
        region 192.0.2.1 -> Bavaria/24
        city 192.0.2.1 -> Munich/24
        location 192.0.2.1 -> 48.125 11.5/24
        accurate 192.0.2.1 -> unknown/24
        ",
    );
}

#[test]
fn flat_records_of_ipinfo_are_read() {
    let lite = Value::map([
        ("as_domain", "example.net"),
        ("as_name", "Example Net"),
        ("asn", "AS64496"),
        ("continent", "Europe"),
        ("continent_code", "EU"),
        ("country", "Germany"),
        ("country_code", "DE"),
    ]);
    let older = Value::map([
        ("continent", "EU"),
        ("country", "SE"),
        ("lat", "59.3"),
        ("lng", "18.1"),
        ("region", "Stockholm"),
    ]);
    let writer = Writer::new("ipinfo", 6)
        .insert("192.0.2.0/24", lite)
        .and_then(|w| w.insert("198.51.100.0/24", older))
        .unwrap();
    check(
        &set(&writer),
        "
        country 192.0.2.1 -> DE/24
        continent 192.0.2.1 -> EU/24
        asn 192.0.2.1 -> 64496/24
        name 192.0.2.1 -> Example Net/24
        country 198.51.100.1 -> SE/24
        continent 198.51.100.1 -> EU/24
        region 198.51.100.1 -> Stockholm/24
        location 198.51.100.1 -> 59.3 18.1/24
        ",
    );
}

#[test]
fn an_ipv6_address_is_unknown_to_an_ipv4_tree() {
    let writer =
        Writer::new("Test", 4).insert("192.0.2.0/24", Value::place("DE", "EU", 1.0, 2.0)).unwrap();
    check(
        &set(&writer),
        "
        country 192.0.2.1 -> DE/24
        country 2001:db8::1 -> unknown/0
        country ::ffff:192.0.2.1 -> DE/24
        location ::192.0.2.1 -> unknown/0
        ",
    );
}

#[test]
fn a_record_above_all_ipv4_networks_holds_for_all_of_them() {
    let writer =
        Writer::new("Test", 6).insert("::/64", Value::place("DE", "EU", 1.0, 2.0)).unwrap();
    check(
        &set(&writer),
        "
        country 192.0.2.1 -> DE/0
        country ::192.0.2.1 -> DE/64
        country 2001:db8::1 -> unknown/3
        ",
    );
}

#[test]
fn the_empty_set_knows_nothing_for_everybody() {
    let geo = Geo::empty();
    assert!(geo.is_empty());
    check(
        &geo,
        "
        country 192.0.2.1 -> unknown/0
        location 2001:db8::1 -> unknown/0
        asn 192.0.2.1 -> unknown/0
        ",
    );
}

#[test]
fn numbers_are_no_texts() {
    let geo = set(&nested());
    let ip = "198.51.100.1".parse().unwrap();
    assert_eq!(geo.text(Attribute::Asn, ip).value, None);
    assert_eq!(geo.text(Attribute::Location, ip).value, None);
}

#[test]
fn attributes_have_the_numbers_of_powerdns() {
    for (number, attribute) in (0u8..).zip(Attribute::ALL) {
        assert_eq!(attribute.number(), number);
        assert_eq!(Attribute::from_number(number), Some(attribute));
    }
    assert_eq!(Attribute::from_number(8), None);
    assert_eq!(Attribute::from_number(0), Some(Attribute::Asn));
    assert_eq!(Attribute::from_number(7), Some(Attribute::Location));
}

#[test]
fn a_set_says_what_it_has() {
    let geo = set(&Writer::new("Test-Country", 4)
        .insert("192.0.2.0/24", Value::map([("country", Value::map([("iso_code", "DE")]))]))
        .unwrap());
    for attribute in Attribute::ALL {
        let expected = matches!(attribute, Attribute::Country | Attribute::Country2);
        assert_eq!(geo.has(attribute), expected, "{attribute:?}");
    }
    let info = geo.databases().next().unwrap();
    assert_eq!((info.kind, info.path), ("Test-Country", Path::new("test.mmdb")));
    assert_eq!(geo.warnings().count(), 0);
}

#[test]
fn a_database_of_something_else_is_pointed_out() {
    let geo = set(&Writer::new("Test-Anonymous", 4)
        .insert("192.0.2.0/24", Value::map([("is_anonymous", true)]))
        .unwrap());
    let warnings: Vec<_> = geo.warnings().collect();
    assert!(
        matches!(&warnings[..], [Warning::Useless { kind, .. }] if kind == "Test-Anonymous"),
        "{warnings:?}"
    );
    check(&geo, "country 192.0.2.1 -> unknown/0");
}

#[test]
fn records_beyond_the_survey_are_found_too() {
    // The first records have nothing but a country, and there are more of them than are
    // looked at when the database is opened.
    let mut writer = Writer::new("Test", 4);
    for i in 0..6_000u32 {
        let record = Value::map([
            ("country", Value::map([("iso_code", "DE")])),
            ("n", Value::map([("i", i)])),
        ]);
        writer = writer.insert(&std::net::Ipv4Addr::from_bits(i).to_string(), record).unwrap();
    }
    let geo = set(&writer.insert("192.0.2.0/24", Value::place("SE", "EU", 59.3, 18.1)).unwrap());
    assert!(!geo.has(Attribute::Location));
    check(
        &geo,
        "
        country 192.0.2.1 -> SE/24
        location 192.0.2.1 -> 59.3 18.1/24
        location 0.0.0.1 -> unknown/32
        ",
    );
}
