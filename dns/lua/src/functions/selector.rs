//! How some of the addresses in question are chosen.

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::remark::nearest;
use crate::value::Arg;

/// How some of the addresses in question are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Every one.
    All,
    /// The one closest to the client.
    Closest,
    /// One by client, as likely as its weight says; few clients move when others come or go.
    Consistent,
    /// None, which makes a NODATA answer.
    Empty,
    /// The first in the order written.
    First,
    /// One, the same for the same client.
    Hashed,
    /// One, each equally likely.
    #[default]
    Random,
    /// So many, without repetition.
    Sample(u32),
    /// One by chance, as likely as its weight says.
    Weighted,
    /// One by client, as likely as its weight says.
    WeightedHashed,
}

const SELECTORS: [(&str, Selector); 10] = [
    ("all", Selector::All),
    ("chashed", Selector::Consistent),
    ("empty", Selector::Empty),
    ("first", Selector::First),
    ("hashed", Selector::Hashed),
    ("pickclosest", Selector::Closest),
    ("pickfirst", Selector::First),
    ("random", Selector::Random),
    ("weighted", Selector::Weighted),
    ("whashed", Selector::WeightedHashed),
];

/// What stands before the number of `sample:2`.
const SAMPLE: &str = "sample:";

impl Selector {
    /// Whether the peer does not have it.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Consistent
                | Self::First
                | Self::Sample(_)
                | Self::Weighted
                | Self::WeightedHashed
        )
    }

    /// Whether any one of several may be what it chooses: by chance or by client.
    pub(crate) const fn is_one_of(self) -> bool {
        matches!(
            self,
            Self::Closest
                | Self::Consistent
                | Self::Hashed
                | Self::Random
                | Self::Weighted
                | Self::WeightedHashed
        )
    }

    /// Whether the same client gets the same answer.
    pub(crate) const fn is_sticky(self) -> bool {
        !matches!(self, Self::Random | Self::Sample(_) | Self::Weighted)
    }

    /// Whether weights count.
    pub(crate) const fn weighs(self) -> bool {
        matches!(self, Self::Consistent | Self::Weighted | Self::WeightedHashed)
    }

    fn parse(name: &str) -> Option<Self> {
        if let Some(count) = name.strip_prefix(SAMPLE) {
            return count.parse().ok().filter(|count| *count > 0).map(Self::Sample);
        }
        SELECTORS.iter().find(|(known, _)| *known == name).map(|(_, selector)| *selector)
    }

    /// Reads its name.
    pub(super) fn read(arg: &Arg, binder: &mut Binder<'_>) -> Result<Self, Refused> {
        let name = binder.text(arg, "a selector")?;
        if let Some(selector) = Self::parse(&name) {
            if selector.is_ours() && binder.dialect() == Dialect::PowerDns {
                let message = format!("the peer has no selector '{name}' and picks one at random");
                binder.warn("lua-selector", arg, message, "dialect \"halfmoon\" has it");
                return Ok(Self::Random);
            }
            return Ok(selector);
        }
        let known = SELECTORS.map(|(known, _)| known);
        let message = format!("there is no selector '{name}'");
        let help = match nearest(&name, known) {
            _ if name.starts_with("sample") => "write 'sample:2' for two of them".to_owned(),
            Some(near) => format!("write '{near}'"),
            None => format!("selectors are {}, {SAMPLE}N", known.join(", ")),
        };
        if binder.is_halfmoon() {
            return Err(binder.refuse_as("lua-selector", arg, message, help));
        }
        binder.warn("lua-selector", arg, format!("{message}: one is picked at random"), help);
        Ok(Self::Random)
    }
}
