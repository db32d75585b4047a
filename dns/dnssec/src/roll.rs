//! Rolls: how one key takes the place of another while no validator ever sees an answer that it
//! cannot prove (RFC 6781 section 4.1, RFC 7583).
//!
//! Pure: what each key does is a table by step, and a step ends when caches have forgotten what
//! was before it, or when the parent's servers have what it waits for. The time is an argument, in
//! seconds since 1970.

use serde::{Deserialize, Serialize};

use crate::Role;

/// How many of the parent's servers are told of by name.
const MOST_SERVERS: usize = 32;

/// How a key is rolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The new key is published before it signs (RFC 6781 section 4.1.1.1). For a ZSK.
    PrePublish,
    /// Old and new key sign the keys until the parent has the new DS (section 4.1.2). For a KSK, or a
    /// CSK, which signs the rest of the zone with the old key until the new one is known.
    DoubleSignature,
    /// The parent has the DS of both before the new key is used (RFC 7583 section 3.3.2).
    DoubleDs,
}

impl Method {
    /// Its word, as in files and on command lines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PrePublish => "pre-publish",
            Self::DoubleSignature => "double-signature",
            Self::DoubleDs => "double-ds",
        }
    }
}

/// What a key does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// It stands in the DNSKEY RRset.
    pub is_published: bool,
    /// It signs the DNSKEY, CDS and CDNSKEY RRsets.
    pub signs_keys: bool,
    /// It signs all other RRsets.
    pub signs_data: bool,
    /// The parent is to have a DS record of it.
    pub has_ds: bool,
}

impl Uses {
    /// What a key of the role does when nothing is rolled.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        let signs_data = !matches!(role, Role::Ksk);
        let is_entry = role.is_entry_point();
        Self { is_published: true, signs_keys: is_entry, signs_data, has_ds: is_entry }
    }
}

/// What a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Await {
    /// DNSKEY RRsets from before the step have left the caches.
    Keys,
    /// Answers and signatures from before the step have left the caches.
    Data,
    /// All servers of the parent have the DS of the new key, and the DS RRsets from before have left
    /// the caches.
    Ds,
}

/// One step of a roll.
struct Step {
    name: &'static str,
    leaving: &'static str,
    coming: &'static str,
    awaits: &'static [Await],
}

/// Uses by letters: `p` published, `k` signs the keys, `d` signs the data, `s` has a DS.
fn uses(letters: &str) -> Uses {
    let has = |letter| letters.contains(letter);
    Uses { is_published: has('p'), signs_keys: has('k'), signs_data: has('d'), has_ds: has('s') }
}

const fn step(
    name: &'static str,
    (leaving, coming): (&'static str, &'static str),
    awaits: &'static [Await],
) -> Step {
    Step { name, leaving, coming, awaits }
}

/// The steps of a roll; behind the last one the leaving keys go.
const fn steps(method: Method, role: Role) -> &'static [Step] {
    use Await::{Data, Ds, Keys};
    match (method, role) {
        (Method::PrePublish, _) => {
            const { &[step("publish", ("pd", "p"), &[Keys]), step("switch", ("p", "pd"), &[Data])] }
        }
        (Method::DoubleSignature, Role::Csk) => {
            const {
                &[
                    step("publish", ("pkds", "pk"), &[Keys]),
                    step("submit", ("pk", "pkds"), &[Data, Ds]),
                ]
            }
        }
        (Method::DoubleSignature, _) => {
            const { &[step("publish", ("pks", "pk"), &[Keys]), step("submit", ("pk", "pks"), &[Ds])] }
        }
        (Method::DoubleDs, Role::Csk) => {
            const {
                &[
                    step("submit", ("pkds", "s"), &[Ds]),
                    step("publish", ("pkds", "pks"), &[Keys]),
                    step("switch", ("pk", "pkds"), &[Data]),
                ]
            }
        }
        (Method::DoubleDs, _) => {
            const { &[step("submit", ("pks", "s"), &[Ds]), step("switch", ("s", "pks"), &[Keys])] }
        }
    }
}

/// How long things live in caches, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The TTL of the DNSKEY RRset.
    pub keys: u32,
    /// The longest TTL of the zone, denials included.
    pub data: u32,
    /// Until all servers of the zone have what one of them has.
    pub propagation: u32,
}

/// A roll under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roll {
    method: Method,
    role: Role,
    /// The tag of the new key.
    coming: u16,
    /// The tags of those it replaces.
    leaving: Vec<u16>,
    step: usize,
    /// Since when a server serves the step; `None`: not yet.
    entered: Option<u64>,
    /// Before this the step does not end.
    until: u64,
    /// What was last seen at the parent.
    #[serde(default)]
    parent: Sight,
}

/// What was seen of a DS at the parent's servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sight {
    /// When it was looked last; 0: never.
    pub looked: u64,
    /// Since when all servers have it.
    pub since: Option<u64>,
    /// The longest TTL that a DS RRset had.
    pub ttl: u32,
    /// The servers that do not have it, as far as they are told, each with what it says instead; or why
    /// nobody was asked.
    pub lacking: Vec<String>,
    /// How many servers were asked.
    pub asked: usize,
}

/// What one look at the parent's servers found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// How many were asked.
    pub asked: usize,
    /// Those that do not have the DS, each with what it says instead.
    pub lacking: Vec<String>,
    /// The longest TTL of a DS RRset that was seen.
    pub ttl: u32,
}

/// Where a roll is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing changed.
    Stay,
    /// It is in the next step.
    Next,
    /// It is over: the leaving keys are to go.
    Over,
}

/// Why a roll is not abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "step {0} has begun, and caches may rely on the new key; let the roll go on, and roll again"
)]
pub struct TooLate(&'static str);

impl Roll {
    /// A roll that begins. The method must be one for the role.
    pub(crate) const fn new(method: Method, role: Role, coming: u16, leaving: Vec<u16>) -> Self {
        let parent = Sight { looked: 0, since: None, ttl: 0, lacking: Vec::new(), asked: 0 };
        Self { method, role, coming, leaving, step: 0, entered: None, until: 0, parent }
    }

    /// How the key is rolled.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The role of the keys.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The tag of the new key.
    #[must_use]
    pub const fn coming(&self) -> u16 {
        self.coming
    }

    /// The tags of the keys that it replaces.
    #[must_use]
    pub fn leaving(&self) -> &[u16] {
        &self.leaving
    }

    /// What was last seen at the parent.
    #[must_use]
    pub const fn parent(&self) -> &Sight {
        &self.parent
    }

    /// The name of the step, its number from 1, and how many there are.
    #[must_use]
    pub fn step(&self) -> (&'static str, usize, usize) {
        let steps = steps(self.method, self.role);
        (self.at().name, self.step + 1, steps.len())
    }

    /// What a key does in this step; `None`: it has no part in the roll.
    #[must_use]
    pub fn uses(&self, tag: u16) -> Option<Uses> {
        let step = self.at();
        if tag == self.coming {
            return Some(uses(step.coming));
        }
        self.leaving.contains(&tag).then(|| uses(step.leaving))
    }

    /// Before when the step does not end, and since when it is served; `None`: by nobody yet.
    #[must_use]
    pub const fn served(&self) -> Option<(u64, u64)> {
        match self.entered {
            Some(since) => Some((since, self.until)),
            None => None,
        }
    }

    /// Whether the step waits for the parent.
    #[must_use]
    pub fn awaits_parent(&self) -> bool {
        self.at().awaits.contains(&Await::Ds)
    }

    /// The file may say anything: a step that does not exist is the last.
    fn at(&self) -> &'static Step {
        let steps = steps(self.method, self.role);
        &steps[self.step.min(steps.len() - 1)]
    }

    /// Whether this is what [`Roll::new`] could have made of it: a file may say anything.
    pub(crate) fn is_possible(&self) -> bool {
        let fits = match self.method {
            Method::PrePublish => self.role == Role::Zsk,
            Method::DoubleSignature | Method::DoubleDs => self.role != Role::Zsk,
        };
        fits && self.step < steps(self.method, self.role).len()
            && !self.leaving.is_empty()
            && !self.leaving.contains(&self.coming)
    }

    /// Says that a server has begun to serve the step: from now on caches forget what was before.
    /// Returns whether that was news.
    pub fn enter(&mut self, now: u64, lifetimes: Lifetimes) -> bool {
        if self.entered.is_some() {
            return false;
        }
        let ttl = |awaits: &Await| match awaits {
            Await::Keys => Some(lifetimes.keys),
            Await::Data => Some(lifetimes.data),
            Await::Ds => None,
        };
        let longest = self.at().awaits.iter().filter_map(ttl).max();
        let wait = longest.map_or(0, |ttl| u64::from(ttl) + u64::from(lifetimes.propagation));
        self.entered = Some(now);
        self.until = now + wait;
        true
    }

    /// Takes in what was seen at the parent's servers. Returns whether anything but the time of the
    /// look is new.
    pub fn see(&mut self, look: Look, now: u64) -> bool {
        let before = std::mem::take(&mut self.parent);
        let all = look.asked > 0 && look.lacking.is_empty();
        let mut lacking = look.lacking;
        lacking.truncate(MOST_SERVERS);
        self.parent = Sight {
            looked: now,
            since: all.then(|| before.since.unwrap_or(now)),
            ttl: before.ttl.max(look.ttl),
            lacking,
            asked: look.asked,
        };
        Sight { looked: now, ..before } != self.parent
    }

    /// Takes the operator's word that all servers of the parent have the DS, with a TTL of so
    /// many seconds.
    pub fn trust(&mut self, now: u64, ttl: u32) {
        self.see(Look { asked: 1, lacking: Vec::new(), ttl }, now);
    }

    /// When the step ends if all stays as it is; `None`: nobody serves it yet, or the parent has to
    /// do something first.
    #[must_use]
    pub fn ends(&self) -> Option<u64> {
        self.entered?;
        if !self.awaits_parent() {
            return Some(self.until);
        }
        let since = self.parent.since?;
        Some(self.until.max(since + u64::from(self.parent.ttl)))
    }

    /// Goes on to the next step if this one is over.
    pub fn advance(&mut self, now: u64) -> Turn {
        if self.ends().is_none_or(|ends| now < ends) {
            return Turn::Stay;
        }
        if self.step + 1 >= steps(self.method, self.role).len() {
            return Turn::Over;
        }
        *self = Self {
            step: self.step + 1,
            ..Self::new(self.method, self.role, self.coming, std::mem::take(&mut self.leaving))
        };
        Turn::Next
    }

    /// Whether the roll can be taken back: nobody relies on the new key as long as the old one still
    /// does everything.
    ///
    /// # Errors
    /// A step has begun in which it does not.
    pub fn may_be_abandoned(&self) -> Result<(), TooLate> {
        if uses(self.at().leaving) == Uses::of(self.role) {
            Ok(())
        } else {
            Err(TooLate(self.at().name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [(Method, Role); 5] = [
        (Method::PrePublish, Role::Zsk),
        (Method::DoubleSignature, Role::Ksk),
        (Method::DoubleDs, Role::Ksk),
        (Method::DoubleSignature, Role::Csk),
        (Method::DoubleDs, Role::Csk),
    ];
    const LIFETIMES: Lifetimes = Lifetimes { keys: 100, data: 1000, propagation: 7 };

    fn all_uses(method: Method, role: Role) -> Vec<(Uses, Uses)> {
        let before = (Uses::of(role), Uses::default());
        let after = (Uses::default(), Uses::of(role));
        let during = steps(method, role).iter().map(|step| (uses(step.leaving), uses(step.coming)));
        [before].into_iter().chain(during).chain([after]).collect()
    }

    /// What a cache may hold from the state before, together with what it fetches in the next, has
    /// to validate in every combination (RFC 7583 section 3.2 and 3.3).
    #[test]
    fn caches_of_one_step_agree_with_servers_of_the_next() {
        for (method, role) in METHODS {
            let states = all_uses(method, role);
            let awaits = steps(method, role).iter().map(|step| step.awaits);
            // What of the state before the last may still be in caches.
            let waited: Vec<&[Await]> = [&[][..]].into_iter().chain(awaits).collect();
            for (at, pair) in states.windows(2).enumerate() {
                let keys_of = |(leaving, coming): (Uses, Uses)| [leaving, coming];
                let (old, new) = (keys_of(pair[0]), keys_of(pair[1]));
                let any = |test: &dyn Fn(usize) -> bool| (0..2).any(test);
                // Whatever signs data now is in DNSKEY RRsets from before, and the other way round.
                for (data, keys) in [(&new, &old), (&old, &new), (&new, &new)] {
                    if role != Role::Ksk {
                        assert!(
                            any(&|key| data[key].signs_data && keys[key].is_published),
                            "{method:?} {role:?} {at}: data"
                        );
                    }
                    // A DS from before or after points at a key that signs the keys.
                    if role != Role::Zsk {
                        assert!(
                            any(&|key| data[key].has_ds && keys[key].signs_keys),
                            "{method:?} {role:?} {at}: ds"
                        );
                    }
                }
                // Whoever signs is published.
                for key in new {
                    assert!(key.is_published || !(key.signs_keys || key.signs_data));
                }
            }
            // A DS is relied on alone only after it was waited for.
            for (at, pair) in states.windows(2).enumerate() {
                let stops = pair[0].0.signs_keys && !pair[1].0.signs_keys;
                if role != Role::Zsk && stops {
                    let seen = waited[..=at].iter().any(|awaits| awaits.contains(&Await::Ds));
                    assert!(seen, "{method:?} {role:?} {at}");
                }
                let unpublished = pair[0].0.is_published && !pair[1].0.is_published;
                let signed_data = states[..=at].iter().any(|state| state.0.signs_data);
                if unpublished && signed_data {
                    let last = (0..=at).rev().find(|at| states[*at].0.signs_data).unwrap();
                    let gone =
                        waited[last + 1..=at].iter().any(|awaits| awaits.contains(&Await::Data));
                    assert!(gone, "{method:?} {role:?} {at}: data still in caches");
                }
            }
        }
    }

    #[test]
    fn a_zsk_is_published_then_used_and_the_old_one_goes() {
        let mut roll = Roll::new(Method::PrePublish, Role::Zsk, 2, vec![1]);
        assert_eq!((roll.step(), roll.ends()), (("publish", 1, 2), None));
        // Nobody serves it yet: time alone does nothing.
        assert_eq!(roll.advance(u64::MAX), Turn::Stay);
        assert!(roll.enter(1000, LIFETIMES) && !roll.enter(1050, LIFETIMES));
        assert_eq!(roll.ends(), Some(1107));
        assert!(roll.may_be_abandoned().is_ok());
        assert_eq!(roll.advance(1106), Turn::Stay);
        assert_eq!(roll.advance(1107), Turn::Next);
        assert_eq!((roll.step(), roll.ends()), (("switch", 2, 2), None));
        assert_eq!(roll.uses(1), Some(uses("p")));
        assert_eq!(roll.uses(2), Some(uses("pd")));
        assert_eq!(roll.uses(3), None);
        assert!(roll.may_be_abandoned().is_err());
        roll.enter(2000, LIFETIMES);
        assert_eq!(roll.advance(3006), Turn::Stay);
        assert_eq!(roll.advance(3007), Turn::Over);
    }

    #[test]
    fn a_ksk_waits_for_all_servers_of_the_parent() {
        let mut roll = Roll::new(Method::DoubleSignature, Role::Ksk, 2, vec![1]);
        assert!(!roll.awaits_parent());
        roll.enter(0, LIFETIMES);
        assert_eq!(roll.advance(107), Turn::Next);
        roll.enter(200, LIFETIMES);
        assert!(roll.awaits_parent());
        let look = |asked, lacking: &[&str], ttl| Look {
            asked,
            lacking: lacking.iter().map(|server| (*server).to_owned()).collect(),
            ttl,
        };
        assert_eq!(roll.ends(), None);
        // Nobody to ask is not everybody.
        assert!(!roll.see(look(0, &[], 0), 300) || roll.ends().is_none());
        assert_eq!(roll.ends(), None);
        assert!(roll.see(look(2, &["b"], 600), 400));
        assert_eq!((roll.ends(), roll.parent().lacking.len()), (None, 1));
        assert!(!roll.see(look(2, &["b"], 600), 410), "nothing new");
        assert!(roll.see(look(2, &[], 300), 420));
        assert_eq!(roll.ends(), Some(420 + 600), "the longest TTL there was");
        // One that no longer has it starts the wait anew.
        assert!(roll.see(look(2, &["a"], 300), 500));
        assert_eq!(roll.advance(5000), Turn::Stay);
        assert!(roll.see(look(2, &[], 300), 5000));
        assert_eq!(roll.advance(5599), Turn::Stay);
        assert_eq!(roll.advance(5600), Turn::Over);
    }

    #[test]
    fn a_csk_waits_for_the_parent_and_for_old_answers() {
        let mut roll = Roll::new(Method::DoubleSignature, Role::Csk, 2, vec![1]);
        roll.enter(0, LIFETIMES);
        assert_eq!(roll.advance(107), Turn::Next);
        roll.enter(200, LIFETIMES);
        roll.trust(210, 5);
        assert_eq!(roll.ends(), Some(200 + 1007));
        let mut roll = Roll::new(Method::DoubleDs, Role::Csk, 2, vec![1]);
        roll.enter(0, LIFETIMES);
        assert_eq!(roll.ends(), None);
        assert!(roll.may_be_abandoned().is_ok());
        roll.trust(10, 50);
        let mut names = Vec::new();
        let mut now = 10;
        loop {
            roll.enter(now, LIFETIMES);
            names.push(roll.step().0);
            now = roll.ends().unwrap();
            if roll.advance(now) == Turn::Over {
                break;
            }
        }
        assert_eq!(names, ["submit", "publish", "switch"]);
        assert_eq!(now, 60 + 107 + 1007);
    }

    #[test]
    fn a_roll_comes_back_from_its_file() {
        for (method, role) in METHODS {
            let mut roll = Roll::new(method, role, 2, vec![1]);
            roll.enter(5, LIFETIMES);
            let text = serde_json::to_string(&roll).unwrap();
            let again: Roll = serde_json::from_str(&text).unwrap();
            assert_eq!(again, roll);
            assert!(again.is_possible());
        }
        assert!(!Roll::new(Method::PrePublish, Role::Csk, 2, vec![1]).is_possible());
        assert!(!Roll::new(Method::DoubleDs, Role::Ksk, 2, vec![]).is_possible());
        assert!(!Roll::new(Method::DoubleDs, Role::Ksk, 2, vec![2]).is_possible());
    }
}
