//! New versions of zones that are not decided on yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use halfmoon_wire::NameBuf;

use super::{Attach, Beside, Companion, FileReport, Fresh, Outcome};
use crate::{Built, Fault, FileId, Files, Hosted, Level, Place};

/// A new version of a zone, when all that is wrong with it by itself is known.
#[derive(Debug)]
pub struct Candidate<P> {
    path: PathBuf,
    apex: NameBuf,
    new: Option<Arc<Hosted<P>>>,
    old: Option<Arc<Hosted<P>>>,
    faults: Vec<Fault>,
    files: Files,
}

impl<P> Candidate<P> {
    /// Attaches what belongs to it.
    pub(super) fn of(
        path: &Path,
        built: Built,
        companions: &Beside<Option<Companion>>,
        old: Option<Arc<Hosted<P>>>,
        attach: &mut dyn Attach<P>,
    ) -> Self {
        let Built { zone, apex, programs, mut faults, files, .. } = built;
        let new = zone.and_then(|zone| {
            let (programs, before) = (programs.as_slice(), old.as_deref());
            let fresh = Fresh { zone: &zone, programs, before, companions };
            let beside = attach.attach(&fresh, &mut faults);
            // What is refused takes nothing from those that come after it.
            let is_right = faults.iter().all(|fault| fault.level != Level::Error);
            is_right.then(|| Arc::new(Hosted { zone, beside }))
        });
        Self { path: path.to_owned(), apex, new, old, faults, files }
    }

    /// One that is served on, and of which nothing was read.
    pub(super) fn unread(path: &Path, served: Arc<Hosted<P>>) -> Self {
        let apex = served.zone.apex().to_buf();
        let (faults, files) = (Vec::new(), Files::default());
        Self { path: path.to_owned(), apex, new: None, old: Some(served), faults, files }
    }

    /// The zone's name.
    #[must_use]
    pub const fn apex(&self) -> NameBuf {
        self.apex
    }

    /// What would be served in its place if nothing is wrong with it; `None`: something is.
    #[must_use]
    pub fn proposed(&self) -> Option<&Hosted<P>> {
        let is_error = |fault: &Fault| fault.level == Level::Error;
        self.new.as_deref().filter(|_| !self.faults.iter().any(is_error))
    }

    /// What is served of the zone so far.
    #[must_use]
    pub fn served(&self) -> Option<&Hosted<P>> {
        self.old.as_deref()
    }

    /// Adds what is wrong with it, at the start of its file if it has no place.
    pub fn refuse(&mut self, place: Option<Place>, fault: impl FnOnce(Place) -> Fault) {
        let top = Place { file: self.top(), line: 1, column: 1 };
        self.faults.push(fault(place.unwrap_or(top)));
    }

    fn top(&mut self) -> FileId {
        self.files.add(&self.path)
    }

    /// Whether the new version is served or the old one stays.
    pub(super) fn decide(mut self) -> (Option<Arc<Hosted<P>>>, FileReport) {
        let is_right = self.proposed().is_some();
        let new = self.new.take().filter(|_| is_right);
        let Self { path, apex, old, mut faults, files, .. } = self;
        faults.sort_by_key(|fault| fault.place);
        let outcome = match (&new, &old) {
            (Some(_), _) => Outcome::Loaded,
            (None, Some(_)) => Outcome::Kept,
            (None, None) => Outcome::Refused,
        };
        let records = new.as_ref().map_or(0, |hosted| hosted.zone.record_count());
        let report = FileReport { path, apex, records, outcome, faults, files };
        (new.or(old), report)
    }
}
