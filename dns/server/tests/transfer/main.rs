//! Zone transfers over real sockets, and what NSD, Knot and BIND make of them.

#[path = "../support/mod.rs"]
mod support;

mod rfc1995;
mod rfc5936;
mod rfc8945;
mod secondaries;
mod signed;
mod site;
mod tenants;
