//! `ifup` and `ifbeat`: addresses each of which says itself how it is checked.

use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::functions::options::{Options, Target};
use crate::functions::{Function, Gives, Kind, ifup};
use crate::value::Arg;

pub(super) const IFUP: Function = Function {
    name: "ifup",
    usage: "ifup({{'192.0.2.1', check={'all', {'port', 443}, {'ping'}}}, {'192.0.2.2', check={'port', 443}}})",
    parameters: &[Kind::Table, Kind::Options],
    required: 1,
    gives: Gives::Table,
    bind: |args, binder| bind(args, (Target::Any, "check={'port', 443}"), binder),
};

pub(super) const IFBEAT: Function = Function {
    name: "ifbeat",
    usage: "ifbeat({{'192.0.2.1', beat='fra'}, {'192.0.2.2', beat='nbg'}}, {within=30, selector='all'})",
    parameters: &[Kind::Table, Kind::Options],
    required: 1,
    gives: Gives::Table,
    bind: |args, binder| bind(args, (Target::Push, "beat='fra'"), binder),
};

fn bind(
    args: &[Arg],
    (target, example): (Target, &str),
    binder: &mut Binder<'_>,
) -> Result<Box<dyn Bound>, Refused> {
    let [list, rest @ ..] = args else {
        return Err(Refused);
    };
    let options = Options::read(rest.first(), target, binder)?;
    let groups = ifup::groups(list, &options, binder)?;
    for member in groups.iter().flatten() {
        if member.check.is_none() {
            let message = format!("nothing says how {} is checked", member.address);
            let help = format!("write {{'{}', {example}}}", member.address);
            return Err(binder.refuse_with(member.arg, message, help));
        }
        if member.url.is_some() || member.probe.is_some() || member.port.is_some() {
            let message = "what is probed is said in the check: leave url, probe and port out";
            return Err(binder.refuse_with(
                member.arg,
                message,
                "write check={'port', 443, address='192.0.2.9'}",
            ));
        }
    }
    ifup::bind(list, groups, &options, binder, |_| None)
}
