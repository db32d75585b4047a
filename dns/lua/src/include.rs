//! Programs that other programs of the same zone include.
//!
//! `include('config')` runs what stands at `config` in the zone, as statements, before what
//! follows it. All of that is compiled at load, once for each zone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use halfmoon_healthcheck::Handle;
use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::ProgramSource;

use crate::binder::Held;
use crate::budget::Budget;
use crate::globals::Variable;

/// What stands at one name.
#[derive(Debug, Default)]
pub(crate) struct Include {
    pub(crate) chunks: Vec<Chunk>,
    /// The globals it leaves behind, those of what it includes itself among them.
    pub(crate) assigned: Vec<Box<str>>,
    /// What it includes itself, however indirectly.
    pub(crate) inner: Vec<NameBuf>,
    /// Why it is not complete.
    pub(crate) fault: Option<String>,
    /// The checks that its calls name.
    pub(crate) held: Held,
    /// Keeps them alive.
    pub(crate) handles: Vec<Handle>,
    /// How long failovers of its calls take.
    pub(crate) budgets: Vec<Budget>,
}

/// One program, as statements.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Tells chunks and programs apart; never used twice.
    pub(crate) id: u64,
    pub(crate) bytecode: Box<[u8]>,
    /// What it is called with.
    pub(crate) variables: Vec<Variable>,
}

/// The programs of a zone by their owners, and what was compiled of them to be included.
#[derive(Debug)]
pub(crate) struct Library<'p> {
    zone: Name<'p>,
    sources: HashMap<NameBuf, Vec<&'p ProgramSource>, RandomState>,
    compiled: Mutex<HashMap<NameBuf, Arc<Include>, RandomState>>,
}

impl<'p> Library<'p> {
    /// The library of a zone in which nothing can be included.
    pub(crate) fn empty(zone: Name<'p>) -> Self {
        Self { zone, sources: HashMap::default(), compiled: Mutex::default() }
    }

    /// The library of a zone with these programs.
    pub(crate) fn new(zone: Name<'p>, programs: &'p [(NameBuf, ProgramSource)]) -> Self {
        let mut library = Self::empty(zone);
        // As a rule nothing is included anywhere.
        if programs.iter().any(|(_, source)| may_include(&source.text)) {
            for (owner, source) in programs {
                library.sources.entry(owner.as_name().to_lower()).or_default().push(source);
            }
        }
        library
    }

    pub(crate) const fn zone(&self) -> Name<'p> {
        self.zone
    }

    /// The name that `include(text)` means: always one of this zone. `None`: it is none.
    pub(crate) fn name(&self, text: &str) -> Option<NameBuf> {
        resolve(text, self.zone)
    }

    pub(crate) fn at(&self, name: &NameBuf) -> &[&'p ProgramSource] {
        self.sources.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn known(&self, name: &NameBuf) -> Option<Arc<Include>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn keep(&self, name: NameBuf, include: &Arc<Include>) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.insert(name, Arc::clone(include));
    }
}

/// Whether a program can include others, as far as a glance tells.
pub(crate) fn may_include(text: &str) -> bool {
    text.contains("include")
}

/// The name that `include(text)` means in `zone`, in lower case.
pub(crate) fn resolve(text: &str, zone: Name<'_>) -> Option<NameBuf> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let name = NameBuf::from_text(text.as_bytes(), Some(zone)).ok()?;
    Some(name.as_name().to_lower())
}
