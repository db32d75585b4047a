//! Which records use which check, found when somebody asks and kept until the zones change.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use halfmoon_healthcheck::CheckId;
use halfmoon_wire::Type;

use crate::shared::Zones;
use crate::tenants::TenantId;

/// Who uses the checks of the zones that were last asked about.
#[derive(Debug, Default)]
pub(super) struct Usage(Mutex<Last>);

/// The zones, and what was found in all of them and in those of single tenants.
type Last = (Weak<Zones>, HashMap<Option<TenantId>, (Arc<Users>, Arc<HashSet<CheckId>>)>);

/// By check, the programs that name it.
pub(super) type Users = HashMap<CheckId, Vec<User>>;

/// A program: its zone's place in the catalog, its node's number, the type it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) zone: u32,
    pub(super) node: u32,
    pub(super) makes: Type,
}

impl Usage {
    /// Who uses which check of all zones, or of those among them that are a tenant's; and the checks
    /// alone.
    pub(super) fn of(
        &self,
        all: &Arc<Zones>,
        (tenant, zones): (Option<TenantId>, &Zones),
    ) -> (Arc<Users>, Arc<HashSet<CheckId>>) {
        let all = Arc::downgrade(all);
        let known = || {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Weak: zones that are gone must not be kept, since their checks would be.
            if !Weak::ptr_eq(&last.0, &all) {
                *last = (Weak::clone(&all), HashMap::new());
            }
            last
        };
        if let Some(found) = known().1.get(&tenant) {
            return found.clone();
        }
        // Without the lock: others do not wait for as long as that takes.
        let users = find(zones);
        let used = users.keys().copied().collect();
        let found = (Arc::new(users), Arc::new(used));
        known().1.entry(tenant).or_insert(found).clone()
    }
}

fn find(zones: &Zones) -> Users {
    let mut users = Users::new();
    for (zone, hosted) in zones.zones().iter().enumerate() {
        for node in hosted.zone.nodes().filter(|node| node.has_programs()) {
            for program in node.programs() {
                let user = User { zone: zone as u32, node: node.id(), makes: program.inner };
                let entry = hosted.beside.programs.entry(program.number);
                for id in
                    entry.and_then(|entry| entry.program.as_ref()).iter().flat_map(|p| p.checks())
                {
                    let of_check: &mut Vec<User> = users.entry(id).or_default();
                    if of_check.last() != Some(&user) {
                        of_check.push(user);
                    }
                }
            }
        }
    }
    users
}
