//! What one thread runs programs with.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use halfmoon_wire::{Name, NameBuf};

use crate::answers::{Answers, Chose, Trace};
use crate::eval::{Context, Eval, Scratch};
use crate::notes::Note;
use crate::plan::{Candidate, Candidates};
use crate::program::{Body, Program};
use crate::remembered::Remembered;
use crate::story::{Story, Telling};
use crate::vm::{Code, Vm};
use crate::witness::Witness;
use crate::{Failure, Settings, plan};

/// Runs programs; one to a thread. The virtual machine is made when the first program needs it.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    scratch: Scratch,
    vm: Option<Vm>,
    /// Where globals are kept: a machine for each zone.
    shared: Shared,
    detail: String,
    notes: Vec<Note>,
    /// What programs said that entered Lua, if it is remembered.
    remembered: Option<Remembered>,
    /// What is not left to chance and the clock, for those who try something out.
    staged: Option<Staged>,
}

/// All that a program says when it says one string.
#[derive(Clone, Copy, Debug)]
pub struct One<'p> {
    /// The record data in wire form.
    pub rdata: &'p [u8],
    /// The TTL that the program wants, in seconds; `None`: the record's.
    pub ttl: Option<u32>,
    /// [`Answers::scope`].
    pub scope: u8,
    /// [`Answers::chose`].
    pub chose: Chose,
}

/// A clock and a course of chance that somebody has chosen.
#[derive(Clone, Copy, Debug)]
struct Staged {
    seed: u64,
    /// Seconds since 1970; `None`: as the system has it.
    now: Option<f64>,
}

impl Machine {
    /// A machine with these budgets.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            scratch: Scratch::default(),
            vm: None,
            shared: Shared::default(),
            detail: String::new(),
            notes: Vec::new(),
            remembered: None,
            staged: None,
        }
    }

    /// Remembers what programs say, so that one that would say the same again is not run. Whoever
    /// wants that calls [`Machine::forget`] whenever zones change.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.remembered = Some(Remembered::new());
        self
    }

    /// Forgets what programs said: the zones are others.
    pub fn forget(&mut self) {
        if let Some(remembered) = &mut self.remembered {
            remembered.clear();
        }
    }

    /// Runs a program and adds what it says to `answers`: records that are there already are not
    /// added again, so that several programs can answer together.
    ///
    /// # Errors
    /// Why there is no answer; [`Machine::detail`] says it at length. `answers` has the records it
    /// had, and what was read so far.
    pub fn run(
        &mut self,
        program: &Arc<Program>,
        cx: &Context<'_>,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        self.notes.clear();
        let kept = answers.len();
        let mut remembered = self.remembered.take_if(|_| matches!(program.body, Body::Code { .. }));
        if remembered.as_ref().is_some_and(|remembered| remembered.say(program, cx, answers)) {
            self.remembered = remembered;
            return Ok(());
        }
        let before = std::mem::take(&mut answers.trace);
        let result = self.run_body(program, cx, answers);
        let result = match result {
            Ok(()) if answers.len() - kept > self.settings.answers => Err(Failure::TooMany),
            other => other,
        };
        match (&result, &mut remembered) {
            (Err(_), _) => answers.truncate(kept),
            (Ok(()), Some(remembered)) if self.notes.is_empty() => {
                remembered.keep(program, cx, answers, kept);
            }
            _ => {}
        }
        if remembered.is_some() {
            self.remembered = remembered;
        }
        let own = std::mem::replace(&mut answers.trace, before);
        answers.trace.add(&own);
        answers.chose = own.chose;
        result
    }

    /// What [`Machine::run`] would add to no answers for a plan that says one string, without the way through them.
    /// `None` of any other program, or if this one says something else now: it is to be run then.
    #[must_use]
    pub fn one<'p>(&mut self, program: &'p Program, cx: &Context<'_>) -> Option<One<'p>> {
        let Body::Plan(plan) = &program.body else { return None };
        if self.staged.is_some() || self.scratch.story.is_some() {
            return None;
        }
        let mut trace = Trace::default();
        let rdata = plan.one(program, &mut Eval::new(cx, &mut trace, &mut self.scratch))?;
        let chose = Chose::of(trace.chose);
        Some(One { rdata, ttl: trace.own_ttl(), scope: trace.scope, chose })
    }

    /// Lets chance take the same course for the same seed from now on, and the clock show these seconds
    /// since 1970; `None`: as the system has it. Not for a machine that remembers.
    pub fn stage(&mut self, seed: u64, now: Option<f64>) {
        self.staged = Some(Staged { seed, now });
    }

    /// The same as [`Machine::run`], and what happened on the way. Nothing is remembered of it, nor
    /// is it answered from what is: the program runs.
    ///
    /// # Errors
    /// As there; the story goes as far as the program did.
    pub fn tell(
        &mut self,
        program: &Arc<Program>,
        cx: &Context<'_>,
        answers: &mut Answers,
        telling: Telling,
    ) -> (Result<(), Failure>, Story) {
        let remembered = self.remembered.take();
        self.scratch.story = Some(Box::new(Story::wanted(telling)));
        let result = self.run(program, cx, answers);
        let story = self.scratch.story.take();
        self.remembered = remembered;
        (result, story.map(|story| *story).unwrap_or_default())
    }

    /// What a plan could answer to anybody with health as it is in `cx`, at most `most` answers: for
    /// those who want to have them ready. Nothing of programs that run in Lua, of choices that do not
    /// depend on health, and of samples of which there are too many.
    #[must_use]
    pub fn candidates(
        &mut self,
        program: &Program,
        cx: &Context<'_>,
        most: usize,
    ) -> Vec<Candidate> {
        let mut candidates = Candidates::new(most);
        if let Body::Plan(plan) = &program.body {
            let mut trace = Trace::default();
            self.scratch.ahead.is_asked = true;
            candidates.follow(plan, program, &mut Eval::new(cx, &mut trace, &mut self.scratch));
            self.scratch.ahead.is_asked = false;
        }
        candidates.found
    }

    /// What exactly went wrong in the last run that failed, for the log; may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the last program said with `pdnslog`, for the log. A few lines at most.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    fn run_body(
        &mut self,
        program: &Arc<Program>,
        cx: &Context<'_>,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        if let Some(staged) = &mut self.staged {
            self.scratch.random.seed(staged.seed);
            staged.seed = staged.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        }
        match &program.body {
            Body::Plan(plan) => {
                let result = plan::run(plan, program, cx, &mut self.scratch, answers);
                result.map_err(|(failure, why)| {
                    self.detail.clear();
                    self.detail.push_str(why);
                    failure
                })
            }
            Body::Code { bytecode, variables, assigns } => {
                let found = match (&mut self.vm, self.settings.shared) {
                    (_, true) => self.shared.of(cx.zone, &self.settings),
                    (Some(vm), false) => Ok(vm),
                    (None, false) => Vm::new(&self.settings).map(|vm| self.vm.insert(vm)),
                };
                let vm = match found {
                    Ok(vm) => vm,
                    Err(why) => {
                        self.detail = why.to_string();
                        return Err(Failure::Internal);
                    }
                };
                let assigns = *assigns;
                let told = self.scratch.story.as_ref();
                let told = told.filter(|story| story.telling == Telling::All);
                let mut told = told.and_then(|_| Witness::of(program, self.settings.shared));
                let code = match &mut told {
                    Some(Witness { bytecode, variables, tests }) => {
                        let tests = Some(std::mem::take(tests));
                        Code { bytecode, variables, assigns, tests }
                    }
                    None => Code { bytecode, variables, assigns, tests: None },
                };
                if let Some(staged) = &self.staged {
                    vm.seed(staged.seed);
                    vm.set_clock(staged.now);
                }
                let is_told = self.scratch.story.is_some();
                if is_told {
                    vm.swap_story(&mut self.scratch.story);
                }
                let result = vm.run(program, code, cx, answers, &mut self.detail);
                if is_told {
                    vm.swap_story(&mut self.scratch.story);
                }
                vm.take_notes(&mut self.notes);
                if result == Err(Failure::Internal) {
                    // Nobody knows in what state a panic left it.
                    self.vm = None;
                    self.shared.forget(cx.zone);
                }
                result
            }
            Body::Faulty(why) => {
                self.detail.clone_from(why);
                Err(Failure::Faulty)
            }
        }
    }
}

/// How many zones one thread keeps globals for. The one not asked for longest is forgotten.
const ZONES: usize = 32;

/// The machines of zones whose globals are kept.
#[derive(Debug, Default)]
struct Shared {
    zones: HashMap<NameBuf, (u64, Vm), RandomState>,
    /// Counts runs, to tell which zone was not asked for long.
    clock: u64,
}

impl Shared {
    fn of(&mut self, zone: Name<'_>, settings: &Settings) -> mlua::Result<&mut Vm> {
        self.clock += 1;
        let zone = zone.to_lower();
        if !self.zones.contains_key(&zone) {
            if self.zones.len() >= ZONES {
                let oldest = self.zones.iter().min_by_key(|(_, (used, _))| *used);
                if let Some(oldest) = oldest.map(|(zone, _)| *zone) {
                    self.zones.remove(&oldest);
                }
            }
            self.zones.insert(zone, (0, Vm::new(settings)?));
        }
        let missing = || mlua::Error::runtime("there is no machine for the zone");
        let (used, vm) = self.zones.get_mut(&zone).ok_or_else(missing)?;
        *used = self.clock;
        Ok(vm)
    }

    fn forget(&mut self, zone: Name<'_>) {
        self.zones.remove(&zone.to_lower());
    }
}
