//! What a folder may not take away unless somebody says that it is meant.
//!
//! A folder that is half copied, or was emptied by a slip, looks like one that somebody has changed. Where guards
//! are set, each zone is looked at for itself: a version that takes away much is a fault of the zone, and a zone
//! whose file is gone stays. What is served at the start is held against nothing.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Fault, FileReport, Loaded, Place, Sources, Zone};

use super::guards;
use super::publishing::HeldView;
use super::tell::MOST_LOGGED;
use crate::config::GuardsConfig;
use crate::date::date;
use crate::shared::{Served, Zones};
use crate::signing::Signing;

/// The rule of such faults.
pub(super) const RULE: &str = "guard";
/// Names without NS or DS that are told of one zone.
const MOST_REASONS: usize = 5;
/// Zones that are shown to whoever asks what is held.
const MOST_SHOWN: usize = 100;

/// Judges what becomes of zones, each by what is served of it.
#[derive(Debug)]
pub(super) struct Guard {
    config: GuardsConfig,
    /// What an operator writes to let something through, without the zone.
    command: String,
    served: Arc<Zones>,
    /// The zone of which everything is meant now.
    forced: Option<NameBuf>,
    /// How often each was: it is read again then.
    times: HashMap<NameBuf, u64>,
}

impl Guard {
    /// One for the folder of a tenant, or of the operator.
    pub(super) fn new(config: GuardsConfig, tenant: Option<&str>) -> Self {
        let of = tenant.map_or_else(String::new, |tenant| format!(" --tenant {tenant}"));
        let command = format!("halfmoon publish{of} --force");
        Self { config, command, served: Arc::default(), forced: None, times: HashMap::new() }
    }

    /// Knows what is served.
    pub(super) fn know(&mut self, served: &Arc<Zones>) {
        self.served = Arc::clone(served);
    }

    /// Whatever becomes of a zone is meant, until [`Guard::hold_again`].
    pub(super) fn force(&mut self, apex: NameBuf) {
        *self.times.entry(apex).or_default() += 1;
        self.forced = Some(apex);
    }

    /// Nothing is meant any more.
    pub(super) fn hold_again(&mut self) {
        self.forced = None;
    }

    /// Another number whenever the zone has to be read again.
    pub(super) fn stamp(&self, apex: Name<'_>) -> u64 {
        if self.times.is_empty() { 0 } else { self.times.get(&apex.to_buf()).copied().unwrap_or(0) }
    }

    /// Whether a zone may go because its file is gone.
    pub(super) fn may_go(&self, apex: Name<'_>) -> bool {
        !self.config.zone_gone || self.is_forced(apex)
    }

    /// Why a new version of a zone, which takes the place of another one in its file, is not meant.
    pub(super) fn fault(
        &self,
        zone: &Zone,
        before: Option<&Zone>,
        signing: Option<&Signing>,
    ) -> Option<Fault> {
        let apex = zone.apex();
        if self.is_forced(apex) {
            return None;
        }
        let mut why = Vec::new();
        // By name: it may have moved to another file.
        if let Some(old) = self.served.zone(apex) {
            guards::lost(&self.config, &old.zone, zone, signing, &mut why);
        }
        let other = before.map(Zone::apex).filter(|other| *other != apex);
        if let Some(other) = other
            && !self.may_go(other)
        {
            why.push(format!("zone {other} would be gone"));
        }
        let more = why.len().saturating_sub(MOST_REASONS);
        why.truncate(MOST_REASONS);
        if more > 0 {
            why.push(format!("{more} more of the kind"));
        }
        let place = Place { line: 1, column: 1, ..Place::default() };
        let help = format!("if it is meant: {} {apex}", self.command);
        (!why.is_empty()).then(|| Fault::error(RULE, place, why.join(", ")).help(help))
    }

    fn is_forced(&self, apex: Name<'_>) -> bool {
        self.forced.as_ref().is_some_and(|forced| forced.as_name() == apex)
    }
}

fn is_guards(fault: &&Fault) -> bool {
    fault.rule == RULE
}

/// Whether a version of a zone is held, and has no other fault.
pub(super) fn is_held(report: &FileReport) -> bool {
    report.faults.iter().any(|fault| is_guards(&fault))
}

/// What is held of a folder now.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// New versions, by the files that have them.
    versions: HashMap<Key, (NameBuf, HeldView)>,
    /// Zones whose files are gone.
    gone: HashMap<NameBuf, HeldView>,
}

/// A file, and the zone that it is listed for, if it is: it may be listed for several.
type Key = (PathBuf, Option<NameBuf>);

impl Held {
    /// Takes in what a load of these sources has found; `is_whole`: of all of them.
    pub(super) fn note(&mut self, loaded: &Loaded<Served>, sources: &Sources, is_whole: bool) {
        let now = date(SystemTime::now());
        let view =
            |apex: NameBuf, why| HeldView { zone: apex.to_string(), why, since: now.clone() };
        let listed: HashSet<&Path> = sources.listed.iter().map(|zone| &*zone.path).collect();
        for report in &loaded.reports {
            let is_listed = listed.contains(&*report.path);
            let key = (report.path.clone(), is_listed.then_some(report.apex));
            match report.faults.iter().find(is_guards) {
                Some(fault) => {
                    let new = view(report.apex, fault.message.clone());
                    let known =
                        self.versions.entry(key).or_insert_with(|| (report.apex, new.clone()));
                    // What is read again and held again is held since it was first.
                    if known.0 != report.apex || known.1.why != new.why {
                        *known = (report.apex, new);
                    }
                }
                None => drop(self.versions.remove(&key)),
            }
        }
        if !is_whole {
            return;
        }
        self.versions.retain(|(path, _), _| path.exists());
        let gone: HashSet<NameBuf> = loaded.held.iter().copied().collect();
        self.gone.retain(|apex, _| gone.contains(apex));
        let mut new = 0;
        for apex in &loaded.held {
            self.gone.entry(*apex).or_insert_with(|| {
                new += 1;
                if new <= MOST_LOGGED {
                    tracing::error!(zone = %apex, "its file is gone; the zone is held and still served");
                }
                view(*apex, format!("zone {apex} would be gone"))
            });
        }
        if new > MOST_LOGGED {
            tracing::error!("{} more zones whose files are gone are held", new - MOST_LOGGED);
        }
    }

    /// Whether something is held of a zone.
    pub(super) fn has(&self, apex: &NameBuf) -> bool {
        self.gone.contains_key(apex) || self.versions.values().any(|(other, _)| other == apex)
    }

    /// Of how many zones, and the first of them by name.
    pub(super) fn shown(&self) -> (usize, Vec<HeldView>) {
        let versions = self.versions.values().map(|(_, view)| view);
        let mut views: Vec<&HeldView> = versions.chain(self.gone.values()).collect();
        // One that has moved is held where it is now, and where it was.
        views.sort_by(|a, b| a.zone.cmp(&b.zone));
        views.dedup_by(|a, b| a.zone == b.zone);
        (views.len(), views.into_iter().take(MOST_SHOWN).cloned().collect())
    }
}
