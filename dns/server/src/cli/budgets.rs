//! `halfmoon check --budget`: how long a failover of each record takes, at worst.

use std::io::{self, Write};
use std::time::Duration;

use halfmoon_lua::Budget;
use halfmoon_zones::Files;
use serde::Serialize;

use crate::publish::ZoneBudgets;

/// A record and its budget. Times are seconds.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    file: String,
    line: u32,
    column: u32,
    zone: String,
    owner: String,
    r#type: String,
    /// The slowest check; none where the program computes them.
    check: Option<String>,
    interval: Option<f64>,
    fall: Option<u32>,
    timeout: Option<f64>,
    within: Option<f64>,
    ttl: u32,
    /// None: without end.
    budget: Option<f64>,
    rto: Option<f64>,
    met: bool,
    #[serde(skip)]
    sum: String,
}

/// The records of a zone.
pub(super) fn rows(zone: &ZoneBudgets, files: &Files) -> Vec<Row> {
    let row = |(owner, source, budget): &(_, halfmoon_zones::ProgramSource, Budget)| {
        let place = source.place(budget.at);
        let reaction = budget.reaction;
        let owner: &halfmoon_wire::NameBuf = owner;
        Row {
            file: files.path(place.file).display().to_string(),
            line: place.line,
            column: place.column,
            zone: zone.apex.to_string(),
            owner: owner.to_string(),
            r#type: source.inner.to_string(),
            check: budget.check.as_deref().map(ToOwned::to_owned),
            interval: reaction.map(|of| of.interval.as_secs_f64()),
            fall: reaction.map(|of| of.fall),
            timeout: reaction.map(|of| of.timeout.as_secs_f64()),
            within: reaction.map(|of| of.within.as_secs_f64()),
            ttl: budget.ttl,
            budget: budget.total().as_ref().map(Duration::as_secs_f64),
            rto: budget.rto.as_ref().map(Duration::as_secs_f64),
            met: budget.is_met(),
            sum: budget.sum().to_string(),
        }
    };
    zone.records.iter().map(row).collect()
}

/// A JSON object a line.
pub(super) fn lines(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        writeln!(out)?;
    }
    Ok(())
}

/// A table for people.
pub(super) fn table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let seconds = |time: Option<f64>, none: &str| {
        time.map_or_else(|| none.to_owned(), |time| format!("{time} s"))
    };
    let titles = ["RECORD", "BUDGET", "RTO", "SUM", "SLOWEST CHECK"].map(ToOwned::to_owned);
    let cells = rows.iter().map(|row| {
        let mark = if row.met { "" } else { " (exceeded)" };
        [
            format!("{} {}", row.owner, row.r#type),
            seconds(row.budget, "never"),
            format!("{}{mark}", seconds(row.rto, "-")),
            row.sum.clone(),
            row.check.clone().unwrap_or_else(|| "those that are computed".to_owned()),
        ]
    });
    let lines: Vec<[String; 5]> = std::iter::once(titles).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..4).map(|column| width(column).unwrap_or(0)).collect();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        writeln!(out, "{}{}", padded.collect::<String>(), line[4])?;
    }
    Ok(())
}
