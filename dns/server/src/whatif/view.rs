//! What became of a trial, as machines read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was supposed to be down.
    pub down: Vec<Down>,
    /// Whether everything else was supposed to be up; else it was what it is.
    pub rest_up: bool,
    /// Whether it was tried with files alone, and not by a running server.
    pub unprobed: bool,
    /// `built-in`, or the file of the sample.
    pub sample: String,
    /// How many clients it has.
    pub clients: usize,
    /// How many names with type were asked, in whose answers programs have a part.
    pub names: usize,
    /// Those whose answers change.
    pub changed: Vec<NameView>,
    /// Records that have nothing up any more.
    pub all_down: Vec<PoolView>,
    /// Records of which less is up than their `min_answers`.
    pub below_minimum: Vec<PoolView>,
    /// What each endpoint gets of all answers, most gained first; every name counts the same.
    pub load: Vec<ShareView>,
    #[serde(skip)]
    pub(super) loads: BTreeMap<String, (f64, f64)>,
}

/// A target that was supposed to be down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// The target.
    pub target: String,
    /// How many checks it has.
    pub checks: usize,
}

/// A name whose answers change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NameView {
    /// The name; a wildcard by its own.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The part of the clients who are answered something else, from 0 to 1.
    pub clients: f64,
    /// What each endpoint gets of the answers.
    pub shares: Vec<ShareView>,
}

/// What an endpoint gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareView {
    /// An address, the name that an alias leads to, or what there is instead: `no records`,
    /// `NXDOMAIN`, `SERVFAIL`.
    pub endpoint: String,
    /// Its part as things are, from 0 to 1.
    pub before: f64,
    /// Its part as they would be.
    pub after: f64,
}

/// The endpoints of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolView {
    /// The owner of the record.
    pub name: String,
    /// The type of what it makes.
    #[serde(rename = "type")]
    pub rtype: String,
    /// How many endpoints it has.
    pub members: usize,
    /// How many of them may be answered.
    pub up: usize,
    /// How many are wanted (`min_answers`), at most as many as there are; 0: any number will do.
    pub minimum: usize,
    /// What is answered.
    pub answers: String,
}

impl Outcome {
    /// Whether something is lost: nothing up, too little up, or no records where there were some.
    #[must_use]
    pub fn is_harm(&self) -> bool {
        let lost = |share: &ShareView| share.is_none() && share.after > share.before;
        !self.all_down.is_empty()
            || !self.below_minimum.is_empty()
            || self.changed.iter().flat_map(|name| &name.shares).any(lost)
    }

    pub(super) fn add_load(&mut self, endpoint: &str, before: f64, after: f64) {
        let load = self.loads.entry(endpoint.to_owned()).or_default();
        load.0 += before;
        load.1 += after;
    }

    /// Works out what each endpoint gets of everything.
    pub(super) fn finish(&mut self) {
        let names = self.names.max(1) as f64;
        let share = |(endpoint, (before, after))| ShareView {
            endpoint,
            before: before / names,
            after: after / names,
        };
        self.load = std::mem::take(&mut self.loads).into_iter().map(share).collect();
        let gain = |one: &ShareView| one.after - one.before;
        self.load.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
        for pools in [&mut self.all_down, &mut self.below_minimum] {
            pools.sort_by(|a, b| (&a.name, &a.rtype).cmp(&(&b.name, &b.rtype)));
        }
    }
}

impl ShareView {
    /// Whether it stands for there being no records.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self.endpoint.as_str(), "no records" | "no reply" | "NXDOMAIN" | "SERVFAIL")
    }
}
