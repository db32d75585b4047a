//! Messages: form, case, compression, truncation.

use halfmoon::transport::Protocol;

use super::support::{Zones, query};

#[test]
fn s4_1_1_no_reply_to_what_is_no_query() {
    let mut zones = Zones::example("");
    assert_eq!(zones.raw(&[], Protocol::Udp), None);
    assert_eq!(zones.raw(&[0; 11], Protocol::Udp), None);
    let (mut reply, _) = query("example. SOA");
    reply[2] |= 0x80;
    assert_eq!(zones.raw(&reply, Protocol::Udp), None);
}

#[test]
fn s4_1_1_rd_and_id_are_repeated_and_ra_is_clear() {
    let mut zones = Zones::example("");
    let (mut query, _) = query("example. SOA");
    query[2] |= 1;
    let reply = zones.raw(&query, Protocol::Udp).unwrap();
    assert_eq!(&reply[..4], &[0x12, 0x34, 0x85, 0]);
}

#[test]
fn s4_1_4_the_question_is_pointed_at() {
    let mut zones = Zones::example("www A 192.0.2.1\nalias CNAME www\n");
    let octets = zones.ask("www.example. A").octets;
    assert_eq!(octets.len(), 12 + 13 + 4 + 16);
    // header, question (15 + 4), CNAME to a pointer behind "www", A at a pointer
    let octets = zones.ask("alias.example. A").octets;
    assert_eq!(octets.len(), 12 + 19 + 12 + 6 + 16);
}

#[test]
fn s4_2_1_plain_udp_takes_512_octets() {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..60 {
        writeln!(text, "many A 192.0.2.{i}").unwrap();
    }
    let mut zones = Zones::example(&text);
    zones.check("many.example. A", "NOERROR aa tc | | |");
    assert_eq!(zones.ask("many.example. A +edns=1232").message.answers.len(), 60);
    assert_eq!(zones.ask("many.example. A +tcp").message.answers.len(), 60);
}

#[test]
fn any_octets_are_answered_or_dropped() {
    // A small generator is enough: what matters is that nothing panics and replies are sound.
    let mut zones = Zones::example("www A 192.0.2.1\n*.w LUA A \"'192.0.2.1'\"\nsub NS ns.sub\n");
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let seeds =
        ["www.example. A +edns", "a.w.example. A +subnet=192.0.2.0/24", "x.sub.example. MX"];
    for round in 0..20_000 {
        let (mut octets, _) = query(seeds[round % seeds.len()]);
        for _ in 0..=random() % 4 {
            let at = random() as usize % octets.len();
            octets[at] = random() as u8;
        }
        octets.truncate(octets.len() - (random() as usize % 8).min(octets.len()));
        if let Some(reply) = zones.raw(&octets, Protocol::Udp) {
            assert!(reply.len() >= 12 && reply.len() <= 1232);
            assert_eq!(reply[..2], octets[..2]);
            assert!(reply[2] & 0x80 != 0);
        }
    }
}
