//! The calls of host functions in a program: those whose arguments all stand in the text are bound, and the
//! form of the others is looked at.

use std::net::IpAddr;
use std::time::Duration;

use halfmoon_healthcheck::{Options as CheckOptions, PoolName, Reaction};
use halfmoon_wire::{Name, Type};

use super::known::Known;
use super::{Analysis, prefetch};
use crate::binder::{Binder, Checks};
use crate::budget::Budget;
use crate::call::HealthCall;
use crate::eval::Bound;
use crate::functions::options::{Options, Target, Ttl};
use crate::functions::{self, Function, Kind};
use crate::remark::Remark;
use crate::syntax::{self, Call, Node, Script, Step};
use crate::value::Arg;

impl Analysis<'_> {
    /// Binds the calls of host functions whose arguments are all literal, and looks at the form of
    /// the others.
    pub(super) fn calls(&mut self, script: &Script) {
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
