//! Tenants: the real binary, each of several with what is its own.

mod budgets;

#[path = "../support/mod.rs"]
mod support;
