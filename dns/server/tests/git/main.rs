//! Zones from Git: the real binary, a repository driven by real `git` commands.

mod commits;
mod guards;
mod many;
mod recovery;
mod remote;
mod serials;
mod signed;
mod site;
mod verifier;

#[path = "../support/mod.rs"]
mod support;
