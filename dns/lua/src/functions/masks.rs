//! `netmask` and `view`: whether the client is in one of some networks, and what follows.

use std::sync::Arc;

use crate::address::{Group, Mask};
use crate::binder::{Binder, Refused, shown};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::{Function, Gives, Kind};
use crate::value::{Arg, Value};

pub(super) const NETMASK: Function = Function {
    name: "netmask",
    usage: "netmask({'192.0.2.0/24', '2001:db8::/32'})",
    parameters: &[Kind::Networks],
    required: 1,
    gives: Gives::Truth,
    bind: bind_netmask,
};

pub(super) const VIEW: Function = Function {
    name: "view",
    usage: "view({{{'192.0.2.0/24'}, {'192.0.2.1'}}, {{'0.0.0.0/0', '::/0'}, {'198.51.100.1'}}})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind: bind_view,
};

#[derive(Debug)]
enum Masks {
    /// Any of them.
    List(Vec<Mask>),
    Group(Arc<Group>),
}

#[derive(Debug)]
struct View {
    rules: Vec<Rule>,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Rule {
    masks: Masks,
    /// Which items it chooses from; `None`: the rule is too short, and an error when it is reached.
    values: Option<std::ops::Range<usize>>,
}

fn bind_netmask(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    Ok(Box::new(masks(list, binder)?))
}

fn masks(list: &Arg, binder: &mut Binder<'_>) -> Result<Masks, Refused> {
    if let Value::Networks(group) = &list.value {
        return Ok(Masks::Group(Arc::clone(group)));
    }
    let args = binder.list(list, "the list of networks")?;
    let read: Vec<_> = args.iter().map(|arg| mask(arg, binder)).collect();
    Ok(Masks::List(read.into_iter().collect::<Result<_, _>>()?))
}

/// A group of networks, or a list that could be made one.
pub(super) fn group(arg: &Arg, binder: &mut Binder<'_>) -> Result<Group, Refused> {
    if let Value::Networks(group) = &arg.value {
        return Ok(Group::clone(group));
    }
    let mut group = Group::default();
    for arg in binder.list(arg, "the list of networks")? {
        let text = binder.text(arg, "a network")?;
        if group.add(&text).is_none() {
            return Err(binder.refuse(arg, format!("{} is not a network", shown(arg))));
        }
    }
    Ok(group)
}

fn mask(arg: &Arg, binder: &mut Binder<'_>) -> Result<Mask, Refused> {
    let text = binder.text(arg, "a network")?;
    match Mask::parse(&text) {
        Some(mask) => Ok(mask),
        None => {
            let message = format!("{} is not a network", shown(arg));
            Err(binder.refuse_with(
                arg,
                message,
                "write an address and a length, as in '192.0.2.0/24'",
            ))
        }
    }
}

fn bind_view(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    let mut view = View { rules: Vec::new(), items: Vec::new() };
    for arg in binder.list(list, "the list of rules")? {
        let rule = rule(arg, binder, &mut view.items)?;
        view.rules.push(rule);
    }
    Ok(Box::new(view))
}

fn rule(arg: &Arg, binder: &mut Binder<'_>, items: &mut Vec<Item>) -> Result<Rule, Refused> {
    let parts = binder.list(arg, "a rule")?;
    let (Some(networks), values) = (parts.first(), parts.get(1)) else {
        return short(arg, binder).map(|()| Rule { masks: Masks::List(Vec::new()), values: None });
    };
    let masks = masks(networks, binder)?;
    let Some(values) = values else {
        return short(arg, binder).map(|()| Rule { masks, values: None });
    };
    if parts.len() > 2 && binder.is_halfmoon() {
        return Err(binder.refuse(arg, "a rule has two lists: networks, and values"));
    }
    let start = items.len();
    let given = binder.list(values, "the list of values")?;
    if given.is_empty() && binder.is_halfmoon() {
        return Err(binder.refuse(values, "the list of values is empty"));
    }
    for value in given {
        items.extend(binder.item(value)?);
    }
    if !given.is_empty() {
        binder.some_left(values, items.len() == start)?;
    }
    Ok(Rule { masks, values: Some(start..items.len()) })
}

fn short(arg: &Arg, binder: &mut Binder<'_>) -> Result<(), Refused> {
    if binder.is_halfmoon() || !matches!(arg.value, Value::Table(_)) {
        let message = "a rule is two lists: networks, and values";
        return Err(binder.refuse_with(arg, message, "write {{'192.0.2.0/24'}, {'192.0.2.1'}}"));
    }
    Ok(())
}

impl Masks {
    /// Whether one of the networks holds the client.
    fn hold(&self, eval: &mut Eval<'_>) -> bool {
        let client = eval.client.best();
        let masks = match self {
            Self::List(masks) => masks,
            Self::Group(group) => {
                eval.trace.client(group.deciding(client));
                return group.holds(client);
            }
        };
        let holding = masks.iter().filter(|mask| mask.holds(client)).map(|mask| mask.bits).min();
        // Whoever shares the bits of the widest network that holds is in it too. Whoever is to be
        // outside of all of them has to share the bits that tell the client from each.
        let deciding = holding
            .unwrap_or_else(|| masks.iter().map(|mask| mask.deciding(client)).max().unwrap_or(0));
        eval.trace.client(deciding);
        holding.is_some()
    }
}

impl Bound for Masks {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        Ok(Outcome::Bool(self.hold(eval)))
    }
}

impl Bound for View {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        for rule in &self.rules {
            let held = rule.masks.hold(eval);
            let Some(values) = &rule.values else {
                return Err("a rule of the view lacks its values");
            };
            if !held {
                continue;
            }
            if values.is_empty() {
                return Err("the rule of the view that matched has no values");
            }
            return Ok(Outcome::One(values.start + eval.random(values.len())));
        }
        eval.scratch.text.clear();
        Ok(Outcome::Text)
    }
}
