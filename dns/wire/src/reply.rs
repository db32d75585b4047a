//! Writes a reply into a buffer: compression by position, RRsets whole or not at all, the OPT
//! record always.

mod denial;
mod opt;

pub use denial::DenialSoa;
use opt::Options;

use crate::query::{HEADER, Query, u16_at};
use crate::{Class, Name, Rcode, Type};

/// The payload we announce and keep to over UDP: what passes unfragmented everywhere
/// (DNS flag day 2020).
pub const OWN_UDP_SIZE: u16 = 1232;
/// What a client without EDNS takes over UDP (RFC 1035 section 2.3.4).
pub const PLAIN_UDP_SIZE: u16 = 512;

/// The longest identifier of a server, in octets: with a question and options of any length it
/// leaves room in [`PLAIN_UDP_SIZE`].
pub const LONGEST_NSID: usize = 128;

/// How many places of names are remembered to point at. Bounds the work of one reply.
const REMEMBERED: usize = 48;
/// Pointers reach this far.
const POINTER_RANGE: usize = 0x3fff;

/// The three sections behind the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer = 0,
    /// The SOA of a denial, the NS of a referral.
    Authority = 1,
    /// Addresses that come along.
    Additional = 2,
}

/// Whose record it is.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// The name of the question: a pointer to it, two octets.
    Question,
    /// Any other name.
    Name(Name<'a>),
}

/// The record does not fit below the limit; nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A place to go back to when an RRset does not fit as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    at: usize,
    counts: [u16; 3],
    remembered: usize,
}

/// Where names stand in a reply, and how long each is in full: the scratch space of [`Reply`],
/// which a thread keeps for one reply after the other.
#[derive(Clone, Debug)]
pub struct Places([(u16, u8); REMEMBERED]);

impl Default for Places {
    fn default() -> Self {
        Self([(0, 0); REMEMBERED])
    }
}

/// A reply in the making.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut [u8],
    at: usize,
    limit: usize,
    counts: [u16; 3],
    id: u16,
    flags: u16,
    question_name: Option<Name<'a>>,
    options: Options<'a>,
    remembered: usize,
    places: &'a mut Places,
}

impl<'a> Reply<'a> {
    /// Starts the reply to `query` in `out`. It will have no more than `limit` octets, those of
    /// the OPT record included.
    ///
    /// `None` when `out` is too small for a header and the question.
    #[must_use]
    #[inline]
    pub fn new(
        query: &Query<'a>,
        limit: usize,
        out: &'a mut [u8],
        places: &'a mut Places,
    ) -> Option<Self> {
        let start = HEADER + query.question_octets.len();
        let options = query.edns.map_or_else(Options::default, |edns| Options {
            present: true,
            dnssec_ok: edns.dnssec_ok,
            client_subnet: edns.client_subnet,
            ..Options::default()
        });
        let limit = limit.min(out.len());
        out.get_mut(HEADER..start)?.copy_from_slice(query.question_octets);
        let mut reply = Self {
            out,
            at: start,
            limit,
            counts: [0; 3],
            id: query.id,
            // Opcode and RD are repeated; CD too (RFC 4035 section 3.1.6); QR is set.
            flags: 0x8000 | query.flags & 0x7910,
            question_name: query.question.map(|question| question.name),
            options,
            remembered: 0,
            places,
        };
        reply.limit = limit.checked_sub(reply.opt_length())?;
        (reply.limit >= start).then_some(reply)
    }

    /// Sets the AA flag (RFC 1034 section 6.2) or takes it back.
    pub fn authoritative(&mut self, yes: bool) {
        self.flags = self.flags & !0x0400 | if yes { 0x0400 } else { 0 };
    }

    /// Whether the TC flag is set.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// Sets the TC flag: something that had to be said did not fit (RFC 2181 section 9).
    pub fn truncated(&mut self) {
        self.flags |= 0x0200;
    }

    /// How many records a section has so far.
    #[must_use]
    pub const fn count(&self, section: Section) -> u16 {
        self.counts[section as usize]
    }

    /// Remembers where the reply stands.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark { at: self.at, counts: self.counts, remembered: self.remembered }
    }

    /// Takes back all that was written since `mark`.
    pub fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
        self.remembered = mark.remembered;
    }

    /// What was written since `mark`, and how many records of this section are in it.
    #[must_use]
    pub fn since(&self, mark: Mark, section: Section) -> (&[u8], u16) {
        let count = self.counts[section as usize].saturating_sub(mark.counts[section as usize]);
        (self.out.get(mark.at..self.at).unwrap_or(&[]), count)
    }

    /// Appends `count` ready records, each of which begins with a pointer to the question's name.
    ///
    /// # Errors
    /// [`Full`] when they do not fit together.
    pub fn ready(&mut self, section: Section, count: u16, records: &[u8]) -> Result<(), Full> {
        let end = self.at + records.len();
        if end > self.limit {
            return Err(Full);
        }
        self.out.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(records);
        self.at = end;
        self.counts[section as usize] += count;
        Ok(())
    }

    /// Appends the TXT record of class CHAOS that says `text`, of at most 255 octets, at the name
    /// of the question.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn chaos_text(&mut self, text: &[u8]) -> Result<(), Full> {
        let length = u8::try_from(text.len()).map_err(|_| Full)?;
        let mark = self.mark();
        let (Type(rtype), Class(class)) = (Type::TXT, Class::CH);
        let [high, low] = (u16::from(length) + 1).to_be_bytes();
        let written = self
            .octets(&[0xc0, HEADER as u8, 0, rtype as u8, 0, class as u8, 0, 0, 0, 0, high, low])
            .and_then(|()| self.octets(&[length]))
            .and_then(|()| self.octets(text));
        match written {
            Ok(()) => self.counts[Section::Answer as usize] += 1,
            Err(Full) => self.rewind(mark),
        }
        written
    }

    /// Appends one record. Names in the data of the types of RFC 1035 are compressed.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; nothing is written then.
    pub fn record(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        (rtype, ttl): (Type, u32),
        rdata: &[u8],
    ) -> Result<(), Full> {
        let mark = self.mark();
        let written = self.try_record(owner, rtype, ttl, rdata);
        match written {
            Ok(()) => self.counts[section as usize] += 1,
            Err(Full) => self.rewind(mark),
        }
        written
    }

    fn try_record(
        &mut self,
        owner: Owner<'_>,
        rtype: Type,
        ttl: u32,
        rdata: &[u8],
    ) -> Result<(), Full> {
        let ([t0, t1], [c0, c1]) = (rtype.0.to_be_bytes(), Class::IN.0.to_be_bytes());
        let [l0, l1, l2, l3] = ttl.to_be_bytes();
        let [high, low] = (rdata.len() as u16).to_be_bytes();
        match owner {
            Owner::Question => {
                let head = [0xc0, HEADER as u8, t0, t1, c0, c1, l0, l1, l2, l3, high, low];
                if !rtype.has_compressible_names() {
                    return self.whole(head, rdata);
                }
                self.octets(&head)?;
            }
            Owner::Name(name) => {
                self.name(name)?;
                self.octets(&[t0, t1, c0, c1, l0, l1, l2, l3, high, low])?;
            }
        }
        if !rtype.has_compressible_names() {
            return self.octets(rdata);
        }
        let start = self.at;
        self.rdata_with_names(rtype, rdata)?;
        let length = (self.at - start) as u16;
        self.out[start - 2..start].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Record data of RFC 1035 with names in it: fixed octets, names, fixed octets.
    fn rdata_with_names(&mut self, rtype: Type, rdata: &[u8]) -> Result<(), Full> {
        let (before, names) = match rtype {
            Type::MX => (2, 1),
            Type::SOA | Type::MINFO => (0, 2),
            _ => (0, 1),
        };
        let (fixed, mut rest) = rdata.split_at_checked(before).ok_or(Full)?;
        self.octets(fixed)?;
        for _ in 0..names {
            let name = Name::from_wire(rest).map_err(|_| Full)?;
            self.name(name)?;
            rest = rest.get(name.as_wire().len()..).unwrap_or(&[]);
        }
        self.octets(rest)
    }

    /// A record in one piece: its head, the owner's pointer among it, and its data.
    fn whole(&mut self, head: [u8; 12], rdata: &[u8]) -> Result<(), Full> {
        let end = self.at + head.len() + rdata.len();
        if end > self.limit {
            return Err(Full);
        }
        let written = self.out.get_mut(self.at..end).ok_or(Full)?;
        let (first, behind) = written.split_first_chunk_mut().ok_or(Full)?;
        *first = head;
        behind.copy_from_slice(rdata);
        self.at = end;
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        if end > self.limit {
            return Err(Full);
        }
        self.out.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(octets);
        self.at = end;
        Ok(())
    }

    /// Writes a name, its longest suffix that was written before as a pointer.
    fn name(&mut self, name: Name<'_>) -> Result<(), Full> {
        if self.remembered == 0
            && let Some(question) = self.question_name
        {
            self.remember(question, HEADER, question.as_wire().len());
        }
        let start = self.at;
        let (mut rest, mut pointer) = (name, None);
        while !rest.is_root() {
            pointer = self.find(rest);
            if pointer.is_some() {
                break;
            }
            let Some(parent) = rest.parent() else { break };
            rest = parent;
        }
        let plain = name.as_wire().len() - rest.as_wire().len();
        self.octets(name.as_wire().get(..plain).unwrap_or(&[]))?;
        match pointer {
            Some(place) => self.octets(&(0xc000 | place).to_be_bytes())?,
            None => self.octets(&[0])?,
        }
        self.remember(name, start, plain);
        Ok(())
    }

    /// Remembers the suffixes of `name`, written at `start`, that begin in its first `plain` octets.
    fn remember(&mut self, name: Name<'_>, start: usize, plain: usize) {
        let mut suffix = name;
        while !suffix.is_root() {
            let offset = name.as_wire().len() - suffix.as_wire().len();
            if offset >= plain || start + offset > POINTER_RANGE || self.remembered == REMEMBERED {
                return;
            }
            self.places.0[self.remembered] =
                ((start + offset) as u16, suffix.as_wire().len() as u8);
            self.remembered += 1;
            let Some(parent) = suffix.parent() else {
                return;
            };
            suffix = parent;
        }
    }

    /// Where `name` was written before.
    fn find(&self, name: Name<'_>) -> Option<u16> {
        let length = name.as_wire().len();
        self.places.0[..self.remembered]
            .iter()
            .find(|&&(place, known)| usize::from(known) == length && self.is_at(place, name))
            .map(|&(place, _)| place)
    }

    /// Whether the name at `place` of the message, which is as long, is `name`.
    fn is_at(&self, place: u16, name: Name<'_>) -> bool {
        let mut at = usize::from(place);
        // The name of the question, where most of what is looked for stands, is whole.
        let question = HEADER + self.question_name.map_or(0, |name| name.as_wire().len());
        if at < question {
            let known = self.out.get(at..question).unwrap_or(&[]);
            return Name::from_known_wire(known) == name;
        }
        for label in name.labels() {
            // What we wrote ourselves points backwards only, and a pointer never at a pointer.
            while let Some(pointer) = u16_at(self.out, at).filter(|p| p & 0xc000 == 0xc000) {
                at = usize::from(pointer & 0x3fff);
            }
            let end = at + 1 + label.len();
            let Some((&length, octets)) =
                self.out.get(at..end).and_then(|octets| octets.split_first())
            else {
                return false;
            };
            if usize::from(length) != label.len() || !octets.eq_ignore_ascii_case(label) {
                return false;
            }
            at = end;
        }
        true
    }

    /// Writes the OPT record and the header, and says how long the reply is.
    #[must_use]
    pub fn finish(&mut self, rcode: Rcode) -> usize {
        let with_opt = self.options.present;
        if with_opt {
            self.write_opt(rcode);
        }
        // A code above 15 cannot be said without EDNS; such a client asked nothing that needs one.
        let code = rcode.0 & 0xf;
        let flags = self.flags | code;
        let questions = u16::from(self.question_name.is_some());
        let additional = self.counts[2] + u16::from(with_opt);
        let words = [self.id, flags, questions, self.counts[0], self.counts[1], additional];
        if let Some(header) = self.out.first_chunk_mut::<HEADER>() {
            for (place, word) in header.as_chunks_mut().0.iter_mut().zip(words) {
                *place = word.to_be_bytes();
            }
        }
        self.at
    }

    /// Throws away all records and flags of the reply so far, for a reply that is an error.
    pub fn reset(&mut self) {
        let start = HEADER + self.question_name.map_or(0, |name| name.as_wire().len() + 4);
        self.at = start;
        self.counts = [0; 3];
        self.remembered = 0;
        self.flags &= !0x0600;
        self.options.scope = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExtendedError, NameBuf};

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    fn query(text: &str, edns: bool) -> Vec<u8> {
        let mut octets = vec![0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
        octets.extend(name(text).as_name().as_wire());
        octets.extend([0, 15, 0, 1]);
        if edns {
            octets.extend(b"\0\0\x29\x10\0\0\0\0\0\0\0");
        }
        octets
    }

    #[test]
    fn names_are_compressed_against_question_owner_and_data() {
        let octets = query("Mail.example.com.", false);
        let query = Query::parse(&octets).unwrap();
        let (mut out, mut places) = ([0; 512], Places::default());
        let mut reply = Reply::new(&query, 512, &mut out, &mut places).unwrap();
        let mut rdata = vec![0, 10];
        rdata.extend(name("mx.EXAMPLE.com.").as_name().as_wire());
        reply.record(Section::Answer, Owner::Question, (Type::MX, 60), &rdata).unwrap();
        let mx = name("MX.example.com.");
        reply
            .record(Section::Additional, Owner::Name(mx.as_name()), (Type::A, 60), &[192, 0, 2, 1])
            .unwrap();
        let length = reply.finish(Rcode::NOERROR);
        // question 22; MX: 2+10+2+2(mx)+1+2; A: pointer to "mx" inside the MX data
        let question = 12 + 18 + 4;
        let record = &out[question..length];
        assert_eq!(&record[..2], b"\xc0\x0c");
        assert_eq!(&record[12..19], b"\0\x0a\x02mx\xc0\x11");
        assert_eq!(&record[19..21], &[0xc0, question as u8 + 14]);
        assert_eq!(length, question + 19 + 16);
    }

    #[test]
    fn nothing_of_a_record_that_does_not_fit_stays() {
        let octets = query("a.", true);
        let query = Query::parse(&octets).unwrap();
        let (mut out, mut places) = ([0; 512], Places::default());
        let mut reply = Reply::new(&query, 60, &mut out, &mut places).unwrap();
        let big = [7; 30];
        assert_eq!(reply.record(Section::Answer, Owner::Question, (Type::TXT, 0), &big), Err(Full));
        reply.truncated();
        let length = reply.finish(Rcode::NOERROR);
        assert_eq!(length, 12 + 7 + 11);
        assert_eq!(&out[..12], b"\xab\xcd\x83\0\0\x01\0\0\0\0\0\x01");
    }

    #[test]
    fn options_take_their_room_from_the_records() {
        let octets = query("a.", true);
        let query = Query::parse(&octets).unwrap();
        let (mut out, mut places) = ([0; 512], Places::default());
        // Header, question and OPT; a cookie, an identifier, a time; 13 octets of a record.
        let whole = 12 + 7 + 11 + 28 + 6 + 6 + 13;
        for limit in whole - 1..=whole {
            let mut reply = Reply::new(&query, limit, &mut out, &mut places).unwrap();
            reply.cookie(*b"clientcl", *b"serverserverserv");
            reply.nsid(b"id");
            reply.tcp_keepalive(0x0102);
            reply.compact_ok();
            let written = reply.record(Section::Answer, Owner::Question, (Type::TXT, 0), b"x");
            assert_eq!(written.is_ok(), limit == whole);
            let length = reply.finish(Rcode::NOERROR);
            let opt = &out[if written.is_ok() { 32 } else { 19 }..length];
            assert_eq!(&opt[..11], b"\0\0\x29\x04\xd0\0\0\x40\0\0\x28");
            let options = b"\0\x0a\0\x18clientclserverserverserv\0\x03\0\x02id\0\x0b\0\x02\x01\x02";
            assert_eq!(&opt[11..], options);
        }
    }

    #[test]
    fn options_that_do_not_fit_and_those_without_an_opt_are_left_out() {
        let (mut out, mut places) = ([0; 512], Places::default());
        for (edns, limit) in [(false, 512), (true, 12 + 7 + 11 + 5)] {
            let octets = query("a.", edns);
            let query = Query::parse(&octets).unwrap();
            let mut reply = Reply::new(&query, limit, &mut out, &mut places).unwrap();
            reply.cookie([0; 8], [0; 16]);
            reply.nsid(b"id");
            reply.tcp_keepalive(1);
            reply.extended_error(ExtendedError::NOT_SUPPORTED);
            assert_eq!(reply.finish(Rcode::NOERROR), 12 + 7 + if edns { 11 } else { 0 });
        }
    }

    #[test]
    fn badvers_is_split_between_header_and_opt() {
        let octets = query("a.", true);
        let query = Query::parse(&octets).unwrap();
        let (mut out, mut places) = ([0; 512], Places::default());
        let mut reply = Reply::new(&query, 512, &mut out, &mut places).unwrap();
        let length = reply.finish(Rcode::BADVERS);
        assert_eq!(out[3] & 0xf, 0);
        assert_eq!(out[length - 6], 1);
    }
}
