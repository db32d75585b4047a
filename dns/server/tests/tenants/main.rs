//! Tenants: the real binary, each of several with what is its own.

mod budgets;
mod folders;
mod judged;
mod keys;
mod repositories;
mod site;
mod start;
mod tokens;

#[path = "../support/mod.rs"]
mod support;
