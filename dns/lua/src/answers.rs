//! What an evaluation says, and what it read to say so.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use crate::Client;

/// What an evaluation read: decides what may be cached, and for whom.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Reads(u8);

impl Reads {
    /// Verdicts of health checks.
    pub const HEALTH: Self = Self(1);
    /// Where the client is.
    pub const PLACE: Self = Self(1 << 1);
    /// Bits of the client's address; how many is in [`Answers::scope`].
    pub const CLIENT: Self = Self(1 << 2);
    /// Chance.
    pub const CHANCE: Self = Self(1 << 3);
    /// The clock.
    pub const TIME: Self = Self(1 << 4);
    /// The question's name, so that names under one wildcard differ.
    pub const NAME: Self = Self(1 << 5);
    /// How the query arrived: transport, local address, EDNS, the sender behind a client subnet.
    pub const TRANSPORT: Self = Self(1 << 6);

    /// What is another with whoever asks next.
    pub(crate) const ASKER: Self = Self::CLIENT.and(Self::NAME).and(Self::TRANSPORT);

    const NAMES: [(Self, &'static str); 7] = [
        (Self::HEALTH, "health"),
        (Self::PLACE, "place"),
        (Self::CLIENT, "client"),
        (Self::CHANCE, "chance"),
        (Self::TIME, "time"),
        (Self::NAME, "name"),
        (Self::TRANSPORT, "transport"),
    ];

    /// Whether all of `other` was read.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` was read.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing was read: the answer is the same for everyone until the next load.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (_, name) in Self::NAMES.iter().filter(|(bit, _)| self.contains(*bit)) {
            write!(f, "{separator}{name}")?;
            separator = " ";
        }
        Ok(())
    }
}

/// What was read so far, and how narrow the answer's scope has become.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) reads: Reads,
    pub(crate) scope: u8,
    ttl: Option<u32>,
    /// Something was asked for that is held only as long as it is asked for.
    pub(crate) renews: bool,
    /// Which of its pools the program has chosen from, as bits.
    pub(crate) chose: u64,
}

impl Trace {
    /// Of nothing read.
    pub(crate) const NOTHING: Self =
        Self { reads: Reads(0), scope: 0, ttl: None, renews: false, chose: 0 };

    /// Reads what another program has read, whose pools are others.
    pub(crate) fn add(&mut self, other: &Self) {
        self.read(other.reads);
        self.scope = self.scope.max(other.scope);
        self.ttl(other.ttl);
        self.renews |= other.renews;
    }

    /// The answer may live so long; of several the shortest counts.
    pub(crate) fn ttl(&mut self, ttl: Option<u32>) {
        self.ttl = match (self.ttl, ttl) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    pub(crate) const fn own_ttl(&self) -> Option<u32> {
        self.ttl
    }

    const fn forget_ttl(&mut self) {
        self.ttl = None;
    }

    pub(crate) const fn read(&mut self, what: Reads) {
        self.reads = self.reads.and(what);
    }

    /// `bits` of the client's address mattered.
    pub(crate) fn client(&mut self, bits: u8) {
        self.read(Reads::CLIENT);
        self.scope = self.scope.max(bits);
    }

    /// Every known bit of the client's address mattered.
    pub(crate) fn whole_client(&mut self, client: &Client) -> IpAddr {
        self.client(client.known_bits());
        client.best()
    }
}

/// The answer of one evaluation. A worker keeps one and uses it again.
#[derive(Debug, Default)]
pub struct Answers {
    octets: Vec<u8>,
    ranges: Vec<Range<u32>>,
    denies: bool,
    pub(crate) trace: Trace,
    /// What programs before the present one read.
    before: Reads,
    /// How many records there were when the present one began.
    start: usize,
    /// Whether it made a record that was there already.
    repeats: bool,
    /// Which of its pools the last program has chosen from, as bits.
    pub(crate) chose: u64,
}

/// Numbers of pools from which a program has chosen, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chose(u64);

impl Chose {
    /// None.
    pub const NONE: Self = Self(0);

    /// Those whose bits are set.
    pub(crate) const fn of(bits: u64) -> Self {
        Self(bits)
    }
}

impl Iterator for Chose {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let number = self.0.trailing_zeros();
        // Takes the lowest one away.
        self.0 = self.0.checked_sub(1)? & self.0;
        Some(number)
    }
}

/// What one program said, to be said again when it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    records: Box<[Box<[u8]>]>,
    denies: bool,
    ttl: Option<u32>,
}

impl Answers {
    /// Lets another program add to the records there are: what the one before said of its TTL and
    /// the name is forgotten.
    pub fn begin(&mut self) {
        self.denies = false;
        self.trace.forget_ttl();
        self.before = self.reads();
        self.trace.reads = Reads::default();
        self.start = self.len();
        self.repeats = false;
    }

    /// What the last program said, if it may be said to whoever asks next: nothing of who asked
    /// now, how, or for which name was read for it, and it is not long.
    #[must_use]
    pub fn said(&self) -> Option<Said> {
        /// Octets of record data that are kept of one program.
        const MOST: usize = 4096;
        let kept = self.ranges.get(self.start..)?;
        let octets: usize = kept.iter().map(ExactSizeIterator::len).sum();
        let is_for_all = !self.trace.reads.overlaps(Reads::ASKER);
        (is_for_all && !self.repeats && octets <= MOST).then(|| Said {
            records: kept.iter().map(|range| self.slice(range).into()).collect(),
            denies: self.denies,
            ttl: self.trace.ttl,
        })
    }

    /// Says again what a program said before it failed. It lives at most `most` seconds, if its
    /// records live for `ttl` unless it said otherwise.
    pub fn say(&mut self, said: &Said, ttl: u32, most: u32) {
        for record in &said.records {
            self.push(record);
        }
        self.denies = said.denies;
        self.trace.forget_ttl();
        self.trace.ttl(Some(said.ttl.unwrap_or(ttl).min(most)));
    }

    /// Puts a record there that no program made, unless it is there already.
    pub fn add(&mut self, rdata: &[u8]) {
        self.push(rdata);
    }

    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.ranges.clear();
        self.denies = false;
        self.trace = Trace::default();
        self.before = Reads::default();
        self.start = 0;
        self.repeats = false;
        self.chose = 0;
    }

    /// The numbers of the pools that the last program to be run chose from: those among the first
    /// [`crate::Program::MOST_COUNTED`] of its own, each once.
    #[must_use]
    pub const fn chose(&self) -> Chose {
        Chose(self.chose)
    }

    /// Whether nothing but health was read for it, if even that, and nothing has to be asked for again:
    /// whoever asks gets the same until health is another.
    #[must_use]
    pub const fn depends_on_health_alone(&self) -> bool {
        Reads::HEALTH.contains(self.reads()) && !self.trace.renews
    }

    /// The record data in wire form, each once, in the order the program gave it.
    pub fn rdatas(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.ranges.iter().map(|range| self.slice(range))
    }

    /// How many records there are. None is a NODATA answer.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The TTL that the program wants for its answer, in seconds; `None`: the record's.
    #[must_use]
    pub const fn ttl(&self) -> Option<u32> {
        self.trace.ttl
    }

    /// Whether the program says that there is no such name (NXDOMAIN, RFC 1035 section 4.1.1).
    #[must_use]
    pub const fn denies_name(&self) -> bool {
        self.denies
    }

    /// What was read to come to the answer.
    #[must_use]
    pub const fn reads(&self) -> Reads {
        self.before.and(self.trace.reads)
    }

    /// The shortest prefix of the client's address whose every other address would have had the
    /// same treatment, in the family of [`Client::best`]; 0 when the client did not matter. May be
    /// longer than the source prefix the client gave (RFC 7871 section 7.2.1).
    #[must_use]
    pub const fn scope(&self) -> u8 {
        self.trace.scope
    }

    /// Says that there is no such name.
    pub(crate) const fn deny_name(&mut self) {
        self.denies = true;
    }

    /// Whether the records from the one numbered `from` on are all that the last program made.
    pub(crate) const fn is_whole(&self, from: usize) -> bool {
        self.start == from && !self.repeats
    }

    /// Puts a record there unless it is there already.
    pub(crate) fn push(&mut self, rdata: &[u8]) {
        if let Some(known) = self.ranges.iter().position(|range| self.slice(range) == rdata) {
            self.repeats |= known < self.start;
            return;
        }
        let start = self.octets.len() as u32;
        self.octets.extend_from_slice(rdata);
        self.ranges.push(start..self.octets.len() as u32);
    }

    /// Forgets all records but the first.
    pub fn keep_first(&mut self) {
        self.truncate(1);
    }

    /// Forgets the records after the first `count`.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.ranges.truncate(count);
        self.octets.truncate(self.ranges.last().map_or(0, |range| range.end as usize));
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.octets.get(range.start as usize..range.end as usize).unwrap_or(&[])
    }
}
