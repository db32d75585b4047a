//! Checks that a program will ask for, started before it does.
//!
//! `ifurlup(url, ips)` with `ips` put together from lists that stand in the text: every address
//! that can get there is checked from load on, so that the first answer after a restart knows
//! something. What is found is more than what a run reads, never something it does not name.

use std::net::IpAddr;

use halfmoon_healthcheck::{Check, Probe};

use crate::analysis::Analysis;
use crate::binder::{Binder, Checks};
use crate::functions::options::{Options, Target};
use crate::functions::{Function, ifurlup};
use crate::syntax::{Call, Expr, Node, Script};
use crate::value::{Arg, Value};

/// How many addresses of one call are started.
const MOST: usize = 1024;

impl Analysis<'_> {
    pub(super) fn prefetch(&mut self, function: &Function, call: &Call, script: &Script) {
        let target = match function.name {
            "ifurlup" => Target::Url,
            "ifportup" => Target::Port,
            _ => return,
        };
        let [first, list, rest @ ..] = call.args.as_slice() else {
            return;
        };
        let Some(first) = first.constant() else {
            return;
        };
        let options = match rest.first().map(Expr::constant) {
            Some(None) => return,
            Some(Some(options)) => Some(options),
            None => None,
        };
        let mut addresses = Vec::new();
        gather(list, script, &mut Vec::new(), &mut addresses);
        let mut binder = Binder {
            settings: self.settings,
            inner: self.inner,
            direct: false,
            checks: Checks::Load {
                health: self.health,
                handles: &mut self.handles,
                held: &mut self.held,
            },
            remarks: Vec::new(),
        };
        // What is wrong with these was said when the form of the call was looked at, and what is
        // wrong with an address is known only when it is used.
        let Ok(options) = Options::read(options.as_ref(), target, &mut binder) else {
            return;
        };
        let url = match target {
            Target::Url => match ifurlup::read_url(&first, &mut binder) {
                Ok(Some(url)) => Some(url),
                _ => return,
            },
            Target::Port => None,
        };
        let port = first.value.as_integer().and_then(|port| u16::try_from(port).ok());
        for arg in &addresses {
            let Ok(Some((address, own))) = binder.address(arg) else {
                continue;
            };
            let check = match (&url, own.or(port)) {
                (Some(url), _) => match ifurlup::check(url, Some(address), &options) {
                    Some(check) => check,
                    None => continue,
                },
                (None, Some(port)) => Check {
                    probe: Probe::Tcp((address, port).into()),
                    pace: options.pace,
                    source: options.source,
                },
                (None, None) => continue,
            };
            // A target that may not be probed stays unknown when the program asks for it.
            let _ = binder.watch(arg, check);
        }
    }
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
