//! What would become of answers if targets were down: every name is asked on paper, once as things are
//! and once as they would be, for a sample of clients, by the code that answers queries.
//!
//! Nothing of it is counted, kept or probed.

mod ask;
mod pools;
mod questions;
mod sample;
mod text;
pub mod view;

use std::ops::ControlFlow;
use std::time::SystemTime;

pub use sample::{Sample, SampleClient};
pub use view::Outcome;

use crate::explain::{Rest, matching, suppose};
use crate::overrides::Target;
use crate::tenants::Realm;
use ask::{Asker, may_differ};

/// What is tried out.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What is supposed to be down.
    pub down: Vec<Target>,
    /// What is supposed of everything else.
    pub rest: Rest,
    /// For whom names are asked.
    pub sample: Sample,
    /// What the clock of programs shows; `None`: now.
    pub at: Option<SystemTime>,
}

/// What is said where `progress` has ended it.
const ENDED: &str = "it took too long, and was ended";

/// Tells how many names of how many are done; [`ControlFlow::Break`] ends it.
pub type Progress<'a> = dyn FnMut(usize, usize) -> ControlFlow<()> + 'a;

/// Tries it out. Takes a while: for a thread that may.
///
/// # Errors
/// Nothing has a target's name, or `progress` has ended it.
pub fn try_out(
    realm: &Realm<'_>,
    trial: &Trial,
    progress: &mut Progress<'_>,
) -> Result<Outcome, String> {
    let shared = realm.shared;
    let questions = questions::all(&realm.zones);
    let at = trial.at.unwrap_or_else(SystemTime::now);
    if !shared.health.is_probing() {
        // Checks that programs compute are there once they have asked for them.
        let board = suppose(realm, &[], trial.rest).snapshot;
        let mut asker = Asker::new(realm, board, at);
        for (number, question) in questions.iter().enumerate() {
            if progress(0, questions.len()).is_break() {
                return Err(ENDED.to_owned());
            }
            let mut clients = trial.sample.clients();
            let Some(first) = clients.next() else { continue };
            if may_differ(&asker.trail(question, first.address, number as u64)) {
                for client in clients {
                    asker.ask(question, client.address, 0);
                }
            }
        }
    }
    let mut checks = Vec::new();
    for target in &trial.down {
        match matching(realm, target) {
            0 => return Err(format!("nothing that is checked has {target}; nothing would change")),
            count => checks.push((target.to_string(), count)),
        }
    }
    let before = suppose(realm, &[], trial.rest);
    let after = suppose(realm, &trial.down, trial.rest);
    let mut outcome = Outcome {
        down: checks.into_iter().map(|(target, checks)| view::Down { target, checks }).collect(),
        rest_up: trial.rest == Rest::Up,
        unprobed: !shared.health.is_probing(),
        clients: trial.sample.clients().count(),
        sample: trial.sample.name().to_owned(),
        ..Outcome::default()
    };
    let own = after.pools.iter().filter(|report| realm.has_pool(report));
    pools::compare(&before.pools, own, &mut outcome);
    let mut pair = ask::Pair {
        before: Asker::new(realm, before.snapshot, at),
        after: Asker::new(realm, after.snapshot, at),
    };
    for (number, question) in questions.iter().enumerate() {
        if progress(number, questions.len()).is_break() {
            return Err(ENDED.to_owned());
        }
        let mut go_on = || progress(number, questions.len());
        if pair.compare(question, &trial.sample, &mut outcome, &mut go_on).is_break() {
            return Err(ENDED.to_owned());
        }
    }
    outcome.finish();
    Ok(outcome)
}
