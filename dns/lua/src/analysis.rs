//! What a program does, as far as its text tells: the checks that run at load.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use halfmoon_healthcheck::{Handle, Health};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::Level;

use crate::binder::Held;
use crate::budget::Budget;
use crate::call::HealthCall;
use crate::eval::Bound;
use crate::functions::{self, Gives};
use crate::globals;
use crate::include::{Include, Library};
use crate::program::{Body, Program};
use crate::remark::{Remark, nearest};
use crate::rewrite::{Site, rewrite};
use crate::syntax::{self, Node, Script, Shape, Step};
use crate::value::Value;
use crate::{Dialect, Settings};

mod calls;
pub(crate) mod includes;
mod known;
mod lint;
mod lower;
mod prefetch;

/// How deep a program may nest.
pub(crate) const DEEPEST: usize = 200;

/// A record with a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) inner: Type,
    pub(crate) text: &'a str,
    pub(crate) owner: Name<'a>,
    /// Its number among the records of this owner and type.
    pub(crate) number: u32,
    /// In seconds.
    pub(crate) ttl: u32,
}

/// Compiles one program. `None`: it has errors.
pub(crate) fn compile(
    settings: &Settings,
    health: &Health,
    Record { inner, text, owner, number, ttl }: Record<'_>,
    library: &Library<'_>,
) -> (Option<Program>, Vec<Remark>) {
    let mut analysis = Analysis {
        settings,
        health,
        inner,
        owner,
        number,
        remarks: Vec::new(),
        sites: Vec::new(),
        bound: Vec::new(),
        spans: Vec::new(),
        handles: Vec::new(),
        held: Held::default(),
        branches: 0,
        library,
        includes: Vec::new(),
        included: Vec::new(),
        ttl,
        budgets: Vec::new(),
        foreign: Vec::new(),
        calls: Vec::new(),
        computes: false,
        mentioned: BTreeSet::new(),
    };
    let body = analysis.body(text);
    // A program that is too slow can be told of all the same.
    analysis.judge_budgets();
    let Analysis {
        remarks,
        bound,
        handles,
        held,
        includes,
        budgets,
        spans,
        mut foreign,
        mut calls,
        computes,
        mentioned,
        ..
    } = analysis;
    foreign.sort_unstable();
    foreign.dedup();
    calls.sort_by_key(HealthCall::at);
    let program = body.map(|body| Program {
        id: next_id(),
        inner,
        defaults: Arc::clone(&settings.defaults),
        body,
        sites: bound,
        spans: spans.into(),
        text: text.into(),
        held,
        handles,
        includes,
        budgets: budgets.into(),
        foreign: foreign.into(),
        calls: calls.into(),
        computes,
        mentioned: mentioned.into_iter().collect(),
    });
    (program, remarks)
}

impl Program {
    /// A program that fails whenever it runs.
    pub(crate) fn faulty(inner: Type, text: &str, why: String) -> Self {
        Self {
            id: next_id(),
            inner,
            defaults: Arc::default(),
            body: Body::Faulty(why),
            sites: Vec::new(),
            spans: Box::default(),
            text: text.into(),
            held: Held::default(),
            handles: Vec::new(),
            includes: Vec::new(),
            budgets: Box::default(),
            foreign: Box::default(),
            calls: Box::default(),
            computes: false,
            mentioned: Box::default(),
        }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

struct Analysis<'a> {
    settings: &'a Settings,
    health: &'a Health,
    inner: Type,
    owner: Name<'a>,
    /// Of the record, among those of this owner and type.
    number: u32,
    remarks: Vec<Remark>,
    /// The calls that are bound, in order of text.
    sites: Vec<Site>,
    bound: Vec<Box<dyn Bound>>,
    /// Where they stand in the text.
    spans: Vec<Range<u32>>,
    handles: Vec<Handle>,
    held: Held,
    /// Branches of the plan so far.
    branches: usize,
    library: &'a Library<'a>,
    /// What is included, and what that includes.
    includes: Vec<(NameBuf, Arc<Include>)>,
    /// The globals it leaves behind.
    included: Vec<Box<str>>,
    /// The TTL of the record.
    ttl: u32,
    budgets: Vec<Budget>,
    /// Addresses that the record cannot carry.
    foreign: Vec<(usize, IpAddr)>,
    calls: Vec<HealthCall>,
    /// Whether it asks for the health of lists that it computes.
    computes: bool,
    /// Addresses that may get into lists that it computes.
    mentioned: BTreeSet<IpAddr>,
}

impl Analysis<'_> {
    fn body(&mut self, whole: &str) -> Option<Body> {
        let shape = Shape::of(whole, self.inner);
        let script = self.read(shape)?;
        self.includes(&script);
        self.names(&script);
        self.calls(&script);
        self.lint(&script);
        self.results(&script, &script.body);
        let plan = if self.settings.plans { self.lower(&script) } else { None };
        // In the peer's dialect only what cannot be compiled at all keeps a program from running:
        // a call that is never reached does no harm there.
        let is_refused = self.settings.dialect == Dialect::Halfmoon
            && self.remarks.iter().any(|remark| remark.level == Level::Error);
        if is_refused {
            return None;
        }
        // What becomes a plan is compiled as well: where the two parsers do not agree on what is
        // Lua, the one that would run it has the last word.
        let code = self.code(shape, &script)?;
        Some(plan.map_or(code, Body::Plan))
    }

    fn read(&mut self, shape: Shape<'_>) -> Option<Script> {
        shape.read().map_err(|(at, message)| self.syntax(at, message, shape)).ok()
    }

    fn syntax(&mut self, at: usize, message: String, shape: Shape<'_>) {
        let Shape { text, is_expression, .. } = shape;
        let offset = usize::from(!is_expression);
        let before = text.get(..at.saturating_sub(offset)).unwrap_or("").trim_end();
        let mut remark = Remark::error("lua-syntax", at, message);
        if is_expression && text.trim_start().starts_with(';') {
            remark = remark.help("the `;` of a program with statements has to come first");
        } else if before.ends_with("goto") {
            remark.message = "there is no goto in record programs".to_owned();
        }
        self.remarks.push(remark);
    }

    fn code(&mut self, shape: Shape<'_>, script: &Script) -> Option<Body> {
        let (code, variables) = rewrite(shape, script, &self.sites, None, self.settings.shared);
        match bytecode(&code) {
            Ok(bytecode) => Some(Body::Code {
                bytecode: bytecode.into(),
                variables,
                assigns: self.settings.shared
                    || !script.assigned.is_empty()
                    || !self.includes.is_empty(),
            }),
            Err((line, message)) => {
                let at = line_start(shape.text, line) + shape.offset;
                self.syntax(at, message, shape);
                None
            }
        }
    }

    /// Looks for results that cannot be an answer.
    fn results(&mut self, script: &Script, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Return(results) => {
                    let useless = results
                        .first()
                        .and_then(|first| useless(first, script, self.settings.dialect));
                    if let Some((at, kind)) = useless {
                        let message = format!("{kind} is no answer");
                        let remark = Remark::error("lua-result", at, message)
                            .help("return a string or a list of strings");
                        self.remarks.push(remark);
                    }
                }
                Step::If(arms, otherwise) => {
                    for (_, steps) in arms {
                        self.results(script, steps);
                    }
                    self.results(script, otherwise.as_deref().unwrap_or(&[]));
                }
                Step::Opaque => {}
            }
        }
    }

    /// Looks at every name that is no local.
    fn names(&mut self, script: &Script) {
        for (name, at) in &script.reads {
            let is_included = self.included.iter().any(|included| included == name);
            if script.is_assigned(name)
                || is_included
                || globals::is_known(name, self.settings.dialect)
            {
                continue;
            }
            let mut remark = unknown_name(name, *at, script, self.settings.dialect);
            if self.inner == Type::LUA || self.settings.shared {
                // What includes it, or another program of the zone, may have set the name before.
                remark.level = Level::Warning;
            }
            self.remarks.push(remark);
        }
        for (library, field, at) in &script.fields {
            let Some(members) = globals::members(library) else {
                continue;
            };
            if script.is_assigned(library) || members.contains(&&**field) {
                continue;
            }
            let message = format!("there is no {library}.{field}");
            let remark = Remark::error("lua-unknown-name", *at, message);
            self.remarks.push(match nearest(field, members.iter().copied()) {
                Some(near) => remark.help(format!("write {library}.{near}")),
                None => remark,
            });
        }
    }

    /// Looks whether failovers are as quick as they are to be. What is there to be included is
    /// judged where it is.
    fn judge_budgets(&mut self) {
        if self.inner != Type::LUA {
            self.budgets.sort_by_key(|budget| budget.at);
            self.remarks.extend(self.budgets.iter().filter_map(Budget::fault));
        }
    }
}

/// Compiles text for the virtual machine, or says in which line, from 1, it is wrong and why.
pub(crate) fn bytecode(code: &str) -> Result<Vec<u8>, (usize, String)> {
    let compiler = mlua::chunk::Compiler::new()
        .set_optimization_level(1)
        .set_debug_level(1)
        .set_mutable_globals(globals::NOT_BUILT_IN);
    compiler.compile(code).map_err(|error| complaint(&error))
}

fn unknown_name(name: &str, at: usize, script: &Script, dialect: Dialect) -> Remark {
    if globals::is_removed(name) {
        let message = format!("there is no {name} in record programs");
        return Remark::error("lua-unknown-name", at, message);
    }
    if script.is_bound(name) {
        let message = format!(
            "no {name} is in scope here: the local of this name ends before, or begins after"
        );
        return Remark::error("lua-unknown-name", at, message);
    }
    if matches!(name, "pickfirst" | "first") {
        let message = format!("{name} is a selector, not a function");
        return Remark::error("lua-unknown-name", at, message)
            .help("write ifurlup(url, addresses, {selector='pickfirst'})");
    }
    let remark = Remark::error("lua-unknown-name", at, format!("nothing is called {name}"));
    let near = nearest(name, script.bound.iter().map(|name| &**name));
    match near.or_else(|| nearest(name, globals::all(dialect))) {
        Some(near) => remark.help(format!("write {near}")),
        None => remark,
    }
}

/// What a result is that cannot be an answer, and where it stands.
fn useless(
    result: &syntax::Expr,
    script: &Script,
    dialect: Dialect,
) -> Option<(usize, &'static str)> {
    let kind = match &result.node {
        Node::Constant(value @ (Value::Nil | Value::Bool(_))) => value.kind(),
        Node::Not(_) | Node::Same { .. } => "a boolean",
        Node::Table(entries) => {
            let key = entries.iter().find_map(|(key, _)| key.as_ref());
            let is_name = |key: &&syntax::Expr| matches!(key.node, Node::Constant(Value::Text(_)));
            let key = key.filter(is_name)?;
            return Some((key.at, "a table with names for keys"));
        }
        Node::Call(number) => {
            let call = script.calls.get(*number)?;
            let function = functions::find(&call.name, dialect).filter(|_| !call.local)?;
            let is_ours = !script.is_bound(&call.name);
            (is_ours && function.gives == Gives::Truth).then_some("a boolean")?
        }
        _ => return None,
    };
    Some((result.at, kind))
}

/// The line, from 1, and the message of `2: unexpected …`.
fn complaint(error: &mlua::Error) -> (usize, String) {
    let mlua::Error::SyntaxError { message, .. } = error else {
        return (1, error.to_string());
    };
    match message.split_once(':') {
        Some((line, text)) => (line.trim().parse().unwrap_or(1), text.trim().to_owned()),
        None => (1, message.clone()),
    }
}

/// Where a line starts, after its blanks.
fn line_start(text: &str, line: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or("");
    start + rest.len() - rest.trim_start().len()
}
