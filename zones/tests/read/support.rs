//! The one place that touches the reader.

use std::path::Path;

use data_encoding::HEXLOWER;
use halfmoon_wire::NameBuf;
use halfmoon_zones::{
    Entry, Fault, Files, Level, Place, ProgramSource, ReadOptions, Sink, read_file, read_text,
};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// `owner ttl type hex`, a line each.
    pub(crate) records: Vec<String>,
    pub(crate) places: Vec<Place>,
    pub(crate) programs: Vec<ProgramSource>,
    pub(crate) faults: Vec<Fault>,
}

impl Sink for Seen {
    fn entry(&mut self, entry: &Entry<'_>) {
        let Entry { owner, ttl, rtype, rdata, place, program, .. } = entry;
        self.records.push(format!("{owner} {ttl} {rtype} {}", HEXLOWER.encode(rdata)));
        self.places.push(*place);
        self.programs.extend(program.cloned());
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}

impl Seen {
    /// `line:column rule`, errors only.
    pub(crate) fn errors(&self) -> Vec<String> {
        let errors = self.faults.iter().filter(|fault| fault.level == Level::Error);
        errors.map(short).collect()
    }

    /// `line:column rule`, warnings only.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.faults.iter().filter(|fault| fault.level == Level::Warning);
        warnings.map(short).collect()
    }
}

fn short(fault: &Fault) -> String {
    format!("{}:{} {}", fault.place.line, fault.place.column, fault.rule)
}

pub(crate) fn options() -> ReadOptions {
    ReadOptions::new("example.".parse::<NameBuf>().unwrap())
}

/// Reads with origin `example.`.
pub(crate) fn read(text: impl AsRef<[u8]>) -> Seen {
    read_with(text, &options())
}

pub(crate) fn read_with(text: impl AsRef<[u8]>, options: &ReadOptions) -> Seen {
    let mut seen = Seen::default();
    let path = Path::new("example.zone");
    read_text(text.as_ref(), path, options, &mut Files::default(), &mut seen);
    seen
}

/// Reads a file and says which files it was made of.
pub(crate) fn read_path(path: &Path, options: &ReadOptions) -> (Seen, Files) {
    let (mut seen, mut files) = (Seen::default(), Files::default());
    read_file(path, options, &mut files, &mut seen);
    (seen, files)
}
