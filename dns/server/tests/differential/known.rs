//! Differences that are known and wanted. `docs/conformance.md` says why.

use std::collections::BTreeSet;

use super::answer::Answer;

/// What was asked of whom.
pub(crate) struct Asked<'a> {
    /// `NSD` or `Knot`.
    pub(crate) peer: &'a str,
    /// The name, in lower case.
    pub(crate) name: &'a str,
    /// Whether the type is DS.
    pub(crate) is_ds: bool,
    /// The apexes of all zones.
    pub(crate) apexes: &'a BTreeSet<String>,
}

impl Asked<'_> {
    /// The apex of the zone that answers for a name: that of its DS lies above it.
    fn zone<'n>(&self, name: &'n str) -> Option<&'n str> {
        let above = above(name);
        let own = [name].into_iter().filter(|_| !self.is_ds);
        own.chain(above).find(|suffix| self.apexes.contains(*suffix))
    }

    /// The name and all that it is an alias of, as far as the answer says.
    fn chain<'n>(&'n self, answer: &'n Answer) -> impl Iterator<Item = &'n str> {
        let targets = answer.of_type("cname").filter_map(|record| record.split(' ').nth(4));
        [self.name].into_iter().chain(targets)
    }

    /// Whether a zone of the chain lies above or below another of this server.
    pub(crate) fn meets_nested_zones(&self, answer: &Answer) -> bool {
        let is_nested = |apex: &str| {
            let has_below = |other: &String| match apex {
                "." => other != ".",
                _ => other.strip_suffix(apex).is_some_and(|labels| labels.ends_with('.')),
            };
            above(apex).any(|suffix| self.apexes.contains(suffix))
                || self.apexes.iter().any(has_below)
        };
        self.chain(answer)
            .filter_map(|name| {
                [name].into_iter().chain(above(name)).find(|suffix| self.apexes.contains(*suffix))
            })
            .any(is_nested)
    }

    /// Whether an alias of the answer leads into another zone of this server.
    fn leaves_its_zone(&self, answer: &Answer) -> bool {
        let zone = self.zone(self.name);
        self.chain(answer).any(|name| self.zone(name) != zone)
    }

    /// Whether a referral comes from an NS RRset at a wildcard.
    fn has_wildcard_cut(&self, answer: &Answer) -> bool {
        let servers = answer.authority.iter().map(String::as_str);
        servers
            .filter(|record| record.split(' ').nth(3) == Some("ns"))
            .filter_map(|record| record.split(' ').next()?.strip_prefix("*."))
            .any(|above| self.chain(answer).any(|name| name.ends_with(&format!(".{above}"))))
    }

    /// Why `ours` may differ from `theirs`.
    pub(crate) fn reason(&self, ours: &Answer, theirs: &Answer) -> Option<&'static str> {
        let nsd = self.peer == "NSD";
        let same_answer = ours.rcode == theirs.rcode
            && ours.authoritative == theirs.authoritative
            && ours.answer == theirs.answer;
        let brings_servers = ours.authority.is_empty()
            && !theirs.answer.is_empty()
            && theirs.of_type("ns").next().is_some();
        if nsd && same_answer && brings_servers && ours.additional.is_subset(&theirs.additional) {
            return Some("servers of the zone along with an answer");
        }
        let one_goes_on =
            theirs.answer.is_subset(&ours.answer) || ours.answer.is_subset(&theirs.answer);
        if ours.of_type("cname").count() >= 10 && one_goes_on {
            return Some("an endless chain ends elsewhere");
        }
        if !nsd && self.has_wildcard_cut(theirs) {
            return Some("NS at a wildcard delegates what the wildcard makes");
        }
        let renamed = |answer: &Answer| -> BTreeSet<String> {
            let data = |record: &String| match record.split(' ').nth(3) {
                Some("dname") => record.split_once(' ').map_or("", |(_, rest)| rest).to_owned(),
                _ => record.clone(),
            };
            answer.answer.iter().map(data).collect()
        };
        let below_wildcard = ours.of_type("dname").any(|record| record.starts_with("*."));
        if !nsd && below_wildcard && renamed(theirs).is_subset(&renamed(ours)) {
            return Some("a DNAME at a wildcard bears the name in question");
        }
        if nsd && (ours.rcode, theirs.rcode) == (6, 0) && ours.answer == theirs.answer {
            return Some("a name that grows too long further down a chain");
        }
        if !nsd && self.leaves_its_zone(ours) {
            return Some("an alias into another zone of the server is not followed");
        }
        let same_authority = same_answer && ours.authority == theirs.authority;
        if !nsd
            && same_authority
            && !ours.answer.is_empty()
            && ours.additional.is_subset(&theirs.additional)
        {
            return Some("addresses from below a cut along with an answer");
        }
        let long = self.chain(ours).any(|name| name.len() > 150);
        if same_authority && long && theirs.additional.is_subset(&ours.additional) {
            return Some("less fits, as long names are compressed less");
        }
        let less =
            theirs.answer.is_subset(&ours.answer) && ours.authoritative == theirs.authoritative;
        if nsd && less && self.meets_nested_zones(ours) {
            return Some("names of one zone seen in a zone below it or above it");
        }
        None
    }
}

/// The names above a name, the root last.
fn above(name: &str) -> impl Iterator<Item = &str> {
    let labels = name.match_indices('.').filter(move |_| name != ".").map(|(at, _)| at + 1);
    labels.map(|at| if at == name.len() { "." } else { &name[at..] })
}
