//! What one source may cause, in signatures and in the time of programs: a flood of random names is
//! to cost its sender's neighbours nothing.

use std::hash::BuildHasher as _;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use halfmoon_dnssec::Budget;

/// How many purses there are: sources share one by chance, the more of them there are.
const PURSES: usize = 4096;
/// How many seconds' worth a purse holds when it is full.
const SECONDS: u32 = 2;

/// The purses of all sources of one thread: fixed in number, so that no flood makes more.
#[derive(Debug)]
pub struct Purses {
    purses: Box<[State]>,
    hasher: RandomState,
    /// What a source may spend in a second.
    rate: u32,
}

/// Who causes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its address.
    pub address: IpAddr,
    /// Whether it receives what is sent to its address: over TCP, or with a cookie of ours. Such a
    /// source has a purse of its own, which those who write its address on their queries cannot
    /// empty.
    pub is_known: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// What is left in it.
    left: u32,
    /// When it was last filled, in seconds from some start.
    filled: u64,
}

/// The purse of one source at some second. It is looked for when it is needed: most queries cost
/// nothing.
#[derive(Debug)]
pub struct Purse<'p> {
    purses: &'p mut Purses,
    source: Source,
    now: u64,
}

impl Purses {
    /// Each source may spend so much a second.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let full = State { left: rate.saturating_mul(SECONDS), filled: 0 };
        Self { purses: vec![full; PURSES].into(), hasher: RandomState::default(), rate }
    }

    /// The purse of the network of a source, /24 or /56, at second `now`.
    pub const fn of(&mut self, source: Source, now: u64) -> Purse<'_> {
        Purse { purses: self, source, now }
    }

    fn state(&mut self, source: Source, now: u64) -> &mut State {
        let whose = (network(source.address), source.is_known);
        let at = self.hasher.hash_one(whose) as usize % PURSES;
        let purse = &mut self.purses[at];
        let passed = u32::try_from(now.saturating_sub(purse.filled)).unwrap_or(u32::MAX);
        let most = self.rate.saturating_mul(SECONDS);
        purse.left = purse.left.saturating_add(passed.saturating_mul(self.rate)).min(most);
        purse.filled = now;
        purse
    }
}

/// The number of a network that counts as one: /24 of IPv4, /56 of IPv6, as in BIND, NSD and Knot.
pub(crate) fn network(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
        IpAddr::V6(address) => (u128::from(address) >> 72) as u64 | 1 << 63,
    }
}

impl Purse<'_> {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&mut self) -> bool {
        self.state().left == 0
    }

    /// Takes so much out, or all there is.
    pub fn spend(&mut self, much: u32) {
        let state = self.state();
        state.left = state.left.saturating_sub(much);
    }

    fn state(&mut self) -> &mut State {
        self.purses.state(self.source, self.now)
    }
}

impl Budget for Purse<'_> {
    fn take(&mut self) -> bool {
        let state = self.state();
        let left = state.left.checked_sub(1);
        state.left = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(address: &str) -> Source {
        Source { address: address.parse().unwrap(), is_known: false }
    }

    fn taken(purses: &mut Purses, source: &str, now: u64) -> usize {
        let mut purse = purses.of(stranger(source), now);
        (0..1000).take_while(|_| purse.take()).count()
    }

    #[test]
    fn a_network_has_so_much_a_second() {
        let mut purses = Purses::new(10);
        assert_eq!(taken(&mut purses, "192.0.2.1", 0), 20);
        assert_eq!(taken(&mut purses, "192.0.2.200", 0), 0, "the same network");
        assert_eq!(taken(&mut purses, "192.0.2.1", 1), 10);
        assert_eq!(taken(&mut purses, "192.0.2.1", 100), 20, "no more than it holds");
        assert_eq!(taken(&mut purses, "2001:db8::1", 100), 20);
        assert_eq!(taken(&mut purses, "2001:db8:0:ff::1", 100), 0, "the same /56");
        assert_eq!(taken(&mut purses, "2001:db8:0:100::1", 101), 20, "another");
    }

    #[test]
    fn who_forges_an_address_spends_nothing_of_whom_it_belongs_to() {
        let mut purses = Purses::new(10);
        assert_eq!(taken(&mut purses, "192.0.2.1", 0), 20);
        let known = Source { is_known: true, ..stranger("192.0.2.1") };
        let mut purse = purses.of(known, 0);
        assert!(!purse.is_empty());
        purse.spend(19);
        assert!(!purse.is_empty());
        purse.spend(19);
        assert!(purse.is_empty());
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(taken(&mut Purses::new(0), "192.0.2.1", 9), 0);
        assert!(taken(&mut Purses::new(u32::MAX), "192.0.2.1", u64::MAX) > 999);
    }
}
