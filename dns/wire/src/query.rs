//! A question as it comes in (RFC 1035 section 4, RFC 6891, RFC 9619).
//!
//! One pass over the message, no allocation, nothing kept that is not borrowed from it.

use crate::edns::Edns;
use crate::{Class, Name, Rcode, Type};

/// Octets of a message header.
pub(crate) const HEADER: usize = 12;

/// The kinds of request (RFC 1035 section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A standard query.
    pub const QUERY: Self = Self(0);
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name with its letters in the case in which they came.
    pub name: Name<'a>,
    /// The type asked for.
    pub qtype: Type,
    /// The class asked for.
    pub class: Class,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The identifier the reply has to bear.
    pub id: u16,
    /// The flags as they came, opcode and RCODE included.
    pub flags: u16,
    /// The question section as it came, to be repeated in the reply; empty if it is unreadable.
    pub question_octets: &'a [u8],
    /// What is asked; `None` when [`Query::fault`] says why not, and in a query that only asks for
    /// a cookie (RFC 7873 section 5.4).
    pub question: Option<Question<'a>>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'a>>,
    /// Where the TSIG record begins, if there is one (RFC 8945).
    pub signature: Option<usize>,
    /// The RCODE that the form of the message alone calls for.
    pub fault: Option<Rcode>,
}

impl<'a> Query<'a> {
    /// Reads a message. `None`: it deserves no reply (too short for a header, or a reply itself).
    #[must_use]
    #[inline]
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let (header, body) = message.split_first_chunk::<HEADER>()?;
        let word = |at| u16::from_be_bytes([header[at], header[at + 1]]);
        let flags = word(2);
        if flags & 0x8000 != 0 {
            return None;
        }
        let mut query = Query {
            id: word(0),
            flags,
            question_octets: &[],
            question: None,
            edns: None,
            signature: None,
            fault: None,
        };
        let known = query.opcode() == Opcode::QUERY;
        // An opcode we do not serve may use the sections as it likes: its form is not judged.
        let counts = [word(4), word(6), word(8), word(10)];
        query.fault = match query.sections(counts, body) {
            _ if !known => Some(Rcode::NOTIMP),
            Ok(()) => None,
            Err(rcode) => Some(rcode),
        };
        Some(query)
    }

    /// The name that a message asks for, as far as that can be told without reading the rest of it.
    #[must_use]
    pub fn name_in(message: &'a [u8]) -> Option<Name<'a>> {
        let (header, body) = message.split_first_chunk::<HEADER>()?;
        // One question, and no reply.
        (header[4..6] == [0, 1] && header[2] & 0x80 == 0).then_some(())?;
        Name::from_wire(body).ok()
    }

    /// The kind of request.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        Opcode((self.flags >> 11) as u8 & 0xf)
    }

    /// Reads what follows the header. What can be read is, whatever is wrong before it, so that an
    /// OPT record gets one in the reply (RFC 6891 section 6.1.1).
    fn sections(&mut self, counts: [u16; 4], body: &'a [u8]) -> Result<(), Rcode> {
        let [questions, answers, authorities, additionals] = counts;
        let mut rest = body;
        if questions == 1 {
            rest = self.read_question(rest)?;
        } else {
            for _ in 0..questions {
                rest = skip_question(rest)?;
            }
        }
        let mut misplaced = false;
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            let (record, tail) = Record::read(rest)?;
            rest = tail;
            misplaced |= matches!(record.rtype, Type::OPT | Type::TSIG);
        }
        for number in 1..=additionals {
            let at = HEADER + body.len() - rest.len();
            let (record, tail) = Record::read(rest)?;
            rest = tail;
            match record.rtype {
                Type::OPT => self.read_opt(&record)?,
                // RFC 8945 section 5.1: nothing comes behind a signature.
                Type::TSIG => {
                    misplaced |= number != additionals;
                    self.signature = Some(at);
                }
                _ => {}
            }
        }
        let only_cookie = questions == 0 && self.edns.is_some_and(|edns| edns.cookie.is_some());
        // RFC 9619: a query has exactly one question; but see RFC 7873 section 5.4.
        if misplaced || !rest.is_empty() || questions != 1 && !only_cookie {
            return Err(Rcode::FORMERR);
        }
        Ok(())
    }

    fn read_opt(&mut self, record: &Record<'a>) -> Result<(), Rcode> {
        // RFC 6891 section 6.1.1: one OPT, at the root.
        if self.edns.is_some() || !record.at_root {
            return Err(Rcode::FORMERR);
        }
        let edns = self.edns.insert(Edns::fixed(record.class, record.ttl));
        // What the options of another version mean is not ours to know.
        if edns.version == 0 { edns.read_options(record.rdata) } else { Ok(()) }
    }

    fn read_question(&mut self, octets: &'a [u8]) -> Result<&'a [u8], Rcode> {
        let name = Name::from_wire(octets).map_err(|_| Rcode::FORMERR)?;
        let end = name.as_wire().len() + 4;
        let (whole, rest) = octets.split_at_checked(end).ok_or(Rcode::FORMERR)?;
        let &[type_high, type_low, class_high, class_low] =
            whole.last_chunk().ok_or(Rcode::FORMERR)?;
        let qtype = Type(u16::from_be_bytes([type_high, type_low]));
        let class = Class(u16::from_be_bytes([class_high, class_low]));
        self.question_octets = whole;
        self.question = Some(Question { name, qtype, class });
        Ok(rest)
    }
}

/// What follows one question, of which only the length matters.
fn skip_question(octets: &[u8]) -> Result<&[u8], Rcode> {
    let end = skip_name(octets).ok_or(Rcode::FORMERR)? + 4;
    octets.get(end..).ok_or(Rcode::FORMERR)
}

/// A record of a request, as far as requests matter.
struct Record<'a> {
    at_root: bool,
    rtype: Type,
    class: u16,
    ttl: u32,
    rdata: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(octets: &'a [u8]) -> Result<(Self, &'a [u8]), Rcode> {
        let name = skip_name(octets).ok_or(Rcode::FORMERR)?;
        let rest = octets.get(name..).unwrap_or(&[]);
        let (fixed, rest) = rest.split_first_chunk().ok_or(Rcode::FORMERR)?;
        let &[type_high, type_low, class_high, class_low, a, b, c, d, high, low] = fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (rdata, rest) = rest.split_at_checked(length).ok_or(Rcode::FORMERR)?;
        let record = Self {
            at_root: octets.first() == Some(&0),
            rtype: Type(u16::from_be_bytes([type_high, type_low])),
            class: u16::from_be_bytes([class_high, class_low]),
            ttl: u32::from_be_bytes([a, b, c, d]),
            rdata,
        };
        Ok((record, rest))
    }
}

/// How many octets the name takes that `octets` start with; a pointer ends it.
fn skip_name(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *octets.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            0xc0..=0xff => return octets.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
        if at > 255 {
            return None;
        }
    }
}

/// The big-endian number at `at`.
pub(crate) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message from words: numbers in hex, `"text"` for labels' octets.
    fn message(counts: [u16; 4], body: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x12, 0x34, 0x01, 0x00];
        for count in counts {
            octets.extend(count.to_be_bytes());
        }
        octets.extend(body);
        octets
    }

    const QUESTION: &[u8] = b"\x03Www\x00\x00\x01\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

    fn fault(counts: [u16; 4], parts: &[&[u8]]) -> Option<Rcode> {
        let octets = message(counts, &parts.concat());
        Query::parse(&octets).expect("a request").fault
    }

    #[test]
    fn a_plain_question() {
        let octets = message([1, 0, 0, 1], &[QUESTION, OPT].concat());
        let query = Query::parse(&octets).unwrap();
        assert_eq!((query.id, query.fault), (0x1234, None));
        let question = query.question.unwrap();
        assert_eq!(question.name.to_string(), "Www.");
        assert_eq!((question.qtype, question.class), (Type::A, Class::IN));
        assert_eq!(query.question_octets, QUESTION);
        let edns = query.edns.unwrap();
        assert_eq!((edns.udp_size, edns.version, edns.dnssec_ok), (1232, 0, true));
    }

    #[test]
    fn no_reply_to_scraps_and_replies() {
        assert!(Query::parse(&[0; 11]).is_none());
        let mut octets = message([1, 0, 0, 0], QUESTION);
        octets[2] |= 0x80;
        assert!(Query::parse(&octets).is_none());
    }

    #[test]
    fn form_is_judged() {
        let formerr = Some(Rcode::FORMERR);
        assert_eq!(fault([1, 0, 0, 0], &[QUESTION]), None);
        assert_eq!(fault([0, 0, 0, 0], &[]), formerr);
        assert_eq!(fault([2, 0, 0, 0], &[QUESTION, QUESTION]), formerr);
        assert_eq!(fault([1, 0, 0, 0], &[QUESTION, b"x"]), formerr, "trailing octets");
        assert_eq!(fault([1, 0, 0, 1], &[QUESTION]), formerr, "missing record");
        assert_eq!(fault([1, 0, 0, 2], &[QUESTION, OPT, OPT]), formerr, "two OPTs");
        assert_eq!(fault([1, 0, 0, 0], &[b"\xc0\x0c\x00\x01\x00\x01"]), formerr, "pointer");
        let owned = [b"\x01a".as_slice(), OPT].concat();
        assert_eq!(fault([1, 0, 0, 1], &[QUESTION, &owned]), formerr, "OPT not at the root");
    }

    #[test]
    fn what_follows_a_fault_is_read_all_the_same() {
        let reads = |counts, parts: &[&[u8]]| {
            let octets = message(counts, &parts.concat());
            let query = Query::parse(&octets).expect("a request");
            (query.fault, query.edns.is_some())
        };
        let formerr = Some(Rcode::FORMERR);
        assert_eq!(reads([2, 0, 0, 1], &[QUESTION, QUESTION, OPT]), (formerr, true));
        assert_eq!(reads([2, 0, 0, 1], &[QUESTION, b"\xc0\x0c\0\x01\0\x01", OPT]), (formerr, true));
        assert_eq!(reads([0, 0, 0, 1], &[OPT]), (formerr, true));
        assert_eq!(reads([1, 0, 0, 2], &[QUESTION, OPT, OPT]), (formerr, true));
        assert_eq!(reads([1, 0, 0, 1], &[QUESTION, OPT, b"x"]), (formerr, true));
        assert_eq!(reads([0xffff, 0, 0, 1], &[QUESTION, OPT]), (formerr, false));
        assert_eq!(reads([1, 0, 0, 1], &[b"\x40", OPT]), (formerr, false));
    }

    /// A TSIG record as far as its place matters.
    const TSIG: &[u8] = b"\x01k\0\0\xfa\0\xff\0\0\0\0\0\0";

    #[test]
    fn a_signature_comes_last_and_an_opt_behind_the_answers() {
        let formerr = Some(Rcode::FORMERR);
        assert_eq!(fault([1, 0, 0, 2], &[QUESTION, OPT, TSIG]), None);
        assert_eq!(fault([1, 0, 0, 2], &[QUESTION, TSIG, OPT]), formerr);
        assert_eq!(fault([1, 0, 0, 2], &[QUESTION, TSIG, TSIG]), formerr);
        assert_eq!(fault([1, 1, 0, 0], &[QUESTION, TSIG]), formerr);
        assert_eq!(fault([1, 0, 1, 0], &[QUESTION, OPT]), formerr);
    }

    #[test]
    fn a_query_for_a_cookie_needs_no_question() {
        let opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x0812345678";
        let octets = message([0, 0, 0, 1], opt);
        let query = Query::parse(&octets).unwrap();
        assert_eq!(query.fault, None);
        assert!(query.question.is_none());
    }

    #[test]
    fn options_of_another_version_are_not_read() {
        let opt = b"\0\0\x29\x04\xd0\0\x01\0\0\0\x05\0\x0a\0\x01x";
        let octets = message([1, 0, 0, 1], &[QUESTION, opt].concat());
        let query = Query::parse(&octets).unwrap();
        assert_eq!((query.fault, query.edns.unwrap().version), (None, 1));
    }

    #[test]
    fn other_opcodes_are_not_implemented() {
        let mut octets = message([1, 0, 0, 0], QUESTION);
        octets[2] |= 4 << 3;
        assert_eq!(Query::parse(&octets).unwrap().fault, Some(Rcode::NOTIMP));
    }
}
