//! Response rate limiting: a network that seems to ask for the same again and again is most likely
//! the victim of somebody who writes its address on queries.
//!
//! Answers over UDP count by the network they go to and by what they are alike in: the name that is
//! answered; for denials, errors and names that a wildcard makes, the zone, since there are names
//! without end. A resolver asks for a name once in its TTL and is far below any limit. Beyond the
//! limit answers are dropped, but for each n-th, which leaves truncated: a resolver behind the
//! address comes again over TCP, where nobody can pretend to be it.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use ipnet::IpNet;

use crate::budget::network;

/// How many kinds of answers are counted at a time. Kinds that meet in one place share it.
const PLACES: usize = 1 << 15;
/// Seconds between two lines in the log of one thread.
const QUIET: u64 = 10;

/// What is configured.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Like answers a second to one network; 0: no limit.
    pub rate: u32,
    /// Every so many answers beyond that one leaves truncated; 0: none does.
    pub slip: u32,
    /// How much time of programs one source may cause in a second, in microseconds; `None`: any.
    pub program_time: Option<u32>,
    /// Networks that are not limited.
    pub exempt: Arc<[IpNet]>,
}

impl Limits {
    /// Whether a network is not limited.
    #[must_use]
    pub fn exempts(&self, source: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&source))
    }

    /// No limit.
    #[must_use]
    pub fn none() -> Self {
        Self { rate: 0, slip: 0, program_time: None, exempt: Arc::default() }
    }
}

/// In what answers are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'n> {
    /// They answer this name.
    Name(&'n [u8]),
    /// They speak of names of this zone that come and go.
    Zone(&'n [u8]),
    /// They say that a query is wrong.
    Error,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It leaves.
    Pass,
    /// It leaves truncated.
    Slip,
    /// It does not leave.
    Drop,
}

/// Counts answers; one to a thread. Of fixed size, whoever floods it.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    places: Box<[Place]>,
    hasher: RandomState,
    quiet_until: u64,
    /// Limited since the last line in the log.
    unsaid: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// Which kind is counted here.
    tag: u32,
    /// Answers left in this second.
    left: u32,
    /// The second.
    second: u32,
    /// Answers beyond the limit.
    over: u32,
}

impl Place {
    /// Of a second that is none.
    const EMPTY: Self = Self { tag: 0, left: 0, second: u32::MAX, over: 0 };
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let places = if limits.rate == 0 { 0 } else { PLACES };
        let (hasher, places) = (RandomState::default(), vec![Place::EMPTY; places].into());
        Self { limits, places, hasher, quiet_until: 0, unsaid: 0 }
    }

    /// What becomes of an answer to `source` at second `now` of this thread.
    pub(crate) fn judge(&mut self, source: IpAddr, kind: Kind<'_>, now: u64) -> Fate {
        let Limits { rate, slip, .. } = self.limits;
        if rate == 0 || self.limits.exempts(source) {
            return Fate::Pass;
        }
        let hash = self.hash(network(source), kind);
        let place = &mut self.places[hash as usize % PLACES];
        let (tag, second) = ((hash >> 32) as u32, now as u32);
        if place.second != second {
            let is_same = place.tag == tag && place.second.wrapping_add(1) == second;
            // Whoever was over the limit a second ago is let through at its rate, with no reserve.
            *place = Place { tag, left: rate, second, over: if is_same { place.over } else { 0 } };
        }
        if let Some(left) = place.left.checked_sub(1) {
            place.left = left;
            return Fate::Pass;
        }
        place.over = place.over.wrapping_add(1);
        let fate = if place.over.is_multiple_of(slip) { Fate::Slip } else { Fate::Drop };
        self.say(source, now);
        fate
    }

    /// The spelling of a name makes no difference: it has as many as there are queries.
    fn hash(&self, network: u64, kind: Kind<'_>) -> u64 {
        let (number, name) = match kind {
            Kind::Name(name) => (0, name),
            Kind::Zone(apex) => (1, apex),
            Kind::Error => (2, &[][..]),
        };
        let mut lower = [0_u8; 255];
        let name = name.get(..255).unwrap_or(name);
        for (small, octet) in lower.iter_mut().zip(name) {
            *small = octet.to_ascii_lowercase();
        }
        self.hasher.hash_one((network, number, &lower[..name.len().min(255)]))
    }

    fn say(&mut self, source: IpAddr, now: u64) {
        self.unsaid += 1;
        if now >= self.quiet_until {
            let limited = std::mem::take(&mut self.unsaid);
            self.quiet_until = now + QUIET;
            tracing::warn!(limited, network = %source, "answers limited: most likely its address is forged");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(rate: u32, slip: u32) -> Limiter {
        let exempt: Arc<[IpNet]> = Arc::new(["127.0.0.0/8".parse().unwrap()]);
        Limiter::new(Limits { rate, slip, program_time: None, exempt })
    }

    /// How many of so many answers pass, slip and drop.
    fn fates(
        limiter: &mut Limiter,
        source: &str,
        kind: Kind<'_>,
        now: u64,
        count: usize,
    ) -> [usize; 3] {
        let mut fates = [0; 3];
        for _ in 0..count {
            fates[limiter.judge(source.parse().unwrap(), kind, now) as usize] += 1;
        }
        fates
    }

    #[test]
    fn a_network_gets_so_many_alike_a_second() {
        let mut limiter = limiter(10, 2);
        let name = Kind::Name(b"\x03www\0");
        assert_eq!(fates(&mut limiter, "192.0.2.1", name, 5, 30), [10, 10, 10]);
        assert_eq!(fates(&mut limiter, "192.0.2.99", name, 5, 2), [0, 1, 1], "the same network");
        let spelled = Kind::Name(b"\x03wWw\0");
        assert_eq!(fates(&mut limiter, "192.0.2.1", spelled, 6, 12), [10, 1, 1]);
        assert_eq!(fates(&mut limiter, "192.0.2.1", name, 60, 10), [10, 0, 0]);
        for (source, kind) in [
            ("192.0.3.1", name),
            ("2001:db8::1", name),
            ("192.0.2.1", Kind::Name(b"\x04mail\0")),
            ("192.0.2.1", Kind::Zone(b"\x03www\0")),
            ("192.0.2.1", Kind::Error),
        ] {
            assert_eq!(fates(&mut limiter, source, kind, 60, 10), [10, 0, 0], "{source} {kind:?}");
        }
    }

    #[test]
    fn who_is_exempt_and_what_is_switched_off() {
        assert_eq!(fates(&mut limiter(1, 2), "127.0.0.1", Kind::Error, 0, 99), [99, 0, 0]);
        assert_eq!(fates(&mut limiter(0, 2), "192.0.2.1", Kind::Error, 0, 99), [99, 0, 0]);
        assert_eq!(fates(&mut limiter(9, 0), "192.0.2.1", Kind::Error, 0, 99), [9, 0, 90]);
        assert_eq!(fates(&mut limiter(9, 1), "192.0.2.1", Kind::Error, 0, 99), [9, 90, 0]);
    }

    #[test]
    fn a_flood_of_kinds_takes_no_more_room_and_leaves_the_quiet_alone() {
        let mut limiter = limiter(5, 2);
        let quiet = Kind::Name(b"\x05quiet\0");
        let mut passed = 0;
        for second in 0..100 {
            for network in 0_u32..1000 {
                let source = IpAddr::from((network << 8 | 1 << 31).to_be_bytes());
                limiter.judge(source, Kind::Error, second);
            }
            passed += fates(&mut limiter, "192.0.2.1", quiet, second, 1)[0];
        }
        assert_eq!(limiter.places.len(), PLACES);
        assert!(
            passed >= 99,
            "{passed}: it shares its place with one that asks no more than it may"
        );
    }
}
