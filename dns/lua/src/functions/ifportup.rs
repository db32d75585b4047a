//! `ifportup`: addresses that take TCP connections.

use std::net::SocketAddr;

use halfmoon_healthcheck::{Check, Probe};

use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::functions::options::{Options, Target};
use crate::functions::{Function, Gives, Kind, ifup};
use crate::value::Arg;

pub(super) const IFPORTUP: Function = Function {
    name: "ifportup",
    usage: "ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='all'})",
    parameters: &[Kind::Text, Kind::Table, Kind::Options],
    required: 2,
    gives: Gives::Table,
    bind,
};

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [port, list, rest @ ..] = args else {
        return Err(Refused);
    };
    let number = binder.integer(port, "a port");
    let options = Options::read(rest.first(), Target::Port, binder);
    let (number, options) = (number?, options?);
    let port = match u16::try_from(number) {
        Ok(number) if number > 0 => number,
        // The peer takes the nearest number that fits.
        _ if !binder.is_halfmoon() => number.clamp(0, 65_535) as u16,
        _ => return Err(binder.refuse(port, format!("a port is from 1 to 65535, not {number}"))),
    };
    let groups = ifup::groups(list, &options, binder)?;
    if let Some(member) = groups.iter().flatten().find(|member| member.url.is_some()) {
        return Err(binder.refuse(member.arg, "only ifurlup has members with a url"));
    }
    ifup::bind(list, groups, &options, binder, |member| {
        let own = member.probe.and_then(|(_, port)| port).or(member.port);
        let target = SocketAddr::new(member.probed(), own.unwrap_or(port));
        Some(Check { probe: Probe::Tcp(target), pace: options.pace, source: options.source })
    })
}
