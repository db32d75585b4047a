//! Programs that need no Lua: what is returned, and conditions on the way to it.

use crate::answers::{Answers, Trace};
use crate::eval::{Context, Eval, Item, Outcome, Scratch};
use crate::program::Program;
use crate::{Failure, rdata};

/// What a program without loops, variables and arithmetic does.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Returns these strings.
    Constant(Vec<Item>),
    /// Returns what the call of this number returns.
    Call(usize),
    If {
        test: Test,
        then: Box<Self>,
        otherwise: Box<Self>,
    },
    /// Returns nothing.
    Nothing,
}

/// A condition.
#[derive(Debug)]
pub(crate) enum Test {
    Constant(bool),
    /// What the call of this number returns, a boolean.
    Call(usize),
    /// Whether the string that the call of this number returns is this one.
    Same {
        site: usize,
        text: Box<[u8]>,
    },
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// Runs a plan. What it says goes to `answers`, and why it fails to `detail`.
pub(crate) fn run(
    plan: &Plan,
    program: &Program,
    cx: &Context<'_>,
    scratch: &mut Scratch,
    answers: &mut Answers,
) -> Result<(), (Failure, &'static str)> {
    let mut trace = answers.trace;
    let result = follow(plan, program, &mut Eval::new(cx, &mut trace, scratch));
    answers.trace = trace;
    match result.map_err(|why| (Failure::Script, why))? {
        Answer::Constant(items) => items.iter().try_for_each(|item| push(item, answers)),
        Answer::Outcome(site, outcome) => {
            let items = program.sites.get(site).map_or(&[][..], |bound| bound.items());
            match outcome {
                Outcome::One(place) => items.get(place).map_or(Ok(()), |item| push(item, answers)),
                Outcome::Many => scratch
                    .chosen
                    .iter()
                    .filter_map(|place| items.get(*place as usize))
                    .try_for_each(|item| push(item, answers)),
                Outcome::Text => {
                    push_text(program, scratch.text.as_bytes(), &mut scratch.data, answers)
                }
                Outcome::Texts => scratch
                    .texts
                    .iter()
                    .try_for_each(|text| push_text(program, text, &mut scratch.data, answers)),
                Outcome::Denial => {
                    answers.deny_name();
                    Ok(())
                }
                Outcome::Bool(_) => Err((Failure::NoResult, "")),
            }
        }
        Answer::Nothing => Err((Failure::NoResult, "")),
    }
}

impl Plan {
    /// Whether what it mostly says is one string that is known beforehand.
    pub(crate) fn says_one(&self, program: &Program) -> bool {
        match self {
            Self::Constant(items) => matches!(&items[..], [item] if item.rdata.is_some()),
            Self::Call(site) => program.sites.get(*site).is_some_and(|bound| bound.says_one()),
            Self::If { then, otherwise, .. } => {
                then.says_one(program) && otherwise.says_one(program)
            }
            Self::Nothing => false,
        }
    }

    /// The record data of the one string that it says; `None` if it says anything else, or fails.
    pub(crate) fn one<'p>(&'p self, program: &'p Program, eval: &mut Eval<'_>) -> Option<&'p [u8]> {
        let item = match follow(self, program, eval).ok()? {
            Answer::Constant([item]) => item,
            Answer::Outcome(site, Outcome::One(place)) => {
                program.sites.get(site)?.items().get(place)?
            }
            _ => return None,
        };
        item.rdata.as_deref()
    }
}

/// An answer that a program could give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The data of its records; none: there are no records now.
    pub rdatas: Vec<Box<[u8]>>,
    /// Its TTL in seconds; `None`: that of the record.
    pub ttl: Option<u32>,
}

/// Answers that a program could give, each once.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(crate) found: Vec<Candidate>,
    most: usize,
}

impl Candidates {
    /// None yet, with room for so many.
    pub(crate) const fn new(most: usize) -> Self {
        Self { found: Vec::new(), most }
    }

    /// Takes in what the plan could answer to anybody as things are: what its constants say, and what
    /// its calls choose from. Calls that choose by something else than health are left out.
    pub(crate) fn follow(&mut self, plan: &Plan, program: &Program, eval: &mut Eval<'_>) {
        match plan {
            Plan::Constant(items) => self.add(items, 0..items.len(), None),
            Plan::Call(site) => self.call(*site, program, eval),
            Plan::If { test: Test::Constant(truth), then, otherwise } => {
                self.follow(if *truth { then } else { otherwise }, program, eval);
            }
            Plan::If { then, otherwise, .. } => {
                self.follow(then, program, eval);
                self.follow(otherwise, program, eval);
            }
            Plan::Nothing => {}
        }
    }

    fn call(&mut self, site: usize, program: &Program, eval: &mut Eval<'_>) {
        let Some(bound) = program.sites.get(site) else {
            return;
        };
        let items = bound.items();
        eval.scratch.ahead.point = 0;
        // Once for each number of a client that makes a difference: once, if nobody is on the way back.
        while self.found.len() < self.most {
            eval.scratch.ahead.size = None;
            eval.scratch.ahead.next = None;
            *eval.trace = Trace::default();
            if bound.eval(eval) != Ok(Outcome::Many) {
                return;
            }
            let (ttl, chosen) = (eval.trace.own_ttl(), &eval.scratch.chosen);
            let place = |place: &u32| *place as usize;
            match eval.scratch.ahead.size {
                Some(size) if size < chosen.len() => {
                    self.add_each(items, (chosen, size), &mut Vec::new(), ttl);
                }
                _ => self.add(items, chosen.iter().map(place), ttl),
            }
            match eval.scratch.ahead.next {
                Some(next) => eval.scratch.ahead.point = next,
                None => return,
            }
        }
    }

    /// Takes in every choice of `size` of those in question, with what is picked already. Of single ones
    /// as many as find room; of larger choices all or none, since some of so many would help nobody.
    fn add_each(
        &mut self,
        items: &[Item],
        (chosen, size): (&[u32], usize),
        picked: &mut Vec<usize>,
        ttl: Option<u32>,
    ) {
        if size == 0 {
            return self.add(items, picked.iter().copied(), ttl);
        }
        let has_room = |room: usize| size == 1 || choices(chosen.len(), size) <= room;
        if picked.is_empty() && !has_room(self.most.saturating_sub(self.found.len())) {
            return;
        }
        for (at, place) in chosen.iter().enumerate() {
            let after = chosen.get(at + 1..).unwrap_or_default();
            if after.len() + 1 < size || self.found.len() >= self.most {
                return;
            }
            picked.push(*place as usize);
            self.add_each(items, (after, size - 1), picked, ttl);
            picked.pop();
        }
    }

    fn add(&mut self, items: &[Item], which: impl Iterator<Item = usize>, ttl: Option<u32>) {
        let mut rdatas = Vec::new();
        for place in which {
            let Some(rdata) = items.get(place).and_then(|item| item.rdata.clone()) else {
                return;
            };
            rdatas.push(rdata);
        }
        let candidate = Candidate { rdatas, ttl };
        if self.found.len() < self.most && !self.found.contains(&candidate) {
            self.found.push(candidate);
        }
    }
}

/// In how many ways `size` of `count` can be chosen, as far as it matters.
fn choices(count: usize, size: usize) -> usize {
    let size = size.min(count.saturating_sub(size));
    (0..size).fold(1, |ways: usize, at| ways.saturating_mul(count - at) / (at + 1))
}

impl Test {
    /// The condition as it may have been written; `level` of the operator around it: 1 `or`, 2 `and`,
    /// 3 `not`.
    fn text(&self, program: &Program, level: u8) -> String {
        let within = |own: u8, text: String| if own < level { format!("({text})") } else { text };
        match self {
            Self::Constant(truth) => truth.to_string(),
            Self::Call(site) => program.site_text(*site).to_owned(),
            Self::Same { site, text } => {
                format!("{} == '{}'", program.site_text(*site), String::from_utf8_lossy(text))
            }
            Self::Not(test) => match &**test {
                Self::Same { site, text } => {
                    format!("{} ~= '{}'", program.site_text(*site), String::from_utf8_lossy(text))
                }
                test => format!("not {}", test.text(program, 3)),
            },
            Self::And(left, right) => {
                within(2, format!("{} and {}", left.text(program, 2), right.text(program, 2)))
            }
            Self::Or(left, right) => {
                within(1, format!("{} or {}", left.text(program, 1), right.text(program, 1)))
            }
        }
    }
}

enum Answer<'p> {
    Constant(&'p [Item]),
    Outcome(usize, Outcome),
    Nothing,
}

fn follow<'p>(
    mut plan: &'p Plan,
    program: &Program,
    eval: &mut Eval<'_>,
) -> Result<Answer<'p>, &'static str> {
    loop {
        plan = match plan {
            Plan::Constant(items) => return Ok(Answer::Constant(items)),
            Plan::Call(site) => return Ok(Answer::Outcome(*site, call(*site, program, eval)?)),
            Plan::If { test, then, otherwise } => {
                let holds = holds(test, program, eval)?;
                if let Some(story) = &mut eval.scratch.story {
                    story.branch(&test.text(program, 0), holds);
                }
                if holds { then } else { otherwise }
            }
            Plan::Nothing => return Ok(Answer::Nothing),
        };
    }
}

fn holds(test: &Test, program: &Program, eval: &mut Eval<'_>) -> Result<bool, &'static str> {
    Ok(match test {
        Test::Constant(truth) => *truth,
        Test::Call(site) => call(*site, program, eval)? == Outcome::Bool(true),
        Test::Same { site, text } => {
            let outcome = call(*site, program, eval)?;
            let items = program.sites.get(*site).map_or(&[][..], |bound| bound.items());
            match outcome {
                Outcome::One(place) => items.get(place).is_some_and(|item| item.text == *text),
                Outcome::Text => eval.scratch.text.as_bytes() == &**text,
                Outcome::Bool(_) | Outcome::Denial | Outcome::Many | Outcome::Texts => false,
            }
        }
        Test::Not(test) => !holds(test, program, eval)?,
        Test::And(left, right) => holds(left, program, eval)? && holds(right, program, eval)?,
        Test::Or(left, right) => holds(left, program, eval)? || holds(right, program, eval)?,
    })
}

fn call(site: usize, program: &Program, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
    match program.sites.get(site) {
        Some(bound) => {
            let outcome = bound.eval(eval);
            eval.scratch.tell_call(|| program.site_text(site).to_owned(), &**bound, &outcome);
            outcome
        }
        None => Err("there is no such call site"),
    }
}

fn push(item: &Item, answers: &mut Answers) -> Result<(), (Failure, &'static str)> {
    match &item.rdata {
        Some(rdata) => {
            answers.push(rdata);
            Ok(())
        }
        None => Err((Failure::BadResult, "")),
    }
}

fn push_text(
    program: &Program,
    text: &[u8],
    data: &mut Vec<u8>,
    answers: &mut Answers,
) -> Result<(), (Failure, &'static str)> {
    data.clear();
    match rdata::encode(program.inner, text, data) {
        Ok(()) => {
            answers.push(data);
            Ok(())
        }
        Err(_) => Err((Failure::BadResult, "")),
    }
}
