//! From text to program, once at load.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use foldhash::fast::RandomState;
use halfmoon_geo::Attributes;
use halfmoon_healthcheck::{Account, Health};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Fault, Level, ProgramSource};

use crate::analysis::{DEEPEST, Record, compile};
use crate::functions::{may_ask_health, may_choose};
use crate::include::{Library, may_include};
use crate::program::Program;
use crate::remark::Remark;
use crate::{Defaults, Dialect, Settings, syntax};

/// How deep and how long a program may be that is compiled on the caller's stack.
const SHALLOW: (usize, usize) = (16, 4096);
/// The stack that all others are compiled on. Only what is touched is taken.
const STACK: usize = 64 << 20;

/// Compiles programs. Equal programs become one, as long as somebody keeps it.
#[derive(Debug)]
pub struct Compiler {
    settings: Settings,
    health: Health,
    known: HashMap<Key, Known, RandomState>,
    /// How many entries there may be before those whose programs are gone are looked for.
    limit: usize,
}

/// Equal programs are one, but for those that ask for health: each record has pools of its own, by its
/// owner and its number.
type Key = (Type, Box<str>, Option<(NameBuf, u32)>);

/// A record with a program: its owner, and its number among those of that owner and type.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    owner: Name<'a>,
    number: u32,
    source: &'a ProgramSource,
}

#[derive(Debug)]
struct Known {
    defaults: Arc<Defaults>,
    /// On whose account its checks and choices are.
    account: Option<Account>,
    ttl: u32,
    program: Weak<Program>,
    remarks: Vec<Remark>,
}

impl Compiler {
    /// A compiler whose programs have their endpoints checked by `health`.
    #[must_use]
    pub fn new(settings: Settings, health: Health) -> Self {
        Self { settings, health, known: HashMap::default(), limit: 1024 }
    }

    /// What holds from now on where a program does not say otherwise.
    pub fn set_defaults(&mut self, defaults: Arc<Defaults>) {
        self.settings.defaults = defaults;
    }

    /// On whose account checks and choices are from now on; `None`: on nobody's.
    pub fn set_account(&mut self, account: Option<&Account>) {
        if self.health.account() != account {
            self.health = self.health.on(account);
        }
    }

    /// Says what the databases know of places from now on.
    pub fn with_places(&mut self, places: Attributes) {
        if self.settings.places != places {
            self.settings.places = places;
            self.known.clear();
        }
    }

    /// Compiles the program of a record at `owner` in `zone`, and starts the checks it names.
    ///
    /// Every fault goes to `faults`, with its place in the zone file. `None`: the program has
    /// errors. In the peer's dialect they are warnings, and the program fails when it runs.
    pub fn compile(
        &mut self,
        zone: Name<'_>,
        owner: Name<'_>,
        source: &ProgramSource,
        faults: &mut Vec<Fault>,
    ) -> Option<Arc<Program>> {
        let record = Numbered { owner, number: 0, source };
        self.compile_with(&Library::empty(zone), record, faults)
    }

    /// Compiles all programs of a zone, each with its owner, in the order in which the zone numbers them;
    /// they may include one another. Otherwise as [`Compiler::compile`].
    pub fn compile_zone(
        &mut self,
        zone: Name<'_>,
        programs: &[(NameBuf, ProgramSource)],
        faults: &mut Vec<Fault>,
    ) -> Vec<Option<Arc<Program>>> {
        self.compile_within(usize::MAX, zone, programs, faults)
    }

    /// As [`Compiler::compile_zone`], until the programs take more than `most` octets of memory together, by what
    /// [`Program::size`] says: the first that is too much, and all behind it, are missing then.
    pub fn compile_within(
        &mut self,
        most: usize,
        zone: Name<'_>,
        programs: &[(NameBuf, ProgramSource)],
        faults: &mut Vec<Fault>,
    ) -> Vec<Option<Arc<Program>>> {
        let library = Library::new(zone, programs);
        let mut numbers = Numbers::default();
        let mut left = most;
        let compile = |(owner, source): &(NameBuf, ProgramSource)| {
            let owner = owner.as_name();
            let number = numbers.next(owner, source.inner);
            let program = self.compile_with(&library, Numbered { owner, number, source }, faults);
            left = left.checked_sub(program.as_ref().map_or(0, |program| program.size()))?;
            Some(program)
        };
        programs.iter().map_while(compile).collect()
    }

    fn compile_with(
        &mut self,
        library: &Library<'_>,
        record: Numbered<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Arc<Program>> {
        let Numbered { owner, number, source } = record;
        debug_assert!(owner.is_at_or_below(library.zone()), "{owner} is in another zone");
        if may_include(&source.text) {
            // The same text is another program where what it includes is another.
            let (program, remarks) = self.compile_new(record, library);
            faults.extend(remarks.iter().map(|remark| remark.at(source)));
            return program;
        }
        let scope = may_ask_health(&source.text).then(|| (owner.to_lower(), number));
        let asks = scope.is_some();
        // A program that neither asks for health nor chooses is the same in all zones, whatever they set and
        // whosever they are.
        let minds = asks || may_choose(&source.text);
        let key = (source.inner, Box::from(source.text.as_str()), scope);
        if let Some(known) = self.known.get(&key)
            && (!minds || is_same(&known.defaults, &self.settings.defaults))
            && (!minds || known.account.as_ref() == self.health.account())
            && (!asks || known.ttl == source.ttl)
            && let Some(program) = known.program.upgrade()
        {
            faults.extend(known.remarks.iter().map(|remark| remark.at(source)));
            return Some(program);
        }
        let (program, remarks) = self.compile_new(record, library);
        faults.extend(remarks.iter().map(|remark| remark.at(source)));
        if let Some(program) = &program {
            self.forget();
            let defaults = Arc::clone(&self.settings.defaults);
            let program = Arc::downgrade(program);
            let account = self.health.account().cloned();
            self.known.insert(key, Known { defaults, account, ttl: source.ttl, program, remarks });
        }
        program
    }

    /// Drops what is known of programs that nobody keeps, now and then.
    fn forget(&mut self) {
        if self.known.len() >= self.limit {
            self.known.retain(|_, known| known.program.strong_count() > 0);
            self.limit = (self.known.len() * 2).max(1024);
        }
    }

    fn compile_new(
        &self,
        Numbered { owner, number, source }: Numbered<'_>,
        library: &Library<'_>,
    ) -> (Option<Arc<Program>>, Vec<Remark>) {
        let text = match syntax::plain(&source.text) {
            Ok(text) => text,
            Err(at) => {
                let remark = Remark::error("lua-syntax", at, "a program has no octet of zero");
                return self.judge(source, None, vec![remark]);
            }
        };
        let nesting = syntax::nesting(&text);
        let (program, remarks) = if text.len() > self.settings.source {
            let message = format!(
                "the program has {} octets, more than {}",
                text.len(),
                self.settings.source
            );
            (None, vec![Remark::error("lua-too-long", 0, message)])
        } else if nesting > DEEPEST {
            let message = "brackets, blocks or operators nest too deep";
            (None, vec![Remark::error("lua-too-deep", 0, message)])
        } else {
            let (inner, ttl) = (source.inner, source.ttl);
            let record = Record { inner, text: &text, owner, number, ttl };
            self.compile_guarded(record, nesting, library)
        };
        self.judge(source, program, remarks)
    }

    /// What is served of a program with these remarks.
    fn judge(
        &self,
        source: &ProgramSource,
        program: Option<Program>,
        mut remarks: Vec<Remark>,
    ) -> (Option<Arc<Program>>, Vec<Remark>) {
        if self.settings.dialect == Dialect::PowerDns {
            let why = remarks.iter().find(|remark| remark.level == Level::Error);
            let why = why.map_or_else(String::new, |remark| remark.message.clone());
            for remark in remarks.iter_mut().filter(|remark| !remark.is_operators()) {
                remark.level = Level::Warning;
            }
            let program =
                program.unwrap_or_else(|| Program::faulty(source.inner, &source.text, why));
            return (Some(Arc::new(program)), remarks);
        }
        (program.map(Arc::new), remarks)
    }

    /// Compiles on a stack that is large enough, and survives a parser that gives up.
    fn compile_guarded(
        &self,
        record: Record<'_>,
        nesting: usize,
        library: &Library<'_>,
    ) -> (Option<Program>, Vec<Remark>) {
        let gave_up =
            || (None, vec![Remark::error("lua-syntax", 0, "the program cannot be parsed")]);
        // What is included may be deeper than what includes it.
        let nesting = if may_include(record.text) { DEEPEST } else { nesting };
        let work = || compile(&self.settings, &self.health, record, library);
        with_stack(nesting, record.text.len(), work).unwrap_or_else(gave_up)
    }
}

/// Does what reads a program that nests so deep and has so many octets on a stack that is large enough.
/// `None`: it gave up, or there is no thread.
pub(crate) fn with_stack<T: Send>(
    nesting: usize,
    octets: usize,
    work: impl FnOnce() -> T + Send,
) -> Option<T> {
    let work = || catch_unwind(AssertUnwindSafe(work)).ok();
    if nesting <= SHALLOW.0 && octets <= SHALLOW.1 {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, work).ok()?.join().ok().flatten()
    })
}

/// Counts records by owner and type; those of an owner come one after the other.
#[derive(Default)]
struct Numbers {
    owner: Option<NameBuf>,
    counts: Vec<(Type, u32)>,
}

impl Numbers {
    fn next(&mut self, owner: Name<'_>, inner: Type) -> u32 {
        if self.owner.as_ref().is_none_or(|before| before.as_name() != owner) {
            self.owner = Some(owner.to_buf());
            self.counts.clear();
        }
        match self.counts.iter_mut().find(|(counted, _)| *counted == inner) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.counts.push((inner, 0));
                0
            }
        }
    }
}

/// Whether two defaults are alike; mostly they are one.
fn is_same(a: &Arc<Defaults>, b: &Arc<Defaults>) -> bool {
    Arc::ptr_eq(a, b) || **a == **b
}
