//! A folder of zone files, or a list of them, as one transaction.
//!
//! All files are read, then one catalog is made of what is right. A zone whose new version is
//! refused stays as it was; one whose file is gone goes. Files that have not changed since the
//! last load are not read again.

mod attach;
mod candidate;
mod changed;
mod commit;
mod companion;
mod crew;
mod find;
mod gone;
mod limit;
mod read;
mod sources;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use halfmoon_wire::{Name, NameBuf};

pub use commit::{CommitLoader, Proposal};

use crate::open::Folder;
use crate::{Catalog, Fault, Files, Hosted, Level, Place};

pub use attach::{Attach, Fresh, UNREADABLE};
pub use candidate::Candidate;
pub use companion::{Beside, Companion};
use companion::{Companions, companions_of};
use crew::Crew;
use find::zone_files;
use gone::{Gone, Parted};
pub use limit::MostRecords;
use limit::{Amount, Limited};
use read::{Read, Reading, Wanted};
pub use sources::{ListedZone, Sources};
use sources::{Source, compare, folder_of, real};

/// What became of one zone file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its new version is served.
    Loaded,
    /// Its new version is refused; the old one is still served.
    Kept,
    /// It is refused, and nothing of it is served.
    Refused,
}

/// What a load has to say about one file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The name of the zone.
    pub apex: NameBuf,
    /// How many records the zone has; 0 when it is refused.
    pub records: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// All that is wrong with it.
    pub faults: Vec<Fault>,
    /// The files that the places in `faults` are in.
    pub files: Files,
}

impl FileReport {
    /// Whether something is wrong with the file that refuses it, or the commit it is in.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let is_error = |fault: &Fault| fault.level == Level::Error;
        self.outcome != Outcome::Loaded || self.faults.iter().any(is_error)
    }
}

/// The result of one load.
#[derive(Debug)]
pub struct Loaded<P> {
    /// What is to be served now.
    pub catalog: Catalog<P>,
    /// The files that were read: new, changed, or refused before; without those that are refused once
    /// more for the same reason, which other zones are ([`Attach::depends_on_others`]).
    pub reports: Vec<FileReport>,
    /// The zones that are no longer served because their file is gone.
    pub removed: Vec<NameBuf>,
    /// The zones that are served although their file is gone, as [`Attach::may_go`] has it.
    pub held: Vec<NameBuf>,
    /// Files ([`Companion`]) beside which there is no zone, as far as the last load did
    /// not find them.
    pub strays: Vec<PathBuf>,
}

/// What tells whether a file has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: u64,
    /// Seconds and nanoseconds: when who may read it was changed, too.
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Stamp {
    fn from(meta: &Metadata) -> Self {
        Self {
            length: meta.len(),
            modified: meta.modified().ok(),
            #[cfg(unix)]
            inode: meta.ino(),
            #[cfg(unix)]
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// The stamps of a zone file and of all that it includes; `None` for a file that is not there.
type Stamps = Vec<(PathBuf, Option<Stamp>)>;

/// What is kept of a file that was read, as soon as it is known what is served of it.
struct Kept<P> {
    source: Source,
    known: Known<P>,
    /// What the same file was refused for before.
    waited: Option<Vec<Fault>>,
}

/// A file as the last load left it.
#[derive(Debug)]
struct Known<P> {
    /// The file and all it includes.
    stamps: Stamps,
    /// The stamp of what was added to the file, at the apex it had, in wire form.
    added: Option<(Box<[u8]>, u64)>,
    /// The files beside it, if there were some.
    companions: Beside<Option<Stamp>>,
    /// What is served of it.
    hosted: Option<Arc<Hosted<P>>>,
    /// It is a part of other files and no zone.
    is_part: bool,
    /// It was gone, and what is served of it is held.
    is_gone: bool,
    /// What it was refused for, if nothing but what other zones have is against it: it is read again
    /// whenever something else has changed.
    waits: Option<Vec<Fault>>,
    /// What it was refused for may be over although the file is the same ([`Attach::may_pass`]): it is read again
    /// at each whole load.
    is_passing: bool,
}

/// A file, and the name that it is listed for, if it is.
type Named = (Source, Option<Box<NameBuf>>);

/// A file that is to be read.
struct Due<P> {
    source: Source,
    /// The name that it is listed for.
    name: Option<Box<NameBuf>>,
    /// What the last load knew of it.
    before: Option<Known<P>>,
}

impl<P> Known<P> {
    /// Whether the zone file, what it includes, and what was added to it are as they were.
    fn is_still(&self, attach: &dyn Attach<P>) -> bool {
        self.stamps.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
            && self
                .added
                .as_ref()
                .is_none_or(|(apex, stamp)| attach.stamp(Name::from_known_wire(apex)) == *stamp)
    }

    /// Whether it need not be read again as long as it has not changed.
    const fn is_settled(&self) -> bool {
        self.is_part || self.hosted.is_some() && self.waits.is_none() && !self.is_passing
    }
}

impl<P> Due<P> {
    fn waits(&self) -> bool {
        self.before.as_ref().is_some_and(|known| known.waits.is_some())
    }
}

/// Loads zone files, again and again.
#[derive(Debug)]
pub struct Loader<P> {
    sources: Sources,
    insert_whitespace: bool,
    crew: Crew,
    known: BTreeMap<Source, Known<P>>,
    /// The files that others included at the last whole load.
    parts: HashSet<PathBuf>,
    /// Files that are refused for nothing but what other zones have.
    waiting: BTreeSet<Source>,
    /// Files beside no zone, as the last whole load found them.
    strays: BTreeSet<PathBuf>,
}

impl<P> Loader<P> {
    /// A loader of the zone files in `root` and the folders below it, or of `root` itself if it
    /// is a file. `insert_whitespace` tells how the character-strings of a program are joined.
    #[must_use]
    pub fn new(root: PathBuf, insert_whitespace: bool) -> Self {
        Self::of(Sources { folder: Some(root), ..Sources::default() }, insert_whitespace)
    }

    /// A loader of a folder, of a list, or of both.
    #[must_use]
    pub fn of(sources: Sources, insert_whitespace: bool) -> Self {
        Self {
            sources,
            insert_whitespace,
            crew: Crew::of_processors(),
            known: BTreeMap::new(),
            parts: HashSet::new(),
            waiting: BTreeSet::new(),
            strays: BTreeSet::new(),
        }
    }

    /// Has many files read by so many threads at most, instead of one for each processor.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { crew: Crew::of(threads), ..self }
    }

    /// Where zones are found.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The folders of listed files, and of what they included at the last load: a change in
    /// them, not below, may be one of a zone. The folder of a zone file that is served alone is one
    /// of them.
    #[must_use]
    pub fn folders_of_listed(&self) -> BTreeSet<PathBuf> {
        let listed = self.sources.listed.iter().map(|zone| zone.path.as_path());
        let included = self
            .known
            .iter()
            .filter(|(source, _)| matches!(source, Source::Listed(..)))
            .flat_map(|(_, known)| known.stamps.iter().map(|(path, _)| path.as_path()));
        let alone = self.sources.folder.as_deref().filter(|path| path.is_file());
        listed.chain(included).chain(alone).map(|path| folder_of(path).to_owned()).collect()
    }

    /// Reads what has changed and makes the catalog that is to be served.
    ///
    /// # Errors
    /// The folder itself cannot be read. Nothing has changed then. A listed file that cannot be
    /// read is a fault of its zone only, which stays as it was.
    pub fn load(&mut self, attach: &mut dyn Attach<P>) -> io::Result<Loaded<P>> {
        let (sources, companions) = self.find()?;
        // Of the first load everybody waits for the end.
        let crew = if self.known.is_empty() { self.crew } else { self.crew.beside_others() };
        let mut gone = std::mem::take(&mut self.known);
        let mut due: Vec<Due<P>> = Vec::new();
        let mut unchanged: Vec<(Source, Known<P>)> = Vec::new();
        let mut is_new = false;
        for (source, name) in sources {
            let before = gone.remove(&source).map(|known| Known { is_gone: false, ..known });
            let is_same = before.as_ref().is_some_and(|known| {
                known.is_still(attach) && companions.are_still(source.path(), &known.companions)
            });
            match before {
                Some(known) if is_same && known.is_settled() => {
                    unchanged.push((source, known));
                }
                before => {
                    is_new |= !is_same;
                    due.push(Due { source, name, before });
                }
            }
        }
        let goes = |known: &Known<P>| known.hosted.as_ref().is_some_and(|zone| attach.may_go(zone));
        if !is_new && !gone.values().any(goes) {
            // What waits for others to change waits on.
            let waiting = due.extract_if(.., |due| due.waits());
            unchanged.extend(waiting.filter_map(|due| Some((due.source, due.before?))));
        }
        let mut gone = Gone::new(gone);
        let mut stay = unchanged.iter().filter_map(|(_, known)| known.hosted.as_deref());
        let before = due.iter().filter_map(|due| due.before.as_ref()?.hosted.as_deref());
        attach.start(&mut stay, &mut before.chain(gone.zones()));
        let (wanted, mut before): (Vec<Wanted>, Vec<Option<Known<P>>>) = due
            .into_iter()
            .map(|Due { source, name, before }| {
                let beside = companions.beside(source.path());
                (Wanted { source, name, beside }, before)
            })
            .unzip();
        let folder = self.sources.folder.as_deref().map(Folder::of);
        let read = crew.read(self.reading(folder.as_ref()), wanted, attach);
        let parts = parts_of_others(&read, &unchanged);
        let is_part = |new: &Read| new.is_part() && parts.contains(&real(new.source.path()));
        for (part, before) in read.iter().zip(&mut before).filter(|(new, _)| is_part(new)) {
            // As a zone, it is gone.
            gone.extend(before.take().map(|before| (part.source.clone(), before)));
        }
        let mut kept = Vec::with_capacity(read.len());
        let mut candidates = Vec::with_capacity(read.len());
        // A map is smaller, and made sooner, of all that is in it than of one after the other.
        let mut known = unchanged;
        known.reserve(read.len());
        for (new, before) in read.into_iter().zip(before) {
            if is_part(&new) {
                known.push(new.into_part());
                continue;
            }
            let before = gone.before(&new.built, before);
            let (of, candidate) = new.attach(before, attach);
            kept.push(of);
            candidates.push(candidate);
        }
        candidates.extend(gone.held(attach));
        attach.judge(&mut candidates);
        let mut reports = Vec::with_capacity(kept.len());
        for (of, candidate) in kept.into_iter().zip(candidates) {
            let (source, of, report) = self.decide(of, candidate, attach);
            known.push((source, of));
            reports.extend(report);
        }
        self.known = known.into_iter().collect();
        self.waiting.retain(|source| self.known.contains_key(source));
        let Parted { removed, held } = gone.part_with(&mut self.known, attach);
        self.parts = parts;
        let zones = self.choose(&mut reports);
        let strays = self.strays(companions);
        Ok(Loaded { catalog: Catalog::new(zones), reports, removed, held, strays })
    }

    /// Decides on what was read; what is known of its file then, and what is to be said of it, if that is anything
    /// new.
    fn decide(
        &mut self,
        kept: Kept<P>,
        candidate: Candidate<P>,
        attach: &dyn Attach<P>,
    ) -> (Source, Known<P>, Option<FileReport>) {
        let Kept { source, known, waited } = kept;
        let (hosted, report) = candidate.decide();
        let errors = || report.faults.iter().filter(|fault| fault.level == Level::Error);
        let is_refused = report.outcome != Outcome::Loaded;
        let waits = is_refused && errors().all(|fault| attach.depends_on_others(fault));
        let is_passing = is_refused && errors().any(|fault| attach.may_pass(fault));
        let waits = waits.then(|| report.faults.clone());
        let is_told = waits.is_some() && waits == waited;
        if waits.is_some() {
            self.waiting.insert(source.clone());
        } else {
            self.waiting.remove(&source);
        }
        let known = Known { hosted, waits, is_passing, ..known };
        (source, known, (!is_told).then_some(report))
    }

    /// The files beside which there is no zone, without those that the last load found, too.
    fn strays(&mut self, companions: Companions) -> Vec<PathBuf> {
        let mut left = companions.into_found();
        if !left.is_empty() {
            for (source, _) in self.known.iter().filter(|(_, known)| !known.is_part) {
                for path in companions_of(source.path()).into_iter() {
                    left.remove(&path);
                }
            }
        }
        if !left.is_empty() && !self.sources.listed.is_empty() {
            // The list may name a file of the folder in another way than the folder does.
            let listed = self.sources.listed.iter();
            let theirs = listed.flat_map(|zone| companions_of(&zone.path).into_iter());
            let theirs: HashSet<_> = theirs.map(|path| real(&path)).collect();
            left.retain(|path| !theirs.contains(&real(path)));
        }
        let new = left.difference(&self.strays).cloned().collect();
        self.strays = left;
        new
    }

    /// How files are read, with the folder of the sources.
    const fn reading<'a>(&'a self, folder: Option<&'a Folder<'a>>) -> Reading<'a> {
        Reading { sources: &self.sources, folder, insert_whitespace: self.insert_whitespace }
    }

    /// The zones there are to load, each with the name that it is listed for, if it is, and the files
    /// beside them.
    fn find(&self) -> io::Result<(Vec<Named>, Companions)> {
        let Sources { folder, listed, .. } = &self.sources;
        let of_listed = |ListedZone { name, path }: &ListedZone| {
            let source = Source::Listed(path.clone(), name.to_string().to_ascii_lowercase());
            (source, Some(Box::new(*name)))
        };
        let mut found: Vec<Named> = listed.iter().map(of_listed).collect();
        let mut companions = Companions::beside_listed(listed);
        if let Some(folder) = folder {
            let taken: HashSet<PathBuf> = listed.iter().map(|zone| real(&zone.path)).collect();
            let others = zone_files(folder, &mut companions)?.into_iter().filter(|path| {
                // Without a list, as it mostly is, nothing is looked up.
                taken.is_empty() || !taken.contains(&real(path))
            });
            found.extend(others.map(|path| (Source::Found(path), None)));
        }
        Ok((found, companions))
    }

    /// The zones to serve: of two files with the same zone, one that is listed, else the first in
    /// order of path.
    fn choose(&self, reports: &mut [FileReport]) -> Vec<Arc<Hosted<P>>> {
        let mut chosen: HashMap<Name<'_>, &Path> = HashMap::with_capacity(self.known.len());
        let mut zones = Vec::with_capacity(self.known.len());
        for (source, known) in &self.known {
            let path = source.path();
            let Some(hosted) = &known.hosted else {
                continue;
            };
            let apex = hosted.zone.apex();
            let Some(other) = chosen.get(&apex) else {
                chosen.insert(apex, path);
                zones.push(Arc::clone(hosted));
                continue;
            };
            let is_its =
                |report: &&mut FileReport| report.path == path && report.apex.as_name() == apex;
            if let Some(report) = reports.iter_mut().find(is_its) {
                let message = format!("zone {apex} is in {} already", other.display());
                let place = Place { file: report.files.add(path), line: 1, column: 1 };
                report.faults.push(
                    Fault::error("zone-twice", place, message).help("keep one file for each zone"),
                );
                report.outcome = Outcome::Refused;
            }
        }
        zones
    }
}

/// The files that some other file includes.
fn parts_of_others<P>(read: &[Read], unchanged: &[(Source, Known<P>)]) -> HashSet<PathBuf> {
    let new = read.iter().map(|read| (&read.source, &read.stamps));
    let old = unchanged.iter().map(|(source, known)| (source, &known.stamps));
    new.chain(old)
        .flat_map(|(source, stamps)| {
            stamps.iter().map(|(file, _)| file).filter(move |file| *file != source.path())
        })
        .map(|file| real(file))
        .collect()
}
