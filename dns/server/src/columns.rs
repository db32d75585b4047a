//! Many counts that several threads add to, each thread in memory of its own: nobody waits for a line
//! that another one has just written to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one line of the caches.
const ROW: usize = 8;
/// Threads that have memory of their own.
const MOST_LANES: usize = 8;

/// So many counts, for so many threads.
#[derive(Debug, Default)]
pub struct Columns {
    /// Rows that a thread has.
    rows: usize,
    /// Threads that have rows of their own. Behind these are rows that all others share.
    threads: usize,
    counts: Box<[Row]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Row([AtomicU64; ROW]);

impl Columns {
    /// `count` counts, all zero, for so many threads that add at the same time: those whose
    /// [`crate::meter::Meter::lane`] is below that number, which nobody else has. There may be others:
    /// nothing is lost then, only they wait for one another.
    ///
    /// No more than [`MOST_LANES`] threads have memory of their own: there may be many of these.
    #[must_use]
    pub fn new(count: usize, threads: usize) -> Self {
        let (rows, threads) = (count.div_ceil(ROW), threads.clamp(1, MOST_LANES));
        let counts = std::iter::repeat_with(Row::default).take(rows * (threads + 1)).collect();
        Self { rows, threads, counts }
    }

    /// Adds one to a count, as the thread with this [`crate::meter::Meter::lane`]. Nothing where there is
    /// no such count.
    pub fn add(&self, count: usize, lane: usize) {
        if count / ROW >= self.rows {
            return;
        }
        let lane = lane.min(self.threads);
        let Some(row) = self.counts.get(lane * self.rows + count / ROW) else {
            return;
        };
        let count = &row.0[count % ROW];
        if lane < self.threads {
            // Nobody else writes to it.
            count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        } else {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What all threads have added to a count.
    #[must_use]
    pub fn read(&self, count: usize) -> u64 {
        let of = |lane: usize| self.counts.get(lane * self.rows + count / ROW);
        let lanes = 0..=if count / ROW < self.rows { self.threads } else { return 0 };
        lanes.filter_map(of).map(|row| row.0[count % ROW].load(Ordering::Relaxed)).sum()
    }
}

/// How many of [`Counts`] lie together.
const TOGETHER: u16 = 64;

/// Gives a count to each of many things that come and go: many of them lie together, or each would take a
/// line of the caches for each thread.
#[derive(Debug)]
pub struct Counts {
    columns: Arc<Columns>,
    /// The next that nobody has.
    next: u16,
    threads: usize,
}

/// A count, and the memory that it shares with others as long as one of them is there.
#[derive(Debug, Default)]
pub struct Count {
    /// `None`: nobody will add to it.
    columns: Option<Arc<Columns>>,
    at: u16,
}

impl Counts {
    /// For so many threads that add at the same time, as [`Columns::new`] takes them.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { columns: Arc::default(), next: TOGETHER, threads }
    }

    /// A count that is zero.
    pub fn take(&mut self) -> Count {
        if self.next == TOGETHER {
            self.columns = Arc::new(Columns::new(usize::from(TOGETHER), self.threads));
            self.next = 0;
        }
        let at = self.next;
        self.next += 1;
        Count { columns: Some(Arc::clone(&self.columns)), at }
    }
}

impl Count {
    /// Adds one, as the thread with this [`crate::meter::Meter::lane`].
    pub fn add(&self, lane: usize) {
        if let Some(columns) = &self.columns {
            columns.add(usize::from(self.at), lane);
        }
    }

    /// How often that was done.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.columns.as_ref().map_or(0, |columns| columns.read(usize::from(self.at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_count_of_its_own() {
        let mut counts = Counts::new(2);
        let taken: Vec<Count> = (0..200).map(|_| counts.take()).collect();
        for (number, count) in taken.iter().enumerate() {
            for lane in 0..number {
                count.add(lane);
            }
        }
        assert!((0..).zip(&taken).all(|(number, count)| count.read() == number));
        let none = Count::default();
        none.add(0);
        assert_eq!(none.read(), 0);
    }

    #[test]
    fn what_threads_add_is_summed_count_by_count() {
        let columns = Columns::new(10, 3);
        std::thread::scope(|scope| {
            // More threads than there is room for, some of them in the memory of another.
            for lane in 0..8 {
                let columns = &columns;
                scope.spawn(move || {
                    for count in 0..12 {
                        for _ in 0..=count {
                            columns.add(count, lane);
                        }
                    }
                });
            }
        });
        let read: Vec<u64> = (0..10).map(|count| columns.read(count)).collect();
        assert_eq!(read, [8, 16, 24, 32, 40, 48, 56, 64, 72, 80]);
        assert_eq!(columns.read(16), 0, "there is no such count");
        let none = Columns::default();
        none.add(0, 5);
        assert_eq!(none.read(0), 0);
    }
}
