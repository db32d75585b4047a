//! The state of reading one zone: what a line may leave out, and what is open.

use std::cell::OnceCell;
use std::io;
use std::path::{Path, PathBuf};

use halfmoon_wire::{Name, NameBuf};

use super::{ReadOptions, Sink, Store};
use crate::open;
use crate::rdata::{RdataFault, Words};
use crate::{Fault, FileId, Files, Place};

/// Records that all `$GENERATE` of one zone may make: a line of text is not to fill the memory.
pub(super) const MAX_GENERATED: u32 = 262_144;

/// Reads one zone.
pub(super) struct Reader<'r> {
    pub(super) options: &'r ReadOptions,
    pub(super) files: &'r mut Files,
    pub(super) sink: &'r mut dyn Sink,
    /// Where the files are, unless on the disk.
    pub(super) store: Option<&'r dyn Store>,
    pub(super) origin: NameBuf,
    /// The owner of the record before, in wire form; empty before the first.
    pub(super) owner: Vec<u8>,
    pub(super) ttl: Ttl,
    /// The data of the record being read.
    pub(super) rdata: Vec<u8>,
    pub(super) warnings: Vec<RdataFault>,
    /// The files being read, the innermost last.
    pub(super) open: Vec<OpenFile>,
    /// How many files were included so far.
    pub(super) included: u32,
    /// How many records `$GENERATE` may still make.
    pub(super) generated_left: u32,
    /// How many octets files may still have.
    pub(super) octets_left: u64,
}

/// What the TTL of a record is where it says none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ttl {
    /// `$TTL` (RFC 2308 section 4).
    pub(super) default: Option<u32>,
    /// The TTL that a record said last (RFC 1035 section 5.1).
    pub(super) last: Option<u32>,
    /// The last field of the SOA.
    pub(super) minimum: Option<u32>,
    /// A record without TTL was warned about; once a zone is enough.
    pub(super) warned: bool,
}

/// A file being read.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    /// Its path as people named it: relative paths start here, and messages say it.
    pub(super) shown: PathBuf,
    /// Its path without symbolic links, once it was asked for.
    pub(super) canonical: OnceCell<PathBuf>,
}

impl OpenFile {
    /// Its path without symbolic links: which file it is. Only files that include others are asked.
    pub(super) fn canonical(&self) -> &Path {
        let of = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.canonical.get_or_init(|| of(&self.shown))
    }
}

/// How faults of a text are placed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The text is a file.
    File(FileId),
    /// The text was made by the directive at a place, for the number.
    Generated(Place, i64),
}

impl<'r> Reader<'r> {
    pub(super) fn new(
        options: &'r ReadOptions,
        files: &'r mut Files,
        sink: &'r mut dyn Sink,
    ) -> Self {
        Self {
            options,
            files,
            sink,
            store: None,
            origin: options.origin,
            owner: Vec::with_capacity(255),
            ttl: Ttl::default(),
            rdata: Vec::with_capacity(512),
            warnings: Vec::new(),
            open: Vec::new(),
            included: 0,
            generated_left: MAX_GENERATED,
            octets_left: options.most_octets,
        }
    }

    /// Reads the zone's own file, if it could be had.
    pub(super) fn read_found(&mut self, text: io::Result<Vec<u8>>, path: &Path, file: FileId) {
        match text.and_then(|text| self.take_octets(text)) {
            Ok(text) => self.read_main(&text, path, file),
            Err(error) => {
                let place = Place { file, line: 1, column: 1 };
                let message = format!("the zone file cannot be read: {error}");
                let help = self.help_for(&error);
                self.sink.fault(Fault { help, ..Fault::error("unreadable-file", place, message) });
            }
        }
    }

    /// What to do about a file that cannot be read, where that is known.
    pub(super) fn help_for(&self, error: &io::Error) -> Option<String> {
        let most = self.options.most_octets;
        (error.kind() == io::ErrorKind::FileTooLarge).then(|| {
            format!(
                "all files of a zone together may have {most} octets; make several zones of it, or let it have \
                 more (`memory` of its tenant)"
            )
        })
    }

    /// Counts the octets of a file, which are not too many.
    pub(super) fn take_octets(&mut self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        let left = self.octets_left.checked_sub(text.len() as u64);
        self.octets_left = left.ok_or_else(|| open::too_large(self.octets_left))?;
        Ok(text)
    }

    /// Reads the zone's own file.
    pub(super) fn read_main(&mut self, text: &[u8], path: &Path, file: FileId) {
        self.open.push(OpenFile { shown: path.to_owned(), canonical: OnceCell::new() });
        self.read(text, Source::File(file));
        self.open.pop();
    }

    /// Reads a text to its end and says whether it was without error.
    pub(super) fn read(&mut self, text: &[u8], source: Source) -> bool {
        let mut words = Words::new(text);
        let mut right = true;
        while words.begin() {
            let fault = self.line(&mut words, source).err();
            let unclosed = words.leave();
            // What is not closed explains all that is wrong behind it.
            let explained = |fault: &RdataFault| {
                unclosed.as_ref().is_some_and(|unclosed| unclosed.offset < fault.offset)
            };
            for fault in fault.filter(|fault| !explained(fault)).into_iter().chain(unclosed) {
                right = false;
                self.error(fault, &words, source);
            }
            if words.gave_up() {
                let message = "too much is not closed; the rest of the file is not read";
                self.error(RdataFault::new("unclosed", text.len(), message), &words, source);
                break;
            }
        }
        right
    }

    /// Reads a record or a directive.
    fn line(&mut self, words: &mut Words<'_>, source: Source) -> Result<(), RdataFault> {
        let blank = words.starts_blank();
        let Some(first) = words.next()? else {
            return Ok(());
        };
        if blank {
            let start = first.at;
            words.put_back(first);
            if self.owner.is_empty() {
                let message = "the owner is left out, and there is no record before";
                return Err(RdataFault::new("no-owner", start, message)
                    .help("write the owner in the first column; `@` is the origin"));
            }
            return self.record(start, words, source);
        }
        if !first.quoted && first.text.starts_with(b"$") {
            return self.directive(first, words, source);
        }
        self.read_owner(&first)?;
        self.record(first.at, words, source)
    }

    pub(super) fn origin(&self) -> Name<'_> {
        self.origin.as_name()
    }

    /// Where an offset of the record being read stands.
    pub(super) fn place(words: &Words<'_>, offset: usize, source: Source) -> Place {
        match source {
            Source::File(file) => {
                let (line, column) = words.line_and_column(offset);
                Place { file, line, column }
            }
            Source::Generated(place, _) => place,
        }
    }

    /// Reports an error.
    pub(super) fn error(&mut self, fault: RdataFault, words: &Words<'_>, source: Source) {
        self.sink.fault(placed(fault, words, source, Fault::error));
    }

    /// Reports a warning.
    pub(super) fn warn(&mut self, fault: RdataFault, words: &Words<'_>, source: Source) {
        self.sink.fault(placed(fault, words, source, Fault::warning));
    }
}

fn placed(
    fault: RdataFault,
    words: &Words<'_>,
    source: Source,
    level: fn(&'static str, Place, String) -> Fault,
) -> Fault {
    let mut message = fault.message.into_owned();
    if let Source::Generated(_, number) = source {
        message = format!("in the record that $GENERATE makes of {number}: {message}");
    }
    let mut placed = level(fault.rule, Reader::place(words, fault.offset, source), message);
    placed.help = fault.help.map(|help| help.into_owned());
    placed
}
