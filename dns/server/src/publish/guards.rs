//! What may not be taken away unless somebody says that it is meant.

use halfmoon_wire::Type;
use halfmoon_zones::{Loaded, Zone};

use crate::config::GuardsConfig;
use crate::shared::{Served, Zones};
use crate::signing::Signing;

/// Why these zones should not take the place of those that are served; empty: they may. It looks at
/// the zones that were read and no others.
pub(super) fn held(
    guards: &GuardsConfig,
    loaded: &Loaded<Served>,
    served: &Zones,
    signing: Option<&Signing>,
) -> Vec<String> {
    let mut why = Vec::new();
    if guards.zone_gone {
        why.extend(loaded.removed.iter().map(|apex| format!("zone {apex} would be gone")));
    }
    for report in &loaded.reports {
        let apex = report.apex.as_name();
        let (Some(old), Some(new)) = (served.zone(apex), loaded.catalog.zone(apex)) else {
            continue;
        };
        lost(guards, &old.zone, &new.zone, signing, &mut why);
    }
    why
}

/// What a version of a zone takes away that another one has, which is served.
pub(super) fn lost(
    guards: &GuardsConfig,
    old: &Zone,
    new: &Zone,
    signing: Option<&Signing>,
    why: &mut Vec<String>,
) {
    let (had, has) = (u64::from(old.record_count()), u64::from(new.record_count()));
    let lost = had.saturating_sub(has);
    if lost * 100 > had * u64::from(guards.records_lost) {
        why.push(format!("zone {} would lose {lost} of {had} records", old.apex()));
    }
    if guards.ns_or_ds_lost {
        lost_delegations(old, new, signing, why);
    }
}

/// Names that would have no NS or no DS any longer, whether the name stays or goes: a delegation that
/// ends may be an ordinary change, and may be somebody's whole zone. DS records that the server itself has put there
/// go with the keys that they are of, and nobody else has taken them away.
fn lost_delegations(old: &Zone, new: &Zone, signing: Option<&Signing>, why: &mut Vec<String>) {
    for node in old.nodes() {
        for rtype in [Type::NS, Type::DS] {
            if node.set(rtype).is_none() {
                continue;
            }
            let owner = node.owner();
            let is_own = rtype == Type::DS
                && signing.is_some_and(|signing| signing.tells_of(old.apex(), owner));
            let is_there = is_own || new.named(owner).is_some_and(|node| node.set(rtype).is_some());
            if !is_there {
                why.push(format!("{owner} would have no {rtype} records any longer"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use halfmoon_healthcheck::{Health, TargetPolicy};
    use halfmoon_lua::{Dialect, Settings};
    use halfmoon_zones::Loader;

    use super::super::{Compile, load};
    use super::*;
    use crate::config::Config;

    #[test]
    fn of_ds_records_only_those_go_freely_that_no_file_has() {
        let folder = tempfile::tempdir().unwrap();
        let zones = folder.path().join("zones");
        fs::create_dir(&zones).unwrap();
        let write = |apex: &str, rest: &str| {
            let text = format!("$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n{rest}");
            fs::write(zones.join(format!("{apex}.zone")), text).unwrap();
        };
        let text = format!(
            "[zones]\npath = '{0}/zones'\n[dnssec]\nzones = ['*']\nkeys = '{0}/keys'\n",
            folder.path().display()
        );
        let config = Config::parse(&text, Path::new("halfmoon.toml")).unwrap();
        let health = Health::unprobed(TargetPolicy::default());
        let mut compile = Compile::new(Settings::of(Dialect::Halfmoon), health)
            .signing(Signing::new(&config).unwrap());
        let mut loader = Loader::new(zones.clone(), false);
        let below = "a NS ns\nb NS ns\n";
        let own = "b DS 1 13 2 0123456789012345678901234567890123456789012345678901234567890123\n";
        write("test", &format!("{below}{own}"));
        write("a.test", "");
        write("b.test", "");
        compile.begin();
        let served = load(&mut loader, &mut compile, &Zones::default()).unwrap().catalog;
        assert_eq!(served.zones().len(), 3);
        let signing = compile.signing.as_mut().unwrap();
        drop(signing.serve(&Zones::default(), &served));

        write("test", below);
        for gone in ["a.test.zone", "b.test.zone"] {
            fs::remove_file(zones.join(gone)).unwrap();
        }
        compile.begin();
        let loaded = load(&mut loader, &mut compile, &served).unwrap();
        let guards =
            GuardsConfig { zone_gone: false, records_lost: 100, ..GuardsConfig::default() };
        let why = held(&guards, &loaded, &served, compile.signing.as_ref());
        assert_eq!(why, ["b.test. would have no DS records any longer"]);
    }
}
