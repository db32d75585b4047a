//! Zones signed here, and those who validate: unbound, BIND and delv take every answer for secure.
//!
//! Root, parent and child are on one server; the root's key is the trust anchor. Everything runs in
//! a network namespace in which nothing exists but loopback. Where a program is not installed, that
//! is said and the test passes.

#[path = "../support/mod.rs"]
mod support;

mod ahead;
mod hierarchy;
mod portable;
mod presigned;
mod resolvers;
mod rolls;
mod settings;
mod several;
mod validators;
