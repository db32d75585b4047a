//! Runs every kind on every server, round by round, and prints what came of it.

use std::collections::HashMap;
use std::f64::consts::LN_2;
use std::hint::black_box;
use std::net::TcpListener;
use std::thread;
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use fastrand::Rng;

use crate::kinds::{COLD, COLD_PLAIN, World};
use crate::load::{self, Cost};
use crate::servers::{self, Running, Server};
use crate::{Args, Result, check};

/// The processor of the server, and that of dnsperf.
const APART: [&str; 2] = ["0", "1"];
/// Both for both, where two threads are compared with one.
const TOGETHER: &str = "0,1";

/// How a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mode {
    /// With one thread on a processor of its own.
    Alone,
    /// Two processes of one thread on both processors, which they share with those who ask.
    Processes,
    /// One process of two threads there, which is told nothing of steering.
    Threads,
    /// The same, each of which answers what its processor takes in.
    Steered,
    /// The same, to whose threads the kernel spreads clients.
    Spread,
}

impl Mode {
    const ALL: [Self; 5] =
        [Self::Alone, Self::Processes, Self::Threads, Self::Steered, Self::Spread];

    const fn name(self) -> &'static str {
        match self {
            Self::Alone => "",
            Self::Processes => ", two processes",
            Self::Threads => ", one process of two threads",
            Self::Steered => ", one process of two threads, steered by processor",
            Self::Spread => ", one process of two threads, by hash",
        }
    }
}

/// What is compared: a server, how it runs, and a kind of question.
type Subject = (Server, Mode, &'static str);

/// A figure that is asked for: how much of what `under` costs `over` costs, at most.
struct Bound {
    over: Subject,
    under: Subject,
    most: f64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || listener.incoming().for_each(drop));
    let mut world = World::new(args, port)?;
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (number, kind) in world.kinds.iter().enumerate() {
        files.push(load::write(kind, number, folder.path())?);
    }
    let mut running = Vec::new();
    for server in Server::ALL {
        let one = servers::ONE_THREAD;
        running.extend(servers::start(server, args, &world, folder.path(), one, APART[0])?);
    }
    // What two threads of one process cost is what two processes of one thread do, if nothing is
    // contended; both are asked by two at a time, so that their queries come in batches of one size.
    let mut paired: Vec<(Mode, Running)> = Vec::new();
    if world.kinds.iter().any(|kind| kind.name == PAIRED) {
        for (number, (mode, threads)) in PAIRS.into_iter().enumerate() {
            let folder = folder.path().join(format!("pair-{number}"));
            let more = servers::start(Server::Halfmoon, args, &world, &folder, threads, TOGETHER)?;
            paired.extend(more.map(|running| (mode, running)));
        }
    }
    let takes =
        |running: &Running, kind: &crate::kinds::Kind| kind.servers.contains(&running.server);
    for running in running.iter_mut().chain(paired.iter_mut().map(|(_, running)| running)) {
        for kind in &world.kinds {
            if takes(running, kind) {
                check::kind(running, kind)?;
            }
        }
    }
    let mut costs: HashMap<Subject, Vec<Cost>> = HashMap::new();
    let (mut rng, mut signatures) = (Rng::with_seed(!args.seed), Vec::new());
    for round in 0..args.rounds {
        for (number, (kind, file)) in world.kinds.iter_mut().zip(&files).enumerate() {
            if kind.fresh {
                kind.renew(&mut rng);
                load::write(kind, number, folder.path())?;
            }
            if kind.name == COLD {
                signatures.push(signature()?);
            }
            let kind = &*kind;
            // Another goes first in each round.
            let order = (0..running.len()).map(|at| &running[(at + round) % running.len()]);
            for running in order.filter(|running| takes(running, kind)) {
                let cost = load::run(&[running], kind, file, args, APART[1])?;
                costs.entry((running.server, Mode::Alone, kind.name)).or_default().push(cost);
            }
            if kind.name == PAIRED {
                for mode in [Mode::Processes, Mode::Threads, Mode::Steered, Mode::Spread] {
                    let of = paired.iter().filter(|(other, _)| *other == mode);
                    let mut servers: Vec<&Running> = of.map(|(_, running)| running).collect();
                    let Some(last) = servers.last().copied() else { continue };
                    // Two ask, whoever answers.
                    servers.resize(2, last);
                    if round == 0 {
                        // What is chosen by what comes in has been chosen then.
                        load::run(&servers, kind, file, args, TOGETHER)?;
                    }
                    let cost = load::run(&servers, kind, file, args, TOGETHER)?;
                    costs.entry((Server::Halfmoon, mode, kind.name)).or_default().push(cost);
                }
            }
        }
    }
    let names: Vec<_> = world.kinds.iter().map(|kind| kind.name).collect();
    print_costs(&names, &costs);
    print_bounds(&costs);
    print_cold(&costs, &signatures);
    Ok(())
}

/// Microseconds that a signature takes which is made of some octets and nothing else, by the library and
/// the algorithm (13) that the server signs with.
fn signature() -> Result<f64> {
    const TIMES: u32 = 2_000;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let mut octets = [7; 200];
    let begun = Instant::now();
    for number in 0..TIMES {
        octets[..4].copy_from_slice(&number.to_be_bytes());
        black_box(key.sign(&random, black_box(&octets))?);
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES))
}

/// What an answer costs more that is signed for the first time, beside the signature itself.
fn print_cold(costs: &HashMap<Subject, Vec<Cost>>, signatures: &[f64]) {
    const MOST: f64 = 1.2;
    let of = |kind| costs.get(&(Server::Halfmoon, Mode::Alone, kind));
    let (Some(cold), Some(plain)) = (of(COLD), of(COLD_PLAIN)) else {
        return;
    };
    let pairs = cold.iter().zip(plain).zip(signatures);
    let ratios: Vec<f64> =
        pairs.map(|((cold, plain), bare)| (cold.total - plain.total) / bare).collect();
    let what =
        format!("3. signed anew, over a bare signature of {:.1} µs", median(signatures.to_vec()));
    print_bound(&what, &ratios, MOST);
}

fn print_costs(kinds: &[&'static str], costs: &HashMap<Subject, Vec<Cost>>) {
    println!(
        "| question | server | user µs | user + system µs | answers/s |\n|---|---|---|---|---|"
    );
    for kind in kinds {
        for server in Server::ALL {
            for mode in Mode::ALL {
                let Some(costs) = costs.get(&(server, mode, *kind)) else {
                    continue;
                };
                let of = |field: fn(&Cost) -> f64| median(costs.iter().map(field).collect());
                let (user, total, rate) = (of(|c| c.user), of(|c| c.total), of(|c| c.rate));
                let name = format!("{}{}", server.name(), mode.name());
                println!("| {kind} | {name} | {user:.2} | {total:.2} | {rate:.0} |");
            }
        }
    }
}

/// The kind that two threads are compared by.
const PAIRED: &str = "fixed";
/// The servers that are started for it, and their threads.
const PAIRS: [(Mode, &str); 5] = [
    (Mode::Processes, servers::ONE_THREAD),
    (Mode::Processes, servers::ONE_THREAD),
    (Mode::Threads, "workers = 2"),
    (Mode::Steered, "workers = 2\nsteering = \"processor\""),
    (Mode::Spread, "workers = 2\nsteering = \"hash\""),
];

fn print_bounds(costs: &HashMap<Subject, Vec<Cost>>) {
    println!("\n| point | ratio | between | at most | met |\n|---|---|---|---|---|");
    for (point, bound) in bounds() {
        let (Some(over), Some(under)) = (costs.get(&bound.over), costs.get(&bound.under)) else {
            continue;
        };
        let ratios: Vec<f64> =
            over.iter().zip(under).map(|(over, under)| over.total / under.total).collect();
        let (over, under) = (bound.over, bound.under);
        let what = match (over.0 == under.0, over.2 == under.2) {
            (true, true) => format!("{}{} over two processes", over.2, over.1.name()),
            (true, false) => format!("{} over {}", over.2, under.2),
            _ => format!("{}, over {}", over.2, under.0.name()),
        };
        print_bound(&format!("{point}. {what}"), &ratios, bound.most);
    }
}

/// One line of what is asked for: the ratio, and between which two it is likely to be.
fn print_bound(what: &str, ratios: &[f64], most: f64) {
    let (ratio, (low, high)) = (median(ratios.to_vec()), interval(ratios.to_vec()));
    let met = if ratio <= most { "yes" } else { "no" };
    println!("| {what} | {ratio:.2} | {low:.2}–{high:.2} | {most:.2} | {met} |");
}

/// What is asked for, by the point that asks.
fn bounds() -> Vec<(u8, Bound)> {
    use Server::{Gdnsd, Halfmoon, Knot, Nsd, PowerDns};
    let mut bounds = Vec::new();
    let mut add = |point, over, under, most| bounds.push((point, Bound { over, under, most }));
    let ours = |kind| (Halfmoon, Mode::Alone, kind);
    for kind in ["fixed", "no such name", "checked, all that are up", "weighted by client"] {
        add(1, ours(kind), (Gdnsd, Mode::Alone, kind), 1.0);
        add(1, ours(kind), (Knot, Mode::Alone, kind), 0.85);
        add(1, ours(kind), (Nsd, Mode::Alone, kind), 0.85);
    }
    for kind in
        ["if netmask", "Lua, strings in a loop", "Lua, 90 lines", "Lua, the question's name"]
    {
        add(2, ours(kind), (PowerDns, Mode::Alone, kind), 0.25);
        add(2, ours(kind), ours("fixed"), 1.1);
    }
    add(3, ours("closest, by client subnet"), ours("fixed"), 1.5);
    add(3, ours("of a signed zone, signed"), ours("of a signed zone, plain"), 1.3);
    add(3, ours("fixed over TCP"), (Knot, Mode::Alone, "fixed over TCP"), 1.0);
    // What comes together is answered together if threads are steered, as they are here where nothing is said; by hash it
    // is not.
    for threads in [Mode::Threads, Mode::Steered, Mode::Spread] {
        add(4, (Halfmoon, threads, PAIRED), (Halfmoon, Mode::Processes, PAIRED), 1.05);
    }
    bounds
}

/// The middle of some figures, of an even number the mean of the two in the middle; 0 without any.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.len() % 2, figures.get(middle)) {
        (_, None) => 0.0,
        (0, Some(upper)) => f64::midpoint(figures[middle - 1], *upper),
        (_, Some(figure)) => *figure,
    }
}

/// Between which of some figures the median of all there could be is in 95 of 100 cases or more, however
/// they are distributed: so many of them are on either side of it as heads come in throws of a coin. Of fewer than
/// six figures nothing can be said, and these are the least and the greatest. 0 without any.
fn interval(mut figures: Vec<f64>) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    let count = figures.len();
    // How likely it is that so few, or fewer, are below the median.
    let (mut fewer, mut below) = (0.0, 0);
    // By logarithms: that none of a thousand is below is too unlikely for a number.
    let mut throw = -(count as f64) * LN_2;
    while fewer + throw.exp() <= 0.025 {
        fewer += throw.exp();
        throw += ((count - below) as f64 / (below + 1) as f64).ln();
        below += 1;
    }
    // The last count of those below that is as unlikely; the figure behind them is the first that is kept.
    let first = below.saturating_sub(1);
    match (figures.get(first), figures.get((count.max(1) - 1).saturating_sub(first))) {
        (Some(low), Some(high)) => (*low, *high),
        _ => (0.0, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_is_between_two() {
        let rows = [(&[][..], 0.0), (&[3.0], 3.0), (&[1.0, 3.0], 2.0), (&[9.0, 1.0, 2.0], 2.0)];
        for (figures, middle) in rows {
            assert!((median(figures.to_vec()) - middle).abs() < 1e-9, "{figures:?}");
        }
    }

    /// The ranks are those of tables of the sign test, 95 of 100.
    #[test]
    fn the_median_is_likely_between_two_ranks() {
        let few = [(1, (1, 1)), (5, (1, 5)), (6, (1, 6)), (9, (2, 8))];
        let many = [(12, (3, 10)), (24, (7, 18)), (2_000, (956, 1_045))];
        let rows = few.into_iter().chain(many);
        for (count, (low, high)) in rows {
            let figures: Vec<f64> = (1..=count).rev().map(f64::from).collect();
            assert_eq!(interval(figures), (f64::from(low), f64::from(high)), "{count}");
        }
        assert_eq!(interval(Vec::new()), (0.0, 0.0));
    }
}
