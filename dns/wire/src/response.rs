//! What other servers answer: as much as is needed to look at a few records of theirs (RFC 1035 section
//! 4). For the server's own questions, not for the way of a query.

use crate::query::{HEADER, u16_at};
use crate::{Class, Name, NameBuf, NameError, Rcode, Section, Type};

/// The most records that are looked at.
const MOST: usize = 4096;
/// The longest chain of pointers in one name; more is a loop or a trick.
const MOST_POINTERS: usize = 127;

/// A message that answers a question.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    message: &'a [u8],
    flags: u16,
    /// Where the records begin.
    records: usize,
}

/// A record of a response.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it stands.
    pub section: Section,
    /// Its owner.
    pub owner: NameBuf,
    /// Its type.
    pub rtype: Type,
    /// Its class.
    pub class: Class,
    /// Its TTL in seconds.
    pub ttl: u32,
    /// Its data as they stand in the message: names in them may be compressed.
    pub rdata: &'a [u8],
    /// Where the data begin.
    at: usize,
}

/// Writes a question into a message of its own: no recursion if not wanted, EDNS with a payload size
/// of 1232 octets.
#[must_use]
pub fn question(id: u16, name: Name<'_>, rtype: Type, wants_recursion: bool) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([u8::from(wants_recursion), 0]);
    message.extend([0, 1, 0, 0, 0, 0, 0, 1]);
    message.extend(name.as_wire());
    message.extend(rtype.0.to_be_bytes());
    message.extend(Class::IN.0.to_be_bytes());
    // OPT: the root, its type, the payload size in place of the class, no flags and no options.
    message.push(0);
    message.extend(Type::OPT.0.to_be_bytes());
    message.extend(crate::OWN_UDP_SIZE.to_be_bytes());
    message.extend([0; 6]);
    message
}

impl<'a> Response<'a> {
    /// The answer to this question; `None` if the message is none.
    #[must_use]
    pub fn parse(message: &'a [u8], id: u16, name: Name<'_>, rtype: Type) -> Option<Self> {
        let flags = u16_at(message, 2)?;
        let is_answer =
            u16_at(message, 0)? == id && flags & 0x8000 != 0 && u16_at(message, 4)? == 1;
        let (asked, behind) = read_name(message, HEADER)?;
        let is_it = asked.as_name() == name
            && u16_at(message, behind)? == rtype.0
            && u16_at(message, behind + 2)? == Class::IN.0;
        (is_answer && is_it).then_some(Self { message, flags, records: behind + 4 })
    }

    /// The RCODE, without the part that EDNS adds.
    #[must_use]
    pub const fn rcode(&self) -> Rcode {
        Rcode(self.flags & 0xf)
    }

    /// Whether records were left out.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// Whether the server speaks for the zone itself.
    #[must_use]
    pub const fn is_authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    /// The records, as far as the message is right.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> {
        let count = |at| usize::from(u16_at(self.message, at).unwrap_or(0));
        let (answers, authority) = (count(6), count(8));
        let message = self.message;
        let total = (answers + authority + count(10)).min(MOST);
        let mut at = self.records;
        let mut number = 0;
        std::iter::from_fn(move || {
            if number == total {
                return None;
            }
            let section = match number {
                number if number < answers => Section::Answer,
                number if number < answers + authority => Section::Authority,
                _ => Section::Additional,
            };
            let (owner, behind) = read_name(message, at)?;
            let length = usize::from(u16_at(message, behind + 8)?);
            let start = behind + 10;
            let rdata = message.get(start..start + length)?;
            let ttl = message.get(behind + 4..)?.first_chunk()?;
            number += 1;
            at = start + length;
            Some(Record {
                section,
                owner,
                rtype: Type(u16_at(message, behind)?),
                class: Class(u16_at(message, behind + 2)?),
                ttl: u32::from_be_bytes(*ttl),
                rdata,
                at: start,
            })
        })
    }

    /// The name that the data of a record begin with: those of NS, CNAME, and the like.
    #[must_use]
    pub fn name_in(&self, record: &Record<'_>) -> Option<NameBuf> {
        read_name(self.message, record.at).map(|(name, _)| name)
    }
}

/// The name at a place of a message, pointers followed, and what is behind it there.
fn read_name(message: &[u8], at: usize) -> Option<(NameBuf, usize)> {
    let mut octets = [0_u8; 255];
    let mut length = 0;
    let mut place = at;
    let mut behind = None;
    let mut pointers = 0;
    loop {
        let first = *message.get(place)?;
        match first {
            0 => {
                *octets.get_mut(length)? = 0;
                let name =
                    octets.get(..=length).map(Name::from_wire).unwrap_or(Err(NameError::TooLong));
                return Some((name.ok()?.to_buf(), behind.unwrap_or(place + 1)));
            }
            1..=63 => {
                let label = message.get(place..=place + usize::from(first))?;
                octets.get_mut(length..length + label.len())?.copy_from_slice(label);
                length += label.len();
                place += label.len();
            }
            0xc0.. => {
                behind.get_or_insert(place + 2);
                place = usize::from(u16_at(message, place)? & 0x3fff);
                pointers += 1;
                if pointers > MOST_POINTERS {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    /// The answer to `a.example. NS`, records as they are given.
    fn answer(flags: u16, counts: [u16; 3], records: &[u8]) -> Vec<u8> {
        let mut message = question(7, name("a.example.").as_name(), Type::NS, false);
        message.truncate(HEADER + 11 + 4);
        message[2..4].copy_from_slice(&flags.to_be_bytes());
        for (at, count) in counts.iter().enumerate() {
            message[6 + 2 * at..8 + 2 * at].copy_from_slice(&count.to_be_bytes());
        }
        message.extend(records);
        message
    }

    fn parse(message: &[u8]) -> Option<Response<'_>> {
        Response::parse(message, 7, name("A.example.").as_name(), Type::NS)
    }

    #[test]
    fn records_and_the_names_in_them_are_read() {
        let records = [
            &b"\xc0\x0c\0\x02\0\x01\0\0\0\x3c\0\x05\x02ns\xc0\x0c"[..],
            b"\x02ns\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x7f\0\0\x01",
        ]
        .concat();
        let message = answer(0x8400, [1, 0, 1], &records);
        let response = parse(&message).unwrap();
        assert!(response.is_authoritative() && !response.is_truncated());
        assert_eq!(response.rcode(), Rcode::NOERROR);
        let found: Vec<Record<'_>> = response.records().collect();
        assert_eq!(
            (found[0].section, found[0].rtype, found[0].ttl),
            (Section::Answer, Type::NS, 60)
        );
        assert_eq!(response.name_in(&found[0]), Some(name("ns.a.example.")));
        assert_eq!(
            (found[1].section, found[1].owner),
            (Section::Additional, name("ns.a.example."))
        );
        assert_eq!((found[1].rdata, found.len()), (&[127, 0, 0, 1][..], 2));
    }

    #[test]
    fn what_is_not_the_answer_is_none() {
        let good = answer(0x8000, [0; 3], b"");
        assert!(parse(&good).is_some());
        for (at, octet) in [(0, 9), (2, 0), (5, 2), (13, b'b'), (24, 5), (26, 3)] {
            let mut bad = good.clone();
            bad[at] = octet;
            assert!(parse(&bad).is_none(), "octet {at}");
        }
        for length in 0..good.len() {
            assert!(parse(&good[..length]).is_none(), "{length} octets");
        }
    }

    #[test]
    fn broken_records_end_the_list() {
        for records in [
            &b"\xc0\x1b\0\x02\0\x01\0\0\0\x3c\0\0"[..], // a pointer to itself
            b"\xc0",
            b"\x80\0\x02\0\x01\0\0\0\x3c\0\0",
            b"\0\0\x02\0\x01\0\0\0\x3c\0\x05\0",
            b"\xff\xff\0\x02\0\x01\0\0\0\x3c\0\0",
        ] {
            let message = answer(0x8000, [9, 9, 9], records);
            assert_eq!(parse(&message).unwrap().records().count(), 0, "{records:?}");
        }
        // As long as a name can be, and one octet more.
        let label = [&[63][..], &[b'x'; 63]].concat();
        for (last, expected) in [(61, 1), (62, 0)] {
            let mut record = label.repeat(3);
            record.push(last);
            record.extend(vec![b'y'; usize::from(last)]);
            record.extend(b"\0\0\x02\0\x01\0\0\0\x3c\0\0");
            let message = answer(0x8000, [1, 0, 0], &record);
            assert_eq!(parse(&message).unwrap().records().count(), expected, "{last}");
        }
    }
}
