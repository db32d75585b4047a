//! What a reply says, read from its octets: for all who show an answer, compare it or test it. Nothing of it is on
//! the way of a query.

use halfmoon_wire::{Rcode, Type};
use halfmoon_zones::rdata;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::serialize::binary::{BinEncodable as _, BinEncoder, NameEncoding};

/// The code of an Extended DNS Error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;
/// The octets of a header.
const HEADER: usize = 12;

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Its code, with the upper bits that EDNS has.
    pub(crate) rcode: Rcode,
    /// The AA bit.
    pub(crate) authoritative: bool,
    /// The TC bit.
    pub(crate) truncated: bool,
    /// How many records the answer has by its header.
    pub(crate) count: u16,
    /// The records of the answer.
    pub(crate) records: Vec<Record>,
    /// The scope prefix of a client subnet (RFC 7871).
    pub(crate) scope: Option<u8>,
    /// The words of the first Extended DNS Error, or its code.
    pub(crate) error: Option<String>,
    /// Why there is nothing but the header.
    pub(crate) unreadable: Option<String>,
    /// The type in question.
    asked: Option<Type>,
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its owner.
    pub(crate) name: String,
    /// In seconds.
    pub(crate) ttl: u32,
    /// Its type.
    pub(crate) rtype: Type,
    /// Its data as zone files have them.
    pub(crate) data: String,
}

impl Heard {
    /// What these octets say; `None`: they are no reply.
    pub(crate) fn of(reply: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER] = reply.first_chunk()?;
        let mut heard = Self {
            rcode: Rcode(u16::from(header[3] & 15)),
            authoritative: header[2] & 4 != 0,
            truncated: header[2] & 2 != 0,
            count: u16::from_be_bytes([header[6], header[7]]),
            records: Vec::new(),
            scope: None,
            error: None,
            unreadable: None,
            asked: None,
        };
        match Message::from_vec(reply) {
            Ok(message) => heard.read(&message),
            Err(error) => heard.unreadable = Some(error.to_string()),
        }
        Some(heard)
    }

    fn read(&mut self, message: &Message) {
        self.rcode = Rcode(message.metadata.response_code.into());
        self.asked = message.queries.first().map(|query| Type(query.query_type().into()));
        for record in &message.answers {
            let mut octets = Vec::new();
            let mut encoder = BinEncoder::new(&mut octets);
            encoder.set_name_encoding(NameEncoding::Uncompressed);
            if let Err(error) = record.data.emit(&mut encoder) {
                self.unreadable = Some(error.to_string());
                return;
            }
            let rtype = Type(record.record_type().into());
            self.records.push(Record {
                name: record.name.to_string(),
                ttl: record.ttl,
                rtype,
                data: rdata::text(rtype, &octets),
            });
        }
        let options = || message.edns.iter().flat_map(|edns| edns.options().as_ref().iter());
        self.scope = options().find_map(|(_, option)| match option {
            EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
            _ => None,
        });
        self.error = options().find_map(|(_, option)| {
            let EdnsOption::Unknown(EXTENDED_ERROR, data) = option else {
                return None;
            };
            let (code, text) = data.split_first_chunk::<2>()?;
            let text = String::from_utf8_lossy(text);
            let error = format!("extended error {}: {text}", u16::from_be_bytes(*code));
            Some(error.trim_end_matches(": ").to_owned())
        });
    }

    /// The records of the type in question; the last alias if there are none, which leads out of our zones.
    pub(crate) fn wanted(&self) -> Vec<&Record> {
        let of = |rtype| self.records.iter().filter(move |record| Some(record.rtype) == rtype);
        let own: Vec<&Record> = of(self.asked).collect();
        match own.is_empty() {
            false => own,
            true => of(Some(Type::CNAME)).next_back().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use halfmoon_wire::{NameBuf, question};

    use super::*;

    /// A reply to a question for `a.test` and this type with these records, each a type and data.
    fn reply(asked: Type, rcode: u8, records: &[(Type, &[u8])], option: &[u8]) -> Vec<u8> {
        let name: NameBuf = "a.test".parse().unwrap();
        let mut reply = question(7, name.as_name(), asked, false);
        let question = name.as_name().as_wire().len() + 4;
        let mut edns = reply.split_off(HEADER + question);
        (reply[2], reply[3], reply[7]) = (0x84, rcode, records.len() as u8);
        for (rtype, data) in records {
            reply.extend([0xc0, 12]);
            reply.extend(rtype.0.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
            reply.extend(*data);
        }
        let length = edns.len() - 2;
        edns.truncate(length);
        edns.extend((option.len() as u16).to_be_bytes());
        edns.extend(option);
        reply.extend(edns);
        reply
    }

    #[test]
    fn a_reply_says_what_its_octets_say() {
        // Compressed: `b` below the name in question.
        let alias: &[u8] = &[1, b'b', 0xc0, 12];
        let (a, txt): (&[u8], &[u8]) = (&[192, 0, 2, 1], b"\x02a\"");
        for (asked, records, wanted) in [
            (Type::A, &[(Type::A, a)][..], &["192.0.2.1"][..]),
            (Type::A, &[(Type::CNAME, alias), (Type::A, a)], &["192.0.2.1"]),
            (Type::AAAA, &[(Type::CNAME, alias), (Type::A, a)], &["b.a.test."]),
            (Type::TXT, &[(Type::TXT, txt)], &["\"a\\\"\""]),
            (Type(65_280), &[(Type(65_280), a)], &["\\# 4 c0000201"]),
            (Type::A, &[], &[]),
        ] {
            let heard = Heard::of(&reply(asked, 0, records, &[])).unwrap();
            let data: Vec<&str> = heard.wanted().iter().map(|record| &*record.data).collect();
            assert_eq!(data, wanted, "{asked}");
            assert_eq!((heard.count as usize, heard.unreadable), (records.len(), None));
            assert!(heard.records.iter().all(|one| (&*one.name, one.ttl) == ("a.test.", 60)));
            assert!(heard.authoritative && !heard.truncated);
        }
    }

    #[test]
    fn what_stands_beside_the_records_is_read_too() {
        let subnet: &[u8] = &[0, 8, 0, 7, 0, 1, 24, 16, 192, 0, 2];
        for (option, scope, error) in [
            (&[][..], None, None),
            (subnet, Some(16), None),
            (&[0, 15, 0, 4, 0, 20, b'n', b'o'], None, Some("extended error 20: no")),
            (&[0, 15, 0, 2, 0, 3], None, Some("extended error 3")),
        ] {
            let heard = Heard::of(&reply(Type::A, 3, &[], option)).unwrap();
            assert_eq!((heard.scope, heard.error.as_deref()), (scope, error), "{option:?}");
            assert_eq!(heard.rcode, Rcode::NXDOMAIN);
        }
    }

    #[test]
    fn of_what_cannot_be_read_there_is_the_header() {
        let whole = reply(Type::A, 2, &[(Type::A, &[192, 0, 2, 1])], &[]);
        assert_eq!(Heard::of(&whole[..HEADER - 1]), None);
        let heard = Heard::of(&whole[..whole.len() - 1]).unwrap();
        assert_eq!((heard.rcode, heard.count, heard.records.len()), (Rcode::SERVFAIL, 1, 0));
        assert!(heard.unreadable.is_some());
    }
}
