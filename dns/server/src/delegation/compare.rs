//! What differs between a zone and its delegation.

use std::collections::BTreeSet;
use std::net::IpAddr;

use halfmoon_dnssec::{Digest, ds_of, tag_of};
use halfmoon_wire::Name;

use super::view::{Ours, Theirs};
use super::{Finding, Level};

/// Where the protocol of a DNSKEY record must be 3, and the flag that makes it a key of the zone (RFC 4034
/// section 2.1).
const ZONE_KEY: u8 = 1;

/// What was heard of one server of the parent, by what it is called.
type Heard = (String, Result<Theirs, String>);

pub(super) fn compare(zone: Name<'_>, ours: &Ours, heard: &[Heard]) -> Vec<Finding> {
    let mut found = Found::default();
    for (at, heard) in heard {
        match heard {
            Ok(theirs) => {
                servers(&mut found, at, zone, ours, theirs);
                signers(&mut found, at, zone, ours, theirs);
            }
            Err(why) => found.add(
                at,
                (Level::Error, "parent-silent"),
                format!("a server of the parent {why}"),
                "resolvers that ask it do not find the zone; tell who runs it".to_owned(),
            ),
        }
    }
    let mut findings = found.0;
    findings.sort_by_key(|finding| finding.level);
    findings
}

/// Differences, those that several servers show only once.
#[derive(Debug, Default)]
struct Found(Vec<Finding>);

impl Found {
    fn add(&mut self, at: &str, (level, kind): (Level, &'static str), text: String, help: String) {
        let same = self.0.iter_mut().find(|finding| finding.kind == kind && finding.text == text);
        match same {
            Some(finding) => finding.at.push(at.to_owned()),
            None => self.0.push(Finding { level, kind, text, help, at: vec![at.to_owned()] }),
        }
    }
}

/// The NS records and their addresses.
fn servers(found: &mut Found, at: &str, zone: Name<'_>, ours: &Ours, theirs: &Theirs) {
    let Some(named) = &theirs.servers else {
        return;
    };
    if named.is_empty() {
        let listed: Vec<&str> = ours.servers.iter().map(String::as_str).collect();
        return found.add(
            at,
            (Level::Error, "not-delegated"),
            format!("the parent does not delegate {zone}"),
            format!("add to the parent: {zone} NS {}", listed.join(", ")),
        );
    }
    for name in ours.servers.difference(named) {
        found.add(
            at,
            (Level::Error, "ns-missing"),
            format!("the parent does not name {name}, which the zone has as its server"),
            format!("add to the parent: {zone} NS {name}; or take it out of the zone"),
        );
    }
    for name in named.difference(&ours.servers) {
        found.add(
            at,
            (Level::Error, "ns-extra"),
            format!("the parent names {name}, which the zone does not have as its server"),
            format!("take it out of the parent; or add to the zone: {zone} NS {name}"),
        );
    }
    let none = BTreeSet::new();
    for (name, own) in ours.glue.iter().filter(|(name, _)| named.contains(*name)) {
        let theirs = theirs.glue.get(name).unwrap_or(&none);
        if own.is_empty() {
            found.add(
                at,
                (Level::Error, "server-without-address"),
                format!("{name} has no address in the zone"),
                format!("give {name} an A or AAAA record"),
            );
        } else if theirs.is_empty() {
            found.add(
                at,
                (Level::Error, "glue-missing"),
                format!("the parent has no address of {name}, which nobody can find without"),
                format!("add to the parent: {name} {}", list(own)),
            );
        } else if theirs != own {
            found.add(
                at,
                (Level::Error, "glue-differs"),
                format!("the parent has {name} at {}, the zone at {}", list(theirs), list(own)),
                format!("let the parent have {name} {}", list(own)),
            );
        }
    }
}

fn list(addresses: &BTreeSet<IpAddr>) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

/// The DS records (RFC 4035 section 5.2).
fn signers(found: &mut Found, at: &str, zone: Name<'_>, ours: &Ours, theirs: &Theirs) {
    let is_signed = !ours.keys.is_empty();
    if theirs.ds.is_empty() {
        if is_signed {
            found.add(
                at,
                (Level::Warning, "ds-missing"),
                "the zone is signed and the parent has no DS record: nobody validates it"
                    .to_owned(),
                format!("add to the parent what `halfmoon keys ds {zone}` prints"),
            );
        }
        return;
    }
    if !is_signed {
        return found.add(
            at,
            (Level::Error, "ds-of-unsigned"),
            "the parent has a DS record and the zone is not signed: validators refuse all of it"
                .to_owned(),
            "take the DS records out of the parent, or sign the zone".to_owned(),
        );
    }
    let (matching, stale): (Vec<&Vec<u8>>, Vec<_>) =
        theirs.ds.iter().partition(|ds| ours.keys.iter().any(|key| points_at(zone, ds, key)));
    let text = |ds: &[u8]| {
        let tag = ds.first_chunk().map_or(0, |tag| u16::from_be_bytes(*tag));
        format!("DS {tag} (algorithm {}, digest {})", octet(ds, 2), octet(ds, 3))
    };
    if matching.is_empty() {
        let stale: Vec<String> = stale.iter().map(|ds| text(ds)).collect();
        return found.add(
            at,
            (Level::Error, "ds-wrong"),
            format!("no key of the zone fits {}: validators refuse all of it", stale.join(", ")),
            format!("let the parent have what `halfmoon keys ds {zone}` prints"),
        );
    }
    for ds in stale {
        found.add(
            at,
            (Level::Warning, "ds-stale"),
            format!("no key of the zone fits {} of the parent", text(ds)),
            "take it out of the parent, unless a roll is under way".to_owned(),
        );
    }
}

fn octet(data: &[u8], at: usize) -> u8 {
    data.get(at).copied().unwrap_or(0)
}

/// Whether a DS record is that of a key. What digests are not known of is taken for right if tag and algorithm
/// are.
fn points_at(zone: Name<'_>, ds: &[u8], key: &[u8]) -> bool {
    let is_zone_key = octet(key, 0) & ZONE_KEY != 0;
    match Digest::from_number(octet(ds, 3)) {
        Some(digest) => is_zone_key && ds_of(zone, key, digest) == ds,
        None => {
            let begins = [&tag_of(key).to_be_bytes()[..], &[octet(key, 3)]].concat();
            is_zone_key && ds.starts_with(&begins)
        }
    }
}

#[cfg(test)]
mod tests {
    use halfmoon_wire::NameBuf;

    use super::super::view::Hosts;
    use super::*;

    fn names(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// `name=address,address` each.
    fn hosts(text: &str) -> Hosts {
        let host = |host: &str| {
            let (name, addresses) = host.split_once('=').unwrap();
            let addresses = addresses.split(',').filter(|address| !address.is_empty());
            (name.to_owned(), addresses.map(|address| address.parse().unwrap()).collect())
        };
        text.split_whitespace().map(host).collect()
    }

    #[test]
    fn each_difference_is_found() {
        let zone: NameBuf = "child.test.".parse().unwrap();
        let zone = zone.as_name();
        let key = |last: u8| vec![1, 1, 3, 13, 7, last];
        let ds = |key: &[u8]| ds_of(zone, key, Digest::Sha256);
        let two = "ns1.child.test. ns.elsewhere.";
        let one_host = "ns1.child.test.=192.0.2.1,2001:db8::1";
        let (ours_one, none) = (vec![key(1)], Vec::new());
        let other = vec![ds(&key(2))];
        let both = vec![ds(&key(1)), ds(&key(2))];
        let sha1 = vec![[&tag_of(&key(1)).to_be_bytes()[..], &[13, 1, 5, 5]].concat()];
        // Servers and their addresses as the zone has them, and the parent; keys; DS; what is found.
        for (ours, theirs, keys, ds, expected) in [
            ((two, one_host), (two, one_host), &none, &none, ""),
            ((two, one_host), (two, one_host), &ours_one, &vec![ds(&key(1))], ""),
            ((two, one_host), ("", ""), &none, &none, "not-delegated"),
            ((two, one_host), ("ns1.child.test.", one_host), &none, &none, "ns-missing"),
            (("ns.elsewhere.", ""), (two, one_host), &none, &none, "ns-extra"),
            ((two, one_host), (two, ""), &none, &none, "glue-missing"),
            ((two, one_host), (two, "ns1.child.test.=192.0.2.1"), &none, &none, "glue-differs"),
            ((two, "ns1.child.test.="), (two, one_host), &none, &none, "server-without-address"),
            ((two, one_host), (two, one_host), &ours_one, &none, "ds-missing"),
            ((two, one_host), (two, one_host), &none, &other, "ds-of-unsigned"),
            ((two, one_host), (two, one_host), &ours_one, &other, "ds-wrong"),
            ((two, one_host), (two, one_host), &ours_one, &both, "ds-stale"),
            ((two, one_host), (two, one_host), &ours_one, &sha1, ""),
            (("ns.new.", ""), ("ns.old.", ""), &ours_one, &other, "ns-missing ns-extra ds-wrong"),
        ] {
            let ours = Ours { servers: names(ours.0), glue: hosts(ours.1), keys: keys.clone() };
            let theirs =
                || Theirs { servers: Some(names(theirs.0)), glue: hosts(theirs.1), ds: ds.clone() };
            let heard = [("a".to_owned(), Ok(theirs())), ("b".to_owned(), Ok(theirs()))];
            let found = compare(zone, &ours, &heard);
            let kinds: Vec<&str> = found.iter().map(|finding| finding.kind).collect();
            assert_eq!(kinds.join(" "), expected, "{found:#?}");
            assert!(found.iter().all(|finding| finding.at == ["a", "b"]), "{found:#?}");
        }
    }

    #[test]
    fn a_server_that_has_both_zones_tells_of_the_ds_alone() {
        let zone: NameBuf = "child.test.".parse().unwrap();
        let ours = Ours { servers: names("ns.child.test."), ..Ours::default() };
        let theirs = Theirs { ds: vec![vec![0; 36]], ..Theirs::default() };
        let silent = Err("does not answer".to_owned());
        let heard = [("a".to_owned(), Ok(theirs)), ("b".to_owned(), silent)];
        let found = compare(zone.as_name(), &ours, &heard);
        let found: Vec<(&str, &str)> =
            found.iter().map(|finding| (finding.kind, finding.at[0].as_str())).collect();
        assert_eq!(found, [("ds-of-unsigned", "a"), ("parent-silent", "b")]);
    }
}
