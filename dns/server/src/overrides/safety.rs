//! Whether an override may be: what an operator has ruled out beforehand, and what no record survives.

use std::collections::BTreeMap;

use halfmoon_healthcheck::{Force, Member, Pool, PoolReport};

use super::Refused;
use super::rules::Rules;
use crate::config::SafetyConfig;

/// Judges what the pools would be under new rules.
///
/// # Errors
/// The first rule that they break that is not broken already.
pub(super) fn judge(
    pools: &[PoolReport],
    (before, after): (&Rules, &Rules),
    safety: &[SafetyConfig],
    may_empty: bool,
) -> Result<(), Refused> {
    for rule in safety {
        let (was, would) = (standing(pools, before, rule), standing(pools, after, rule));
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
    let emptied = pools.iter().filter(|report| {
        let is_empty = |rules: &Rules| {
            report.pool.members.iter().all(|member| is_barred(rules, &report.pool, member))
        };
        is_empty(after) && !is_empty(before)
    });
    let mut names: Vec<String> = emptied.map(|report| report.pool.name.to_string()).collect();
    names.sort();
    match names.first() {
        None => Ok(()),
        Some(first) => Err(Refused::Empties { record: first.clone(), others: names.len() - 1 }),
    }
}

/// Which of the labels still have somebody who answers.
fn standing(pools: &[PoolReport], rules: &Rules, rule: &SafetyConfig) -> BTreeMap<String, bool> {
    let mut labels = BTreeMap::new();
    for report in pools {
        for (member, effective) in report.pool.members.iter().zip(&report.members) {
            let forced = rules.judge(&report.pool, member).map(|forced| forced.to);
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
    labels
}

fn count(labels: &BTreeMap<String, bool>) -> usize {
    labels.values().filter(|stands| **stands).count()
}

fn is_barred(rules: &Rules, pool: &Pool, member: &Member) -> bool {
    rules.judge(pool, member).is_some_and(|forced| forced.to == Force::Down)
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
