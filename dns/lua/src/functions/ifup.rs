//! What `ifportup`, `ifurlup` and `ifurlextup` have in common: groups in order of preference,
//! the members of which are checked, and a choice among those that are up.

use std::net::IpAddr;
use std::ops::Range;

use halfmoon_healthcheck::{Check, CheckId, State};

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::options::{Options, Selector};
use crate::functions::{closest, hashed};
use crate::value::{Arg, Value};

/// Groups of addresses, and where their verdicts are.
#[derive(Debug)]
pub(super) struct IfUp {
    dialect: Dialect,
    items: Vec<Item>,
    addresses: Vec<IpAddr>,
    checks: Vec<Option<CheckId>>,
    /// Which members make a group. No group is empty.
    groups: Vec<Range<u32>>,
    selector: Selector,
    backup: Selector,
    fails_unknown: bool,
}

/// A member of a group: its address, and where it is written.
#[derive(Debug)]
pub(super) struct Member<'v> {
    pub(super) arg: &'v Arg,
    pub(super) address: IpAddr,
    /// A port of its own.
    pub(super) port: Option<u16>,
}

/// Reads a flat list of addresses, or a list of groups.
pub(super) fn groups<'v>(
    arg: &'v Arg,
    options: &Options,
    binder: &mut Binder<'_>,
) -> Result<Vec<Vec<Member<'v>>>, Refused> {
    let list = binder.full_list(arg, "the list of addresses")?;
    let nested = list.iter().filter(|item| matches!(item.value, Value::Table(_))).count();
    if nested == 0 {
        if list.len() > 1 && options.selector.is_none() && binder.is_halfmoon() {
            let message =
                "a flat list without a selector: one of those that are up is picked at random";
            let help = "write selector='first' or groups {{a}, {b}} for a preference, \
                        selector='random' if chance is meant";
            binder.warn("lua-flat-list", arg, message, help);
        }
        return Ok(vec![group(list, binder)?]);
    }
    if nested < list.len() {
        let odd = list.iter().find(|item| !matches!(item.value, Value::Table(_)));
        let message = "addresses and groups of addresses are mixed in one list";
        return Err(binder.refuse_with(
            odd.unwrap_or(arg),
            message,
            "write {'192.0.2.1'} for a group of one",
        ));
    }
    let mut groups = Vec::with_capacity(list.len());
    let mut result = Ok(());
    for item in list {
        let read = binder.list(item, "a group").and_then(|members| group(members, binder));
        match read {
            Ok(members) => groups.push(members),
            Err(refused) => result = Err(refused),
        }
    }
    result.map(|()| groups)
}

fn group<'v>(list: &'v [Arg], binder: &mut Binder<'_>) -> Result<Vec<Member<'v>>, Refused> {
    let read: Vec<_> = list.iter().map(|arg| binder.address(arg).map(|read| (arg, read))).collect();
    let read = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    let member = |(arg, read): (&'v Arg, Option<(IpAddr, Option<u16>)>)| {
        read.map(|(address, port)| Member { arg, address, port })
    };
    Ok(read.into_iter().filter_map(member).collect())
}

/// Starts or finds the checks of all members.
pub(super) fn bind(
    list: &Arg,
    groups: Vec<Vec<Member<'_>>>,
    options: &Options,
    binder: &mut Binder<'_>,
    check: impl Fn(&Member<'_>) -> Option<Check>,
) -> Result<Box<dyn Bound>, Refused> {
    let mut bound = IfUp {
        dialect: binder.dialect(),
        items: Vec::new(),
        addresses: Vec::new(),
        checks: Vec::new(),
        groups: Vec::new(),
        selector: options.selector(),
        backup: options.backup(),
        fails_unknown: options.fails_unknown,
    };
    for members in groups {
        let start = bound.addresses.len() as u32;
        for member in &members {
            let watched = match check(member) {
                Some(check) => binder.watch(member.arg, check)?,
                None => None,
            };
            bound.addresses.push(member.address);
            bound.checks.push(watched);
            bound.items.push(binder.address_item(member.address));
        }
        let end = bound.addresses.len() as u32;
        bound.groups.extend((start < end).then_some(start..end));
    }
    binder.some_left(list, bound.groups.is_empty())?;
    if [bound.selector, bound.backup].contains(&Selector::Closest) {
        closest::warn_if_blind(list, binder);
    }
    Ok(Box::new(bound))
}

impl IfUp {
    fn is_up(&self, member: u32, eval: &mut Eval<'_>, is_known: &mut bool) -> bool {
        let check = self.checks.get(member as usize).copied().flatten();
        let state = eval.state(check);
        *is_known |= state != State::Unknown;
        state == State::Up
    }

    fn select(&self, selector: Selector, eval: &mut Eval<'_>) -> Outcome {
        let count = eval.scratch.chosen.len();
        let place = match selector {
            Selector::All => return Outcome::Many,
            Selector::Empty => {
                eval.scratch.chosen.clear();
                return Outcome::Many;
            }
            Selector::First => 0,
            Selector::Random => eval.random(count),
            Selector::Hashed => hashed::of_client(eval, count),
            Selector::Closest => eval.closest(&self.addresses, self.dialect),
        };
        eval.scratch.chosen.swap(0, place.min(count.saturating_sub(1)));
        eval.scratch.chosen.truncate(1);
        Outcome::Many
    }
}

impl Bound for IfUp {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let mut is_known = false;
        for group in &self.groups {
            eval.scratch.chosen.clear();
            for member in group.clone() {
                if self.is_up(member, eval, &mut is_known) {
                    eval.scratch.chosen.push(member);
                }
            }
            if !eval.scratch.chosen.is_empty() {
                return Ok(self.select(self.selector, eval));
            }
        }
        if self.fails_unknown && !is_known {
            return Err("no address was checked yet, and failOnIncompleteCheck is set");
        }
        // Nothing is up, or nothing is known: the first group stands for what it was before.
        eval.scratch.chosen.clear();
        eval.scratch.chosen.extend(self.groups.first().cloned().into_iter().flatten());
        Ok(self.select(self.backup, eval))
    }
}
