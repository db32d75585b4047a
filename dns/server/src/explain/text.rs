//! An explanation as people read it, at any hour: the answer first, then why, endpoints in columns.

use std::fmt;

use super::view::{DidView, End, EndpointView, Explanation, Found, ProgramView, Stage};
use super::words::ago;

use crate::counted::counted;

/// How much of a program's text is shown on a line of its own.
const MOST_TEXT: usize = 400;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} for {}", self.name, self.rtype, self.client)?;
        if let Some(subnet) = &self.client_subnet {
            write!(f, " on behalf of {subnet}")?;
        }
        if let Some(at) = &self.at {
            write!(f, " at {at}")?;
        }
        writeln!(f)?;
        if !self.supposed.is_empty() {
            writeln!(f, "supposed that {}", self.supposed.join(", "))?;
        }
        let is_supposed = !self.supposed.is_empty();
        if self.unprobed && !is_supposed && self.steps.iter().any(has_endpoints) {
            writeln!(f, "of files alone: nothing is probed, nothing is known of endpoints")?;
        }
        let count = match self.answer.len() {
            0 => "no records".to_owned(),
            count => counted(count, "record"),
        };
        writeln!(f, "\n  {}, {count}", self.rcode)?;
        for record in &self.answer {
            writeln!(f, "    {record}")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "    {error}")?;
        }
        if self.truncated {
            writeln!(f, "    truncated: the client has to ask over TCP")?;
        }
        if let Some(scope) = self.scope {
            writeln!(f, "    for all clients of the same /{scope} (EDNS scope)")?;
        }
        writeln!(f, "\nwhy")?;
        for step in &self.steps {
            write_step(f, step)?;
        }
        Ok(())
    }
}

fn has_endpoints(step: &Stage<ProgramView>) -> bool {
    let Stage::Program(program) = step else {
        return false;
    };
    program.did.iter().any(|did| match did {
        DidView::Call { endpoints, .. } => !endpoints.is_empty(),
        DidView::Branch { .. } | DidView::Read { .. } => false,
    })
}

fn write_step(f: &mut fmt::Formatter<'_>, step: &Stage<ProgramView>) -> fmt::Result {
    match step {
        Stage::Look { name, zone, serial, found, owner } => {
            let what = match found {
                Found::Name => "is there".to_owned(),
                Found::Wildcard => format!("is made by the wildcard {owner}"),
                Found::Cut => format!("is delegated at {owner}"),
                Found::Dname => format!("is below the DNAME of {owner}"),
                Found::Nothing => format!("is not there; {owner} is"),
            };
            writeln!(f, "  zone      {zone} (serial {serial}): {name} {what}")
        }
        Stage::Records { records, more, computed, place } => {
            let count = records.len() + more;
            match (place, computed) {
                (Some(place), _) => {
                    writeln!(f, "  records   {} of {place}", counted(count, "record"))
                }
                (None, true) => writeln!(f, "  records   {}", counted(count, "computed record")),
                (None, false) => {
                    writeln!(f, "  records   {}, made by a DNAME", counted(count, "record"))
                }
            }
        }
        Stage::Referral { cut, servers, place, signed } => {
            let place = place.as_deref().unwrap_or("no file");
            let signed = if *signed { "signed" } else { "not signed" };
            writeln!(f, "  referral  {cut} to {} ({place}), {signed}", servers.join(", "))
        }
        Stage::End { end, name, ttl } => {
            let ttl = ttl.unwrap_or_default();
            let what = match end {
                End::NoZone => format!("{name} is in no zone of this server"),
                End::NoData => format!("{name} has nothing of this type, for {ttl} s (SOA)"),
                End::NoName => format!("there is no {name}, for {ttl} s (SOA)"),
                End::Loop => format!("the aliases come back to {name}"),
                End::TooLong => format!("{name} is one alias too many"),
            };
            writeln!(f, "  end       {what}")
        }
        Stage::Program(program) => write_program(f, program),
    }
}

fn write_program(f: &mut fmt::Formatter<'_>, program: &ProgramView) -> fmt::Result {
    let place = program.place.as_deref().unwrap_or("no file");
    let ProgramView { owner, makes, runs_as, .. } = program;
    writeln!(f, "  program   {owner} {makes} ({place}), runs as {runs_as}")?;
    let text: String = program.text.chars().take(MOST_TEXT).collect();
    // What is one call is shown as that.
    let is_call =
        |did: &DidView| matches!(did, DidView::Call { call, .. } if *call == program.text);
    let text = if program.did.first().is_some_and(is_call) { String::new() } else { text };
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        writeln!(f, "            | {line}")?;
    }
    if !text.is_empty() && text.len() < program.text.len() {
        writeln!(f, "            | …")?;
    }
    for did in &program.did {
        match did {
            DidView::Branch { test, holds } => {
                let says = if *holds { "yes" } else { "no" };
                writeln!(f, "    if      {test}: {says}")?;
            }
            DidView::Read { what, value } => writeln!(f, "    read    {what} = {value}")?,
            DidView::Call { call, result, found, endpoints, choice } => {
                writeln!(f, "    call    {call}")?;
                write_endpoints(f, endpoints)?;
                if let Some(choice) = choice {
                    writeln!(f, "              {choice}")?;
                }
                for line in found {
                    writeln!(f, "              {line}")?;
                }
                writeln!(f, "              = {result}")?;
            }
        }
    }
    if program.more > 0 {
        writeln!(f, "            and {}", counted(program.more, "more step"))?;
    }
    match &program.failure {
        Some(why) => writeln!(f, "    failed  {why}")?,
        None if program.gave.is_empty() => writeln!(f, "    gave    no records")?,
        None => writeln!(f, "    gave    {}", program.gave.join(", "))?,
    }
    writeln!(f, "    ttl     {} s: {}", program.ttl, program.ttl_why)?;
    writeln!(f, "    scope   /{}: {}", program.scope, program.scope_why)?;
    writeln!(f, "    kept    {}", program.kept)
}

fn write_endpoints(f: &mut fmt::Formatter<'_>, endpoints: &[EndpointView]) -> fmt::Result {
    let width = |of: fn(&EndpointView) -> usize| endpoints.iter().map(of).max().unwrap_or(0);
    let (wide, groups) = (width(|one| one.address.len()), width(|one| one.group));
    for one in endpoints {
        let sign = if one.chosen { "*" } else { " " };
        let mut line = format!("            {sign} {:wide$}  {:7}", one.address, one.state);
        if groups > 1 {
            line += &format!("  group {}", one.group);
        }
        if let Some(since) = one.since.as_deref().and_then(ago) {
            line += &format!("  for {since}");
        }
        if !one.why.is_empty() {
            line += &format!("  {}", one.why);
        }
        if one.chosen && one.share < 1.0 {
            line += &format!("  let in to {:.0} %", one.share * 100.0);
        }
        if let Some(who) = &one.overridden {
            line += &format!("  OVERRIDDEN: {who}");
        }
        if !one.labels.is_empty() {
            line += &format!("  [{}]", one.labels.join(" "));
        }
        writeln!(f, "{}", line.trim_end())?;
        if let Some(last) = &one.last {
            writeln!(f, "            {:w$}    last probe {last}", "", w = wide)?;
        }
    }
    Ok(())
}
