//! Reads one zone file: what it says, the zone that it makes, and what stands beside it.

use std::io;
use std::path::{Path, PathBuf};

use halfmoon_wire::{Name, NameBuf};

use super::companion::stamps_of;
use super::find::origin_of;
use super::sources::{Source, folder_of};
use super::{
    Amount, Attach, Beside, Candidate, Companion, Kept, Known, Limited, MostRecords, Sources,
    Stamp, Stamps,
};
use crate::open::{self, Folder, Opened};
use crate::read::read_opened;
use crate::{Addition, Builder, Built, Fault, Files, Place, ReadOptions};

/// How all files of a loader are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) sources: &'a Sources,
    /// The folder of the sources.
    pub(super) folder: Option<&'a Folder<'a>>,
    pub(super) insert_whitespace: bool,
}

/// A file that is to be read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) source: Source,
    /// The name that it is listed for, which is the origin that it begins with.
    pub(super) name: Option<Box<NameBuf>>,
    /// The files beside it, as far as there are some.
    pub(super) beside: Beside<Option<PathBuf>>,
}

impl Wanted {
    pub(super) fn origin(&self) -> NameBuf {
        self.name.as_deref().map_or_else(|| origin_of(self.source.path()), |name| *name)
    }
}

/// A zone file that was opened, if it could be.
#[derive(Debug)]
pub(super) struct Sheet {
    options: ReadOptions,
    opened: io::Result<Opened>,
    /// Its stamp from before it is read.
    own: Option<Stamp>,
}

/// What a zone file and all that it includes say.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) origin: NameBuf,
    /// The stamps of the file and of all that it includes, from when they were read.
    stamps: Stamps,
    /// The folder that it may not lead out of.
    within: Option<PathBuf>,
    files: Files,
    pub(super) builder: Builder,
    /// Whether it may not have as many records as it likes.
    pub(super) is_limited: bool,
    /// How much was read.
    pub(super) amount: Amount,
    /// What is wrong if there is more than there may be.
    pub(super) exceeded: Option<Fault>,
}

/// A zone that was read in this load.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) source: Source,
    /// The name that the file is listed for.
    name: Option<Box<NameBuf>>,
    pub(super) built: Built,
    /// Whether nothing was wrong with what the file says.
    is_right: bool,
    pub(super) stamps: Stamps,
    /// The stamp of what was added to it.
    added: u64,
    companions: Beside<Option<Companion>>,
    pub(super) companion_stamps: Beside<Option<Stamp>>,
}

impl Reading<'_> {
    /// Reads a file whose turn it is.
    pub(super) fn read<P>(self, wanted: Wanted, attach: &mut dyn Attach<P>) -> Read {
        let sheet = self.open(&wanted, attach.most_octets());
        let text = sheet.read(&wanted, &|apex| attach.most_records(apex));
        text.finish(wanted, attach)
    }

    /// Opens a file, which may have so many octets with all that it includes.
    pub(super) fn open(self, wanted: &Wanted, most_octets: u64) -> Sheet {
        let (path, origin) = (wanted.source.path(), wanted.origin());
        let Sources { folder, include_root, .. } = self.sources;
        let is_below = self.is_below(&wanted.source);
        let (root, include_base) = match &wanted.source {
            Source::Listed(..) => (include_root.as_ref(), include_root.clone()),
            Source::Found(_) => (folder.as_ref().filter(|_| is_below), None),
        };
        let root = Some(root.map_or_else(|| folder_of(path).to_owned(), Clone::clone));
        // Who is named by somebody else may not lead him elsewhere.
        let within = root.clone().filter(|_| is_below);
        let insert_whitespace = self.insert_whitespace;
        let options =
            ReadOptions { root, within, origin, include_base, most_octets, insert_whitespace };
        let opened = match self.folder.filter(|_| is_below) {
            Some(folder) => folder.open(path),
            None => open::open(None, path),
        };
        let own = match &opened {
            Ok(opened) => Some(Stamp::from(&opened.meta)),
            Err(_) => Stamp::of(path),
        };
        Sheet { options, opened, own }
    }

    /// Whether it was found in a folder, and is not the one file that is served.
    fn is_below(self, source: &Source) -> bool {
        let Source::Found(path) = source else {
            return false;
        };
        self.sources.folder.as_deref().is_some_and(|folder| folder != path)
    }
}

impl Sheet {
    /// How many octets it has.
    pub(super) fn length(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.length)
    }

    /// Reads what it says, of which `most_of` tells how many records it may have.
    pub(super) fn read(
        self,
        wanted: &Wanted,
        most_of: &dyn Fn(Name<'_>) -> Option<MostRecords>,
    ) -> Text {
        let Self { options, opened, own } = self;
        let mut files = Files::default();
        let mut builder = Builder::new();
        let mut limited = Limited::new(&mut builder, options.origin.as_name(), most_of);
        let path = wanted.source.path();
        read_opened(opened, path, &options, &mut files, &mut limited);
        let Limited { is_limited, amount, exceeded, .. } = limited;
        let ReadOptions { origin, within, .. } = options;
        files.add(path);
        // Now, as others may come before it is made a zone of, in which files change. One that changes while
        // it is read has the stamp from before: it is read again.
        let stamp = |file| if file == path { own.clone() } else { Stamp::of(file) };
        let stamps = files.iter().map(|file| (file.to_owned(), stamp(file))).collect();
        Text { origin, stamps, within, files, builder, is_limited, amount, exceeded }
    }
}

impl Text {
    /// Makes a zone of it now that all before it are known.
    pub(super) fn finish<P>(self, wanted: Wanted, attach: &mut dyn Attach<P>) -> Read {
        let added = self.builder.apex().map_or(0, |apex| attach.stamp(apex.as_name()));
        let draft = self.builder.draft();
        let additions = draft.map_or_else(Vec::new, |draft| attach.additions(&draft));
        self.build(wanted, &additions).take_in(added, attach)
    }

    /// Makes a zone of it and what is added to it, and reads what stands beside it.
    pub(super) fn build(self, wanted: Wanted, additions: &[Addition]) -> Read {
        let Self { origin, stamps, within, mut files, mut builder, exceeded, .. } = self;
        let Wanted { source, name, beside } = wanted;
        let path = source.path();
        builder.add(additions, files.add(path));
        let mut built = match exceeded {
            Some(fault) => builder.give_up(origin.as_name(), fault, files),
            None => builder.build(origin.as_name(), path, files),
        };
        let is_right = !built.is_refused();
        let companion_stamps = stamps_of(&beside);
        let mut read = |path: &Option<PathBuf>, stamp: &Option<Stamp>| {
            let path = path.as_deref().filter(|_| stamp.is_some())?;
            Companion::read(path, within.as_deref(), &mut built.files, &mut built.faults)
        };
        let companions = Beside {
            settings: read(&beside.settings, &companion_stamps.settings),
            tests: read(&beside.tests, &companion_stamps.tests),
        };
        Read { source, name, built, is_right, stamps, added: 0, companions, companion_stamps }
    }
}

impl Read {
    /// Takes it in among those that were read, after those before it; `added` is the stamp of what was added to it.
    pub(super) fn take_in<P>(self, added: u64, attach: &mut dyn Attach<P>) -> Self {
        let mut read = Self { added, ..self };
        match &read.built.zone {
            Some(zone) if read.is_right => attach.has_read(zone, &read.built.programs),
            Some(zone) => attach.holds(zone, &read.built.programs),
            None => {}
        }
        if let Some(name) = read.name.as_deref().filter(|name| read.built.apex != **name) {
            refuse_other_name(&mut read.built, *name, read.source.path());
        }
        read
    }

    /// Attaches what belongs to the zone; what is known of its file, whatever becomes of it, too.
    pub(super) fn attach<P>(
        self,
        before: Option<Known<P>>,
        attach: &mut dyn Attach<P>,
    ) -> (Kept<P>, Candidate<P>) {
        let Self { source, built, stamps, added, companions, companion_stamps, .. } = self;
        let (old, waited) = before.map_or((None, None), |known| {
            let is_same = known.stamps == stamps && known.companions == companion_stamps;
            (known.hosted, known.waits.filter(|_| is_same))
        });
        let known = Known {
            stamps,
            added: Some((built.apex.as_name().as_wire().into(), added)),
            companions: companion_stamps,
            hosted: None,
            is_part: false,
            is_gone: false,
            waits: None,
            is_passing: false,
        };
        let candidate = Candidate::of(source.path(), built, &companions, old, attach);
        (Kept { source, known, waited }, candidate)
    }

    /// What is known of a file that is a part of others and no zone.
    pub(super) fn into_part<P>(self) -> (Source, Known<P>) {
        let known = Known {
            stamps: self.stamps,
            added: None,
            companions: self.companion_stamps,
            hosted: None,
            is_part: true,
            is_gone: false,
            waits: None,
            is_passing: false,
        };
        (self.source, known)
    }

    /// Whether a file that others include is no zone of its own: it has no SOA, or one that belongs to
    /// whoever includes it. That its own name, a single label, would make it a zone is chance then.
    pub(super) fn is_part(&self) -> bool {
        let Source::Found(path) = &self.source else {
            return false;
        };
        let apex = self.built.apex.as_name();
        !self.built.has_soa || apex.label_count() < 2 && apex == origin_of(path).as_name()
    }
}

/// A listed file holds another zone than the one it is listed for.
fn refuse_other_name(built: &mut Built, name: NameBuf, path: &Path) {
    let place = Place { file: built.files.add(path), line: 1, column: 1 };
    let message = format!("the file is listed for zone {name} and has the SOA of {}", built.apex);
    let help = "list the file with the name that owns its SOA, or write `@` as the SOA's owner";
    built.faults.push(Fault::error("zone-name", place, message).help(help));
    built.apex = name;
    built.zone = None;
}
