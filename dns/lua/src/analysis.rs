//! What a program does, as far as its text tells: the checks that run at load.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use halfmoon_healthcheck::{Handle, Health, Options as CheckOptions, PoolName, Reaction};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::Level;

use crate::binder::{Binder, Checks, Held};
use crate::budget::Budget;
use crate::call::HealthCall;
use crate::eval::Bound;
use crate::functions::options::{Options, Target, Ttl};
use crate::functions::{self, Function, Gives, Kind};
use crate::globals;
use crate::include::{Include, Library};
use crate::program::{Body, Program};
use crate::remark::{Remark, nearest};
use crate::rewrite::{Site, rewrite};
use crate::syntax::{self, Call, Node, Script, Step};
use crate::value::{Arg, Value};
use crate::{Dialect, Settings};

use known::Known;

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
        let (text, offset) = match whole.strip_prefix(';') {
            Some(statements) => (statements, 1),
            None => (whole, 0),
        };
        // What others include is statements, whatever it begins with.
        let is_expression = offset == 0 && self.inner != Type::LUA;
        let script = self.read(text, offset, is_expression)?;
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
        let code = self.code(text, offset, is_expression, &script)?;
        Some(plan.map_or(code, Body::Plan))
    }

    fn read(&mut self, text: &str, offset: usize, is_expression: bool) -> Option<Script> {
        let result = if is_expression {
            let chunk = format!("{RETURN}{text}");
            syntax::read(&chunk, -(RETURN.len() as isize))
        } else {
            syntax::read(text, offset as isize)
        };
        match result {
            Ok(script) => Some(script),
            Err(error) => {
                self.syntax(error.0, error.1, text, is_expression);
                None
            }
        }
    }

    fn syntax(&mut self, at: usize, message: String, text: &str, is_expression: bool) {
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

    fn code(
        &mut self,
        text: &str,
        offset: usize,
        is_expression: bool,
        script: &Script,
    ) -> Option<Body> {
        let (code, variables) =
            rewrite(text, offset, is_expression, script, &self.sites, self.settings.shared);
        match bytecode(&code) {
            Ok(bytecode) => Some(Body::Code {
                bytecode: bytecode.into(),
                variables,
                assigns: self.settings.shared
                    || !script.assigned.is_empty()
                    || !self.includes.is_empty(),
            }),
            Err((line, message)) => {
                let at = line_start(text, line) + offset;
                self.syntax(at, message, text, is_expression);
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

    /// Binds the calls of host functions whose arguments are all literal, and looks at the form of
    /// the others.
    fn calls(&mut self, script: &Script) {
        let direct = returned(&script.body);
        let known = Known::of(script, self);
        let (mut sites, mut pools) = (Vec::new(), 0);
        for (number, call) in script.calls.iter().enumerate() {
            let Some(function) = functions::find(&call.name, self.settings.dialect) else {
                continue;
            };
            // A name that is declared or assigned anywhere may stand for something else.
            let is_included = self.included.contains(&call.name);
            if call.local || is_included || script.is_bound(&call.name) {
                continue;
            }
            if let Some(attribute) = functions::asks_for(function.name) {
                self.blind(attribute, call.span.start);
            }
            if functions::is_by_health(function.name) {
                self.note_call(function, call, &known);
            }
            let args: Vec<_> = call.args.iter().map(syntax::Expr::constant).collect();
            match args.iter().cloned().collect::<Option<Vec<_>>>() {
                Some(args) => {
                    let bound = self.bind(function, call, &args, (pools, direct.contains(&number)));
                    let is_by_health = functions::is_by_health(function.name);
                    if self.settings.shared && call.deferred {
                        self.computes |= is_by_health;
                        // Another program may call it when this one is gone: what it names is
                        // checked from now on, but the call is bound when it runs.
                        continue;
                    }
                    pools += u32::from(is_by_health);
                    sites.extend(bound.map(|bound| (number, bound)));
                }
                None => {
                    self.computes |= functions::is_by_health(function.name);
                    let args: Vec<_> = call.args.iter().map(|arg| known.literal(arg)).collect();
                    self.form(function, call, &args);
                    if let Some(args) = args.into_iter().collect::<Option<Vec<_>>>() {
                        self.whole(function, call, &args);
                    }
                    prefetch::mention(call, script, &mut self.mentioned);
                    self.prefetch(function, call, script);
                }
            }
        }
        sites
            .sort_by_key(|(number, _)| script.calls.get(*number).map_or(0, |call| call.span.start));
        let span = |(number, _): &(usize, _)| {
            let span = script.calls.get(*number).map(|call: &Call| call.span.clone());
            let span = span.unwrap_or_default();
            span.start as u32..span.end as u32
        };
        self.spans = sites.iter().map(span).collect();
        (self.sites, self.bound) = sites.into_iter().unzip();
    }

    fn bind(
        &mut self,
        function: &Function,
        call: &Call,
        args: &[Arg],
        (number, direct): (u32, bool),
    ) -> Option<Box<dyn Bound>> {
        let text = |name: Name<'_>| name.to_lower().to_string().into();
        let owner = functions::is_by_health(function.name).then(|| PoolName {
            zone: text(self.library.zone()),
            owner: text(self.owner),
            rtype: self.inner.to_string().into(),
            program: self.number,
            number,
        });
        let mut binder = Binder {
            settings: self.settings,
            defaults: &self.settings.defaults,
            inner: self.inner,
            direct,
            checks: Checks::Load {
                health: self.health,
                handles: &mut self.handles,
                held: &mut self.held,
                owner,
            },
            remarks: Vec::new(),
            foreign: Vec::new(),
            slowest: None,
            budget: None,
        };
        let bound = function.bind(call.span.start, args, &mut binder);
        self.remarks.append(&mut binder.remarks);
        self.foreign.append(&mut binder.foreign);
        if let (Ok(_), Some(budget)) = (&bound, binder.budget) {
            self.budgets.push(budget.of_record(call.span.start, self.ttl));
        }
        bound.ok()
    }

    fn form(&mut self, function: &Function, call: &Call, args: &[Option<Arg>]) {
        // The last argument may be more than one, or none.
        let is_open = call.args.last().is_some_and(|last| matches!(last.node, Node::Opaque));
        let mut given = args.to_vec();
        while is_open && given.len() < function.required {
            given.push(None);
        }
        if let Err(remark) = function.check(call.span.start, &given) {
            self.remarks.push(remark);
            return;
        }
        // What is checked is judged, whoever is checked; where all is known it is with the rest.
        if let Some(Some(subject)) = args.first()
            && args.iter().any(Option::is_none)
        {
            let mut binder = self.form_binder();
            // What is wrong is among the remarks.
            match function.name {
                "ifurlup" => drop(functions::ifurlup::read_url(subject, &mut binder)),
                "ifdnsup" | "ifgrpcup" | "ifportup" | "iftlsup" => {
                    let _ = functions::checks::port(subject, &mut binder);
                }
                _ => {}
            }
            let mut remarks = binder.remarks;
            self.remarks.append(&mut remarks);
        }
        let target = Target::of_function(function.name);
        let is_by_health = functions::is_by_health(function.name);
        // What of it is said nowhere is as it is by default.
        let has_options = args.get(function.parameters.len() - 1).is_some();
        if is_by_health && !has_options {
            let defaults = &self.settings.defaults;
            let ttl = defaults.ttl.map(Ttl::Range);
            self.budget_of_form(call, target, &defaults.checks, (ttl, defaults.rto));
        }
        for (kind, arg) in function.parameters.iter().zip(args) {
            if *kind != Kind::Options || arg.is_none() {
                continue;
            }
            let mut binder = self.form_binder();
            // What is wrong is among the remarks.
            let options = Options::read(arg.as_ref(), target, &mut binder);
            let mut remarks = binder.remarks;
            self.remarks.append(&mut remarks);
            if let Some(options) = options.ok().filter(|_| is_by_health) {
                self.budget_of_form(call, target, &options.checks, (options.ttl, options.rto));
            }
        }
    }
}

impl Analysis<'_> {
    /// Looks at a call with arguments that stand elsewhere in the text, as binding it will when it runs.
    fn whole(&mut self, function: &Function, call: &Call, args: &[Arg]) {
        let mut binder = self.form_binder();
        // What is wrong is among the remarks; of options it was said before.
        let _ = function.bind(call.span.start, args, &mut binder);
        let (remarks, foreign) = (binder.remarks, binder.foreign);
        let is_new = |remark: &Remark| !self.remarks.contains(remark);
        let new: Vec<Remark> = remarks.into_iter().filter(is_new).collect();
        self.remarks.extend(new);
        self.foreign.extend(foreign);
    }

    /// Remembers a call by health, and looks at whom it asks for a URL.
    fn note_call(&mut self, function: &Function, call: &Call, known: &Known<'_>) {
        let args: Vec<_> = call.args.iter().map(|arg| known.literal(arg)).collect();
        let call = HealthCall::read(call.span.start, function, &args, self.settings.dialect);
        if let Some(asked) = call.asked() {
            let host = match asked.host {
                url::Host::Ipv4(address) => Some(IpAddr::V4(address)),
                url::Host::Ipv6(address) => Some(IpAddr::V6(address)),
                url::Host::Domain(_) => None,
            };
            let fits = |address: &IpAddr| match self.inner {
                Type::A => address.is_ipv4(),
                Type::AAAA => address.is_ipv6(),
                _ => true,
            };
            let others: Vec<IpAddr> = match host {
                Some(host) => {
                    let probed = asked.addresses.iter().filter(|(answered, _)| fits(answered));
                    probed.map(|(_, probed)| *probed).filter(|probed| *probed != host).collect()
                }
                None => Vec::new(),
            };
            if let (Some(host), Some(other)) = (host, others.first()) {
                let message =
                    format!("{other} is asked for a URL of {host}, which it may not serve");
                let help = "write a name that all of them serve, or a URL for each: \
                            {'192.0.2.1', url='https://…'}";
                let remark = Remark::warning("lua-url-host", asked.at, message).help(help);
                self.remarks.push(remark);
            }
        }
        self.calls.push(call);
    }

    /// A binder that looks at arguments and starts nothing.
    fn form_binder(&self) -> Binder<'_> {
        Binder {
            settings: self.settings,
            defaults: &self.settings.defaults,
            inner: self.inner,
            direct: false,
            checks: Checks::Form,
            remarks: Vec::new(),
            foreign: Vec::new(),
            slowest: None,
            budget: None,
        }
    }

    /// Takes in the budget of a call whose list the program computes: its members are checked as its
    /// options say, whatever they are.
    fn budget_of_form(
        &mut self,
        call: &Call,
        target: Target,
        checks: &CheckOptions,
        (ttl, rto): (Option<Ttl>, Option<Duration>),
    ) {
        let reaction = match target {
            Target::Push => Reaction::of_push(&checks.pace, &checks.push),
            _ => Some(Reaction::of_probes(&checks.pace)),
        };
        let budget = Budget::new((None, reaction), ttl, rto);
        self.budgets.push(budget.of_record(call.span.start, self.ttl));
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
fn bytecode(code: &str) -> Result<Vec<u8>, (usize, String)> {
    let compiler = mlua::chunk::Compiler::new()
        .set_optimization_level(1)
        .set_debug_level(1)
        .set_mutable_globals(globals::NOT_BUILT_IN);
    compiler.compile(code).map_err(|error| complaint(&error))
}

const RETURN: &str = "return ";

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

/// The calls whose result is what the program returns.
fn returned(steps: &[Step]) -> Vec<usize> {
    let mut calls = Vec::new();
    for step in steps {
        match step {
            Step::Return(results) => {
                if let Some(first) = results.first() {
                    results_of(first, &mut calls);
                }
            }
            Step::If(arms, otherwise) => {
                for (_, arm) in arms {
                    calls.extend(returned(arm));
                }
                calls.extend(otherwise.iter().flat_map(|steps| returned(steps)));
            }
            Step::Opaque => {}
        }
    }
    calls
}

fn results_of(expr: &syntax::Expr, calls: &mut Vec<usize>) {
    match &expr.node {
        Node::Call(number) => calls.push(*number),
        Node::And(_, right) => results_of(right, calls),
        Node::Or(left, right) => {
            results_of(left, calls);
            results_of(right, calls);
        }
        _ => {}
    }
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
