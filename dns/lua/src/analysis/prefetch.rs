//! Checks that a program will ask for, started before it does.
//!
//! `ifurlup(url, ips)` with `ips` put together from lists that stand in the text: every address
//! that can get there is checked from load on, so that the first answer after a restart knows
//! something. What is found is more than what a run reads, never something it does not name.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::analysis::Analysis;
use crate::binder::{Binder, Checks};
use crate::functions::checks::Subject;
use crate::functions::options::Options;
use crate::functions::{Function, ifurlup};
use crate::syntax::{Call, Expr, Node, Script};
use crate::value::{Arg, Value};

/// How many addresses of one call are started.
const MOST: usize = 1024;
/// How many of all calls of a program may be meant by operators.
const MOST_MENTIONED: usize = 4 * MOST;

impl Analysis<'_> {
    pub(super) fn prefetch(&mut self, function: &Function, call: &Call, script: &Script) {
        // The port plays no part in what kind it is.
        let subject: fn(u16) -> Subject = match function.name {
            "ifdnsup" => Subject::Dns,
            "ifgrpcup" => Subject::Grpc,
            "ifpingup" => |_| Subject::Ping,
            "ifportup" => Subject::Port,
            "iftlsup" => Subject::Tls,
            "ifurlup" => return self.prefetch_url(call, script),
            _ => return,
        };
        let (first, list, rest) = match (subject(0), call.args.as_slice()) {
            (Subject::Ping, [list, rest @ ..]) => (0, list, rest),
            (_, [first, list, rest @ ..]) => {
                let port = first.constant().and_then(|port| port.value.as_integer());
                let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else {
                    return;
                };
                (port, list, rest)
            }
            _ => return,
        };
        self.start(|_| Some(subject(first)), list, rest, script);
    }

    fn prefetch_url(&mut self, call: &Call, script: &Script) {
        let [first, list, rest @ ..] = call.args.as_slice() else {
            return;
        };
        let Some(first) = first.constant() else {
            return;
        };
        let url = |binder: &mut Binder<'_>| match ifurlup::read_url(&first, binder) {
            Ok(Some(url)) => Some(Subject::Url(url)),
            _ => None,
        };
        self.start(url, list, rest, script);
    }

    /// Starts the checks of all addresses that may get into the list.
    fn start(
        &mut self,
        subject: impl FnOnce(&mut Binder<'_>) -> Option<Subject>,
        list: &Expr,
        rest: &[Expr],
        script: &Script,
    ) {
        let options = match rest.first().map(Expr::constant) {
            Some(None) => return,
            Some(Some(options)) => Some(options),
            None => None,
        };
        let mut addresses = Vec::new();
        gather(list, script, &mut Vec::new(), &mut addresses);
        let mut binder = Binder {
            settings: self.settings,
            defaults: &self.settings.defaults,
            inner: self.inner,
            direct: false,
            checks: Checks::Load {
                health: self.health,
                handles: &mut self.handles,
                held: &mut self.held,
                owner: None,
            },
            remarks: Vec::new(),
            foreign: Vec::new(),
            slowest: None,
            budget: None,
        };
        // What is wrong with these was said when the form of the call was looked at, and what is
        // wrong with an address is known only when it is used.
        let Some(subject) = subject(&mut binder) else {
            return;
        };
        let Ok(options) = Options::read(options.as_ref(), subject.target(), &mut binder) else {
            return;
        };
        if options.never {
            return;
        }
        for arg in &addresses {
            let Ok(Some((address, own))) = binder.address(arg) else {
                continue;
            };
            // A target that may not be probed stays unknown when the program asks for it.
            let _ = binder.watch(arg, subject.check(address, own, &options.checks));
        }
    }
}

/// Adds the addresses in what the arguments of a call may stand for, each once in all.
pub(super) fn mention(call: &Call, script: &Script, mentioned: &mut BTreeSet<IpAddr>) {
    if mentioned.len() >= MOST_MENTIONED {
        return;
    }
    let mut found = Vec::new();
    for arg in &call.args {
        gather(arg, script, &mut Vec::new(), &mut found);
    }
    mentioned.extend(found.iter().filter_map(|arg| arg.value.as_text()?.parse::<IpAddr>().ok()));
}

/// The addresses in what an expression may stand for. A name is followed once.
fn gather<'s>(
    expr: &'s Expr,
    script: &'s Script,
    followed: &mut Vec<&'s str>,
    addresses: &mut Vec<Arg>,
) {
    match &expr.node {
        Node::Constant(Value::Text(octets)) if addresses.len() < MOST => {
            let text = String::from_utf8_lossy(octets);
            let is_new =
                !addresses.iter().any(|known| known.value.as_text().is_some_and(|k| k == text));
            if text.parse::<IpAddr>().is_ok() && is_new {
                addresses.push(Arg::new(Value::Text(octets.clone()), expr.at));
            }
        }
        Node::Table(entries) => {
            for (key, entry) in entries {
                // What is probed for a member is no member.
                if key
                    .as_ref()
                    .is_some_and(|key| matches!(key.node, Node::Constant(Value::Text(_))))
                {
                    continue;
                }
                gather(entry, script, followed, addresses);
            }
        }
        Node::Name(name) if !followed.contains(&&**name) => {
            followed.push(name);
            for (_, value) in script.settings.iter().filter(|(known, _)| known == name) {
                gather(value, script, followed, addresses);
            }
        }
        _ => {}
    }
}
