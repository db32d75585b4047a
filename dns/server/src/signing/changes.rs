//! What a load changes of what all sources know of signed zones, once it is served or before.

use std::collections::HashSet;
use std::sync::Arc;

use halfmoon_wire::{Name, NameBuf, Type, hash_name};
use halfmoon_zones::Hosted;

use super::Signing;
use super::known::{Change, Told};
use crate::shared::{Served, Zones};

impl Signing {
    /// Looks at what a load would make of the zones of this source. Whether some tell of keys that are others by then,
    /// since both have changed at once: they have to be read again before this is served.
    pub fn look_ahead(&mut self, served: &Zones, coming: &Zones) -> bool {
        let changes = self.changes(served, coming);
        let stale = self.known.stale_by(self.number, &changes);
        self.coming = changes.into_iter().map(|change| (change.apex, change.keys)).collect();
        let are_any = !stale.is_empty();
        // They are drafted once more.
        self.drafted.retain(|apex, _| !stale.contains(&hash_name(apex.as_name())));
        self.have_changed(stale);
        are_any
    }

    /// Has all sources know of what is served of this one from now on. Returns those with zones that tell of keys that
    /// are others by now, which have to load them again.
    pub fn serve(&mut self, before: &Zones, served: &Zones) -> impl Iterator<Item = usize> + use<> {
        let changes = self.changes(before, served);
        for change in &changes {
            let secured = self.drafted.get(&change.apex).map(|drafted| &drafted.secured);
            let is_own = |name: &NameBuf| secured.is_none_or(|secured| !secured.contains(name));
            let told = change.told.iter().flat_map(Told::keys).copied().filter(is_own);
            match &change.told {
                Some(told) if told.is_empty() => drop(self.told.remove(&change.apex)),
                Some(_) => drop(self.told.insert(change.apex, told.collect())),
                None => {}
            }
        }
        self.known.serve(self.number, &changes);
        self.coming.clear();
        self.known.take_untold().into_iter()
    }

    /// Whether a zone that is served has DS records at this name that are there only as the server has put them.
    pub fn tells_of(&self, apex: Name<'_>, owner: Name<'_>) -> bool {
        !self.told.is_empty()
            && self.told.get(&apex.to_buf()).is_some_and(|told| told.contains(&owner.to_buf()))
    }

    /// What is other in one catalog of this source than in another.
    fn changes(&self, old: &Zones, new: &Zones) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut are_same = old.zones().len() == new.zones().len();
        for (at, hosted) in new.zones().iter().enumerate() {
            // Mostly they are where they were.
            if old.zones().get(at).is_some_and(|other| Arc::ptr_eq(other, hosted)) {
                continue;
            }
            let before = old.zone(hosted.zone.apex());
            are_same &= before.is_some();
            if before.is_none_or(|before| !Arc::ptr_eq(before, hosted)) {
                changes.extend(self.change(before.map(|before| &**before), Some(hosted)));
            }
        }
        if !are_same {
            let gone = old.zones().iter().filter(|hosted| new.zone(hosted.zone.apex()).is_none());
            changes.extend(gone.filter_map(|hosted| self.change(Some(hosted), None)));
        }
        changes
    }

    /// What becomes of a zone; `None`: it neither was signed nor is.
    fn change(&self, old: Option<&Hosted<Served>>, new: Option<&Hosted<Served>>) -> Option<Change> {
        let is_signed = |hosted: &&Hosted<Served>| hosted.beside.signed.is_some();
        let (old, new) = (old.filter(is_signed), new.filter(is_signed));
        let apex = new.or(old)?.zone.apex().to_buf();
        let (before, after) = (self.delegations(old), self.delegations(new));
        let buf = |name: &Name<'_>| name.to_buf();
        let keys =
            new.and_then(|hosted| hosted.beside.signed.as_ref()).map(|s| Arc::clone(s.keys()));
        let told = match new {
            Some(_) => self.drafted.get(&apex).map(|drafted| drafted.told.clone()),
            None => Some(Default::default()),
        };
        Some(Change {
            apex,
            keys,
            less: before.difference(&after).map(buf).collect(),
            more: after.difference(&before).map(buf).collect(),
            delegates: after.iter().map(buf).collect::<Vec<NameBuf>>(),
            told,
        })
    }

    /// The names that a signed zone delegates, if it tells of their keys.
    fn delegations<'z>(&self, hosted: Option<&'z Hosted<Served>>) -> HashSet<Name<'z>> {
        let hosted = hosted.filter(|_| self.config.ds_in_parent);
        let nodes = hosted.into_iter().flat_map(|hosted| hosted.zone.nodes());
        nodes
            .filter(|node| !node.is_apex() && node.set(Type::NS).is_some())
            .map(|node| node.owner())
            .collect()
    }
}
