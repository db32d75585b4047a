//! Which checks follow a heartbeat, so that a call does not look at all checks.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::check::{Check, Probe};
use crate::verdict::CheckId;

/// The checks of each heartbeat, by its name.
#[derive(Debug, Default)]
pub(super) struct Heartbeats(HashMap<Box<str>, Vec<CheckId>, RandomState>);

impl Heartbeats {
    /// Takes a check in, if it follows one.
    pub(super) fn enter(&mut self, check: &Check, id: CheckId) {
        if let Probe::Beat(beat) = &check.probe {
            self.0.entry(beat.name.as_str().into()).or_default().push(id);
        }
    }

    /// Lets a check go.
    pub(super) fn leave(&mut self, check: &Check, id: CheckId) {
        let Probe::Beat(beat) = &check.probe else {
            return;
        };
        if let Some(ids) = self.0.get_mut(&*beat.name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.0.remove(&*beat.name);
            }
        }
    }

    pub(super) fn of(&self, name: &str) -> &[CheckId] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}
