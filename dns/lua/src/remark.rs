//! What is wrong with a program, before it is known where in the zone file the program stands.

use halfmoon_zones::{Fault, Level, ProgramSource};

/// A fault with an offset into the program's text. The same text may stand at many places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) level: Level,
    pub(crate) rule: &'static str,
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Remark {
    pub(crate) fn error(rule: &'static str, at: usize, message: impl Into<String>) -> Self {
        Self { level: Level::Error, rule, at, message: message.into(), help: None }
    }

    pub(crate) fn warning(rule: &'static str, at: usize, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(rule, at, message) }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it is about what the operator gives somebody, which is an error in every dialect.
    pub(crate) fn is_operators(&self) -> bool {
        self.rule.starts_with("tenant-")
    }

    /// The fault at the place where `source` stands.
    pub(crate) fn at(&self, source: &ProgramSource) -> Fault {
        Fault {
            level: self.level,
            rule: self.rule,
            place: source.place(self.at),
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }
}

/// What `known` has that is spelled most like `word`, unless nothing is.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let worst = (word.len() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&word, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= worst)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut next = vec![i + 1];
        for ((j, y), pair) in b.iter().enumerate().zip(row.windows(2)) {
            let (diagonal, above) = (pair.first().copied(), pair.last().copied());
            let replaced = diagonal.unwrap_or(0) + usize::from(x != *y);
            let left = next.get(j).copied().unwrap_or(0) + 1;
            next.push(replaced.min(left).min(above.unwrap_or(0) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn spellings_are_matched_if_they_are_near() {
        let known = ["ifportup", "ifurlup", "pickclosest", "all"];
        for (word, expected) in [
            ("ifurlUp", Some("ifurlup")),
            ("pickclosets", Some("pickclosest")),
            ("ifporup", Some("ifportup")),
            ("al", Some("all")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
