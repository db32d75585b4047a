//! The virtual machine of one thread: Luau in a sandbox, under budgets.
//!
//! One state runs the programs of all zones. Between two runs nothing is kept: libraries and
//! metatables are read-only, and globals that a program leaves behind are swept away.

mod convert;
mod free;
mod host;
mod objects;
mod records;
mod sandbox;
mod sets;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::answers::{Answers, Reads};
use crate::eval::Context;
use crate::globals::{VARIABLES, Variable};
use crate::notes::Note;
use crate::program::Program;
use crate::story::Story;
use crate::value::number_text;
use crate::{Failure, Settings, rdata};
use host::Host;
use objects::Denial;
use sandbox::VALUES;

/// What of a program runs here.
#[derive(Debug)]
pub(crate) struct Code<'p> {
    pub(crate) bytecode: &'p [u8],
    pub(crate) variables: &'p [Variable],
    pub(crate) assigns: bool,
    /// The conditions it tells of, as they are written; such code is not kept.
    pub(crate) tests: Option<Vec<String>>,
}

/// A sandboxed state, and the programs it has loaded.
pub(crate) struct Vm {
    lua: Lua,
    host: Rc<Host>,
    /// The environment of programs that assign globals.
    environment: Table,
    loaded: HashMap<u64, Loaded, RandomState>,
    /// What is included, by number, and which numbers there are.
    included: Table,
    chunks: HashSet<u64, RandomState>,
    /// Counts runs, to tell which programs were not run for long.
    clock: u64,
    memory: usize,
    limit: usize,
    answers: usize,
    /// Whether globals are kept, and what the machine may take then.
    shared: bool,
    most: usize,
}

/// What a machine that keeps globals may take beyond what it takes at rest, programs included.
const KEPT: usize = 4 << 20;

struct Loaded {
    function: Function,
    used: u64,
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm").field("loaded", &self.loaded.len()).finish_non_exhaustive()
    }
}

impl Vm {
    pub(crate) fn new(settings: &Settings) -> mlua::Result<Self> {
        let host = Rc::new(Host::new(settings.clone()));
        let lua = sandbox::build(&host)?;
        let environment = sandbox::environment(&lua, &host, settings.shared)?;
        let included = lua.create_table()?;
        lua.set_named_registry_value(INCLUDED, &included)?;
        let most = lua.used_memory().saturating_add(KEPT);
        Ok(Self {
            shared: settings.shared,
            most,
            included,
            chunks: HashSet::default(),
            lua,
            host,
            environment,
            loaded: HashMap::default(),
            clock: 0,
            memory: settings.memory,
            limit: settings.loaded.max(1),
            answers: settings.answers,
        })
    }

    /// Runs a program. Why it fails goes to `detail`.
    pub(crate) fn run(
        &mut self,
        program: &Arc<Program>,
        mut code: Code<'_>,
        cx: &Context<'_>,
        answers: &mut Answers,
        detail: &mut String,
    ) -> Result<(), Failure> {
        detail.clear();
        if let Err(error) = self.load_includes(program) {
            return Err(explain(&error, detail));
        }
        let tests = code.tests.take();
        let loaded = match &tests {
            Some(_) => self.function(&code),
            None => self.load(program.id, &code),
        };
        let test = tests.is_some().then(|| sandbox::test(&self.lua, &self.host)).transpose();
        self.host.set_tests(tests.unwrap_or_default());
        let (function, test) = match loaded.and_then(|function| Ok((function, test?))) {
            Ok(both) => both,
            Err(error) => return Err(explain(&error, detail)),
        };
        let budget = self.lua.used_memory().saturating_add(self.memory);
        if self.shared {
            // What other runs left behind differs from thread to thread.
            answers.trace.read(Reads::CHANCE);
        }
        self.host.arm(program, cx, answers.trace);
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.lua.set_memory_limit(budget)?;
            let mut arguments = self.host.arguments(&self.lua, code.variables)?;
            if let Some(test) = test {
                arguments.push_front(Value::Function(test));
            }
            function.call::<Value>(arguments)
        }));
        // Lifted in any case: what comes next is ours.
        let lifted = self.lua.set_memory_limit(0);
        let stopped = self.host.stopped();
        let outcome = match (result, lifted) {
            (Ok(result), Ok(_)) => match (stopped, result) {
                // A program that swallows the error of a budget has spent it all the same.
                (Some(failure), _) => Err(failure),
                (None, Ok(value)) => self.answer(program, &value, answers, detail),
                (None, Err(error)) => Err(explain(&error, detail)),
            },
            _ => {
                detail.push_str("a host function panicked");
                Err(Failure::Internal)
            }
        };
        answers.trace = self.host.disarm();
        let cleaned = match self.shared {
            true => self.keep(),
            false if code.assigns => self.environment.clear(),
            false => Ok(()),
        };
        if cleaned.is_err() { Err(Failure::Internal) } else { outcome }
    }

    /// Keeps the globals, unless they have become too large: then they are forgotten.
    fn keep(&mut self) -> mlua::Result<()> {
        // What was said of the query at hand goes in any case.
        self.lua.named_registry_value::<Table>(VALUES)?.clear()?;
        for (name, _) in VARIABLES {
            self.environment.raw_set(name, Value::Nil)?;
        }
        if self.lua.used_memory() <= self.most {
            return Ok(());
        }
        self.lua.gc_collect()?;
        if self.lua.used_memory() > self.most {
            self.environment.clear()?;
            self.loaded.clear();
            self.chunks.clear();
            self.included.clear()?;
            self.lua.gc_collect()?;
        }
        Ok(())
    }

    /// Chance takes this course from now on.
    pub(crate) fn seed(&self, seed: u64) {
        self.host.seed(seed);
    }

    /// Sets the clock that programs see.
    pub(crate) fn set_clock(&self, now: Option<f64>) {
        self.host.set_clock(now);
    }

    /// Begins a story, or ends one and hands it over.
    pub(crate) fn swap_story(&self, story: &mut Option<Box<Story>>) {
        self.host.swap_story(story);
    }

    /// Hands over what programs said for the log.
    pub(crate) fn take_notes(&self, to: &mut Vec<Note>) {
        self.host.take_notes(to);
    }

    fn load(&mut self, id: u64, code: &Code<'_>) -> mlua::Result<Function> {
        self.clock += 1;
        if let Some(loaded) = self.loaded.get_mut(&id) {
            loaded.used = self.clock;
            return Ok(loaded.function.clone());
        }
        if self.loaded.len() >= self.limit {
            self.unload();
        }
        let function = self.function(code)?;
        self.loaded.insert(id, Loaded { function: function.clone(), used: self.clock });
        Ok(function)
    }

    fn function(&self, code: &Code<'_>) -> mlua::Result<Function> {
        let mut chunk =
            self.lua.load(code.bytecode).set_mode(ChunkMode::Binary).set_name("=program");
        if code.assigns {
            chunk = chunk.set_environment(self.environment.clone());
        }
        chunk.into_function()
    }

    /// Loads what a program includes, which is not the program's expense.
    fn load_includes(&mut self, program: &Program) -> mlua::Result<()> {
        for (_, include) in &program.includes {
            for chunk in &include.chunks {
                if self.chunks.contains(&chunk.id) {
                    continue;
                }
                if self.chunks.len() >= self.limit {
                    self.chunks.clear();
                    self.included.clear()?;
                }
                let function = self
                    .lua
                    .load(&*chunk.bytecode)
                    .set_mode(ChunkMode::Binary)
                    .set_name("=include")
                    .set_environment(self.environment.clone())
                    .into_function()?;
                self.included.raw_set(chunk.id, function)?;
                self.chunks.insert(chunk.id);
            }
        }
        Ok(())
    }

    /// Drops the quarter of the programs that was not run for the longest time.
    fn unload(&mut self) {
        let mut ages: Vec<u64> = self.loaded.values().map(|loaded| loaded.used).collect();
        let quarter = ages.len() / 4;
        let (_, oldest, _) = ages.select_nth_unstable(quarter);
        let oldest = *oldest;
        self.loaded.retain(|_, loaded| loaded.used > oldest);
    }

    /// Takes the result over: a string, a number, or a table of those without names for keys.
    fn answer(
        &self,
        program: &Program,
        value: &Value,
        answers: &mut Answers,
        detail: &mut String,
    ) -> Result<(), Failure> {
        if let Value::UserData(object) = value
            && object.is::<Denial>()
        {
            answers.deny_name();
            return Ok(());
        }
        if let Value::Table(table) = value {
            let mut result = Ok(());
            let mut count = 0;
            let walked = table.for_each(|key: Value, value: Value| {
                count += 1;
                result = if !matches!(key, Value::Integer(_) | Value::Number(_)) {
                    detail.push_str("the table has names for keys");
                    Err(Failure::NoResult)
                } else if count > self.answers {
                    Err(Failure::TooMany)
                } else {
                    self.record(program, &value, answers, detail)
                };
                // An error only ends the walk.
                if result.is_err() { Err(mlua::Error::StackError) } else { Ok(()) }
            });
            return match (result, walked) {
                (Ok(()), Err(error)) => Err(explain(&error, detail)),
                (result, _) => result,
            };
        }
        self.record(program, value, answers, detail)
    }

    fn record(
        &self,
        program: &Program,
        value: &Value,
        answers: &mut Answers,
        detail: &mut String,
    ) -> Result<(), Failure> {
        let number;
        let borrowed;
        let text: &[u8] = match value {
            Value::String(text) => {
                borrowed = text.as_bytes();
                &borrowed
            }
            Value::Integer(integer) => {
                number = integer.to_string();
                number.as_bytes()
            }
            Value::Number(float) => {
                number = number_text(*float);
                number.as_bytes()
            }
            other => {
                detail.push_str(&format!("the result is {}", other.type_name()));
                return Err(Failure::NoResult);
            }
        };
        self.host.with_data(|data| {
            data.clear();
            match rdata::encode(program.inner, text, data) {
                Ok(()) => {
                    answers.push(data);
                    Ok(())
                }
                Err(why) => {
                    let shown: String = String::from_utf8_lossy(text).chars().take(60).collect();
                    detail.push_str(&format!("'{shown}': {why}"));
                    Err(Failure::BadResult)
                }
            }
        })
    }
}

/// What an error of Lua means, and its text without the machinery's.
fn explain(error: &mlua::Error, detail: &mut String) -> Failure {
    match error {
        mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => {
            explain(cause, detail)
        }
        mlua::Error::BadArgument { cause, .. } => explain(cause, detail),
        mlua::Error::MemoryError(_) => Failure::Memory,
        mlua::Error::PreviouslyResumedPanic => Failure::Internal,
        mlua::Error::RuntimeError(message) => {
            let first = message.lines().next().unwrap_or("");
            detail.extend(first.chars().take(300));
            // Luau's guard of its C stack and of the depth of calls.
            if first.contains("stack overflow") { Failure::Memory } else { Failure::Script }
        }
        other => {
            detail.extend(other.to_string().chars().take(300));
            Failure::Script
        }
    }
}

/// Where host functions find what can be included.
const INCLUDED: &str = "included";

/// What a program is called with.
type Arguments = MultiValue;
