//! `iftlsup`, `ifdnsup`, `ifgrpcup`, `ifpingup`: addresses that answer at a port, or at all, in a
//! protocol of their own.

use halfmoon_healthcheck::Certificate;

use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::functions::checks::{Subject, port};
use crate::functions::options::Options;
use crate::functions::{Function, Gives, Kind, ifup};
use crate::value::Arg;

pub(super) const IFTLSUP: Function = Function {
    name: "iftlsup",
    usage: "iftlsup(853, {'192.0.2.1', '192.0.2.2'}, {servername='dot.example.com', selector='all'})",
    parameters: &[Kind::Text, Kind::Table, Kind::Options],
    required: 2,
    gives: Gives::Table,
    bind: |args, binder| at_port(args, Subject::Tls, binder),
};

pub(super) const IFDNSUP: Function = Function {
    name: "ifdnsup",
    usage: "ifdnsup(53, {'192.0.2.1', '192.0.2.2'}, {name='example.com', type='SOA', selector='all'})",
    parameters: &[Kind::Text, Kind::Table, Kind::Options],
    required: 2,
    gives: Gives::Table,
    bind: |args, binder| at_port(args, Subject::Dns, binder),
};

pub(super) const IFGRPCUP: Function = Function {
    name: "ifgrpcup",
    usage: "ifgrpcup(50051, {'192.0.2.1', '192.0.2.2'}, {service='example.Shop', selector='all'})",
    parameters: &[Kind::Text, Kind::Table, Kind::Options],
    required: 2,
    gives: Gives::Table,
    bind: |args, binder| at_port(args, Subject::Grpc, binder),
};

pub(super) const IFPINGUP: Function = Function {
    name: "ifpingup",
    usage: "ifpingup({'192.0.2.1', '192.0.2.2'}, {selector='all'})",
    parameters: &[Kind::Table, Kind::Options],
    required: 1,
    gives: Gives::Table,
    bind: bind_ping,
};

fn at_port(
    args: &[Arg],
    subject: fn(u16) -> Subject,
    binder: &mut Binder<'_>,
) -> Result<Box<dyn Bound>, Refused> {
    let [first, list, rest @ ..] = args else {
        return Err(Refused);
    };
    let number = port(first, binder);
    // The port plays no part in what options there are.
    let options = Options::read(rest.first(), subject(0).target(), binder);
    let (subject, options) = (subject(number?), options?);
    if let Subject::Tls(_) = subject
        && options.checks.tls.certificate == Certificate::Verified
        && options.checks.server_name.is_none()
    {
        let message = "no servername: the certificates have to be for the addresses themselves";
        let help = "write servername='www.example.com', or tls='insecure' if any will do";
        binder.warn("lua-servername", first, message, help);
    }
    bind(list, &subject, &options, binder)
}

fn bind_ping(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list, rest @ ..] = args else {
        return Err(Refused);
    };
    let options = Options::read(rest.first(), Subject::Ping.target(), binder)?;
    bind(list, &Subject::Ping, &options, binder)
}

/// Binds a function that asks the same of every member that has no check of its own.
pub(super) fn bind(
    list: &Arg,
    subject: &Subject,
    options: &Options,
    binder: &mut Binder<'_>,
) -> Result<Box<dyn Bound>, Refused> {
    let groups = ifup::groups(list, options, binder)?;
    let members = || groups.iter().flatten();
    if let Some(member) = members().find(|member| member.url.is_some()) {
        return Err(binder.refuse(member.arg, "only ifurlup has members with a url"));
    }
    if let Subject::Ping = subject
        && let Some((member, port)) =
            members().find_map(|member| Some((member, member.own_port()?)))
    {
        let message = format!("a ping has no port: leave :{port} out");
        return Err(binder.refuse(member.arg, message));
    }
    ifup::bind(list, groups, options, binder, |member| {
        Some(subject.check(member.probed(), member.own_port(), &options.checks))
    })
}
