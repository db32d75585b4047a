//! How many instructions an answer takes, from the octets of the query to those of the reply: the same on every machine,
//! however busy, so that a change of one hundredth shows.
//!
//! `count` runs itself under valgrind for each question, twice with different numbers of answers; what the second run
//! has more is theirs alone. `count PART` counts the questions that have PART in what they are called.
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::Command;

use halfmoon::transport::{Service as _, Verdict};
use halfmoon_benches::{QUESTIONS, peer, query, worker, zone};

/// Answers of the two runs.
const RUNS: [u64; 2] = [1_000, 41_000];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [ask, number, times] = &args[..]
        && ask == "--answer"
    {
        answer(number.parse()?, times.parse()?);
        return Ok(());
    }
    println!("| answer | instructions |\n|---|---|");
    for (number, (what, ..)) in QUESTIONS.iter().enumerate() {
        if !args.iter().all(|part| what.contains(part.as_str())) {
            continue;
        }
        let [few, many] = RUNS.map(|times| instructions(number, times));
        println!("| {what} | {} |", (many? - few?) / (RUNS[1] - RUNS[0]));
    }
    Ok(())
}

/// Asks a question so often.
fn answer(number: usize, times: u64) {
    let Some((_, name, rtype)) = QUESTIONS.get(number) else { return };
    let mut worker = worker("example", &zone());
    let (query, peer, mut out) = (query(name, *rtype), peer(), vec![0; 4096]);
    worker.refresh();
    for _ in 0..times {
        let verdict = worker.answer(black_box(&query), &peer, 4096, &mut out);
        assert!(matches!(verdict, Verdict::Reply(_)));
    }
}

/// What valgrind counts in a run of this program that asks a question so often.
fn instructions(number: usize, times: u64) -> Result<u64, Box<dyn Error>> {
    let run = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--answer", &number.to_string(), &times.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&run.stderr);
    let counted = said.lines().find_map(|line| line.split_once(" refs:")).ok_or(&*said)?.1;
    Ok(counted.replace(',', "").trim().parse()?)
}
