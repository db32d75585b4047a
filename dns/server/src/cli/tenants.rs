//! `halfmoon tenants`: what the tenants of a running server have, and what their zones have counted.

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

ZONES, RECORDS, PROGRAMS and CHECKS are those at the moment, DOWN the checks that are down, and PROBES/S
what the checks come to in a second; a check that several tenants use is counted for each. QUERIES for names
in their zones, programs that RAN and those that FAILED are counted since the server started. With the token
of a tenant there is that tenant alone.";

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

const COLUMNS: usize = 10;
const TITLES: [&str; COLUMNS] = [
    "TENANT", "ZONES", "RECORDS", "PROGRAMS", "CHECKS", "DOWN", "PROBES/S", "QUERIES", "RAN",
    "FAILED",
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
    let checks = tenant.checks;
    [
        tenant.tenant.clone(),
        tenant.zones.to_string(),
        tenant.records.to_string(),
        tenant.programs.to_string(),
        (checks.up + checks.down + checks.unknown).to_string(),
        checks.down.to_string(),
        format!("{:.1}", tenant.probes_per_second),
        tenant.queries.to_string(),
        tenant.programs_run.to_string(),
        tenant.programs_failed.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::ByState;

    #[test]
    fn a_table_lines_up() {
        let tenants = [
            TenantView { tenant: "a".into(), queries: 1_234_567, ..TenantView::default() },
            TenantView {
                tenant: "a-longer-name".into(),
                zones: 12,
                records: 100_000,
                checks: ByState { up: 3, down: 1, unknown: 0 },
                probes_per_second: 0.8,
                ..TenantView::default()
            },
        ];
        let expected = [
            "TENANT         ZONES  RECORDS  PROGRAMS  CHECKS  DOWN  PROBES/S  QUERIES  RAN  FAILED",
            "a                  0        0         0       0     0       0.0  1234567    0       0",
            "a-longer-name     12   100000         0       4     1       0.8        0    0       0",
        ];
        assert_eq!(table(&tenants), expected);
    }
}
