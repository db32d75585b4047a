//! `halfmoon tenants`: what the tenants of a running server have, and what their zones have counted.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use super::remote::{Remote, ServerArgs};
use super::{fail, say};
use crate::admin::view::{TenantList, TenantView};
use crate::config::Right;

const EXAMPLES: &str = "\
Examples:
  halfmoon tenants                                 of the server at http://127.0.0.1:8053
  halfmoon tenants acme --config /etc/halfmoon.toml
  halfmoon tenants --server https://ns1.example.org --token-file acme.token
  halfmoon tenants --json | jq -r 'select(.checks.down > 0) | .tenant'

ZONES to PROBES/S are what there is at the moment, and behind a stroke what the tenant may have of it. MEMORY
is about what zones and programs take, known where something is limited; DOWN are the checks that are down. A
check that several tenants use is counted for each. QUERIES for names in their zones, programs that RAN and
that FAILED, and checks that programs computed and that were REFUSED are counted since the server started.
With the token of a tenant there is that tenant alone.";

/// Show what the tenants of a running server have, and what their zones have counted
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// This tenant alone
    #[arg(value_name = "TENANT")]
    tenant: Option<String>,
    /// As JSON, an object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: usize = 12;
const TITLES: [&str; COLUMNS] = [
    "TENANT", "ZONES", "RECORDS", "PROGRAMS", "MEMORY", "CHECKS", "DOWN", "PROBES/S", "QUERIES",
    "RAN", "FAILED", "REFUSED",
];

pub(super) fn run(args: &Args) -> ExitCode {
    show(args).map_or_else(fail, |()| ExitCode::SUCCESS)
}

fn show(args: &Args) -> Result<(), String> {
    let remote = Remote::find(&args.server, Right::Read)?;
    let list: TenantList = remote.get("/api/v1/tenants", &[], Duration::ZERO)?;
    let mut tenants = list.tenants;
    if let Some(name) = &args.tenant {
        tenants.retain(|tenant| tenant.tenant == *name);
        if tenants.is_empty() {
            return Err(format!("there is no tenant {name:?}; `halfmoon tenants` shows all"));
        }
    }
    if args.json {
        tenants.iter().for_each(|tenant| say(serde_json::to_string(tenant).unwrap_or_default()));
    } else if tenants.is_empty() {
        say("the server has no tenants");
    } else {
        table(&tenants).iter().for_each(say);
    }
    Ok(())
}

/// A line for each, below the titles, the columns as wide as they have to be: names to the left,
/// numbers to the right.
fn table(tenants: &[TenantView]) -> Vec<String> {
    let mut rows: Vec<[String; COLUMNS]> = vec![TITLES.map(str::to_owned)];
    rows.extend(tenants.iter().map(row));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

fn row(tenant: &TenantView) -> [String; COLUMNS] {
    let limits = tenant.limits;
    let megabytes = |octets: u64| format!("{:.1}M", octets as f64 / f64::from(1 << 20));
    [
        tenant.tenant.clone(),
        tenant.zones.to_string(),
        of(tenant.records, limits.records),
        of(tenant.programs, limits.programs),
        tenant.memory.map_or_else(
            || "-".to_owned(),
            |memory| of(megabytes(memory), limits.memory.map(megabytes)),
        ),
        of(tenant.checks_held, limits.checks),
        tenant.checks.down.to_string(),
        of(format_args!("{:.1}", tenant.probes_per_second), limits.probes_per_second),
        tenant.queries.to_string(),
        tenant.programs_run.to_string(),
        tenant.programs_failed.to_string(),
        tenant.checks_refused.to_string(),
    ]
}

/// What there is, and what there may be if that is limited.
fn of(there: impl fmt::Display, limit: Option<impl fmt::Display>) -> String {
    match limit {
        Some(limit) => format!("{there}/{limit}"),
        None => there.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::{ByState, LimitsView};

    #[test]
    fn a_table_lines_up() {
        let limits = LimitsView {
            records: Some(200_000),
            memory: Some(64 << 20),
            checks: Some(5),
            probes_per_second: Some(10),
            ..LimitsView::default()
        };
        let tenants = [
            TenantView { tenant: "a".into(), queries: 1_234_567, ..TenantView::default() },
            TenantView {
                tenant: "a-longer-name".into(),
                zones: 12,
                records: 100_000,
                memory: Some(1_258_292),
                checks: ByState { up: 3, down: 1, unknown: 0 },
                checks_held: 5,
                probes_per_second: 0.8,
                checks_refused: 7,
                acts_refused: 0,
                limits,
                ..TenantView::default()
            },
        ];
        let expected = [
            "TENANT         ZONES        RECORDS  PROGRAMS      MEMORY  CHECKS  DOWN  PROBES/S  QUERIES  RAN  FAILED  REFUSED",
            "a                  0              0         0           -       0     0       0.0  1234567    0       0        0",
            "a-longer-name     12  100000/200000         0  1.2M/64.0M     5/5     1    0.8/10        0    0       0        7",
        ];
        assert_eq!(table(&tenants), expected);
    }
}
