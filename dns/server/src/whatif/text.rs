//! What became of a trial, for people: what is lost first.

use std::fmt;

use super::view::{Outcome, PoolView, ShareView};
use crate::counted::counted;

/// Entries of a list that are shown.
const MOST: usize = 100;

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let down = self
            .down
            .iter()
            .map(|one| format!("{} ({})", one.target, counted(one.checks, "check")));
        write!(f, "{} down", down.collect::<Vec<_>>().join(", "))?;
        writeln!(f, "{}", if self.rest_up { ", everything else up" } else { "" })?;
        let clients = counted(self.clients, "client network");
        let by = if self.unprobed { "files alone" } else { "the running server" };
        let names = counted(self.names, "name");
        writeln!(f, "{names} with programs, {clients} ({}), by {by}", self.sample)?;
        pools(f, "nothing left up", &self.all_down)?;
        pools(f, "below their minimum", &self.below_minimum)?;
        writeln!(f, "\nanswers change: {}", self.changed.len())?;
        for name in self.changed.iter().take(MOST) {
            let of = percent(name.clients);
            writeln!(f, "  {} {} for {of} of clients", name.name, name.rtype)?;
            shares(f, "    ", &name.shares)?;
        }
        more(f, self.changed.len())?;
        let moved: Vec<ShareView> = self.load.iter().filter(|one| is_moved(one)).cloned().collect();
        if !moved.is_empty() {
            writeln!(f, "\nload, every name counting the same")?;
            shares(f, "  ", &moved)?;
        }
        Ok(())
    }
}

fn pools(f: &mut fmt::Formatter<'_>, what: &str, pools: &[PoolView]) -> fmt::Result {
    writeln!(f, "\n{what}: {}", pools.len())?;
    for pool in pools.iter().take(MOST) {
        let PoolView { name, rtype, members, up, minimum, answers } = pool;
        write!(f, "  {name} {rtype}: {up} of {members} up")?;
        if *minimum > 0 {
            write!(f, ", {minimum} wanted")?;
        }
        writeln!(f, "; answered: {answers}")?;
    }
    more(f, pools.len())
}

fn shares(f: &mut fmt::Formatter<'_>, indent: &str, shares: &[ShareView]) -> fmt::Result {
    let width = shares.iter().take(MOST).map(|one| one.endpoint.chars().count()).max().unwrap_or(0);
    for one in shares.iter().take(MOST) {
        let (before, after) = (percent(one.before), percent(one.after));
        writeln!(f, "{indent}{:width$}  {before:>7} → {after:>7}", one.endpoint)?;
    }
    more(f, shares.len())
}

fn more(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    match count.saturating_sub(MOST) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more; `--format json` has all"),
    }
}

fn is_moved(one: &ShareView) -> bool {
    percent(one.before) != percent(one.after)
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}
