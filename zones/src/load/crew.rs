//! Reads many files by several threads, with the outcome that one would have.
//!
//! Files are read ahead, some hundred at a time; then each is taken in, in order, by the thread that loads. How much
//! may be read of a file depends on those before it. Of one for which that is limited at all, little is read ahead,
//! and where that is too much once its turn comes, it is read again, as if nobody had.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use halfmoon_wire::Name;

use super::read::{Read, Reading, Text, Wanted};
use super::{Attach, MostRecords};

/// Threads at most: what so many read takes less time than what one has to do alone.
const MOST_THREADS: usize = 8;
/// Files for which one more thread is worth its while.
const FILES_A_THREAD: usize = 64;
/// Files that are read ahead at a time.
const AHEAD: usize = 512;
/// Octets of a file that is read ahead: longer ones are in memory one after the other.
const MOST_OCTETS: u64 = 4 << 20;
/// Records of a file that is limited and read ahead, and no zone yet when its turn comes.
const MOST_RECORDS: u64 = 500;
/// Octets of such a file, and of the data and the programs of its records.
const MOST_KEPT: u64 = 64 << 10;

/// How many threads there may be, the one that loads among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crew(usize);

/// What has become of a file that was to be read ahead.
#[derive(Debug)]
enum Ahead {
    /// It made a zone.
    Read(Read),
    /// What it says; whether that is too much, or something is to be added, shows in its turn.
    Text(Wanted, Text),
    /// It has to wait for its turn.
    Unread(Wanted),
}

impl Crew {
    /// So many.
    pub(super) fn of(threads: usize) -> Self {
        Self(threads.clamp(1, MOST_THREADS))
    }

    /// As many as there are processors.
    pub(super) fn of_processors() -> Self {
        Self::of(thread::available_parallelism().map_or(1, usize::from))
    }

    /// One less, which leaves a processor to those who answer.
    pub(super) fn beside_others(self) -> Self {
        Self::of(self.0 - 1)
    }

    /// Reads files, one after the other as far as anybody can tell.
    pub(super) fn read<P>(
        self,
        reading: Reading<'_>,
        wanted: Vec<Wanted>,
        attach: &mut dyn Attach<P>,
    ) -> Vec<Read> {
        let threads = self.0.min(wanted.len() / FILES_A_THREAD);
        let mut read = Vec::with_capacity(wanted.len());
        let mut wanted = wanted.into_iter();
        while threads > 1 && wanted.len() > 0 {
            let mut next = wanted.by_ref().take(AHEAD);
            let ahead = read_ahead(reading, &mut next, threads, attach);
            read.extend(ahead.into_iter().map(|ahead| reading.read_on(ahead, attach)));
        }
        read.extend(wanted.map(|wanted| reading.read(wanted, attach)));
        read
    }
}

/// Reads files as far as that can be done in any order.
fn read_ahead<P>(
    reading: Reading<'_>,
    wanted: &mut (dyn Iterator<Item = Wanted> + Send),
    threads: usize,
    attach: &dyn Attach<P>,
) -> Vec<Ahead> {
    let mut ahead: Vec<Option<Ahead>> = (0..AHEAD).map(|_| None).collect();
    let next = Mutex::new(wanted.zip(&mut ahead));
    let work = || {
        let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((wanted, place)) = take() {
            *place = Some(reading.read_ahead(wanted, attach));
        }
    };
    thread::scope(|scope| {
        // They are as urgent as this one. Where there are none to be had, fewer do the same.
        let start = |_| thread::Builder::new().name("read".to_owned()).spawn_scoped(scope, work);
        let others: Vec<_> = (1..threads).filter_map(|number| start(number).ok()).collect();
        work();
        for other in others {
            // As if it had been this one.
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    ahead.into_iter().flatten().collect()
}

impl Reading<'_> {
    /// Reads a file as far as nothing has to be known of those before it.
    fn read_ahead<P>(self, wanted: Wanted, attach: &dyn Attach<P>) -> Ahead {
        let sheet = self.open(&wanted, attach.most_octets());
        let length = sheet.length();
        let is_limited = || attach.most_records(wanted.origin().as_name()).is_some();
        if length > MOST_OCTETS || length > MOST_KEPT && is_limited() {
            return Ahead::Unread(wanted);
        }
        let most_of = |apex: Name<'_>| {
            let MostRecords { count, fault, data } = attach.most_records(apex)?;
            // What is stopped here is read again in its turn: what it is told does not matter.
            let (most, excess) = data.unwrap_or_else(|| (u64::MAX, fault.clone()));
            let data = Some((most.min(MOST_KEPT), excess));
            Some(MostRecords { count: count.min(MOST_RECORDS), fault, data })
        };
        let text = sheet.read(&wanted, &most_of);
        let apex = text.builder.apex();
        if !text.is_limited && apex.is_none_or(|apex| !attach.may_add(apex.as_name())) {
            return Ahead::Read(text.build(wanted, &[]));
        }
        // What is not limited is kept in any case.
        let kept = text.amount.kept().max(length);
        let is_long = text.is_limited && (text.amount.records > MOST_RECORDS || kept > MOST_KEPT);
        match text.exceeded.is_some() || is_long {
            true => Ahead::Unread(wanted),
            false => Ahead::Text(wanted, text),
        }
    }

    /// Goes on with a file, now that all before it are known.
    fn read_on<P>(self, ahead: Ahead, attach: &mut dyn Attach<P>) -> Read {
        match ahead {
            Ahead::Read(read) => {
                let has_apex = read.built.has_soa;
                let added = if has_apex { attach.stamp(read.built.apex.as_name()) } else { 0 };
                read.take_in(added, attach)
            }
            Ahead::Text(wanted, text) if text.fits(attach) => text.finish(wanted, attach),
            Ahead::Text(wanted, _) | Ahead::Unread(wanted) => self.read(wanted, attach),
        }
    }
}

impl Text {
    /// Whether it has no more records and data than there may be now.
    fn fits<P>(&self, attach: &dyn Attach<P>) -> bool {
        let apex = self.builder.apex();
        let mut names = [Some(self.origin), apex].into_iter().flatten();
        names.all(|name| {
            let most = attach.most_records(name.as_name());
            most.is_none_or(|most| most.excess(&self.amount).is_none())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_one_and_never_a_crowd() {
        for (threads, all, beside_others) in
            [(0, 1, 1), (1, 1, 1), (2, 2, 1), (4, 4, 3), (64, 8, 7)]
        {
            let crew = Crew::of(threads);
            assert_eq!((crew.0, crew.beside_others().0), (all, beside_others), "{threads}");
        }
    }
}
