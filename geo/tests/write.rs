//! What the writer writes, as the reader of another project reads it.

use std::collections::BTreeMap;

use halfmoon_geo::write::{Value, WriteError, Writer};
use maxminddb::Reader;

fn numbered(number: u32) -> Value {
    Value::map([("n", number)])
}

/// `address -> number network`, one a line; `-` for a miss.
fn check(writer: &Writer, table: &str) {
    let reader = Reader::from_source(writer.to_bytes()).unwrap();
    reader.verify().unwrap();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (ip, expected) = line.split_once(" -> ").unwrap();
        let record = reader.lookup(ip.parse().unwrap()).unwrap();
        let number: Option<BTreeMap<&str, u32>> = record.decode().unwrap();
        let number = number.map_or_else(|| "-".to_owned(), |map| map["n"].to_string());
        assert_eq!(format!("{number} {}", record.network().unwrap()), expected, "{line}");
    }
}

#[test]
fn networks_nest_in_whatever_order_they_come() {
    let networks = [("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.1.1.1/32", 3), ("10.128.0.0/9", 4)];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        for record_bits in [24, 28, 32] {
            let writer = Writer::new("Test", 4).record_bits(record_bits);
            let writer = order.iter().fold(writer, |writer, &i| {
                let (network, number) = networks[i];
                writer.insert(network, numbered(number)).unwrap()
            });
            check(
                &writer,
                "
                10.1.1.1 -> 3 10.1.1.1/32
                10.1.1.0 -> 2 10.1.1.0/32
                10.1.255.255 -> 2 10.1.128.0/17
                10.0.0.1 -> 1 10.0.0.0/16
                10.200.0.1 -> 4 10.128.0.0/9
                11.0.0.1 -> - 11.0.0.0/8
                128.0.0.1 -> - 128.0.0.0/1
                ",
            );
        }
    }
}

#[test]
fn both_families_share_an_ipv6_tree() {
    let writer = Writer::new("Test", 6)
        .insert("192.0.2.0/24", numbered(1))
        .and_then(|w| w.insert("2001:db8::/32", numbered(2)))
        .and_then(|w| w.insert("2001:db8::1", numbered(3)))
        .unwrap();
    check(
        &writer,
        "
        192.0.2.255 -> 1 192.0.2.0/24
        192.0.3.0 -> - 192.0.3.0/24
        ::192.0.2.1 -> 1 ::c000:200/120
        2001:db8::1 -> 3 2001:db8::1/128
        2001:db8::2 -> 2 2001:db8::2/127
        2001:db8:8000::1 -> 2 2001:db8:8000::/33
        ffff::1 -> - 8000::/1
        ",
    );
}

#[test]
fn the_whole_space_is_a_network_and_the_last_of_equal_ones_counts() {
    let writer = Writer::new("Test", 4)
        .insert("0.0.0.0/0", numbered(1))
        .and_then(|w| w.insert("10.0.0.0/8", numbered(2)))
        .and_then(|w| w.insert("10.0.0.0/8", numbered(3)))
        .unwrap();
    check(
        &writer,
        "
        10.0.0.1 -> 3 10.0.0.0/8
        192.0.2.1 -> 1 128.0.0.0/1
        ",
    );
    let empty = Writer::new("Test", 6);
    check(&empty, "2001:db8::1 -> - ::/1");
}

#[test]
fn values_of_all_types_and_sizes_come_back() {
    let long = |length: usize| "x".repeat(length);
    let record = Value::map([
        ("double", Value::Double(-1.25)),
        ("float", Value::Float(0.5)),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("u16", Value::U16(65_535)),
        ("u32", Value::U32(1 << 31)),
        ("u64", Value::U64(1 << 63)),
        ("zero", Value::U32(0)),
        ("i32", Value::I32(-5)),
        ("yes", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("array", Value::Array((0..300).map(Value::U32).collect())),
        ("s28", long(28).into()),
        ("s29", long(29).into()),
        ("s284", long(284).into()),
        ("s285", long(285).into()),
        ("s65820", long(65_820).into()),
        ("s65821", long(65_821).into()),
    ]);
    let writer = Writer::new("Test-Types", 4).insert("10.0.0.0/8", record).unwrap();
    let reader = Reader::from_source(writer.to_bytes()).unwrap();
    reader.verify().unwrap();
    let found = reader.lookup("10.0.0.1".parse().unwrap()).unwrap();
    macro_rules! check {
        ($($key:literal: $kind:ty = $expected:expr;)*) => {$(
            let value: Option<$kind> = found.decode_path(&maxminddb::path![$key]).unwrap();
            assert_eq!(value, Some($expected), $key);
        )*};
    }
    check! {
        "double": f64 = -1.25;
        "float": f32 = 0.5;
        "u16": u16 = 65_535;
        "u32": u32 = 1 << 31;
        "u64": u64 = 1 << 63;
        "zero": u32 = 0;
        "i32": i32 = -5;
        "yes": bool = true;
        "no": bool = false;
        "array": Vec<u32> = (0..300).collect::<Vec<_>>();
        "s28": String = long(28);
        "s29": String = long(29);
        "s284": String = long(284);
        "s285": String = long(285);
        "s65820": String = long(65_820);
        "s65821": String = long(65_821);
    }
    assert_eq!(reader.metadata().database_type, "Test-Types");
    assert_eq!(reader.metadata().ip_version, 4);
}

#[test]
fn equal_records_are_stored_once() {
    let one = Writer::new("Test", 4).insert("10.0.0.0/32", numbered(1)).unwrap();
    let two = one.clone().insert("10.0.0.1/32", numbered(1)).unwrap();
    assert_eq!(one.to_bytes().len(), two.to_bytes().len());
    assert_eq!(two.to_bytes(), two.to_bytes());
}

#[test]
fn what_is_no_network_of_the_tree_is_refused() {
    let text = |network: &str| network.to_owned();
    for (network, expected) in [
        ("example", WriteError::NotANetwork(text("example"))),
        ("10.0.0.0/33", WriteError::NotANetwork(text("10.0.0.0/33"))),
        ("10.0.0.0/", WriteError::NotANetwork(text("10.0.0.0/"))),
        ("10.0.0.1/8", WriteError::HostBits(text("10.0.0.1/8"))),
        ("2001:db8::/32", WriteError::WrongFamily(text("2001:db8::/32"))),
    ] {
        let outcome = Writer::new("Test", 4).insert(network, numbered(1));
        assert_eq!(outcome.unwrap_err(), expected, "{network}");
    }
    let outcome = Writer::new("Test", 6).insert("10.0.0.1/8", numbered(1));
    assert_eq!(outcome.unwrap_err(), WriteError::HostBits(text("10.0.0.1/8")));
}
