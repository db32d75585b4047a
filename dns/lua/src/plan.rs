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

/// An answer that a program could give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// The data of its records.
    pub rdatas: Vec<Box<[u8]>>,
    /// Its TTL in seconds; `None`: that of the record.
    pub ttl: Option<u32>,
}

/// What the plan could answer to anybody as things are: what its constants say, and what its calls
/// choose from. Calls that choose by something else than health are left out, and no more than `most`
/// are given.
pub(crate) fn candidates(
    plan: &Plan,
    program: &Program,
    eval: &mut Eval<'_>,
    most: usize,
    found: &mut Vec<Candidate>,
) {
    let data = |items: &[Item], which: &mut dyn Iterator<Item = usize>| {
        which.map(|place| items.get(place)?.rdata.clone()).collect::<Option<Vec<_>>>()
    };
    let mut add = |rdatas: Option<Vec<Box<[u8]>>>, ttl| match rdatas {
        Some(rdatas) if !rdatas.is_empty() && found.len() < most => {
            found.push(Candidate { rdatas, ttl });
        }
        _ => {}
    };
    match plan {
        Plan::Constant(items) => add(data(items, &mut (0..items.len())), None),
        Plan::Call(site) => {
            let Some(bound) = program.sites.get(*site) else {
                return;
            };
            eval.scratch.is_each = false;
            *eval.trace = Trace::default();
            if bound.eval(eval) != Ok(Outcome::Many) {
                return;
            }
            let (items, ttl) = (bound.items(), eval.trace.own_ttl());
            let mut chosen = eval.scratch.chosen.iter().map(|place| *place as usize);
            if eval.scratch.is_each {
                chosen.for_each(|place| add(data(items, &mut [place].into_iter()), ttl));
            } else {
                add(data(items, &mut chosen), ttl);
            }
        }
        Plan::If { test: Test::Constant(truth), then, otherwise } => {
            candidates(if *truth { then } else { otherwise }, program, eval, most, found);
        }
        Plan::If { then, otherwise, .. } => {
            candidates(then, program, eval, most, found);
            candidates(otherwise, program, eval, most, found);
        }
        Plan::Nothing => {}
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
                if holds(test, program, eval)? {
                    then
                } else {
                    otherwise
                }
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
        Some(bound) => bound.eval(eval),
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
