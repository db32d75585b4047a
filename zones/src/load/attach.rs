//! What is kept beside a zone, which whoever loads it makes.

use halfmoon_wire::{Name, NameBuf};

use super::{Beside, Candidate, Companion, MostRecords};
use crate::{Addition, Draft, Fault, Hosted, MOST_OCTETS, ProgramSource, Zone};

/// The rule of files that cannot be read.
pub const UNREADABLE: &str = "unreadable-file";

/// Makes what is kept beside a zone of its programs and its records; adds what is wrong with them.
///
/// Files are read by several threads, which ask what they have to know at the same time. What is told, and asked with
/// `&mut`, is so by the thread that loads, file by file in their order.
pub trait Attach<P>: Sync {
    /// What changes whenever [`Attach::additions`] of this zone do: an unchanged file is read again
    /// then. Asked at each load for each zone, so it has to be quick.
    fn stamp(&self, _apex: Name<'_>) -> u64 {
        0
    }

    /// Whether [`Attach::additions`] may have any for a zone with this apex. If not, they need not be asked for.
    fn may_add(&self, _apex: Name<'_>) -> bool {
        true
    }

    /// Records that stand in the zone beside those of its file. `draft` is the zone as far as it
    /// has been read.
    fn additions(&mut self, _draft: &Draft<'_>) -> Vec<Addition> {
        Vec::new()
    }

    /// The serial that a zone has to have in place of that of its file; `None`: that of its file. Asked for
    /// zones of commits, which are read only when they have changed.
    fn serial(&mut self, _draft: &Draft<'_>) -> Option<u32> {
        None
    }

    /// A load begins. `stay` are the zones that are served and of which it reads nothing, `before` those
    /// of which it may read new versions.
    fn start(
        &mut self,
        _stay: &mut dyn Iterator<Item = &Hosted<P>>,
        _before: &mut dyn Iterator<Item = &Hosted<P>>,
    ) {
    }

    /// How many records a zone with this apex may have; `None`: as many as it likes, whatever is read before it.
    /// Asked before it is read, and once more if it was read before its turn.
    fn most_records(&self, _apex: Name<'_>) -> Option<MostRecords> {
        None
    }

    /// How many octets one zone may have in all its files. Asked before it is opened.
    fn most_octets(&self) -> u64 {
        MOST_OCTETS
    }

    /// Whether this fault of a zone may be none when other zones are others: it is read again then.
    fn depends_on_others(&self, _fault: &Fault) -> bool {
        false
    }

    /// Whether this fault of a zone may be over although nothing that is known of its files has changed: it is read
    /// again at each whole load then.
    fn may_pass(&self, fault: &Fault) -> bool {
        fault.rule == UNREADABLE
    }

    /// A zone was read with which nothing is wrong so far; others of this load may come after it. The sources of its
    /// programs are held until it is attached to.
    fn has_read(&mut self, _zone: &Zone, _programs: &[(NameBuf, ProgramSource)]) {}

    /// A zone was read that is refused; it is held until all of the load is judged, and the sources of its programs
    /// as long as those of others.
    fn holds(&mut self, _zone: &Zone, _programs: &[(NameBuf, ProgramSource)]) {}

    /// Whether a zone may go because its file is gone. If not, it is served as it was, and asked again at
    /// each load.
    fn may_go(&self, _zone: &Hosted<P>) -> bool {
        true
    }

    /// What is kept beside the zone.
    fn attach(&mut self, fresh: &Fresh<'_, P>, faults: &mut Vec<Fault>) -> P;

    /// Judges all zones of a load together, before any is served. Among them are, without a new version,
    /// those that stay although their file is gone.
    fn judge(&mut self, _candidates: &mut [Candidate<P>]) {}
}

/// A zone that was read, as [`Attach::attach`] finds it.
#[derive(Debug)]
pub struct Fresh<'a, P> {
    /// The zone.
    pub zone: &'a Zone,
    /// Its programs in the order in which it numbers them, each with its owner.
    pub programs: &'a [(NameBuf, ProgramSource)],
    /// The version of the zone that this one takes the place of.
    pub before: Option<&'a Hosted<P>>,
    /// The files beside its file.
    pub companions: &'a Beside<Option<Companion>>,
}
