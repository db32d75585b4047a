//! `ifportup`: addresses that take TCP connections.

use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::functions::checks::{Subject, port};
use crate::functions::options::{Options, Target};
use crate::functions::{Function, Gives, Kind, ports};
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
    let [first, list, rest @ ..] = args else {
        return Err(Refused);
    };
    let port = port(first, binder);
    let options = Options::read(rest.first(), Target::Port, binder);
    let (port, options) = (port?, options?);
    ports::bind(list, &Subject::Port(port), &options, binder)
}
