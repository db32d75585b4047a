//! Any octets as a request: what is read lies in the message, and what is wrong has its code.
#![no_main]

use halfmoon_wire::{
    ExtendedError, Opcode, Owner, Places, Query, Question, Rcode, Reply, Section, Type,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Some(query) = Query::parse(octets) else {
        assert!(octets.len() < 12 || octets[2] & 0x80 != 0, "no reply to scraps and replies alone");
        return;
    };
    assert_eq!(query.id.to_be_bytes(), octets[..2]);
    if query.opcode() != Opcode::QUERY {
        assert_eq!(query.fault, Some(Rcode::NOTIMP));
    }
    if let Some(Question { name, .. }) = query.question {
        assert!(octets[12..].starts_with(query.question_octets), "the question is the message's");
        assert_eq!(name.as_wire().len() + 4, query.question_octets.len());
    }
    if let Some(at) = query.signature {
        let owner = behind_name(octets, at);
        assert_eq!(octets[owner..owner + 2], Type::TSIG.0.to_be_bytes(), "a TSIG record is there");
        if query.fault.is_none() {
            let length = u16::from_be_bytes([octets[owner + 8], octets[owner + 9]]);
            assert_eq!(owner + 10 + usize::from(length), octets.len(), "nothing comes behind it");
        }
    }
    if query.fault.is_none() {
        let questions = u16::from_be_bytes([octets[4], octets[5]]);
        assert_eq!(query.question.is_some(), questions == 1);
    }
    for limit in [12, 64, 512, 1232, 65_535] {
        reply(&query, limit);
    }
});

/// A reply with something in each section and each option, as far as there is room: never more
/// octets than that, and every record whole.
fn reply(query: &Query<'_>, limit: usize) {
    let (mut out, mut places) = (vec![0; 65_535], Places::default());
    let Some(mut reply) = Reply::new(query, limit, &mut out, &mut places) else { return };
    if let Some(cookie) = query.edns.and_then(|edns| edns.cookie) {
        reply.cookie(cookie.client, [7; 16]);
    }
    reply.nsid(b"a server");
    reply.tcp_keepalive(100);
    reply.extended_error(ExtendedError::NOT_SUPPORTED);
    reply.widen_scope(24);
    let owner = query.question.map_or(Owner::Question, |question| Owner::Name(question.name));
    for section in [Section::Answer, Section::Authority, Section::Additional] {
        for (rtype, rdata) in [(Type::A, &[192, 0, 2, 1][..]), (Type::MX, b"\0\x0a\x01a\x01b\0")] {
            let _ = reply.record(section, owner, (rtype, 60), rdata);
        }
    }
    let length = reply.finish(Rcode::BADVERS);
    assert!((12..=limit).contains(&length), "{length} of {limit}");
    let word = |at: usize| usize::from(u16::from_be_bytes([out[at], out[at + 1]]));
    let mut at = 12;
    for _ in 0..word(4) {
        at = behind_name(&out, at) + 4;
    }
    for _ in 0..word(6) + word(8) + word(10) {
        at = behind_name(&out, at);
        at += 10 + word(at + 8);
    }
    assert_eq!(at, length, "every record that is counted is there, and nothing else");
}

fn behind_name(message: &[u8], mut at: usize) -> usize {
    loop {
        match message[at] {
            0 => return at + 1,
            0xc0.. => return at + 2,
            length => at += 1 + usize::from(length),
        }
    }
}
