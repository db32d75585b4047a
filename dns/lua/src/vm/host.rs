//! What the virtual machine and the host share while a program runs: the query, the budgets, and
//! the way to host functions.

mod variables;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use halfmoon_geo::Geo;
use halfmoon_healthcheck::{Health, Snapshot};
use halfmoon_wire::NameBuf;
use mlua::{Lua, MultiValue, Table, Value, VmState};

use crate::analysis::includes::DEEPEST;
use crate::answers::{Reads, Trace};
use crate::binder::{Binder, Checks};
use crate::data::Data;
use crate::eval::{Bound, Context, Eval, Outcome, Scratch};
use crate::functions::Function;
use crate::notes::Note;
use crate::program::Program;
use crate::story::{self, Story, Telling};
use crate::vm::convert::{ENTRY, Reader};
use crate::vm::objects::Denial;
use crate::vm::{INCLUDED, explain};
use crate::{Client, Dialect, Failure, Settings, include};

/// Safepoints between two looks at the clock.
const LOOK: u64 = 8;

/// How many times as long a program may take that tells how it goes on.
const TOLD: u32 = 50;

/// How many times its fuel is given back to a program at most, one unit for each condition that is told: a round of a
/// loop takes one itself, whatever number of conditions it has.
const LENT: u64 = 64;

/// The longest budget of time: whatever it is, it can be added to a clock.
const DAY: Duration = Duration::from_secs(86_400);

/// What the virtual machine and the host share.
pub(super) struct Host {
    settings: Settings,
    fuel: Cell<u64>,
    /// Of it, what was given back for calls that only tell.
    lent: Cell<u64>,
    clock: Cell<Clock>,
    stopped: Cell<Option<Failure>>,
    trace: Cell<Trace>,
    running: RefCell<Option<Running>>,
    scratch: RefCell<Scratch>,
    notes: RefCell<Vec<Note>>,
    /// How many includes are running.
    depth: Cell<usize>,
    /// What the clock of programs shows, if not the system's.
    now: Cell<Option<f64>>,
    /// The conditions of the program that runs, as they are written, while it is told of.
    tests: RefCell<Vec<String>>,
}

/// How far the budget of time is spent.
#[derive(Clone, Copy, Debug, Default)]
enum Clock {
    /// No program runs.
    #[default]
    Off,
    /// The clock was not looked at yet, which programs of a few safepoints never need.
    Unread,
    /// The first deadline. A thread that the system put aside, as busy systems do for longer than a
    /// program may run, comes back after it through no fault of the program's.
    First(Instant),
    /// The last.
    Last(Instant),
}

/// The query, owned: what Lua holds cannot borrow.
struct Running {
    program: Arc<Program>,
    qname: NameBuf,
    zone: NameBuf,
    owner: NameBuf,
    client: Client,
    data: Arc<dyn Data>,
    geo: Arc<Geo>,
    health: Arc<Snapshot>,
    requests: Health,
}

impl Host {
    pub(super) fn new(mut settings: Settings) -> Self {
        settings.time = settings.time.min(DAY);
        Self {
            settings,
            fuel: Cell::new(0),
            lent: Cell::new(0),
            clock: Cell::default(),
            stopped: Cell::new(None),
            trace: Cell::default(),
            running: RefCell::default(),
            scratch: RefCell::default(),
            notes: RefCell::default(),
            depth: Cell::new(0),
            now: Cell::new(None),
            tests: RefCell::default(),
        }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.settings.dialect
    }

    /// Puts the budgets in force.
    pub(super) fn arm(&self, program: &Arc<Program>, cx: &Context<'_>, trace: Trace) {
        self.running.replace(Some(Running {
            program: Arc::clone(program),
            qname: cx.qname.to_buf(),
            zone: cx.zone.to_buf(),
            owner: cx.owner.to_buf(),
            client: *cx.client,
            data: cx.data.share(),
            geo: Arc::clone(cx.geo),
            health: Arc::clone(cx.health),
            requests: cx.requests.on(cx.account),
        }));
        self.trace.set(trace);
        self.stopped.set(None);
        self.depth.set(0);
        self.fuel.set(self.settings.fuel);
        self.lent.set(0);
        self.clock.set(Clock::Unread);
    }

    /// Lifts them, and says what was read.
    pub(super) fn disarm(&self) -> Trace {
        self.running.replace(None);
        self.clock.set(Clock::Off);
        self.trace.get()
    }

    /// Which budget was spent.
    pub(super) fn stopped(&self) -> Option<Failure> {
        self.stopped.get()
    }

    pub(super) fn with_data<R>(&self, work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        match self.scratch.try_borrow_mut() {
            Ok(mut scratch) => work(&mut scratch.data),
            Err(_) => work(&mut Vec::new()),
        }
    }

    /// A safepoint. Once a budget is spent, each later one raises again, so that a program cannot
    /// go on by catching the error.
    pub(super) fn tick(&self) -> mlua::Result<VmState> {
        if !matches!(self.clock.get(), Clock::Off) {
            self.charge(1)?;
        }
        Ok(VmState::Continue)
    }

    /// Takes fuel.
    pub(super) fn charge(&self, units: u64) -> mlua::Result<()> {
        if let Some(failure) = self.stopped.get() {
            return Err(mlua::Error::runtime(failure));
        }
        let fuel = self.fuel.get();
        let Some(left) = fuel.checked_sub(units) else {
            return Err(self.stop(Failure::Fuel));
        };
        self.fuel.set(left);
        // It only grows, whatever is given back: else nobody might look at the clock.
        let spent = (self.settings.fuel + self.lent.get()).saturating_sub(left);
        if spent / LOOK != (spent - units) / LOOK && self.is_late() {
            return Err(self.stop(Failure::Time));
        }
        Ok(())
    }

    /// Looks at the clock.
    fn is_late(&self) -> bool {
        let now = Instant::now();
        // Telling takes time that the program would not have taken.
        let is_told = self.tests.try_borrow().is_ok_and(|tests| !tests.is_empty());
        let later = now + if is_told { self.settings.time * TOLD } else { self.settings.time };
        match self.clock.get() {
            Clock::Off => false,
            Clock::Unread => {
                self.clock.set(Clock::First(later));
                false
            }
            Clock::First(deadline) => {
                if now >= deadline {
                    self.clock.set(Clock::Last(later));
                }
                false
            }
            Clock::Last(deadline) => now >= deadline,
        }
    }

    fn stop(&self, failure: Failure) -> mlua::Error {
        self.stopped.set(Some(failure));
        mlua::Error::runtime(failure)
    }

    pub(super) fn read(&self, what: Reads) {
        let mut trace = self.trace.get();
        trace.read(what);
        self.trace.set(trace);
    }

    /// Keeps what a program says for the log.
    pub(super) fn note(&self, level: u32, text: &str) {
        Note::add(&mut self.notes.borrow_mut(), level, text);
    }

    /// Hands over what was said.
    pub(super) fn take_notes(&self, to: &mut Vec<Note>) {
        to.append(&mut self.notes.borrow_mut());
    }

    /// The data of the zones, while a program runs.
    pub(super) fn data(&self) -> mlua::Result<Arc<dyn Data>> {
        let running = self.running.try_borrow().map_err(mlua::Error::external)?;
        running.as_ref().map(|running| Arc::clone(&running.data)).ok_or_else(idle)
    }

    pub(super) fn random(&self) -> f64 {
        self.read(Reads::CHANCE);
        let Ok(mut scratch) = self.scratch.try_borrow_mut() else {
            return 0.0;
        };
        let value = scratch.random.f64();
        if let Some(story) = &mut scratch.story {
            story.read("math.random", &value.to_string());
        }
        value
    }

    /// What the clock shows, in seconds since 1970, if somebody has said so; else it is the system's.
    pub(super) fn clock(&self) -> Option<f64> {
        self.read(Reads::TIME);
        let now = self.now.get();
        if let Ok(mut scratch) = self.scratch.try_borrow_mut()
            && let Some(story) = &mut scratch.story
        {
            let shown = now.map_or_else(|| "now".to_owned(), |now| now.to_string());
            story.read("os.time", &shown);
        }
        now
    }

    /// Sets the clock that programs see; `None`: the system's.
    pub(super) fn set_clock(&self, now: Option<f64>) {
        self.now.set(now);
    }

    /// Chance takes this course from now on.
    pub(super) fn seed(&self, seed: u64) {
        if let Ok(mut scratch) = self.scratch.try_borrow_mut() {
            scratch.random.seed(seed);
        }
    }

    /// Begins a story, or ends one and hands it over.
    pub(super) fn swap_story(&self, story: &mut Option<Box<Story>>) {
        if let Ok(mut scratch) = self.scratch.try_borrow_mut() {
            std::mem::swap(&mut scratch.story, story);
        }
    }

    /// Takes these for the conditions of the program that runs next.
    pub(super) fn set_tests(&self, tests: Vec<String>) {
        self.tests.replace(tests);
    }

    /// A condition came to something.
    pub(super) fn test(&self, number: usize, holds: bool) {
        let (Ok(mut scratch), Ok(tests)) = (self.scratch.try_borrow_mut(), self.tests.try_borrow())
        else {
            return;
        };
        let (Some(story), Some(test)) = (&mut scratch.story, tests.get(number)) else {
            return;
        };
        story.branch(test, holds);
        // The call of this function is not the program's. What it is given for that has an end, whatever happens.
        let lent = self.lent.get();
        if lent < self.settings.fuel.saturating_mul(LENT) {
            self.lent.set(lent + 1);
            self.fuel.set(self.fuel.get() + 1);
        }
    }

    /// A call whose arguments were bound at load.
    pub(super) fn site(&self, lua: &Lua, number: usize) -> mlua::Result<Value> {
        self.charge(1)?;
        let running = self.running.try_borrow().map_err(mlua::Error::external)?;
        let running = running.as_ref().ok_or_else(idle)?;
        let bound = running.program.sites.get(number).ok_or_else(idle)?;
        let text = || running.program.site_text(number).to_owned();
        self.evaluate(lua, running, &**bound, text)
    }

    /// A call whose arguments the program has computed.
    pub(super) fn call(
        &self,
        lua: &Lua,
        function: &Function,
        args: &MultiValue,
    ) -> mlua::Result<Value> {
        self.charge(1)?;
        let args = Reader::new(self).arguments(args)?;
        let running = self.running.try_borrow().map_err(mlua::Error::external)?;
        let running = running.as_ref().ok_or_else(idle)?;
        let asked = Cell::new(false);
        let is_wanted = |story: &Story| story.telling == Telling::All;
        let scratch = self.scratch.try_borrow();
        let is_told = scratch.is_ok_and(|found| found.story.as_deref().is_some_and(is_wanted));
        let refused = is_told.then(RefCell::default);
        let mut binder = Binder {
            settings: &self.settings,
            defaults: &running.program.defaults,
            inner: running.program.inner,
            direct: false,
            checks: Checks::Run {
                health: &running.requests,
                snapshot: &running.health,
                held: &running.program.held,
                includes: &running.program.includes,
                zone: running.zone.as_name().as_wire(),
                asked: &asked,
                refused: refused.as_ref(),
            },
            remarks: Vec::new(),
            foreign: Vec::new(),
            slowest: None,
            budget: None,
        };
        let bound = function.bind(0, &args, &mut binder);
        if asked.get() {
            let mut trace = self.trace.get();
            trace.renews = true;
            self.trace.set(trace);
        }
        if let Some(refused) = &refused
            && let Ok(mut scratch) = self.scratch.try_borrow_mut()
        {
            for finding in refused.take() {
                scratch.tell(|| finding);
            }
        }
        match bound {
            Ok(bound) => {
                let text = || story::call_text(function.name, &args);
                self.evaluate(lua, running, &*bound, text)
            }
            Err(_) => {
                let why = binder.remarks.first().map_or("", |remark| &remark.message);
                Err(mlua::Error::runtime(format!("{}: {why}", function.name)))
            }
        }
    }

    /// Runs what stands at a name of the program's zone.
    pub(super) fn include(&self, lua: &Lua, text: &str) -> mlua::Result<()> {
        self.charge(ENTRY)?;
        let (program, name) = {
            let running = self.running.try_borrow().map_err(mlua::Error::external)?;
            let running = running.as_ref().ok_or_else(idle)?;
            (Arc::clone(&running.program), include::resolve(text, running.zone.as_name()))
        };
        let found = program.includes.iter().find(|(known, _)| Some(*known) == name);
        let Some((_, include)) = found else {
            return self.not_included(mlua::Error::runtime("nothing was loaded for it"), text);
        };
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return self.not_included(mlua::Error::runtime("it is included by itself"), text);
        }
        let functions: Table = lua.named_registry_value(INCLUDED)?;
        for chunk in &include.chunks {
            let function: mlua::Function = functions.raw_get(chunk.id)?;
            let arguments = self.arguments(lua, &chunk.variables)?;
            self.depth.set(depth + 1);
            let result = function.call::<()>(arguments);
            self.depth.set(depth);
            if let Err(error) = result {
                self.not_included(error, text)?;
            }
        }
        Ok(())
    }

    /// On the peer a program goes on without what it wanted to include.
    fn not_included(&self, error: mlua::Error, text: &str) -> mlua::Result<()> {
        let is_spent =
            self.stopped.get().is_some() || explain(&error, &mut String::new()) == Failure::Memory;
        if is_spent || self.settings.dialect == Dialect::Halfmoon {
            return Err(error);
        }
        self.note(3, &format!("include('{text}') failed: {error}"));
        Ok(())
    }

    fn evaluate(
        &self,
        lua: &Lua,
        running: &Running,
        bound: &dyn Bound,
        text: impl FnOnce() -> String,
    ) -> mlua::Result<Value> {
        let mut scratch = self.scratch.try_borrow_mut().map_err(mlua::Error::external)?;
        let mut trace = self.trace.get();
        let mut eval = Eval {
            client: &running.client,
            qname: running.qname.as_name(),
            zone: running.zone.as_name(),
            owner: running.owner.as_name(),
            data: &*running.data,
            geo: &running.geo,
            health: &running.health,
            trace: &mut trace,
            scratch: &mut scratch,
        };
        let outcome = bound.eval(&mut eval);
        self.trace.set(trace);
        scratch.tell_call(text, bound, &outcome);
        let items = bound.items();
        match outcome.map_err(mlua::Error::runtime)? {
            Outcome::Bool(truth) => Ok(Value::Boolean(truth)),
            Outcome::Denial => lua.create_userdata(Denial).map(Value::UserData),
            Outcome::Text => lua.create_string(&scratch.text).map(Value::String),
            Outcome::One(place) => {
                let text = items.get(place).map_or(&[][..], |item| &item.text);
                lua.create_string(text).map(Value::String)
            }
            Outcome::Texts => {
                let table = lua.create_table()?;
                for text in scratch.texts.iter() {
                    self.charge(ENTRY + text.len() as u64 / 64)?;
                    table.raw_push(lua.create_string(text)?)?;
                }
                Ok(Value::Table(table))
            }
            Outcome::Many => {
                let table = lua.create_table_with_capacity(scratch.chosen.len(), 0)?;
                for place in &scratch.chosen {
                    if let Some(item) = items.get(*place as usize) {
                        table.raw_push(lua.create_string(&item.text)?)?;
                    }
                }
                Ok(Value::Table(table))
            }
        }
    }
}

/// Notes that a program has read how the query arrived.
pub(super) fn read_transport(lua: &Lua) {
    if let Some(host) = lua.app_data_ref::<Rc<Host>>() {
        host.read(Reads::TRANSPORT);
    }
}

/// Takes fuel for what a host function does.
pub(super) fn charge(lua: &Lua, units: u64) -> mlua::Result<()> {
    match lua.app_data_ref::<Rc<Host>>() {
        Some(host) => host.charge(units),
        None => Err(idle()),
    }
}

fn idle() -> mlua::Error {
    mlua::Error::runtime("no program is running")
}
