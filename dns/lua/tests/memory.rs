//! What many programs cost in memory, as the system counts it.
#![allow(clippy::print_stdout, reason = "the figures are what one runs it by hand for")]

use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::{Compiler, Program, Settings};
use halfmoon_wire::NameBuf;
use halfmoon_zones::{FileId, Place, ProgramSource, Span};
use std::sync::Arc;

/// Octets of this process in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn source(text: String) -> ProgramSource {
    let place = Place { file: FileId(0), line: 1, column: 1 };
    ProgramSource { inner: "A".parse().unwrap(), text, ttl: 60, spans: vec![Span { at: 0, place }] }
}

/// Octets for each of 100,000 programs, every ten of which are the same; and all that has to stay for
/// the next to be counted right.
fn cost(what: &str, text: impl Fn(u32) -> String) -> (usize, impl Sized) {
    let health = Health::unprobed(TargetPolicy::default());
    let mut compiler = Compiler::new(Settings::default(), health);
    let zone: NameBuf = "example.com.".parse().unwrap();
    let before = resident();
    let programs: Vec<Arc<Program>> = (0..100_000)
        .map(|number| {
            let mut faults = Vec::new();
            let source = source(text(number % 10_000));
            let program = compiler.compile(zone.as_name(), zone.as_name(), &source, &mut faults);
            program.unwrap_or_else(|| panic!("{}: {faults:?}", source.text))
        })
        .collect();
    let each = resident().saturating_sub(before) / programs.len();
    let said: usize = programs.iter().take(10_000).map(|program| program.size()).sum();
    let said = said / programs.len();
    println!(
        "{what}: {each} octets for each of {} programs, {said} by their own count",
        programs.len()
    );
    assert!(said > each / 3 && said < each * 3, "{what}: {each} octets, {said} by their own count");
    (each, (programs, compiler))
}

#[test]
fn a_hundred_thousand_programs_fit() {
    let address = |n: u32| format!("192.{}.{}.1", n / 250 % 250, n % 250);
    let (plans, _kept) = cost("plans with checks", |n| {
        format!(
            "ifportup(443, {{'{}', '{}'}}, {{selector='all'}})",
            address(n),
            address(n + 10_000)
        )
    });
    let (code, _kept_too) = cost("programs for Lua", |n| {
        format!(";local n = {n} if n > 5 then return '{}' end return '192.0.2.' .. n", address(n))
    });
    assert!(plans > 0 && code > 0, "something was counted");
    // 100,000 in 100 MiB, with room for how an allocator lays things out.
    assert!(plans < 1024, "{plans}");
    assert!(code < 1024, "{code}");
}
