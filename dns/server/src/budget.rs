//! What one source may cause in signatures: a flood of random names is to cost its sender's
//! neighbours nothing.

use std::net::IpAddr;

use foldhash::fast::RandomState;
use std::hash::BuildHasher as _;

use halfmoon_dnssec::Budget;

/// How many purses there are: sources share one by chance, the more of them there are.
const PURSES: usize = 4096;
/// How many seconds of signatures a purse holds when it is full.
const SECONDS: u32 = 2;

/// The purses of all sources of one thread: fixed in number, so that no flood makes more.
#[derive(Debug)]
pub struct Purses {
    purses: Box<[State]>,
    hasher: RandomState,
    /// Signatures a second.
    rate: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Signatures left.
    left: u32,
    /// When it was last filled, in seconds from some start.
    filled: u64,
}

/// The purse of one source.
#[derive(Debug)]
pub struct Purse<'p>(&'p mut State);

impl Purses {
    /// Each source may cause so many signatures a second.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let full = State { left: rate.saturating_mul(SECONDS), filled: 0 };
        Self { purses: vec![full; PURSES].into(), hasher: RandomState::default(), rate }
    }

    /// The purse of the network of an address, /24 or /56, at second `now`.
    pub fn of(&mut self, source: IpAddr, now: u64) -> Purse<'_> {
        let network = match source {
            IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
            IpAddr::V6(address) => (u128::from(address) >> 72) as u64 | 1 << 63,
        };
        let at = self.hasher.hash_one(network) as usize % PURSES;
        let purse = &mut self.purses[at];
        let passed = u32::try_from(now.saturating_sub(purse.filled)).unwrap_or(u32::MAX);
        let most = self.rate.saturating_mul(SECONDS);
        purse.left = purse.left.saturating_add(passed.saturating_mul(self.rate)).min(most);
        purse.filled = now;
        Purse(purse)
    }
}

impl Budget for Purse<'_> {
    fn take(&mut self) -> bool {
        let left = self.0.left.checked_sub(1);
        self.0.left = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(purses: &mut Purses, source: &str, now: u64) -> usize {
        let mut purse = purses.of(source.parse().unwrap(), now);
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
    fn nothing_is_nothing() {
        assert_eq!(taken(&mut Purses::new(0), "192.0.2.1", 9), 0);
        assert!(taken(&mut Purses::new(u32::MAX), "192.0.2.1", u64::MAX) > 999);
    }
}
