//! `$INCLUDE file [origin]` (RFC 1035 section 5.1).
//!
//! The file is read with its own origin and owner, and both are what they were
//! behind it. A `$TTL` in it stays in force, as in BIND and PowerDNS: a shared
//! file of defaults is a common use.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::directive::end;
use super::reader::{OpenFile, Reader, Source};
use crate::open;
use crate::rdata::{self, RdataFault, Word, Words};

/// How deep files may include files.
const MAX_DEPTH: usize = 16;
/// How many files one zone may include in all: ten that each include ten, and so on, are quickly
/// more than anybody means.
const MAX_FILES: u32 = 1_000;

impl Reader<'_> {
    pub(super) fn include(
        &mut self,
        words: &mut Words<'_>,
        source: Source,
    ) -> Result<(), RdataFault> {
        let name = words.need("the file to include")?;
        let origin = match words.next()? {
            None => self.origin,
            Some(word) => rdata::text_name(&word, Some(self.origin()))?,
        };
        end(words)?;
        if let Source::Generated(..) = source {
            return Err(RdataFault::new("bad-generate", name.at, "$GENERATE makes records only"));
        }
        let mut path = Vec::new();
        rdata::push_text(&name, &mut path)?;
        let found = self.find(&path, &name)?;
        let text = match (self.store, &self.options.root) {
            (Some(store), _) => store.read(&found.shown, self.octets_left),
            // It may be a link by now.
            (None, Some(root)) => open::read(Some(root), &found.shown, self.octets_left),
            (None, None) => Err(io::ErrorKind::PermissionDenied.into()),
        };
        let text = text
            .and_then(|text| self.take_octets(text))
            .map_err(|error| self.unreadable(&name, &found.shown, &error))?;
        self.included += 1;
        let file = self.files.add(&found.shown);
        let owner = self.owner.clone();
        let outer = std::mem::replace(&mut self.origin, origin);
        self.open.push(found);
        self.read(&text, Source::File(file));
        self.open.pop();
        self.origin = outer;
        self.owner = owner;
        Ok(())
    }

    /// The file, where everything allows to read it.
    fn find(&self, name: &[u8], word: &Word<'_>) -> Result<OpenFile, RdataFault> {
        let refused = |message: &'static str| RdataFault::new("include-refused", word.at, message);
        let outside = || {
            refused("the file lies outside of the zone folder")
                .help("put it into the zone folder; a symbolic link out of it does not help")
        };
        let Some(root) = &self.options.root else {
            return Err(refused("$INCLUDE is not allowed here"));
        };
        if self.open.len() > MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} files include one another");
            return Err(RdataFault::new("include-depth", word.at, message));
        }
        if self.included >= MAX_FILES {
            let message = format!("more than {MAX_FILES} files are included");
            return Err(RdataFault::new("include-count", word.at, message));
        }
        let name = std::str::from_utf8(name)
            .map_err(|_| refused("the name of the file is not valid UTF-8"))?;
        let beside = || self.open.last().and_then(|file| file.shown.parent());
        let folder = self.options.include_base.as_deref().or_else(beside);
        let shown = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        if self.store.is_some() {
            let shown = plain(&shown).filter(|path| path.starts_with(root)).ok_or_else(outside)?;
            if self.open.iter().any(|file| file.shown == shown) {
                return Err(RdataFault::new("include-cycle", word.at, "the file includes itself"));
            }
            return Ok(OpenFile { canonical: shown.clone().into(), shown });
        }
        let root = root.canonicalize().map_err(|error| self.unreadable(word, root, &error))?;
        let canonical = shown.canonicalize().map_err(|error| {
            // Whether a file exists out there is not for the writer of a zone to learn.
            let climbs = Path::new(name)
                .components()
                .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir));
            if climbs { outside() } else { self.unreadable(word, &shown, &error) }
        })?;
        if !canonical.starts_with(&root) {
            return Err(outside());
        }
        if !canonical.is_file() {
            let message = format!("{} is no file", shown.display());
            return Err(RdataFault::new("unreadable-file", word.at, message));
        }
        if self.open.iter().any(|file| file.canonical() == canonical) {
            return Err(RdataFault::new("include-cycle", word.at, "the file includes itself"));
        }
        Ok(OpenFile { shown, canonical: canonical.into() })
    }

    fn unreadable(&self, word: &Word<'_>, path: &Path, error: &io::Error) -> RdataFault {
        let message = format!("{} cannot be read: {error}", path.display());
        let fault = RdataFault::new("unreadable-file", word.at, message);
        match self.help_for(error) {
            Some(help) => fault.help(help),
            None => fault.help("the path starts at the folder of the file that includes it"),
        }
    }
}

/// The same path without `.` and `..`; none if it climbs out of the top or starts anew.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}
