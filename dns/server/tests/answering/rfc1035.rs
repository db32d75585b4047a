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
fn s4_1_any_octets_are_answered_or_dropped() {
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

#[test]
fn s2_3_3_letters_match_in_either_case_and_come_back_as_they_were_asked() {
    let mut zones = Zones::example("wWw A 192.0.2.1\nalias CNAME WwW\n");
    for name in ["www", "WWW", "wWw"] {
        let (octets, protocol) = query(&format!("{name}.eXample. A"));
        let reply = zones.raw(&octets, protocol).unwrap();
        assert_eq!(reply[12..octets.len()], octets[12..], "{name}");
        assert_eq!(reply[7], 1, "{name}");
    }
    // What stands in the zone keeps its case.
    assert!(zones.ask("alias.example. CNAME").octets.ends_with(b"\x03WwW\xc0\x12"));
}

#[test]
fn s2_3_4_names_of_255_octets_and_labels_of_63() {
    let label = "l".repeat(63);
    // With `example.` and the root: 3 * 64 + 1 + 53 + 8 + 1 = 255.
    let longest = format!("{}.{label}.{label}.{label}", "m".repeat(53));
    let mut zones = Zones::example(&format!("{longest} A 192.0.2.1\n*.w TXT x\n"));
    zones.check(
        &format!("{longest}.example. A"),
        &format!("NOERROR aa | {longest}.example. A 192.0.2.1 | |"),
    );
    zones.check(&format!("{label}.{label}.example. A"), "NOERROR aa | | example. 5 SOA |");
    zones.check(&format!("{label}.example. TXT"), "NOERROR aa | | example. 5 SOA |");
    zones.check(
        &format!("{label}x.{label}.example. A").replace("lx", "x"),
        "NXDOMAIN aa | | example. 5 SOA |",
    );
    let wild = format!("{}.{label}.{label}.{label}.w.example.", "m".repeat(51));
    zones.check(&format!("{wild} TXT"), &format!("NOERROR aa | {wild} TXT x | |"));
    // One octet more is no name.
    let (mut octets, protocol) = query(&format!("{longest}.example. A"));
    octets[12] += 1;
    octets.insert(13, b'm');
    assert_eq!(zones.raw(&octets, protocol).unwrap()[3] & 0xf, 1);
}

#[test]
fn s3_1_labels_hold_any_octets() {
    let mut zones = Zones::example(
        "dot\\.dot A 192.0.2.1\ndot.dot A 192.0.2.2\n\\000\\255 A 192.0.2.3\nsp\\ ace A 192.0.2.4\n\
         UP\\195\\137 A 192.0.2.5\n\\* A 192.0.2.6\n",
    );
    let mut address = |labels: &[&[u8]]| {
        let (mut octets, protocol) = query("example. A");
        let name: Vec<u8> =
            labels.iter().flat_map(|label| [&[label.len() as u8], *label].concat()).collect();
        octets.splice(12..12, name);
        let reply = zones.raw(&octets, protocol).unwrap();
        (reply[3] & 0xf, (reply[7] > 0).then(|| *reply.last().unwrap()))
    };
    assert_eq!(address(&[b"dot.dot"]), (0, Some(1)), "one label with a dot");
    assert_eq!(address(&[b"dot", b"dot"]), (0, Some(2)), "two labels");
    assert_eq!(address(&[b"\0\xff"]), (0, Some(3)));
    assert_eq!(address(&[b"sp ace"]), (0, Some(4)));
    assert_eq!(address(&[b"up\xc3\x89"]), (0, Some(5)), "only letters of ASCII have cases");
    assert_eq!(address(&[b"up\xc3\xa9"]), (0, Some(6)), "another name, which the wildcard makes");
    assert_eq!(address(&[b"*"]), (0, Some(6)));
}

#[test]
fn s3_2_5_of_other_classes_there_is_nothing() {
    for (class, rcode) in [(1, 0), (2, 5), (3, 5), (4, 5), (254, 5), (255, 5), (0, 5)] {
        let mut zones = Zones::example("");
        let (mut octets, protocol) = query("example. SOA");
        *octets.last_mut().unwrap() = class;
        assert_eq!(zones.raw(&octets, protocol).unwrap()[3] & 0xf, rcode, "{class}");
    }
}

#[test]
fn s4_1_malformed_and_hostile_messages() {
    const FORMERR: Option<u8> = Some(1);
    const NOTIMP: Option<u8> = Some(4);
    // Header fields behind the identifier, and what follows.
    type Row = (&'static str, &'static [u8], &'static [u8], Option<u8>);
    let rows: [Row; 34] = [
        ("a header alone", b"\0\0\0\0\0\0\0\0\0\0", b"", FORMERR),
        ("one of a reply", b"\x80\0\0\0\0\0\0\0\0\0", b"", None),
        ("counts of what is not there", b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff", b"", FORMERR),
        ("a question that is not there", b"\0\0\0\x01\0\0\0\0\0\0", b"", FORMERR),
        ("a name alone", b"\0\0\0\x01\0\0\0\0\0\0", b"\x07example\0", FORMERR),
        ("no class", b"\0\0\0\x01\0\0\0\0\0\0", b"\x07example\0\0\x06", FORMERR),
        ("half a class", b"\0\0\0\x01\0\0\0\0\0\0", b"\x07example\0\0\x06\0", FORMERR),
        ("a name without end", b"\0\0\0\x01\0\0\0\0\0\0", b"\x07example", FORMERR),
        (
            "a label without octets",
            b"\0\0\0\x01\0\0\0\0\0\0",
            b"\x3fexample\0\0\x06\0\x01",
            FORMERR,
        ),
        ("a pointer to itself", b"\0\0\0\x01\0\0\0\0\0\0", b"\xc0\x0c\0\x06\0\x01", FORMERR),
        ("a pointer to the header", b"\0\0\0\x01\0\0\0\0\0\0", b"\xc0\0\0\x06\0\x01", FORMERR),
        ("a pointer ahead", b"\0\0\0\x01\0\0\0\0\0\0", b"\xc0\x12\0\x06\0\x01\0", FORMERR),
        (
            "a pointer behind a label",
            b"\0\0\0\x01\0\0\0\0\0\0",
            b"\x01a\xc0\x0c\0\x06\0\x01",
            FORMERR,
        ),
        ("half a pointer", b"\0\0\0\x01\0\0\0\0\0\0", b"\xc0", FORMERR),
        ("an extended label", b"\0\0\0\x01\0\0\0\0\0\0", b"\x41\x01\0\0\x06\0\x01", FORMERR),
        ("a reserved label", b"\0\0\0\x01\0\0\0\0\0\0", b"\x80\0\0\x06\0\x01", FORMERR),
        (
            "octets behind the end",
            b"\0\0\0\x01\0\0\0\0\0\0",
            b"\x07example\0\0\x06\0\x01x",
            FORMERR,
        ),
        (
            "a record that is not there",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01",
            FORMERR,
        ),
        (
            "a record without data",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0",
            FORMERR,
        ),
        (
            "data longer than the message",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0\xff\xff",
            FORMERR,
        ),
        (
            "an OPT record that is not at the root",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01\x01a\0\0\x29\x04\xd0\0\0\0\0\0\0",
            FORMERR,
        ),
        (
            "two OPT records",
            b"\0\0\0\x01\0\0\0\0\0\x02",
            b"\x07example\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0\0\0\x29\x04\xd0\0\0\0\0\0\0",
            FORMERR,
        ),
        (
            "an OPT record among the answers",
            b"\0\0\0\x01\0\x01\0\0\0\0",
            b"\x07example\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0",
            FORMERR,
        ),
        (
            "an option without its data",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0a\0\x08",
            FORMERR,
        ),
        (
            "half an option",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x02\0\x0a",
            FORMERR,
        ),
        (
            "a TSIG record with something behind it",
            b"\0\0\0\x01\0\0\0\0\0\x02",
            b"\x07example\0\0\x06\0\x01\0\0\xfa\0\xff\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0\0\0\0",
            FORMERR,
        ),
        ("a NOTIFY without anything", b"\x20\0\0\0\0\0\0\0\0\0", b"", NOTIMP),
        ("an UPDATE of what is not there", b"\x28\0\0\x01\0\xff\0\0\0\0", b"", NOTIMP),
        (
            "an inverse query",
            b"\x08\0\0\0\0\x01\0\0\0\0",
            b"\0\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04",
            NOTIMP,
        ),
        ("an opcode that nobody has", b"\x78\0\0\x01\0\0\0\0\0\0", b"\xff\xff\xff", NOTIMP),
        (
            "a plain record added",
            b"\0\0\0\x01\0\0\0\0\0\x01",
            b"\x07example\0\0\x06\0\x01\0\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04",
            Some(0),
        ),
        (
            "an answer brought along",
            b"\0\0\0\x01\0\x01\0\0\0\0",
            b"\x07example\0\0\x06\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04",
            Some(0),
        ),
        ("type 0", b"\0\0\0\x01\0\0\0\0\0\0", b"\x07example\0\0\0\0\x01", FORMERR),
        ("the root, any type", b"\0\0\0\x01\0\0\0\0\0\0", b"\0\0\xff\0\x01", Some(5)),
    ];
    let mut zones = Zones::example("");
    for (what, header, body, expected) in rows {
        let message = [b"\xab\xcd", header, body].concat();
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            let reply = zones.raw(&message, protocol);
            assert_eq!(reply.as_ref().map(|reply| reply[3] & 0xf), expected, "{what}");
            let Some(reply) = reply else { continue };
            assert_eq!(reply[..2], message[..2], "{what}");
            // An error is never larger than what caused it, but for an OPT record and a reason.
            assert!(expected == Some(0) || reply.len() <= message.len() + 11 + 6, "{what}");
        }
    }
}
