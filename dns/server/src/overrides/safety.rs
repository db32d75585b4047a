//! Whether an override may be: what an operator has ruled out beforehand, and what no record survives.

use std::collections::BTreeMap;

use halfmoon_healthcheck::{Force, Member, PoolReport, Whose};

use super::Refused;
use super::reach;
use super::rules::Rules;
use crate::config::SafetyConfig;
use crate::shared::Zones;

/// Judges what the pools, and what is answered without one, would be under new rules.
///
/// # Errors
/// The first rule that they break that is not broken already.
pub(super) fn judge(
    (pools, zones): (&[PoolReport], Option<&Zones>),
    (before, after): (&Rules, &Rules),
    safety: &[SafetyConfig],
    may_empty: bool,
) -> Result<(), Refused> {
    for rule in safety {
        let was = standing((pools, zones), before, rule);
        let would = standing((pools, zones), after, rule);
        let (was_up, up) = (count(&was), count(&would));
        if up < rule.keep as usize && up < was_up {
            let names = |stands: bool| {
                let named = would.iter().filter(|(_, other)| **other == stands);
                named.map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(", ")
            };
            return Err(Refused::Safety {
                keep: rule.keep,
                of: rule.of.clone(),
                left: if up == 0 { "none".to_owned() } else { names(true) },
            });
        }
    }
    if may_empty {
        return Ok(());
    }
    let is_emptied = |whose: Whose<'_>, members: &[Member]| {
        let is_empty = |rules: &Rules| {
            rules.of(whose, members).iter().all(|forced| *forced == Some(Force::Down))
        };
        is_empty(after) && !is_empty(before)
    };
    let emptied =
        pools.iter().filter(|report| is_emptied(report.pool.name.whose(), &report.pool.members));
    let mut names: Vec<String> = emptied.map(|report| report.pool.name.to_string()).collect();
    if let Some(zones) = zones {
        reach::lists(zones, |list| {
            if list.is_whole && is_emptied(list.whose, list.members) {
                names.push(format!("{} {}", list.whose.owner, list.whose.rtype));
            }
        });
    }
    names.sort();
    names.dedup();
    match names.first() {
        None => Ok(()),
        Some(first) => Err(Refused::Empties { record: first.clone(), others: names.len() - 1 }),
    }
}

/// Which of the labels still have somebody who answers.
fn standing(
    (pools, zones): (&[PoolReport], Option<&Zones>),
    rules: &Rules,
    rule: &SafetyConfig,
) -> BTreeMap<String, bool> {
    let mut labels = BTreeMap::new();
    for report in pools {
        let forced = rules.of(report.pool.name.whose(), &report.pool.members);
        let members = report.pool.members.iter().zip(&report.members);
        for ((member, effective), forced) in members.zip(forced) {
            let stands = match forced {
                Some(Force::Down | Force::Drain) => false,
                Some(Force::Up) => true,
                None => effective.is_well,
            };
            // What a zone says of its own addresses must not make up for what is to be kept.
            let labelled = member.labels.iter().filter(|label| !label.is_zones);
            for label in labelled.filter(|label| is_like(&label.name, &rule.of)) {
                *labels.entry(label.name.to_string()).or_default() |= stands;
            }
        }
    }
    // Of what is not checked it is not known whether it is up: it counts where nothing better is known.
    if let Some(zones) = zones {
        let mut unchecked: BTreeMap<String, bool> = BTreeMap::new();
        reach::lists(zones, |list| {
            for (member, forced) in list.members.iter().zip(rules.of(list.whose, list.members)) {
                let stands = !matches!(forced, Some(Force::Down | Force::Drain));
                let labelled = member.labels.iter().filter(|label| !label.is_zones);
                for label in labelled.filter(|label| is_like(&label.name, &rule.of)) {
                    *unchecked.entry(label.name.to_string()).or_default() |= stands;
                }
            }
        });
        for (label, stands) in unchecked {
            labels.entry(label).or_insert(stands);
        }
    }
    labels
}

fn count(labels: &BTreeMap<String, bool>) -> usize {
    labels.values().filter(|stands| **stands).count()
}

/// Whether a text is as a pattern has it, in which `*` stands for anything.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('*').collect();
    let (last, middle) = parts.split_last().map_or(("", &[][..]), |(last, middle)| (*last, middle));
    for part in middle {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (text, pattern, is) in [
            ("region:fsn", "region:fsn", true),
            ("region:fsn", "region:*", true),
            ("region:fsn", "*", true),
            ("region:fsn", "*:fsn", true),
            ("region:fsn", "r*n:f*n", true),
            ("region:fsn", "region:f", false),
            ("region:fsn", "rack:*", false),
            ("region:fsn", "*:hel", false),
            ("aa", "a*a*a", false),
            ("", "*", true),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text} {pattern}");
        }
    }
}
