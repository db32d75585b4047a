//! The zones whose files are gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use halfmoon_wire::NameBuf;

use super::{Attach, Candidate, Known, Source};
use crate::{Built, Hosted};

/// The files that a load does not find any longer, or finds to be no zones, as the last one left them.
#[derive(Debug)]
pub(super) struct Gone<P> {
    files: BTreeMap<Source, Known<P>>,
    /// Which of them each zone was in.
    of_zones: HashMap<NameBuf, Source>,
}

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Parted {
    /// The zones that go.
    pub(super) removed: Vec<NameBuf>,
    /// The zones that are served on.
    pub(super) held: Vec<NameBuf>,
}

impl<P> Extend<(Source, Known<P>)> for Gone<P> {
    fn extend<F: IntoIterator<Item = (Source, Known<P>)>>(&mut self, files: F) {
        for (source, known) in files {
            if let Some(hosted) = &known.hosted {
                self.of_zones.insert(hosted.zone.apex().to_buf(), source.clone());
            }
            self.files.insert(source, known);
        }
    }
}

impl<P> Gone<P> {
    pub(super) fn new(files: BTreeMap<Source, Known<P>>) -> Self {
        let mut gone = Self { files: BTreeMap::new(), of_zones: HashMap::new() };
        gone.extend(files);
        gone
    }

    /// What is served of them so far.
    pub(super) fn zones(&self) -> impl Iterator<Item = &Hosted<P>> {
        self.files.values().filter_map(|known| known.hosted.as_deref())
    }

    /// What a file that was read takes the place of, of which `before` is known so far: a zone whose file
    /// has another name now is what it was.
    pub(super) fn before(&mut self, built: &Built, before: Option<Known<P>>) -> Option<Known<P>> {
        if !built.has_soa || before.as_ref().is_some_and(|known| known.hosted.is_some()) {
            return before;
        }
        let moved = self.of_zones.remove(&built.apex).and_then(|file| self.files.remove(&file));
        match (before, moved) {
            (Some(before), Some(moved)) => Some(Known { hosted: moved.hosted, ..before }),
            (before, moved) => before.or(moved),
        }
    }

    /// Those that have to stay, which others are judged with.
    pub(super) fn held(&self, attach: &dyn Attach<P>) -> Vec<Candidate<P>> {
        let held = self.files.iter().filter_map(|(file, known)| {
            let hosted = known.hosted.as_ref().filter(|hosted| !attach.may_go(hosted))?;
            Some((file.path(), Arc::clone(hosted)))
        });
        held.map(|(path, hosted): (&Path, _)| Candidate::unread(path, hosted)).collect()
    }

    /// Lets go those that may go. The others are among the `known` ones again.
    pub(super) fn part_with(
        self,
        known: &mut BTreeMap<Source, Known<P>>,
        attach: &dyn Attach<P>,
    ) -> Parted {
        let mut parted = Parted::default();
        let mut elsewhere: Option<HashSet<NameBuf>> = None;
        for (source, file) in self.files {
            let Some(hosted) = &file.hosted else {
                continue;
            };
            let apex = hosted.zone.apex().to_buf();
            let may_go = attach.may_go(hosted) || {
                // What another file has now is not lost.
                let others = elsewhere.get_or_insert_with(|| {
                    let others = known.values().filter_map(|known| known.hosted.as_ref());
                    others.map(|other| other.zone.apex().to_buf()).collect()
                });
                others.contains(&apex)
            };
            if may_go {
                parted.removed.push(apex);
            } else {
                parted.held.push(apex);
                known.insert(source, Known { is_gone: true, ..file });
            }
        }
        parted
    }
}
