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
