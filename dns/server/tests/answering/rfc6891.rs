//! EDNS(0).

use halfmoon::transport::Protocol;
use hickory_proto::op::Message;

use super::support::{Zones, query};

#[test]
fn s6_1_1_an_opt_for_an_opt() {
    let mut zones = Zones::example("");
    assert!(zones.ask("example. SOA").message.edns.is_none());
    let edns = zones.ask("example. SOA +edns=4096 +do").message.edns.unwrap();
    assert_eq!((edns.max_payload(), edns.version(), edns.flags().dnssec_ok), (1232, 0, true));
}

#[test]
fn s6_1_3_versions_that_are_not_spoken() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA +edns");
    let version = octets.len() - 5;
    octets[version] = 1;
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    let reply = Message::from_vec(&reply).unwrap();
    assert_eq!(u16::from(reply.metadata.response_code), 16);
    assert_eq!(reply.edns.unwrap().version(), 0);
}

#[test]
fn s6_2_3_small_sizes_count_as_512() {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..25 {
        writeln!(text, "many A 192.0.2.{i}").unwrap();
    }
    let mut zones = Zones::example(&text);
    assert_eq!(zones.ask("many.example. A +edns=100").message.answers.len(), 25);
}

#[test]
fn s6_1_1_more_than_one_opt_and_one_out_of_place_are_format_errors_with_an_opt() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA +edns");
    let opt = octets[octets.len() - 11..].to_vec();
    octets.extend(&opt);
    octets[11] = 2;
    let reply = Message::from_vec(&zones.raw(&octets, Protocol::Udp).unwrap()).unwrap();
    assert_eq!(u16::from(reply.metadata.response_code), 1);
    assert!(reply.edns.is_some(), "an OPT gets an OPT");
    // Among the answers it is none.
    let (mut octets, _) = query("example. SOA +edns");
    octets.swap(7, 11);
    let reply = Message::from_vec(&zones.raw(&octets, Protocol::Udp).unwrap()).unwrap();
    assert_eq!(u16::from(reply.metadata.response_code), 1);
}

#[test]
fn s6_1_1_a_record_may_stand_before_the_opt() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA +do");
    let at = octets.len() - 11;
    octets.splice(at..at, *b"\x01a\0\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x01");
    octets[11] = 2;
    let reply = Message::from_vec(&zones.raw(&octets, Protocol::Udp).unwrap()).unwrap();
    assert_eq!(u16::from(reply.metadata.response_code), 0);
    assert!(reply.edns.unwrap().flags().dnssec_ok);
}

#[test]
fn s6_1_2_options_that_are_not_known_are_ignored() {
    let mut zones = Zones::example("");
    let reply = zones.ask("example. SOA +option=65001:0102 +option=5:08 +option=65534 +option=3");
    assert_eq!(reply.message.answers.len(), 1);
    for code in [65_001, 5, 65_534] {
        assert_eq!(reply.option(code), None, "{code}");
    }
}

#[test]
fn s6_1_3_an_unknown_version_is_told_before_all_else() {
    let mut zones = Zones::example("");
    for question in
        ["example. SOA +do", "elsewhere. A +do", "example. AXFR +do", "example. OPT +do"]
    {
        for version in [1, 2, 255] {
            let (mut octets, _) = query(question);
            let at = octets.len() - 5;
            octets[at] = version;
            let reply = Message::from_vec(&zones.raw(&octets, Protocol::Udp).unwrap()).unwrap();
            assert_eq!(u16::from(reply.metadata.response_code), 16, "{question} {version}");
            let edns = reply.edns.unwrap();
            assert_eq!((edns.version(), edns.max_payload()), (0, 1232));
            assert!(edns.flags().dnssec_ok && reply.answers.is_empty());
        }
    }
}

#[test]
fn s6_1_4_flags_that_are_not_known_are_ignored_and_not_repeated() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA +do");
    let at = octets.len() - 4;
    octets[at] = 0xbf;
    octets[at + 1] = 0xff;
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    assert_eq!(reply[reply.len() - 4..reply.len() - 2], [0x80, 0], "DO alone");
}

#[test]
fn s6_2_5_no_answer_is_larger_than_either_side_takes() {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..120 {
        writeln!(text, "many{} A 192.0.2.{}", i / 60, i % 250).unwrap();
    }
    for i in 0..75 {
        writeln!(text, "fits TXT \"{i:04}\"").unwrap();
    }
    let mut zones = Zones::example(&text);
    for size in [0, 100, 511, 512, 513, 700, 1231, 1232, 1233, 4096, 65_535] {
        for name in ["many0", "many1", "fits"] {
            let rtype = if name == "fits" { "TXT" } else { "A" };
            let reply = zones.ask(&format!("{name}.example. {rtype} +edns={size}"));
            let most = size.clamp(512, 1232);
            assert!(reply.octets.len() <= most, "{} of {most}", reply.octets.len());
            assert_eq!(reply.message.metadata.truncation, reply.message.answers.is_empty());
        }
    }
}

#[test]
fn s7_no_opt_without_an_opt() {
    let mut zones = Zones::example("broken LUA A \";error('no')\"\n");
    for question in
        ["example. SOA", "x.example. A", "elsewhere. A", "broken.example. A", "example. AXFR"]
    {
        assert!(zones.ask(question).message.edns.is_none(), "{question}");
        assert!(zones.ask(&format!("{question} +edns")).message.edns.is_some(), "{question}");
    }
}

/// The table in `docs/conformance.md`: how much larger an answer is than what asked for it.
#[test]
fn s6_2_5_amplification_is_what_the_documentation_says() {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..2000 {
        writeln!(
            text,
            "t TXT \"{i:04}\"\nm MX {i} m{i}\nm{i} A 192.0.2.1\ns NS n{i}.s\nn{i}.s A 192.0.2.1"
        )
        .unwrap();
    }
    for i in 0..66 {
        writeln!(text, "f AAAA 2001:db8::{i:x}\nf TXT \"{i:04}\"").unwrap();
    }
    let mut zones = Zones::example(&text);
    let mut ratio = |question: &str| {
        let (octets, protocol) = query(question);
        let reply = zones.raw(&octets, protocol).unwrap();
        (reply.len(), reply.len() as f64 / octets.len() as f64)
    };
    for name in ["t", "m", "f", "s", "x.s", "", "nothing"] {
        let name = if name.is_empty() { String::new() } else { format!("{name}.") };
        for rtype in ["A", "AAAA", "TXT", "MX", "NS", "ANY", "SOA", "DS"] {
            let (size, times) = ratio(&format!("{name}example. {rtype}"));
            assert!(size <= 512 && times <= 20.5, "{name} {rtype}: {size}, {times}");
            let (size, times) = ratio(&format!("{name}example. {rtype} +edns=65535"));
            assert!(size <= 1232 && times <= 34.3, "{name} {rtype}: {size}, {times}");
        }
    }
    let (size, times) = ratio("nothing.example. A +edns=65535");
    assert!(size <= 100 && times < 3.0, "{size}");
    for question in
        ["elsewhere. A", "example. AXFR", "example. OPT", "example. MAILB", "a. SOA +ch"]
    {
        for edns in ["", " +edns=65535"] {
            let (_, times) = ratio(&format!("{question}{edns}"));
            assert!(times < 3.0, "{question}{edns}: {times}");
        }
    }
}
