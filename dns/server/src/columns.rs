//! Many counts that several threads add to, each thread in memory of its own: nobody waits for a line
//! that another one has just written to.

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
    threads: usize,
    counts: Box<[Row]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Row([AtomicU64; ROW]);

impl Columns {
    /// `count` counts, all zero, for so many threads that add at the same time. There may be more of
    /// them: nothing is lost then, only some of them wait for one another.
    ///
    /// No more than [`MOST_LANES`] threads have memory of their own: there may be many of these.
    #[must_use]
    pub fn new(count: usize, threads: usize) -> Self {
        let (rows, threads) = (count.div_ceil(ROW), threads.clamp(1, MOST_LANES));
        let counts = std::iter::repeat_with(Row::default).take(rows * threads).collect();
        Self { rows, threads, counts }
    }

    /// Adds one to a count, as the thread with this [`crate::meter::Meter::lane`]. Nothing where there is
    /// no such count.
    pub fn add(&self, count: usize, lane: usize) {
        let Some(lane) = lane.checked_rem(self.threads).filter(|_| count / ROW < self.rows) else {
            return;
        };
        if let Some(row) = self.counts.get(lane * self.rows + count / ROW) {
            row.0[count % ROW].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What all threads have added to a count.
    #[must_use]
    pub fn read(&self, count: usize) -> u64 {
        let of = |lane: usize| self.counts.get(lane * self.rows + count / ROW);
        let lanes = 0..if count / ROW < self.rows { self.threads } else { 0 };
        lanes.filter_map(of).map(|row| row.0[count % ROW].load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
