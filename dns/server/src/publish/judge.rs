//! What looks wrong only where several records of a zone, or several zones, are looked at together.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use halfmoon_lua::{HealthCall, Program};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Fault, FileReport, Hosted, Place, ProgramSource, Zone};

use crate::config::{DnssecConfig, Rules};
use crate::shared::{Served, Zones};

/// A URL that the addresses of a list are asked for, by a record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlClaim {
    place: Place,
    owner: NameBuf,
    host: NameBuf,
    /// Who is asked: the address that is answered, and the one that is probed in its place.
    asked: Vec<(IpAddr, IpAddr)>,
}

/// How many aliases are followed from the host of a URL.
const MOST_ALIASES: usize = 8;

type Record<'a> = (&'a NameBuf, &'a ProgramSource, &'a Program);

/// Looks at the programs of each name together: A and AAAA are mostly two halves of one thing.
pub(super) fn twins(
    zone: &Zone,
    programs: &[(NameBuf, ProgramSource)],
    compiled: &[Option<Arc<Program>>],
    faults: &mut Vec<Fault>,
) {
    let of_addresses = |source: &ProgramSource| matches!(source.inner, Type::A | Type::AAAA);
    let records = programs.iter().zip(compiled).filter(|((_, source), _)| of_addresses(source));
    // One that has errors has nothing that could be compared.
    let mut records: Vec<Record<'_>> = records
        .filter_map(|((owner, source), program)| Some((owner, source, program.as_deref()?)))
        .collect();
    records.sort_by(|(a, ..), (b, ..)| a.as_name().canonical_cmp(b.as_name()));
    for group in records.chunk_by(|a, b| a.0.as_name() == b.0.as_name()) {
        let (v4, v6): (Vec<_>, Vec<_>) =
            group.iter().partition(|(_, source, _)| source.inner == Type::A);
        foreign(&v4, &v6, faults);
        foreign(&v6, &v4, faults);
        differences(zone, &v4, &v6, faults);
    }
}

/// Addresses that no record of the name can answer with.
fn foreign(records: &[&Record<'_>], twins: &[&Record<'_>], faults: &mut Vec<Fault>) {
    if records.iter().all(|(.., program)| program.foreign().is_empty()) {
        return;
    }
    let theirs: HashSet<&str> =
        twins.iter().flat_map(|(_, twin, _)| twin.text.split(is_no_address)).collect();
    for (owner, source, program) in records {
        for (at, address) in program.foreign() {
            let text = text_at(&source.text, *at);
            // One list may serve both.
            if theirs.contains(text) {
                continue;
            }
            let other = if source.inner == Type::A { Type::AAAA } else { Type::A };
            let inner = source.inner;
            let message = format!("{address} is never answered: the record is of type {inner}");
            let help = format!("write it in a record `{owner} LUA {other}`, or leave it out");
            faults.push(Fault::warning("lua-family", source.place(*at), message).help(help));
        }
    }
}

/// The address in the text of a program that begins there, its quote left out.
fn text_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default().trim_start_matches(['\'', '"']);
    rest.split(is_no_address).next().unwrap_or_default()
}

/// What addresses are not written with.
fn is_no_address(letter: char) -> bool {
    !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | ':'))
}

/// The calls by health in some records, and where they stand.
fn calls_of<'a>(records: &[&Record<'a>]) -> Vec<(Place, &'a HealthCall)> {
    let calls = |(_, source, program): &&Record<'a>| {
        let source: &'a ProgramSource = source;
        program.health_calls().iter().map(|call| (source.place(call.at()), call))
    };
    records.iter().flat_map(calls).collect()
}

/// What the A records of a name say of health and its AAAA records do not, or the other way round.
fn differences(zone: &Zone, v4: &[&Record<'_>], v6: &[&Record<'_>], faults: &mut Vec<Fault>) {
    let Some((owner, ..)) = v4.first().or_else(|| v6.first()) else {
        return;
    };
    let (of_v4, of_v6) = (calls_of(v4), calls_of(v6));
    let lacks = |with: &[(Place, &HealthCall)], without: &[&Record<'_>], rtype: Type| {
        let is_static = || zone.named(owner.as_name()).is_some_and(|n| n.set(rtype).is_some());
        if without.is_empty() && !is_static() {
            return None;
        }
        let &(at, call) = with.first()?;
        let function = call.function();
        let message = format!(
            "the {rtype} records of {owner} do not change when something is down, as {function} here \
             does"
        );
        let help = format!("write a record `{owner} LUA {rtype}` with the same call");
        Some(Fault::warning("lua-twins", at, message).help(help))
    };
    match (of_v4.as_slice(), of_v6.as_slice()) {
        ([], []) => {}
        (with, []) => faults.extend(lacks(with, v6, Type::AAAA)),
        ([], with) => faults.extend(lacks(with, v4, Type::A)),
        (a, aaaa) if a.len() == aaaa.len() => {
            for ((_, a), (at, aaaa)) in a.iter().zip(aaaa) {
                if let Some(difference) = HealthCall::difference(aaaa, a) {
                    let message =
                        format!("it says {difference}, which its A record says of {owner}");
                    let fault = Fault::warning("lua-twins", *at, message);
                    faults.push(fault.help("write the same in both, but for the addresses"));
                    break;
                }
            }
        }
        (a, aaaa @ [(at, _), ..]) => {
            let message = format!(
                "{} calls by health in the AAAA records of {owner}, {} in its A records",
                aaaa.len(),
                a.len()
            );
            let fault = Fault::warning("lua-twins", *at, message);
            faults.push(fault.help("write the same in both, but for the addresses"));
        }
    }
}

/// The URLs that the programs of a zone ask addresses for, as far as their text tells.
pub(super) fn claims(
    programs: &[(NameBuf, ProgramSource)],
    compiled: &[Option<Arc<Program>>],
) -> Box<[UrlClaim]> {
    let mut claims = Vec::new();
    for ((owner, source), program) in programs.iter().zip(compiled) {
        let calls = program.iter().flat_map(|program| program.health_calls());
        for asked in calls.filter_map(HealthCall::asked) {
            let host = asked.host_name().map(|host| format!("{}.", host.trim_end_matches('.')));
            let Some(host) = host.and_then(|host| host.parse::<NameBuf>().ok()) else {
                continue;
            };
            let fits = |(answered, _): &&(IpAddr, IpAddr)| match source.inner {
                Type::A => answered.is_ipv4(),
                Type::AAAA => answered.is_ipv6(),
                _ => true,
            };
            let place = source.place(asked.at);
            let asked = asked.addresses.iter().filter(fits).copied().collect();
            claims.push(UrlClaim { place, owner: *owner, host, asked });
        }
    }
    claims.into()
}

/// Which zones the server signs itself, and tells their parents of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs<'a>(pub(super) &'a DnssecConfig);

impl Signs<'_> {
    /// Whether a zone is signed here as far as the configuration says; one that comes signed is not.
    fn is_signed_here(self, zone: &Zone) -> bool {
        self.0.signs(zone.apex()) && zone.apex_node().set(Type::RRSIG).is_none()
    }

    fn is_signed(self, zone: &Zone) -> bool {
        zone.apex_node().set(Type::DNSKEY).is_some() || self.is_signed_here(zone)
    }
}

/// Looks at the zones that were read together with all others: adds what looks wrong to their reports.
///
/// It costs what was read costs.
pub(super) fn across(zones: &Zones, reports: &mut [FileReport], rules: &Rules, signs: Signs<'_>) {
    let read: Vec<_> = reports.iter().map(|report| zones.zone(report.apex.as_name())).collect();
    // Few zones have one above them here.
    let all: OnceCell<HashSet<*const Hosted<Served>>> = OnceCell::new();
    let is_read = |zone: &Arc<Hosted<Served>>| {
        let all = all.get_or_init(|| read.iter().flatten().map(|zone| Arc::as_ptr(zone)).collect());
        all.contains(&Arc::as_ptr(zone))
    };
    for (report, hosted) in reports.iter_mut().zip(&read) {
        let Some(hosted) = hosted else {
            continue;
        };
        let mut faults: Vec<Fault> =
            hosted.beside.claims.iter().filter_map(|claim| url_host(zones, claim)).collect();
        let place = Place { line: 1, column: 1, ..Place::default() };
        for node in hosted.zone.nodes().filter(|node| node.is_cut()) {
            if let Some(child) = zones.zone(node.owner()) {
                faults.extend(delegation(&hosted.zone, &child.zone, place, signs));
            }
        }
        // The zone above may have been read long ago.
        let above = report.apex.as_name().parent();
        let parent = std::iter::successors(above, |name| name.parent()).find_map(|n| zones.zone(n));
        if let Some(parent) = parent
            && !is_read(parent)
            && parent.zone.named(hosted.zone.apex()).is_some_and(|node| node.is_cut())
        {
            faults.extend(delegation(&parent.zone, &hosted.zone, place, signs));
        }
        rules.apply(&mut faults);
        report.faults.extend(faults);
    }
}

/// Whether validators find their way from a zone to one below it on the same server.
fn delegation(parent: &Zone, child: &Zone, place: Place, signs: Signs<'_>) -> Option<Fault> {
    let apex = child.apex();
    let (above, below) = (signs.is_signed_here(parent), signs.is_signed_here(child));
    if !signs.is_signed(parent) || above && below && signs.0.ds_in_parent {
        return None;
    }
    let ds = parent.named(apex)?.set(Type::DS);
    let keys = child.apex_node().set(Type::DNSKEY);
    let Some(ds) = ds else {
        let message = format!(
            "zone {apex} is signed and its parent {} has no DS for it: nobody validates it",
            parent.apex()
        );
        let help = format!("write the DS records of its keys at {apex} in the parent zone");
        return signs
            .is_signed(child)
            .then(|| Fault::warning("ds-missing", place, message).help(help));
    };
    // Keys that the server adds are not known to who checks files alone.
    let keys = keys.filter(|_| !below)?;
    let is_of = |ds: &[u8]| {
        keys.rdatas().any(|key| {
            let tag = halfmoon_dnssec::tag_of(key).to_be_bytes();
            ds.get(..2) == Some(&tag[..]) && ds.get(2) == key.get(3)
        })
    };
    if ds.rdatas().any(is_of) {
        return None;
    }
    let message = format!(
        "none of the DS records of {apex} in its parent {} is of one of its keys: it is bogus to who \
         validates",
        parent.apex()
    );
    let help = format!("write the DS records of the keys that zone {apex} has");
    Some(Fault::warning("ds-unmatched", place, message).help(help))
}

/// A URL whose host has addresses here, and who is asked for it that is none of them.
fn url_host(zones: &Zones, claim: &UrlClaim) -> Option<Fault> {
    let UrlClaim { place, owner, host, asked } = claim;
    // What is asked for is the name that all of them are to serve.
    if host.as_name() == owner.as_name() {
        return None;
    }
    let addresses = addresses(zones, *host)?;
    let is_other = |(answered, probed): &&(IpAddr, IpAddr)| {
        let is_of_family = addresses.iter().any(|known| known.is_ipv4() == probed.is_ipv4());
        is_of_family && !addresses.contains(answered) && !addresses.contains(probed)
    };
    let others: Vec<String> = asked.iter().filter(is_other).map(|(_, ip)| ip.to_string()).collect();
    let first = others.first()?;
    let more = match others.len() {
        1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    let shown: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
    let message = format!(
        "{first}{more} asked for a URL of {host}, which has {}: where that name is not served, it \
         counts as down",
        shown.join(", ")
    );
    let help =
        "write a host that all of them serve, or a URL for each: {'192.0.2.1', url='https://…'}";
    Some(Fault::warning("lua-url-host", *place, message).help(help))
}

/// All addresses of a name that zones here have; `None` where that is not all there may be to it.
fn addresses(zones: &Zones, host: NameBuf) -> Option<Vec<IpAddr>> {
    let mut name = host;
    for _ in 0..MOST_ALIASES {
        let closest = std::iter::successors(Some(name.as_name()), |name| name.parent())
            .find_map(|name| zones.zone(name))?;
        let node = closest.zone.named(name.as_name())?;
        if node.is_occluded() || node.is_cut() || node.has_programs() {
            return None;
        }
        let target = node.set(Type::CNAME).and_then(|set| {
            let octets = set.rdatas().next()?;
            Some(Name::from_wire(octets).ok()?.to_buf())
        });
        let Some(target) = target else {
            let of = |rtype| node.set(rtype).into_iter().flat_map(|set| set.rdatas());
            let v4 = of(Type::A).filter_map(|rdata| {
                Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(rdata).ok()?)))
            });
            let v6 = of(Type::AAAA).filter_map(|rdata| {
                Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(rdata).ok()?)))
            });
            return Some(v4.chain(v6).collect());
        };
        name = target;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use halfmoon_healthcheck::{Health, TargetPolicy};
    use halfmoon_lua::{Dialect, Settings};
    use halfmoon_zones::Loader;

    use crate::publish::Compile;

    /// Whichever of two zones changes, the other one is looked up in what is served.
    #[test]
    fn of_neighbours_it_is_enough_that_one_was_read() {
        const KEY: &str = "@ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF\
                           +KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n";
        let ds = |tag: u32| format!("sub NS ns.else.\nsub DS {tag} 13 2 {}\n", "00".repeat(32));
        let asks = "www LUA A \"ifurlup('https://host.b.test/', {'192.0.2.9'})\"\n";
        let (a, sub, b) = ("a.test", "sub.a.test", "b.test");
        let right = format!("{KEY}{}", ds(2371));
        for (zone, records, found) in [
            (a, format!("{KEY}sub NS ns.else.\n"), vec!["ds-missing"]),
            (a, format!("{KEY}{}", ds(1)), vec!["ds-unmatched"]),
            (a, right.clone(), vec![]),
            (sub, KEY.replace("257", "256"), vec!["ds-unmatched"]),
            (sub, KEY.to_owned(), vec![]),
            (b, format!("{asks}host A 192.0.2.1\n"), vec!["lua-url-host"]),
            (a, format!("{right}{asks}"), vec!["lua-url-host"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = |zone: &str| folder.path().join(format!("{zone}.zone"));
            let write = |zone: &str, records: &str| {
                let head = "$TTL 60\n@ SOA ns.else. host 1 2 3 4 30\n@ NS ns.else.\n";
                fs::write(path("aside").with_extension(""), format!("{head}{records}")).unwrap();
                fs::rename(path("aside").with_extension(""), path(zone)).unwrap();
            };
            for (zone, records) in [(a, &*right), (sub, KEY), (b, "host A 192.0.2.1\n")] {
                write(zone, records);
            }
            let health = Health::unprobed(TargetPolicy::default());
            let mut compile = Compile::new(Settings::of(Dialect::Halfmoon), health);
            let mut loader = Loader::new(folder.path().to_owned(), false);
            let served = loader.load(&mut compile).unwrap().catalog;
            write(zone, &records);
            let changed = BTreeSet::from([path(zone)]);
            let mut loaded = loader.load_changed(&changed, &served, &mut compile).unwrap();
            compile.look_across(&mut loaded);
            assert_eq!(loaded.reports.len(), 1, "one zone was read");
            let rules: Vec<_> = loaded.reports[0].faults.iter().map(|fault| fault.rule).collect();
            assert_eq!(rules, found, "{zone}: {records}");
        }
    }
}
