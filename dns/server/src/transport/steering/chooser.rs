//! When queries are worth steering by the processor they come in on, and when no longer.

use std::time::Duration;

/// How datagrams find their thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Hash,
    Processor,
}

/// Queries a second and thread below which it makes no difference who answers.
const LOAD: f64 = 1_000.0;
/// The least part of its fair share that has to come in on each processor for a trial. Over loopback answers
/// come in where they are sent from, so that a processor on which nobody asks has half of its share.
const EVEN: f64 = 0.6;
/// The least part of its fair share that each thread has to get for it to go on.
const STILL_EVEN: f64 = 0.25;
/// So many looks one after the other have to agree: a burst of one client is no reason.
const LOOKS: u32 = 2;
/// How long hash is left alone after a trial that failed; longer each time.
const REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// Chooses for the threads of one address.
#[derive(Debug)]
pub(super) struct Chooser {
    threads: usize,
    way: Way,
    /// Looks that were for the other way, one after the other.
    agree: u32,
    /// How long since the last change.
    since: Duration,
    /// How long hash is left alone after the last change.
    rest: Duration,
    /// How long nothing is tried, since the system has refused it.
    refused: Duration,
}

impl Chooser {
    /// By hash at first.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            threads,
            way: Way::Hash,
            agree: 0,
            since: Duration::ZERO,
            rest: Duration::ZERO,
            refused: Duration::ZERO,
        }
    }

    /// What is to be changed, after a time in which each thread got so many queries and the processor
    /// of each took so many packets in, whatever they were.
    pub(super) fn look(&mut self, span: Duration, queries: &[u64], packets: &[u64]) -> Option<Way> {
        self.since = self.since.saturating_add(span);
        self.refused = self.refused.saturating_sub(span);
        if self.refused > Duration::ZERO {
            return None;
        }
        let threads = self.threads as f64;
        if (queries.iter().sum::<u64>() as f64) < LOAD * threads * span.as_secs_f64() {
            self.agree = 0;
            return None;
        }
        let is_for_other = match self.way {
            Way::Hash => self.since >= self.rest && self.least_share(packets) >= EVEN,
            Way::Processor => self.least_share(queries) < STILL_EVEN,
        };
        self.agree = if is_for_other { self.agree + 1 } else { 0 };
        if self.agree < LOOKS {
            return None;
        }
        self.agree = 0;
        self.way = match self.way {
            Way::Hash => Way::Processor,
            Way::Processor => {
                // What went well for long does not count as a failure.
                let last = if self.since > LONGEST_REST { Duration::ZERO } else { self.rest };
                self.rest = (2 * last).clamp(REST, LONGEST_REST);
                Way::Hash
            }
        };
        self.since = Duration::ZERO;
        Some(self.way)
    }

    /// The system did not do what was to be changed last: it is as it was, and left so for long.
    pub(super) fn refused(&mut self) {
        self.way = match self.way {
            Way::Hash => Way::Processor,
            Way::Processor => Way::Hash,
        };
        self.refused = LONGEST_REST;
    }

    /// The least of all counts, as a part of what each would be if all were equal.
    fn least_share(&self, counts: &[u64]) -> f64 {
        let all: u64 = counts.iter().sum();
        let least = counts.iter().min().copied().unwrap_or(0);
        if all == 0 { 0.0 } else { least as f64 * self.threads as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is done after each of some looks of a second each: queries and packets of two threads.
    fn ways(looks: &[([u64; 2], [u64; 2])]) -> Vec<Option<Way>> {
        let mut chooser = Chooser::new(2);
        let second = Duration::from_secs(1);
        looks.iter().map(|(queries, packets)| chooser.look(second, queries, packets)).collect()
    }

    #[test]
    fn what_comes_in_evenly_is_steered_by_processor() {
        const EVEN: ([u64; 2], [u64; 2]) = ([4_000, 4_000], [4_000, 5_000]);
        let (hash, processor) = (Some(Way::Hash), Some(Way::Processor));
        let cases = [
            ("two looks agree", vec![EVEN, EVEN], vec![None, processor]),
            ("it is said once", vec![EVEN, EVEN, EVEN, EVEN], vec![None, processor, None, None]),
            ("one look is too few", vec![EVEN, ([4_000, 4_000], [9_000, 10]), EVEN], vec![None; 3]),
            ("hardly a load", vec![([900, 900], [900, 900]); 4], vec![None; 4]),
            ("clients of one processor", vec![([4_000, 4_000], [12_000, 4_000]); 4], vec![None; 4]),
            ("nothing is told of processors", vec![([4_000, 4_000], [0, 0]); 4], vec![None; 4]),
            (
                "one thread gets nothing any more",
                vec![EVEN, EVEN, ([9_000, 0], [9_000, 9_000]), ([9_000, 0], [9_000, 9_000])],
                vec![None, processor, None, hash],
            ),
            (
                "few queries are no reason to go back",
                vec![EVEN, EVEN, ([900, 0], [900, 0]), ([900, 0], [900, 0])],
                vec![None, processor, None, None],
            ),
        ];
        for (what, looks, expected) in cases {
            assert_eq!(ways(&looks), expected, "{what}");
        }
    }

    #[test]
    fn what_was_refused_is_not_taken_for_done() {
        let mut chooser = Chooser::new(2);
        let look = |chooser: &mut Chooser, queries| {
            chooser.look(Duration::from_secs(1), queries, &[9_000, 9_000])
        };
        let even = &[9_000, 9_000];
        look(&mut chooser, even);
        assert_eq!(look(&mut chooser, even), Some(Way::Processor));
        chooser.refused();
        // One thread with all of it would have queries by processor given up; these are by hash still.
        let uneven = &[9_000, 0];
        assert!((1..3600).all(|_| look(&mut chooser, uneven).is_none()));
        look(&mut chooser, even);
        assert_eq!(look(&mut chooser, even), Some(Way::Processor), "an hour later");
        look(&mut chooser, uneven);
        assert_eq!(look(&mut chooser, uneven), Some(Way::Hash));
        chooser.refused();
        assert!((1..3600).all(|_| look(&mut chooser, uneven).is_none()));
        look(&mut chooser, uneven);
        assert_eq!(look(&mut chooser, uneven), Some(Way::Hash), "an hour later");
    }

    #[test]
    fn after_each_failure_hash_is_left_alone_for_longer() {
        // Packets come in evenly, but those of our own do not.
        let mut chooser = Chooser::new(2);
        let mut at = Duration::ZERO;
        let mut trials = Vec::new();
        while trials.len() < 10 {
            at += Duration::from_secs(1);
            if chooser.look(Duration::from_secs(1), &[9_000, 0], &[9_000, 9_000])
                == Some(Way::Processor)
            {
                trials.push(at.as_secs());
            }
        }
        let between: Vec<_> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Two looks until it fails, and one more that agrees at the end of the rest.
        assert_eq!(
            between,
            [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600].map(|rest| rest + 2 + 1)
        );
    }
}
