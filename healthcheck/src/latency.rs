//! How long probes took, counted in steps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many probes took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// How many took at most the bound of the same place in [`Latencies::BOUNDS`] and longer than
    /// the one before it.
    pub counts: [u64; Self::BOUNDS.len()],
    /// How many took longer than the last bound.
    pub beyond: u64,
    /// How long all of them took together.
    pub sum: Duration,
}

impl Latencies {
    /// From a neighbour on the same network to the longest timeout that makes sense.
    pub const BOUNDS: [Duration; 12] = [
        Duration::from_millis(1),
        Duration::from_micros(2500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2500),
        Duration::from_secs(5),
    ];

    /// How many there are in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }
}

/// The counters behind [`Latencies`].
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; Latencies::BOUNDS.len()],
    beyond: AtomicU64,
    nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, latency: Duration) {
        let place = Latencies::BOUNDS.partition_point(|bound| *bound < latency);
        self.counts.get(place).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Latencies {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Latencies {
            counts: self.counts.each_ref().map(read),
            beyond: read(&self.beyond),
            sum: Duration::from_nanos(read(&self.nanos)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_step() {
        let histogram = Histogram::default();
        for micros in [0, 1000, 1001, 5_000_000, 5_000_001, 60_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let read = histogram.read();
        assert_eq!(read.counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((read.beyond, read.count()), (2, 6));
        assert_eq!(read.sum, Duration::from_micros(70_002_002));
        assert!(Latencies::BOUNDS.is_sorted());
    }
}
