//! A load of the few files that are known to have changed, which costs what they cost, however
//! many others there are.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use halfmoon_wire::NameBuf;

use super::companion::{companions_of, is_companion, stamps_of, zone_of};
use super::find::ENDING;
use super::{Attach, Beside, Known, Loaded, Loader, Source, Stamp, Wanted, real};
use crate::open::Folder;
use crate::{Catalog, Hosted};

/// A zone that can be read alone.
struct Simple {
    apex: NameBuf,
    beside: Beside<Option<PathBuf>>,
}

impl<P> Loader<P> {
    /// Does as [`Loader::load`] does when of all paths only these may lead to something else than
    /// before. `served` is the catalog that the last load made.
    ///
    /// `None`, and nothing has changed: it is not as simple as some zones of the folder that have a
    /// new version each. Files that come and go, are included by others, include others than before,
    /// or have another name now, and zones that are listed, take a whole load.
    pub fn load_changed(
        &mut self,
        changed: &BTreeSet<PathBuf>,
        served: &Catalog<P>,
        attach: &mut dyn Attach<P>,
    ) -> Option<Loaded<P>> {
        if !self.sources.listed.is_empty() {
            return None;
        }
        // What changes beside a zone file changes its zone.
        let zones = changed.iter().map(|path| match is_companion(path) {
            true => zone_of(path).unwrap_or_else(|| path.clone()),
            false => path.clone(),
        });
        let mut due = Vec::new();
        for path in &zones.collect::<BTreeSet<_>>() {
            let source = Source::Found(path.clone());
            let Some(known) = self.known.get(&source) else {
                if self.matters(path) {
                    return None;
                }
                continue;
            };
            let simple = self.simple(path, known, served)?;
            let are_still = stamps_of(&simple.beside) == known.companions;
            if !are_still || known.stamps.iter().any(|(path, stamp)| Stamp::of(path) != *stamp) {
                due.push((source, simple));
            }
        }
        if !due.is_empty() {
            // What has changed may make room for them.
            for source in &self.waiting {
                if !due.iter().any(|(other, _)| other == source) {
                    let known = self.known.get(source)?;
                    due.push((source.clone(), self.simple(source.path(), known, served)?));
                }
            }
            due.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        let changing: HashSet<NameBuf> = due.iter().map(|(_, simple)| simple.apex).collect();
        let stays = |zone: &&Hosted<P>| !changing.contains(&zone.zone.apex().to_buf());
        let zones = || served.zones().iter().map(|hosted| &**hosted);
        attach.start(&mut zones().filter(stays), &mut zones().filter(|zone| !stays(zone)));
        let folder = self.sources.folder.as_deref().map(Folder::of);
        let mut read = Vec::with_capacity(due.len());
        for (source, Simple { apex, beside }) in due {
            let known = self.known.get(&source)?;
            let wanted = Wanted { source, name: None, beside };
            let new = self.reading(folder.as_ref()).read(wanted, attach);
            let includes = new.stamps.iter().map(|(path, _)| path);
            if new.is_part()
                || new.built.apex.as_name() != apex.as_name()
                || !includes.eq(known.stamps.iter().map(|(path, _)| path))
            {
                return None;
            }
            read.push(new);
        }
        let (mut kept, mut candidates) = (Vec::new(), Vec::new());
        for zone in read {
            let before = self.known.remove(&zone.source);
            let (of, candidate) = zone.attach(before, attach);
            kept.push(of);
            candidates.push(candidate);
        }
        attach.judge(&mut candidates);
        let (mut reports, mut new) = (Vec::new(), Vec::new());
        for (of, candidate) in kept.into_iter().zip(candidates) {
            let (source, of, report) = self.decide(of, candidate, attach);
            new.extend(of.hosted.clone());
            self.known.insert(source, of);
            reports.extend(report);
        }
        let catalog = served.replacing(new);
        let (removed, held, strays) = (Vec::new(), Vec::new(), Vec::new());
        Some(Loaded { catalog, reports, removed, held, strays })
    }

    /// What is known of a zone that can be read alone; `None`: it takes a whole load.
    fn simple(&self, path: &Path, known: &Known<P>, served: &Catalog<P>) -> Option<Simple> {
        let hosted = known.hosted.as_ref()?;
        let apex = hosted.zone.apex();
        let is_plain = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
        let is_served = served.zone(apex).is_some_and(|other| Arc::ptr_eq(other, hosted));
        if known.is_part || known.is_gone || !is_plain || !is_served || self.is_included(path) {
            return None;
        }
        let beside = companions_of(path).try_map(|path| match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => Some(Some(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(None),
            // A link may lead out of the folder.
            _ => None,
        })?;
        Some(Simple { apex: apex.to_buf(), beside })
    }

    /// Whether something at a path that is no zone so far may be one, have some below it, or be a
    /// part of one.
    fn matters(&self, path: &Path) -> bool {
        let below = Source::Found(path.to_owned());
        let mut below = self.known.range(below..).map(|(source, _)| source.path());
        path.extension() == Some(OsStr::new(ENDING))
            || path.is_dir()
            || below.next().is_some_and(|zone| zone.starts_with(path))
            || self.is_included(path)
    }

    fn is_included(&self, path: &Path) -> bool {
        !self.parts.is_empty() && (self.parts.contains(path) || self.parts.contains(&real(path)))
    }
}
