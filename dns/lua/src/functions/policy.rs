//! The options that say how endpoints come back and what a pool makes of their verdicts; dialect
//! `halfmoon` only.

use std::time::Duration;

use halfmoon_healthcheck::{AllDown, Damping, Flap, Resume, Unknown, Velocity};

use crate::TtlRange;
use crate::binder::{Binder, Refused, shown};
use crate::functions::options::{Options, Ttl};
use crate::functions::values;
use crate::value::{Arg, Table, Value};

/// Their names.
pub(super) const NAMES: [&str; 10] = [
    "all_down",
    "flap",
    "fresh",
    "hold_down",
    "min_answers",
    "panic",
    "ramp",
    "resume",
    "unknown",
    "velocity",
];

const ALL_DOWN: [(&str, AllDown); 6] = [
    ("all", AllDown::All),
    ("backup", AllDown::Backup),
    ("first", AllDown::First),
    ("last", AllDown::Last),
    ("none", AllDown::None),
    ("servfail", AllDown::Servfail),
];

const UNKNOWN: [(&str, Unknown); 3] =
    [("down", Unknown::Down), ("last", Unknown::Last), ("up", Unknown::Up)];

/// Reads one of [`NAMES`].
pub(super) fn read(
    name: &str,
    value: &Arg,
    options: &mut Options,
    binder: &mut Binder<'_>,
) -> Result<(), Refused> {
    let Options { checks, policy, .. } = options;
    let damping = &mut checks.pace.damping;
    match name {
        "all_down" => policy.all_down = word(value, &ALL_DOWN, binder)?,
        "flap" => damping.flap = flap(value, binder)?,
        "fresh" => damping.fresh = time(value, binder)?,
        "hold_down" => damping.hold_down = time(value, binder)?,
        "min_answers" => policy.min_answers = number(value, 64, binder)?,
        "panic" => policy.panic = part(value, binder)?,
        "ramp" => damping.ramp = time(value, binder)?,
        "resume" => damping.resume = resume(value, binder)?,
        "unknown" => policy.unknown = word(value, &UNKNOWN, binder)?,
        _ => policy.velocity = velocity(value, binder)?,
    }
    Ok(())
}

/// How long a failover may take: seconds, or `false` for however long.
pub(super) fn rto(value: &Arg, binder: &mut Binder<'_>) -> Result<Option<Duration>, Refused> {
    match value.value {
        Value::Bool(false) => Ok(None),
        _ => match time(value, binder)? {
            Duration::ZERO => Err(binder.refuse(value, "an rto is longer than 0 seconds")),
            rto => Ok(Some(rto)),
        },
    }
}

/// A TTL, or a range in which it follows the state.
pub(super) fn ttl(value: &Arg, binder: &mut Binder<'_>) -> Result<Ttl, Refused> {
    let Value::Table(table) = &value.value else {
        return values::ttl(value, binder).map(Ttl::Fixed);
    };
    let (mut min, mut max) = (None, None);
    fields(table, value, "write {min=10, max=300}", binder, |key, arg, binder| {
        let field = match key {
            "min" => &mut min,
            "max" => &mut max,
            _ => return Ok(false),
        };
        *field = Some(values::ttl(arg, binder)?);
        Ok(true)
    })?;
    match (min, max) {
        (Some(min), Some(max)) if min <= max => Ok(Ttl::Range(TtlRange { min, max })),
        _ => {
            let message = "a TTL that follows the state has a min and a max that is not less";
            Err(binder.refuse_with(value, message, "write {min=10, max=300}"))
        }
    }
}

fn word<T: Copy>(value: &Arg, words: &[(&str, T)], binder: &mut Binder<'_>) -> Result<T, Refused> {
    let text = value.value.as_text();
    let found = words.iter().find(|(word, _)| text.as_deref() == Some(*word));
    if let Some((_, meant)) = found {
        return Ok(*meant);
    }
    let known: Vec<String> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
    let message = format!("{} is none of them", shown(value));
    Err(binder.refuse_with(value, message, format!("write {}", known.join(", "))))
}

/// Seconds, fractions too, up to a week.
fn time(value: &Arg, binder: &mut Binder<'_>) -> Result<Duration, Refused> {
    let seconds = match &value.value {
        Value::Number(number) => Some(*number),
        _ => None,
    };
    match seconds {
        Some(seconds) if (0.0..=Damping::LONGEST.as_secs_f64()).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => {
            let message = format!("{} is no number of seconds from 0 to a week", shown(value));
            Err(binder.refuse(value, message))
        }
    }
}

/// A part from 0 to 1, in thousandths.
fn part(value: &Arg, binder: &mut Binder<'_>) -> Result<u16, Refused> {
    match &value.value {
        Value::Number(part) if (0.0..=1.0).contains(part) => Ok((part * 1000.0).round() as u16),
        _ => {
            let message = format!("{} is no part from 0 to 1", shown(value));
            Err(binder.refuse_with(value, message, "write 0.3 for 30 %"))
        }
    }
}

fn number(value: &Arg, most: u32, binder: &mut Binder<'_>) -> Result<u32, Refused> {
    let number = binder.integer(value, "a number of answers")?;
    match u32::try_from(number) {
        Ok(number) if number <= most => Ok(number),
        _ => Err(binder.refuse(value, format!("write 0 to {most}, not {number}"))),
    }
}

fn resume(value: &Arg, binder: &mut Binder<'_>) -> Result<Resume, Refused> {
    match &value.value {
        Value::Number(_) => time(value, binder).map(Resume::After),
        _ => {
            let words = [("auto", Resume::Auto), ("manual", Resume::Manual)];
            let read = word(value, &words, binder);
            if let (Err(_), Some(remark)) = (&read, binder.remarks.last_mut()) {
                remark.help = Some("write 'auto', 'manual', or a number of seconds".to_owned());
            }
            read
        }
    }
}

fn flap(value: &Arg, binder: &mut Binder<'_>) -> Result<Option<Flap>, Refused> {
    let help = "write {half_life=300, suppress=3000, reuse=1000}, or false for none";
    let table = match &value.value {
        Value::Bool(false) => return Ok(None),
        Value::Bool(true) => return Ok(Some(Flap::default())),
        Value::Table(table) => table,
        _ => {
            let message = format!("{} says nothing of flapping", shown(value));
            return Err(binder.refuse_with(value, message, help));
        }
    };
    let mut flap = Flap::default();
    fields(table, value, help, binder, |key, arg, binder| {
        match key {
            "half_life" => flap.half_life = time(arg, binder)?,
            "suppress" => flap.suppress = number(arg, 1_000_000, binder)?,
            "reuse" => flap.reuse = number(arg, 1_000_000, binder)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Some(flap))
}

fn velocity(value: &Arg, binder: &mut Binder<'_>) -> Result<Option<Velocity>, Refused> {
    let help = "write {part=0.34, window=300}, or false for no limit";
    let table = match &value.value {
        Value::Bool(false) => return Ok(None),
        Value::Table(table) => table,
        _ => {
            let message = format!("{} limits no velocity", shown(value));
            return Err(binder.refuse_with(value, message, help));
        }
    };
    let (mut of_pool, mut window) = (None, None);
    fields(table, value, help, binder, |key, arg, binder| {
        match key {
            "part" => of_pool = Some(part(arg, binder)?),
            "window" => window = Some(time(arg, binder)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    match (of_pool, window) {
        (Some(part), Some(window)) => Ok(Some(Velocity { part, window })),
        _ => Err(binder.refuse_with(value, "a velocity has a part and a window", help)),
    }
}

/// Goes through the named fields of a table; `read` says whether it knows a name.
fn fields(
    table: &Table,
    value: &Arg,
    help: &str,
    binder: &mut Binder<'_>,
    mut read: impl FnMut(&str, &Arg, &mut Binder<'_>) -> Result<bool, Refused>,
) -> Result<(), Refused> {
    if let Some(item) = table.items.first() {
        return Err(binder.refuse_with(item, "what is in here has a name", help));
    }
    for (key, arg) in &table.fields {
        let name = key.value.as_text();
        if !read(name.as_deref().unwrap_or(""), arg, binder)? {
            let message = format!("there is no {} in here", shown(key));
            return Err(binder.refuse_with(value, message, help));
        }
    }
    Ok(())
}
