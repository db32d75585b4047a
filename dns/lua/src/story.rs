//! What an evaluation did, step by step, for people who ask why an answer is what it is.
//!
//! The code that answers calls in here, and only while somebody has asked ([`crate::Machine::tell`]):
//! for everybody else there is no story, and what it would cost is one look at whether there is.

use std::net::IpAddr;
use std::ops::Range;

use halfmoon_geo::Location;
use halfmoon_healthcheck::{CheckId, Choice, Pick, PoolId};

use crate::eval::{Bound, Item, Outcome, Scratch};
use crate::value::{Arg, Value, number_text};

/// Steps of one program that are kept; the rest are counted.
const MOST_STEPS: usize = 256;
/// Members, values, and distances of one step that are kept.
const MOST_LISTED: usize = 256;
/// Octets of a text that are kept.
const MOST_TEXT: usize = 1024;

/// What a program did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// In order.
    pub steps: Vec<Step>,
    /// How many more there were.
    pub more: usize,
    /// What the call at hand has found out so far.
    findings: Vec<Finding>,
    /// How much of it is wanted.
    pub(crate) telling: Telling,
}

/// How much is wanted of a story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// All: programs that run in Lua are compiled anew to tell their conditions and have more time, and a lock is
    /// taken to find out why something is not checked. Not for threads that answer.
    #[default]
    All,
    /// What there is to tell while the program runs as it always does.
    Brief,
}

/// One step of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A host function was called.
    Call(Call),
    /// A condition was looked at.
    Branch {
        /// As it is written, or nearly.
        test: String,
        /// Whether it held.
        holds: bool,
    },
    /// A variable was read.
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A function of the language itself gave something that is not the same each time.
    Read {
        /// What was asked for.
        what: &'static str,
        /// What it was.
        value: String,
    },
}

/// A call of a host function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The call with its arguments: as it is written, or with the values they had.
    pub text: String,
    /// What it returned.
    pub result: Given,
    /// What it found out on the way.
    pub findings: Vec<Finding>,
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// A boolean.
    Truth(bool),
    /// A string.
    Text(String),
    /// A list of strings.
    List(Vec<String>),
    /// That there is no such name.
    Denial,
    /// Nothing: it failed, and why.
    Failure(String),
}

/// What a call found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// What is known of endpoints, and who of them is in question.
    Pool(Pool),
    /// Something is not checked that was asked for, and counts as not up.
    Refused {
        /// The check.
        check: String,
        /// Why.
        why: String,
    },
    /// A number that stands for the client or the name.
    Hash {
        /// Of what.
        of: String,
        /// The number.
        value: u32,
    },
    /// A number was drawn.
    Chance {
        /// The number.
        value: u64,
        /// It is below this one, each equally likely.
        below: u64,
    },
    /// Where among the weights that stand one behind the other the choice falls.
    Point {
        /// The place, from 0.
        value: u64,
        /// The sum of the weights.
        below: u64,
    },
    /// What an address drew for the client, by its weight; the lowest wins.
    Draw {
        /// The address.
        of: IpAddr,
        /// What it drew.
        value: f64,
    },
    /// What the databases say of the client.
    Place {
        /// What was asked.
        what: &'static str,
        /// What they say; `None`: nothing.
        value: Option<String>,
        /// For how long a prefix of the client's address that holds.
        prefix: u8,
    },
    /// How far each candidate is from the client.
    Distances {
        /// Where the client is; 0, 0 if that is not known.
        from: Location,
        /// Each candidate, where it is, and how far.
        to: Vec<(IpAddr, Location, f64)>,
        /// `km` along the globe, or `square degrees` as PowerDNS measures.
        unit: &'static str,
    },
}

/// Endpoints that a call chose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its place on the board; `None`: a program computed it.
    pub id: Option<PoolId>,
    /// The address of each member, and what speaks for it.
    pub members: Vec<(String, Option<CheckId>)>,
    /// Which members make a group, in order of preference.
    pub groups: Vec<Range<u32>>,
    /// How those that were chosen are to be used.
    pub choice: Choice,
    /// Who may be answered.
    pub picks: Vec<Pick>,
    /// Whether no change is near and none is fresh, on which the TTL may depend.
    pub is_settled: bool,
    /// The TTL that the call wants, in seconds.
    pub ttl: Option<u32>,
}

impl Story {
    /// One of which so much is wanted, with nothing in it so far.
    pub(crate) fn wanted(telling: Telling) -> Self {
        Self { telling, ..Self::default() }
    }

    fn step(&mut self, step: Step) {
        if self.steps.len() < MOST_STEPS {
            self.steps.push(step);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn find(&mut self, finding: Finding) {
        if self.findings.len() < MOST_LISTED {
            self.findings.push(finding);
        }
    }

    pub(crate) fn branch(&mut self, test: &str, holds: bool) {
        if self.steps.len() < MOST_STEPS {
            self.steps.push(Step::Branch { test: cut(test), holds });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn variable(&mut self, name: &'static str, value: &str) {
        self.step(Step::Variable { name, value: cut(value) });
    }

    pub(crate) fn read(&mut self, what: &'static str, value: &str) {
        self.step(Step::Read { what, value: cut(value) });
    }
}

impl Scratch {
    /// Notes what a call came to, if somebody wants to know.
    #[inline]
    pub(crate) fn tell_call(
        &mut self,
        text: impl FnOnce() -> String,
        bound: &dyn Bound,
        outcome: &Result<Outcome, &'static str>,
    ) {
        if self.story.is_some() {
            self.note_call(&text(), bound, outcome);
        }
    }

    /// Notes what a call finds out, if somebody wants to know.
    #[inline]
    pub(crate) fn tell(&mut self, finding: impl FnOnce() -> Finding) {
        if let Some(story) = &mut self.story {
            story.find(finding());
        }
    }

    #[cold]
    fn note_call(
        &mut self,
        text: &str,
        bound: &dyn Bound,
        outcome: &Result<Outcome, &'static str>,
    ) {
        let items = bound.items();
        let item = |place: usize| items.get(place).map_or_else(String::new, shown);
        let result = match outcome {
            Err(why) => Given::Failure((*why).to_owned()),
            Ok(Outcome::Bool(truth)) => Given::Truth(*truth),
            Ok(Outcome::Denial) => Given::Denial,
            Ok(Outcome::One(place)) => Given::Text(item(*place)),
            Ok(Outcome::Text) => Given::Text(cut(&self.text)),
            Ok(Outcome::Many) => {
                let chosen = self.chosen.iter().take(MOST_LISTED);
                Given::List(chosen.map(|place| item(*place as usize)).collect())
            }
            Ok(Outcome::Texts) => {
                let texts = self.texts.iter().take(MOST_LISTED);
                Given::List(texts.map(|text| cut(&String::from_utf8_lossy(text))).collect())
            }
        };
        let Some(story) = &mut self.story else {
            return;
        };
        let mut findings = std::mem::take(&mut story.findings);
        for finding in &mut findings {
            if let Finding::Pool(pool) = finding {
                for (place, (address, _)) in pool.members.iter_mut().enumerate() {
                    *address = item(place);
                }
            }
        }
        story.step(Step::Call(Call { text: cut(text), result, findings }));
    }
}

fn shown(item: &Item) -> String {
    cut(&String::from_utf8_lossy(&item.text))
}

/// The text, or as much of it as is kept.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= MOST_TEXT {
        return text.to_owned();
    }
    let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or(""))
}

/// A call with the values that its arguments have.
pub(crate) fn call_text(name: &str, args: &[Arg]) -> String {
    let mut text = format!("{name}(");
    for (place, arg) in args.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { ", " });
        write(&arg.value, &mut text);
    }
    text.push(')');
    text
}

fn write(value: &Value, text: &mut String) {
    if text.len() > MOST_TEXT {
        return;
    }
    match value {
        Value::Nil => text.push_str("nil"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number_text(*number)),
        Value::Text(octets) => {
            text.push('\'');
            text.push_str(&String::from_utf8_lossy(octets));
            text.push('\'');
        }
        Value::Table(table) => {
            text.push('{');
            let mut separator = "";
            for item in &table.items {
                text.push_str(separator);
                write(&item.value, text);
                separator = ", ";
            }
            for (key, item) in &table.fields {
                text.push_str(separator);
                match key.value.as_text() {
                    Some(key) => text.push_str(&key),
                    None => write(&key.value, text),
                }
                text.push('=');
                write(&item.value, text);
                separator = ", ";
            }
            text.push('}');
        }
        Value::Networks(_) => text.push_str("a group of networks"),
        Value::Other(kind) => text.push_str(kind),
    }
}
