//! `/metrics`: what is counted, in the text format of Prometheus.
//!
//! How many series there are is bounded: of zones, programs and checks each the first
//! [`MOST_SERIES`] have their own, and `halfmoon_series_left_out` says how many do not.

mod git;
mod process;
mod tenants;
mod text;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::State as Extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use clap::ValueEnum as _;
use halfmoon_healthcheck::{Counts, Latencies, Report, State as Verdict};
use halfmoon_wire::{Rcode, Type};
use halfmoon_zones::Hosted;

use super::access::Caller;
use super::checks::by_state;
use super::error::Refusal;
use super::sight::Sight;
use super::tenants::views;
use super::{State, health};
use crate::counters::Counters;
use crate::events::Events;
use crate::meter::Readings;
use crate::overrides::Order;
use crate::shared::{Served, Zones};

use text::{Kind, Text};

/// Series of one metric that stand for things whose number an operator does not choose by hand.
const MOST_SERIES: usize = 2000;

/// Codes of replies that everybody graphs.
const USUAL: [Rcode; 4] = [Rcode::NOERROR, Rcode::SERVFAIL, Rcode::NXDOMAIN, Rcode::REFUSED];

/// Writes all metrics; for a tenant, those of its zones and their checks.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refusal> {
    let text = state.aside(caller.tenant, move |state| text(state, &caller)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn text(state: &State, caller: &Caller) -> String {
    let mut text = Text::default();
    let sight = state.sight(caller.tenant);
    let reports = sight.checks(&state.shared);
    let left = of_zones(&sight.zones, &mut text);
    let checks_left = of_checks(&reports, &mut text);
    left_out(&left, checks_left, &mut text);
    git::show(state, &sight, &mut text);
    tenants::show(&views(state, &sight, &reports), &mut text);
    if sight.tenant.is_none() {
        of_server(state, &mut text);
    }
    text.end()
}

/// Writes what is for operators alone.
fn of_server(state: &State, text: &mut Text) {
    about(state, text);
    of_admin(state, text);
    let readings = state.shared.meters.read();
    replies(&readings, text);
    limits(state, &readings, text);
    loads(state, text);
    probes(&state.shared.health.counts(), text);
    suspicion(state, text);
    of_overrides(state, text);
    of_events(&state.shared.events, text);
    process::show(text);
}

fn about(state: &State, text: &mut Text) {
    let version = env!("CARGO_PKG_VERSION");
    text.family("halfmoon_build_info", Kind::Gauge, "What this is; always 1.")
        .sample(&[("version", version)], 1);
    text.family("halfmoon_uptime_seconds", Kind::Gauge, "Time since the server began to answer.")
        .sample(&[], state.started.elapsed().as_secs_f64());
    let is_ready = health::unreadiness(state).is_none();
    text.family("halfmoon_ready", Kind::Gauge, "Whether /readyz says yes.")
        .sample(&[], u8::from(is_ready));
}

fn of_admin(state: &State, text: &mut Text) {
    let waiting = state.waiting.load(Ordering::Relaxed);
    text.family(
        "halfmoon_admin_waiting",
        Kind::Gauge,
        "Requests that wait for something to happen.",
    )
    .sample(&[], waiting);
}

fn replies(readings: &Readings, text: &mut Text) {
    let mut family = text.family("halfmoon_replies", Kind::Counter, "Replies, by RCODE.");
    for (code, count) in (0..).zip(readings.rcodes) {
        let code = Rcode(code);
        // Those that never occur would be noise, those that everybody graphs must not be missing.
        if count > 0 || USUAL.contains(&code) {
            family.sample(&[("rcode", &code.to_string())], count);
        }
    }
    text.family("halfmoon_unanswered", Kind::Counter, "Messages that got no reply.")
        .sample(&[], readings.silent);
    text.family("halfmoon_threads", Kind::Gauge, "Threads that answer.")
        .sample(&[], readings.threads);
}

fn limits(state: &State, readings: &Readings, text: &mut Text) {
    let transports = &state.transports;
    let counters = Counters::new(transports.udp(), transports.tcp(), readings);
    text.family(
        "halfmoon_rate_limited",
        Kind::Counter,
        "Answers beyond the limit of their network, by what became of them.",
    )
    .sample(&[("action", "dropped")], counters.answers_dropped)
    .sample(&[("action", "truncated")], counters.answers_slipped);
    let mut family = text.family(
        "halfmoon_counted",
        Kind::Counter,
        "What the transports, cookies, signatures, budgets and transfers have seen.",
    );
    for (name, count) in counters.iter().filter(|(name, _)| !name.starts_with("answers.")) {
        family.sample(&[("what", name)], count);
    }
}

/// Of how many things there are no series of their own.
struct Left {
    zones: usize,
    programs: usize,
    pools: usize,
}

/// Writes what there is of zones; what has no series of its own.
fn of_zones(zones: &Zones, text: &mut Text) -> Left {
    let zones = zones.zones();
    let records: u64 = zones.iter().map(|hosted| u64::from(hosted.zone.record_count())).sum();
    let signed = zones.iter().filter(|hosted| hosted.beside.signed.is_some()).count();
    text.family("halfmoon_zones", Kind::Gauge, "Zones that are served.").sample(&[], zones.len());
    text.family("halfmoon_signed_zones", Kind::Gauge, "Zones that are signed here.")
        .sample(&[], signed);
    text.family("halfmoon_records", Kind::Gauge, "Records in these zones.").sample(&[], records);
    let name = |at: usize| zones.get(at).map(|hosted| hosted.zone.apex().to_string());
    let mut queries = text.family(
        "halfmoon_zone_queries",
        Kind::Counter,
        "Queries for names in a zone, since this version of it was read.",
    );
    for (at, hosted) in zones.iter().enumerate().take(MOST_SERIES) {
        let zone = name(at).unwrap_or_default();
        queries.sample(&[("zone", &zone)], hosted.beside.queries.read());
    }
    let with_programs: Vec<_> =
        zones.iter().filter(|hosted| hosted.beside.programs.iter().next().is_some()).collect();
    let mut errors = text.family(
        "halfmoon_program_errors",
        Kind::Counter,
        "Programs that failed, by zone, since this version of it was read.",
    );
    for hosted in with_programs.iter().take(MOST_SERIES) {
        let zone = hosted.zone.apex().to_string();
        let count: u64 = hosted.beside.programs.iter().map(|entry| entry.failures.count()).sum();
        errors.sample(&[("zone", &zone)], count);
    }
    let mut said = text.family(
        "halfmoon_program_last_good",
        Kind::Counter,
        "Last good answers said for programs that failed, by zone.",
    );
    for hosted in with_programs.iter().take(MOST_SERIES) {
        let zone = hosted.zone.apex().to_string();
        let entries = hosted.beside.programs.iter();
        let used = entries.filter_map(|entry| Some(entry.last_good.as_ref()?.used()));
        said.sample(&[("zone", &zone)], used.sum::<u64>());
    }
    let mut answers = text.family(
        "halfmoon_program_answers",
        Kind::Counter,
        "Answers of record programs, by record, since this version of its zone was read.",
    );
    let mut series = 0;
    'all: for hosted in &with_programs {
        let zone = hosted.zone.apex().to_string();
        for node in hosted.zone.nodes().filter(|node| node.has_programs()) {
            let owner = node.owner().to_string();
            let mut makes: Vec<(String, u64)> = Vec::new();
            for program in node.programs() {
                let entry = hosted.beside.programs.entry(program.number);
                let count = entry.map_or(0, |entry| hosted.beside.programs.answers(entry));
                let name = program.inner.to_string();
                // Several programs of one type are one record set.
                match makes.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += count,
                    None => makes.push((name, count)),
                }
            }
            for (makes, count) in makes {
                if series == MOST_SERIES {
                    break 'all;
                }
                series += 1;
                answers.sample(&[("zone", &zone), ("owner", &owner), ("type", &makes)], count);
            }
        }
    }
    let programs: usize = with_programs.iter().map(|h| h.beside.programs.iter().count()).sum();
    Left {
        zones: zones.len().saturating_sub(MOST_SERIES),
        programs: programs.saturating_sub(MOST_SERIES),
        pools: of_pools(&with_programs, text),
    }
}

/// Writes how often answers chose from each pool; how many pools have no series of their own.
fn of_pools(with_programs: &[&Arc<Hosted<Served>>], text: &mut Text) -> usize {
    let mut answers = text.family(
        "halfmoon_pool_answers",
        Kind::Counter,
        "Answers of record programs that chose from a pool, since this version of its zone was read.",
    );
    let mut count = 0;
    for hosted in with_programs {
        let programs = &hosted.beside.programs;
        let zone = hosted.zone.apex().to_string();
        for node in hosted.zone.nodes().filter(|node| node.has_programs()) {
            let owner = node.owner().to_string();
            // Pools are named by the number of their record among those that make the same type.
            let mut records: HashMap<Type, u32> = HashMap::new();
            for program in node.programs() {
                let record = records.entry(program.inner).or_default();
                *record += 1;
                let Some(entry) = programs.entry(program.number) else { continue };
                for (pool, chosen) in programs.answers_of_pools(entry) {
                    count += 1;
                    if count > MOST_SERIES {
                        continue;
                    }
                    let labels = [
                        ("zone", &*zone),
                        ("owner", &*owner),
                        ("type", &*program.inner.to_string()),
                        ("program", &*record.to_string()),
                        ("number", &*(pool + 1).to_string()),
                    ];
                    answers.sample(&labels, chosen);
                }
            }
        }
    }
    count.saturating_sub(MOST_SERIES)
}

fn left_out(left: &Left, checks: usize, text: &mut Text) {
    text.family(
        "halfmoon_series_left_out",
        Kind::Gauge,
        "Things that have no series of their own because there are too many of them.",
    )
    .sample(&[("of", "zones")], left.zones)
    .sample(&[("of", "programs")], left.programs)
    .sample(&[("of", "pools")], left.pools)
    .sample(&[("of", "checks")], checks);
}

fn loads(state: &State, text: &mut Text) {
    let loads = state.shared.loads.read();
    text.family("halfmoon_loads", Kind::Counter, "Times that zones were read, by outcome.")
        .sample(&[("outcome", "loaded")], loads.done)
        .sample(&[("outcome", "unreadable")], loads.failed);
    text.family("halfmoon_refused_versions", Kind::Counter, "Versions of zones that were refused.")
        .sample(&[], loads.refused);
    text.family("halfmoon_last_load_timestamp_seconds", Kind::Gauge, "When zones were last read.")
        .sample(&[], loads.at);
    text.family("halfmoon_last_load_duration_seconds", Kind::Gauge, "How long that took.")
        .sample(&[], loads.took.as_secs_f64());
}

fn probes(counts: &Counts, text: &mut Text) {
    text.family("halfmoon_probes", Kind::Counter, "Probes, by result.")
        .sample(&[("result", "success")], counts.successful.count())
        .sample(&[("result", "failure")], counts.failures)
        .sample(&[("result", "inconclusive")], counts.inconclusive);
    text.family(
        "halfmoon_probes_skipped",
        Kind::Counter,
        "Probes left out because the one before was still under way.",
    )
    .sample(&[], counts.skipped);
    let mut family = text.family(
        "halfmoon_probe_duration_seconds",
        Kind::Histogram,
        "How long probes took, by result.",
    );
    for (result, latencies) in [("success", &counts.successful), ("failure", &counts.failed)] {
        let mut sum = 0;
        let steps: Vec<(f64, u64)> = Latencies::BOUNDS
            .iter()
            .zip(latencies.counts)
            .map(|(bound, count)| {
                sum += count;
                (bound.as_secs_f64(), sum)
            })
            .collect();
        let total = (latencies.count(), latencies.sum.as_secs_f64());
        family.histogram(&[("result", result)], &steps, total);
    }
    text.family("halfmoon_check_changes", Kind::Counter, "Changes of state, by the new state.")
        .sample(&[("to", "up")], counts.to_up)
        .sample(&[("to", "down")], counts.to_down);
    text.family(
        "halfmoon_computed_checks_rejected",
        Kind::Counter,
        "Checks that programs computed and that were not taken on, by reason.",
    )
    .sample(&[("reason", "refused")], counts.refused)
    .sample(&[("reason", "too_many")], counts.dropped);
}

/// Writes the states of checks; how many have no series of their own.
fn of_checks(reports: &[Report], text: &mut Text) -> usize {
    let counts = by_state(reports);
    text.family("halfmoon_checks", Kind::Gauge, "Checks, by state.")
        .sample(&[("state", "up")], counts.up)
        .sample(&[("state", "down")], counts.down)
        .sample(&[("state", "unknown")], counts.unknown);
    let mut family = text.family(
        "halfmoon_check_up",
        Kind::Gauge,
        "Whether a check is up (1) or down (0), those that are down first; none for one without a verdict.",
    );
    // Checks that differ in their pace alone have one name: the worst of them counts.
    let mut states: Vec<(String, bool)> = reports
        .iter()
        .filter(|report| report.verdict.state != Verdict::Unknown)
        .map(|report| (report.check.to_string(), report.verdict.state == Verdict::Up))
        .collect();
    states.sort();
    states.dedup_by(|next, first| next.0 == first.0);
    states.sort_by_key(|(_, is_up)| *is_up);
    for (name, is_up) in states.iter().take(MOST_SERIES) {
        family.sample(&[("check", name)], u8::from(*is_up));
    }
    states.len().saturating_sub(MOST_SERIES)
}

fn suspicion(state: &State, text: &mut Text) {
    let suspicion = state.shared.health.suspicion();
    text.family(
        "halfmoon_suspicion",
        Kind::Gauge,
        "Whether nearly all targets fail at once, so that the server suspects itself and nothing goes down.",
    )
    .sample(&[], u8::from(suspicion.is_some()));
    let failing = suspicion.map_or(0, |suspicion| suspicion.failing);
    text.family("halfmoon_suspicion_failing", Kind::Gauge, "How many targets fail meanwhile.")
        .sample(&[], failing);
}

fn of_overrides(state: &State, text: &mut Text) {
    let overrides = state.shared.overrides.list();
    let mut family =
        text.family("halfmoon_overrides", Kind::Gauge, "Overrides in force, by what they order.");
    for order in Order::value_variants() {
        let count = overrides.iter().filter(|an| an.order == *order).count();
        family.sample(&[("order", &order.to_string())], count);
    }
    let pools = state.shared.health.pools();
    let members = || pools.iter().flat_map(|report| &report.members);
    text.family("halfmoon_pools", Kind::Gauge, "Pools that records choose from.")
        .sample(&[], pools.len());
    text.family(
        "halfmoon_pool_members",
        Kind::Gauge,
        "Members of pools, by whether they are answered.",
    )
    .sample(&[("in", "yes")], members().filter(|member| member.is_in).count())
    .sample(&[("in", "no")], members().filter(|member| !member.is_in).count());
}

fn of_events(events: &Events, text: &mut Text) {
    text.family("halfmoon_events_lost", Kind::Counter, "Events that the log of changes lacks.")
        .sample(&[], events.lost());
    let hooks: Vec<_> = events.hooks().enumerate().collect();
    if hooks.is_empty() {
        return;
    }
    // Two may be at one host: the number, in the order of the configuration, tells them apart.
    let mut family = text.family(
        "halfmoon_webhook_requests",
        Kind::Counter,
        "Requests to webhooks, by outcome.",
    );
    for (number, (name, counts)) in &hooks {
        let number = number.to_string();
        let labels = |outcome| [("webhook", *name), ("number", &*number), ("outcome", outcome)];
        family.sample(&labels("delivered"), counts.delivered);
        family.sample(&labels("failed"), counts.failed);
    }
    let mut family = text.family(
        "halfmoon_webhook_dropped",
        Kind::Counter,
        "Events that no request took along.",
    );
    for (number, (name, counts)) in &hooks {
        family.sample(&[("webhook", name), ("number", &number.to_string())], counts.dropped);
    }
    let mut family =
        text.family("halfmoon_webhook_waiting", Kind::Gauge, "Events that wait for a webhook.");
    for (number, (name, counts)) in &hooks {
        family.sample(&[("webhook", name), ("number", &number.to_string())], counts.waiting);
    }
}
