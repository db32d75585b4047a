//! Zones from a commit: all or nothing, and no more work than what has changed.
//!
//! A [`Proposal`] is what a commit would make of the zones. Until it is accepted, the loader is what it
//! was, so a commit that is refused leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use halfmoon_wire::{Name, NameBuf};

use super::companion::{LONGEST, companions_of, is_companion, zone_of};
use super::find::{ENDING, origin_of};
use super::{Attach, Beside, Candidate, Companion, FileReport, Limited, Loaded, Outcome};
use crate::{
    Builder, Built, Catalog, Fault, Files, Hosted, Place, ReadOptions, Store, read_stored,
};

/// A zone file of the commit that is served.
#[derive(Debug)]
struct Known<P> {
    /// What it includes.
    includes: Vec<PathBuf>,
    /// The apex, and the stamp of what was added to it.
    apex: NameBuf,
    added: u64,
    hosted: Option<Arc<Hosted<P>>>,
    is_part: bool,
}

/// Loads the zones of one commit after another.
#[derive(Debug)]
pub struct CommitLoader<P> {
    /// The folder of the zones, from the top of the repository.
    root: PathBuf,
    insert_whitespace: bool,
    known: BTreeMap<PathBuf, Known<P>>,
}

/// A file of the proposal.
struct Read {
    built: Built,
    /// The stamp of what was added to it.
    added: u64,
    companions: Beside<Option<Companion>>,
}

/// What a commit would make of the zones.
#[derive(Debug)]
pub struct Proposal<P> {
    /// The catalog, what was read, and which zones would go.
    pub loaded: Loaded<P>,
    updates: BTreeMap<PathBuf, Option<Known<P>>>,
}

impl<P> Proposal<P> {
    /// Whether some zone that was read has an error, of its own or together with others.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.loaded.reports.iter().any(FileReport::is_wrong)
    }
}

impl<P> CommitLoader<P> {
    /// A loader of the zone files in a folder of a repository, and below.
    #[must_use]
    pub const fn new(root: PathBuf, insert_whitespace: bool) -> Self {
        Self { root, insert_whitespace, known: BTreeMap::new() }
    }

    /// Works out what the files in `store` make, of which only those in `changed` are others than
    /// those of the commit before; each path starts at the top of the repository, and is there or is
    /// not. `served` is the catalog of the commit before.
    pub fn propose(
        &self,
        store: &dyn Store,
        changed: &[(PathBuf, bool)],
        served: &Catalog<P>,
        attach: &mut dyn Attach<P>,
    ) -> Proposal<P> {
        let is_zone = |path: &Path| path.extension() == Some(OsStr::new(ENDING));
        let touched: HashSet<&Path> = changed.iter().map(|(path, _)| path.as_path()).collect();
        let mut gone: BTreeSet<&Path> = BTreeSet::new();
        let mut due: BTreeSet<PathBuf> = BTreeSet::new();
        for (path, is_there) in changed.iter().filter(|(path, _)| is_zone(path)) {
            if *is_there {
                due.insert(path.clone());
            } else {
                gone.insert(path);
            }
        }
        for zone in
            touched.iter().filter(|path| is_companion(path)).filter_map(|path| zone_of(path))
        {
            if self.known.contains_key(&zone) && !gone.contains(zone.as_path()) {
                due.insert(zone);
            }
        }
        for (path, known) in &self.known {
            let is_other = known.includes.iter().any(|file| touched.contains(file.as_path()))
                || !known.is_part && attach.stamp(known.apex.as_name()) != known.added;
            if is_other && !gone.contains(path.as_path()) {
                due.insert(path.clone());
            }
        }
        let paths = || due.iter().map(PathBuf::as_path).chain(gone.iter().copied());
        let leaving: HashSet<NameBuf> =
            paths().filter_map(|path| Some(self.known.get(path)?.apex)).collect();
        let stays = |zone: &&Hosted<P>| !leaving.contains(&zone.zone.apex().to_buf());
        let zones = || served.zones().iter().map(|hosted| &**hosted);
        attach.start(&mut zones().filter(stays), &mut zones().filter(|zone| !stays(zone)));
        let mut read: BTreeMap<PathBuf, Read> = BTreeMap::new();
        for path in due {
            let built = self.read(&path, store, attach);
            read.insert(path, built);
        }
        // A part of others that nobody includes any longer has to be a zone.
        let included = self.included(&read, &gone);
        let forsaken: Vec<PathBuf> = self
            .known
            .iter()
            .filter(|(path, known)| known.is_part && !included.contains(*path))
            .map(|(path, _)| path.clone())
            .filter(|path| !gone.contains(path.as_path()) && !read.contains_key(path))
            .collect();
        for path in forsaken {
            let built = self.read(&path, store, attach);
            read.insert(path, built);
        }
        let mut proposal = self.propose_read(read, &gone, &included, served, attach);
        proposal.loaded.strays = strays(changed, |zone| match proposal.updates.get(zone) {
            Some(update) => update.is_some(),
            None => self.known.contains_key(zone),
        });
        proposal
    }

    fn propose_read(
        &self,
        read: BTreeMap<PathBuf, Read>,
        gone: &BTreeSet<&Path>,
        included: &HashSet<PathBuf>,
        served: &Catalog<P>,
        attach: &mut dyn Attach<P>,
    ) -> Proposal<P> {
        let mut updates: BTreeMap<PathBuf, Option<Known<P>>> =
            gone.iter().map(|path| ((*path).to_owned(), None)).collect();
        let (mut pending, mut candidates) = (Vec::new(), Vec::new());
        for (path, Read { built, added, companions }) in read {
            let includes = others(&built.files, &path);
            let apex = built.apex;
            if !built.has_soa && included.contains(&path) {
                let part = Known { includes, apex, added, hosted: None, is_part: true };
                updates.insert(path, Some(part));
                continue;
            }
            // The zone, not the file: one that moves to another file stays what it is.
            let old = served.zone(apex.as_name()).map(Arc::clone);
            candidates.push(Candidate::of(&path, built, &companions, old, attach));
            pending.push((path, Known { includes, apex, added, hosted: None, is_part: false }));
        }
        attach.judge(&mut candidates);
        let mut reports = Vec::with_capacity(candidates.len());
        for ((path, known), candidate) in pending.into_iter().zip(candidates) {
            let (hosted, report) = candidate.decide();
            let hosted = hosted.filter(|_| report.outcome == Outcome::Loaded);
            updates.insert(path, Some(Known { hosted, ..known }));
            reports.push(report);
        }
        let catalog = self.catalog(&updates, served, &mut reports);
        let removed = self.removed(&updates, &catalog);
        let (held, strays) = (Vec::new(), Vec::new());
        Proposal { loaded: Loaded { catalog, reports, removed, held, strays }, updates }
    }

    /// Makes a proposal what is served, and returns its catalog.
    pub fn accept(&mut self, proposal: Proposal<P>) -> Catalog<P> {
        for (path, known) in proposal.updates {
            match known {
                Some(known) => self.known.insert(path, known),
                None => self.known.remove(&path),
            };
        }
        proposal.loaded.catalog
    }

    fn read(&self, path: &Path, store: &dyn Store, attach: &mut dyn Attach<P>) -> Read {
        let origin = origin_of(path);
        let options = ReadOptions {
            origin,
            root: Some(self.root.clone()),
            within: None,
            most_octets: attach.most_octets(),
            include_base: None,
            insert_whitespace: self.insert_whitespace,
        };
        let mut files = Files::default();
        let mut builder = Builder::new();
        let most_of = |apex: Name<'_>| attach.most_records(apex);
        let mut limited = Limited::new(&mut builder, origin.as_name(), &most_of);
        read_stored(path, store, &options, &mut files, &mut limited);
        let exceeded = limited.exceeded;
        let added = builder.apex().map_or(0, |apex| attach.stamp(apex.as_name()));
        if let Some(draft) = builder.draft() {
            let additions = attach.additions(&draft);
            let serial = attach.serial(&draft);
            builder.add(&additions, files.add(path));
            if let Some(serial) = serial {
                builder.set_serial(serial);
            }
        }
        let mut built = match exceeded {
            Some(fault) => builder.give_up(origin.as_name(), fault, files),
            None => builder.build(origin.as_name(), path, files),
        };
        match &built.zone {
            Some(zone) if built.is_refused() => attach.holds(zone, &built.programs),
            Some(zone) => attach.has_read(zone, &built.programs),
            None => {}
        }
        let companions = companions_of(path).map(|beside| match store.read(&beside, LONGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            octets => Companion::of(&beside, octets, &mut built.files, &mut built.faults),
        });
        Read { built, added, companions }
    }

    /// All files that zones would include.
    fn included(&self, read: &BTreeMap<PathBuf, Read>, gone: &BTreeSet<&Path>) -> HashSet<PathBuf> {
        let kept = self
            .known
            .iter()
            .filter(|(path, _)| !read.contains_key(*path) && !gone.contains(path.as_path()))
            .flat_map(|(_, known)| known.includes.iter().cloned());
        kept.chain(read.iter().flat_map(|(path, read)| others(&read.built.files, path))).collect()
    }

    /// The catalog; cheap where each zone that was read takes the place of itself.
    fn catalog(
        &self,
        updates: &BTreeMap<PathBuf, Option<Known<P>>>,
        served: &Catalog<P>,
        reports: &mut [FileReport],
    ) -> Catalog<P> {
        let hosted = |known: &Known<P>| known.hosted.as_ref().map(Arc::clone);
        let is_in_place =
            |(path, new): (&PathBuf, &Option<Known<P>>)| match (self.known.get(path), new) {
                (Some(old), Some(new)) => {
                    old.apex == new.apex
                        && old.hosted.as_ref().is_some_and(|hosted| {
                            let served = served.zone(new.apex.as_name());
                            served.is_some_and(|served| Arc::ptr_eq(served, hosted))
                        })
                        && new.hosted.is_some()
                }
                _ => false,
            };
        if updates.iter().all(is_in_place) {
            return served.replacing(updates.values().flatten().filter_map(hosted).collect());
        }
        let kept = self.known.iter().filter(|(path, _)| !updates.contains_key(*path));
        let new = updates.iter().filter_map(|(path, known)| Some((path, known.as_ref()?)));
        let mut zones = Vec::new();
        let mut chosen: HashMap<NameBuf, &Path> = HashMap::new();
        for (path, known) in kept.chain(new) {
            let Some(hosted) = hosted(known) else {
                continue;
            };
            let Some(other) = chosen.get(&known.apex) else {
                chosen.insert(known.apex, path);
                zones.push(hosted);
                continue;
            };
            if let Some(report) = reports.iter_mut().find(|report| report.path == *path) {
                let message = format!("zone {} is in {} already", known.apex, other.display());
                let place = Place { file: report.files.add(path), line: 1, column: 1 };
                let fault = Fault::error("zone-twice", place, message);
                report.faults.push(fault.help("keep one file for each zone"));
                report.outcome = Outcome::Refused;
            }
        }
        Catalog::new(zones)
    }

    /// The zones that are served and would not be any longer.
    fn removed(
        &self,
        updates: &BTreeMap<PathBuf, Option<Known<P>>>,
        catalog: &Catalog<P>,
    ) -> Vec<NameBuf> {
        let before = updates.keys().filter_map(|path| self.known.get(path));
        before
            .filter(|known| known.hosted.is_some())
            .map(|known| known.apex)
            .filter(|apex| catalog.zone(apex.as_name()).is_none())
            .collect()
    }
}

/// New files beside which there is no zone.
fn strays(changed: &[(PathBuf, bool)], is_zone: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let new = changed.iter().filter(|(path, is_there)| *is_there && is_companion(path));
    new.map(|(path, _)| path)
        .filter(|path| zone_of(path).is_none_or(|zone| !is_zone(&zone)))
        .cloned()
        .collect()
}

fn others(files: &Files, path: &Path) -> Vec<PathBuf> {
    files.iter().filter(|file| *file != path && !is_companion(file)).map(Path::to_owned).collect()
}
