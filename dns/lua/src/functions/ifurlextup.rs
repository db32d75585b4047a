//! `ifurlextup`: addresses each of which has a URL of its own that says whether it is up.

use halfmoon_healthcheck::Check;

use crate::address;
use crate::binder::{Binder, Refused, shown};
use crate::eval::Bound;
use crate::functions::member::Member;
use crate::functions::options::{Options, Target};
use crate::functions::{Function, Gives, Kind, ifup, ifurlup};
use crate::value::{Arg, Table, Value};

pub(super) const IFURLEXTUP: Function = Function {
    name: "ifurlextup",
    usage: "ifurlextup({{['192.0.2.1']='https://a.example/health', ['192.0.2.2']='https://b.example/health'}})",
    parameters: &[Kind::Table, Kind::Options],
    required: 1,
    gives: Gives::Table,
    bind,
};

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list, rest @ ..] = args else {
        return Err(Refused);
    };
    let options = Options::read(rest.first(), Target::Url, binder)?;
    let mut groups = Vec::new();
    let mut checks = Vec::new();
    for arg in binder.full_list(list, "the list of groups")? {
        groups.push(group(arg, &options, binder, &mut checks)?);
    }
    // Members are told apart by where they are written, and at run time by where they lie.
    ifup::bind(list, groups, &options, binder, |member| {
        let found = checks.iter().find(|(arg, _)| std::ptr::eq(*arg, member.arg));
        found.and_then(|(_, check)| check.clone())
    })
}

fn group<'v>(
    arg: &'v Arg,
    options: &Options,
    binder: &mut Binder<'_>,
    checks: &mut Vec<(&'v Arg, Option<Check>)>,
) -> Result<Vec<Member<'v>>, Refused> {
    let Value::Table(Table { items, fields }) = &arg.value else {
        let message = format!("a group has to be a table, not {}", arg.value.kind());
        return Err(binder.refuse_with(arg, message, "write {['192.0.2.1']='https://…'}"));
    };
    if let Some(item) = items.first() {
        let message = format!("{} has no URL", shown(item));
        return Err(binder.refuse_with(item, message, "write {['192.0.2.1']='https://…'}"));
    }
    // The peer visits them in the order of their text.
    let mut entries: Vec<(String, &Arg, &Arg)> = Vec::new();
    for (key, value) in fields {
        entries.push((binder.text(key, "an address")?.into_owned(), key, value));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let mut members = Vec::new();
    for (text, key, value) in entries {
        let Some((_, port)) = address::parse(&text, binder.dialect()) else {
            return Err(binder.refuse(key, format!("'{text}' is not an address")));
        };
        let url = ifurlup::read_url(value, binder)?.filter(|_| !options.never);
        if let Some((address, _)) = binder.address(key)? {
            checks.push((key, url.map(|url| ifurlup::check(&url, None, &options.checks))));
            members.push(Member::plain(key, address, port));
        }
    }
    Ok(members)
}
