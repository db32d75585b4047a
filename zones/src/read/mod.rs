//! Reads zone files (RFC 1035 section 5.1 and what grew around it) into records.
//!
//! Everything about one record in itself is checked here; what concerns
//! several records (two SOAs, data beside a CNAME, names out of the zone) is
//! not. Reading never stops at the first fault.

mod directive;
mod generate;
mod include;
mod program;
mod reader;
mod record;

use std::io;
use std::path::{Path, PathBuf};

use halfmoon_wire::{Class, Name, NameBuf, Type};

use crate::open::{self, Opened};
use crate::{Fault, Files, Place, ProgramSource};

use reader::Reader;

/// The greatest TTL (RFC 2181 section 8).
const MAX_TTL: u32 = i32::MAX as u32;

/// A record as the zone file holds it. It borrows buffers of the reader, which the next record
/// overwrites.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The owner.
    pub owner: Name<'a>,
    /// Seconds; at most 2³¹-1.
    pub ttl: u32,
    /// Always [`Class::IN`]: records of other classes are faults.
    pub class: Class,
    /// The type.
    pub rtype: Type,
    /// The data in wire form, names not compressed.
    pub rdata: &'a [u8],
    /// Where the record starts: its owner, or its first word where the owner is left out.
    pub place: Place,
    /// The program of a `LUA` record.
    pub program: Option<&'a ProgramSource>,
}

/// Takes what is read.
pub trait Sink {
    /// Takes a record.
    fn entry(&mut self, entry: &Entry<'_>);

    /// Takes a fault. A record with an error is not given to [`Self::entry`]; one with a
    /// warning is.
    fn fault(&mut self, fault: Fault);
}

/// Where files are that are on no disk: those of a commit. Paths start at its top and do not climb.
pub trait Store {
    /// The octets of a file, of which there may be so many.
    ///
    /// # Errors
    /// It is not there, or cannot be read; of the kind [`io::ErrorKind::FileTooLarge`] if it has more, which is found
    /// out before they are in memory.
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>>;
}

/// The most octets that a zone has in all its files, unless somebody says less: 4 GiB, as it cannot hold more
/// names or data either.
pub const MOST_OCTETS: u64 = 4 << 30;

/// How to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Completes relative names until a `$ORIGIN`; as a rule what the file's name says.
    pub origin: NameBuf,
    /// The folder that files named by `$INCLUDE` must lie in, symbolic links followed;
    /// `None` refuses `$INCLUDE`.
    pub root: Option<PathBuf>,
    /// The folder that the zone file itself must lie in, symbolic links followed; `None`: it may be
    /// anywhere.
    pub within: Option<PathBuf>,
    /// How many octets the zone file and all that it includes may have, each as often as it is read.
    pub most_octets: u64,
    /// Where relative paths of `$INCLUDE` start; `None`: at the folder of the file that includes.
    pub include_base: Option<PathBuf>,
    /// Whether a space goes between the character-strings of a record program, as PowerDNS
    /// before 5.0 had it.
    pub insert_whitespace: bool,
}

impl ReadOptions {
    /// Reads with `origin`, refuses `$INCLUDE`, and joins programs without spaces.
    #[must_use]
    pub const fn new(origin: NameBuf) -> Self {
        Self {
            origin,
            root: None,
            within: None,
            most_octets: MOST_OCTETS,
            include_base: None,
            insert_whitespace: false,
        }
    }
}

/// Reads the zone file at `path` and all that it includes. A file that cannot be read is a fault.
pub fn read_file(path: &Path, options: &ReadOptions, files: &mut Files, sink: &mut dyn Sink) {
    read_opened(open::open(options.within.as_deref(), path), path, options, files, sink);
}

/// Does as [`read_file`] does with the file at `path`, which was opened.
pub(crate) fn read_opened(
    opened: io::Result<Opened>,
    path: &Path,
    options: &ReadOptions,
    files: &mut Files,
    sink: &mut dyn Sink,
) {
    let file = files.add(path);
    let text = opened.and_then(|opened| opened.read(options.most_octets));
    Reader::new(options, files, sink).read_found(text, path, file);
}

/// Reads the zone file at `path` of a store and all that it includes. `root` of the options is a folder
/// of the store.
pub fn read_stored(
    path: &Path,
    store: &dyn Store,
    options: &ReadOptions,
    files: &mut Files,
    sink: &mut dyn Sink,
) {
    let file = files.add(path);
    let mut reader = Reader::new(options, files, sink);
    reader.store = Some(store);
    let text = store.read(path, options.most_octets);
    reader.read_found(text, path, file);
}

/// Reads `text` as the zone file at `path`, which is not opened: it names the text in places,
/// and relative paths of `$INCLUDE` start at its folder.
pub fn read_text(
    text: &[u8],
    path: &Path,
    options: &ReadOptions,
    files: &mut Files,
    sink: &mut dyn Sink,
) {
    let file = files.add(path);
    Reader::new(options, files, sink).read_main(text, path, file);
}
