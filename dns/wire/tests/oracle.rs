//! What we write, hickory-proto reads; what it writes, we read. Neither knows the other's code.

use halfmoon_wire::{Class, Name, NameBuf, Owner, Places, Query, Rcode, Reply, Section, Type};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Asked};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{self, RData, RecordType};

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// A name of few different labels, so that suffixes meet again; some are long.
    fn name(&mut self) -> String {
        const LABELS: [&str; 8] =
            ["a", "b", "www", "Example", "x-long-label-to-fill-the-message", "com", "n3", "_tcp"];
        let count = self.below(6);
        let mut name: String =
            (0..count).map(|_| format!("{}.", LABELS[self.below(LABELS.len())])).collect();
        name.push_str("example.");
        name
    }
}

fn asked(name: &str, rtype: RecordType, edns: bool) -> Vec<u8> {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.add_query(Asked::query(name.parse().unwrap(), rtype));
    if edns {
        let mut edns = Edns::new();
        edns.set_max_payload(4096).set_dnssec_ok(true);
        let subnet = ClientSubnet::new("192.0.2.0".parse().unwrap(), 24, 0);
        edns.options_mut().insert(EdnsOption::Subnet(subnet));
        message.set_edns(edns);
    }
    message.to_vec().unwrap()
}

#[test]
fn questions_are_read_as_they_were_written() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2_000 {
        let name = numbers.name();
        let octets = asked(&name, RecordType::MX, true);
        let query = Query::parse(&octets).unwrap();
        let question = query.question.unwrap();
        // The query writer of hickory-proto may change the case, which means nothing (RFC 4343).
        assert!(question.name.to_string().eq_ignore_ascii_case(&name), "{name}");
        assert_eq!((question.qtype, question.class, query.fault), (Type::MX, Class::IN, None));
        let edns = query.edns.unwrap();
        assert_eq!((edns.udp_size, edns.dnssec_ok), (4096, true));
        let subnet = edns.client_subnet.unwrap();
        assert_eq!((subnet.address, subnet.source), (Some("192.0.2.0".parse().unwrap()), 24));
    }
}

#[test]
fn replies_mean_what_was_put_into_them() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut places = Places::default();
    for _ in 0..2_000 {
        let octets = asked(&numbers.name(), RecordType::NS, true);
        let query = Query::parse(&octets).unwrap();
        let mut out = vec![0; 4096];
        let limit = 200 + numbers.below(3000);
        let mut reply = Reply::new(&query, limit, &mut out, &mut places).unwrap();
        let mut expected = Vec::new();
        for _ in 0..numbers.below(40) {
            let (owner, target) = (numbers.name(), numbers.name());
            let owner_buf: NameBuf = owner.parse().unwrap();
            let target_buf: NameBuf = target.parse().unwrap();
            let wire = target_buf.as_name().as_wire();
            let (rtype, rdata) = match numbers.below(3) {
                0 => (Type::NS, wire.to_vec()),
                1 => (Type::MX, [&[0, 7], wire].concat()),
                _ => (Type::SRV, [&[0, 1, 0, 2, 0, 3], wire].concat()),
            };
            let written = reply.record(
                Section::Answer,
                Owner::Name(owner_buf.as_name()),
                (rtype, 60),
                &rdata,
            );
            if written.is_ok() {
                expected.push((owner, rtype, target));
            }
        }
        let length = reply.finish(Rcode::NOERROR);
        assert!(length <= limit);
        let message = Message::from_vec(&out[..length]).unwrap();
        assert!(message.edns.is_some());
        let found: Vec<(String, Type, String)> = message.answers.iter().map(shown).collect();
        let lower = |records: Vec<(String, Type, String)>| -> Vec<_> {
            let fold = |(owner, rtype, target): (String, Type, String)| {
                (owner.to_lowercase(), rtype, target.to_lowercase())
            };
            records.into_iter().map(fold).collect()
        };
        // A pointer may lead to the same name in other letters (RFC 1035 section 2.3.3).
        assert_eq!(lower(found), lower(expected));
    }
}

fn shown(record: &rr::Record) -> (String, Type, String) {
    let target = match &record.data {
        RData::NS(name) => name.0.to_string(),
        RData::MX(mx) => mx.exchange.to_string(),
        RData::SRV(srv) => srv.target.to_string(),
        other => panic!("{other}"),
    };
    (record.name.to_string(), Type(record.record_type().into()), target)
}

#[test]
fn names_are_ordered_alike() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    for _ in 0..5_000 {
        let (a, b) = (numbers.name(), numbers.name());
        let ours = |text: &str| text.parse::<NameBuf>().unwrap();
        let theirs = |text: &str| text.parse::<rr::Name>().unwrap();
        let (mine, other) = (ours(&a), ours(&b));
        let order: std::cmp::Ordering = Name::canonical_cmp(mine.as_name(), other.as_name());
        assert_eq!(order, theirs(&a).cmp(&theirs(&b)), "{a} {b}");
    }
}
