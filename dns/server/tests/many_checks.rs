//! Ten thousand checks at a time. In a test binary of its own, so that nothing else runs beside it
//! that would disturb what is counted.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;
use socket2::{Domain, Socket, Type};

use support::site::Folder;
use support::{addresses, question, udp, wait_for};

mod support;

/// A check for each of so many addresses, all of which lead to one listener.
const CHECKS: usize = 10_000;
/// How many of them a record has.
const MEMBERS: usize = 20;
const INTERVAL: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_millis(100);

/// Accepts connections on every address of this machine, and notes when.
fn listen() -> (u16, Arc<Mutex<Vec<Instant>>>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([0, 0, 0, 0], 0)).into()).unwrap();
    socket.listen(4096).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let accepted: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let sink = Arc::clone(&accepted);
    thread::spawn(move || {
        while socket.accept().is_ok() {
            sink.lock().unwrap().push(Instant::now());
        }
    });
    (port, accepted)
}

/// Records `n0`, `n1`, ... that together check [`CHECKS`] addresses of 127.1.0.0/16.
fn zone(port: u16) -> String {
    let mut text = String::new();
    for record in 0..CHECKS / MEMBERS {
        writeln!(text, "n{record} LUA A ( \"ifportup({port}, {{\"").unwrap();
        for member in record * MEMBERS..(record + 1) * MEMBERS {
            let (high, low) = (member / 250, member % 250 + 1);
            writeln!(text, "\"'127.1.{high}.{low}',\"").unwrap();
        }
        text += "\"}, {selector='all', backupSelector='empty'})\" )\n";
    }
    text
}

/// How many threads a process has.
fn threads(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn ten_thousand_checks_run_without_a_thread_each_and_without_a_burst() {
    let (port, accepted) = listen();
    let folder = Folder::new("interval = \"5s\"\ntimeout = \"2s\"\n", &zone(port));
    let (running, server) = folder.serve();

    let mut left: Vec<usize> = (0..CHECKS / MEMBERS).collect();
    let mut most_threads = 0;
    wait_for("all are up", || {
        left.retain(|record| {
            let message = question(&format!("n{record}.example.test."), RecordType::A);
            addresses(&udp(server, &message).unwrap()).len() < MEMBERS
        });
        most_threads = most_threads.max(threads(running.pid()));
        left.is_empty().then_some(())
    });
    let log = running.err();
    assert_eq!(log.matches(" is up: ").count(), CHECKS, "a line for each");
    assert!(!log.contains(" is down: "), "{log}");

    // Two rounds more.
    let start = Instant::now();
    let first = accepted.lock().unwrap().len();
    wait_for("two more rounds", || {
        most_threads = most_threads.max(threads(running.pid()));
        (accepted.lock().unwrap().len() >= first + 2 * CHECKS).then_some(())
    });
    let took = start.elapsed();
    assert!(most_threads < 30, "{most_threads} threads");
    // Not more often than was asked for, either.
    assert!(took > INTERVAL * 2 * 8 / 10, "two rounds in {took:?}");

    let accepted = accepted.lock().unwrap()[first..].to_vec();
    let windows = usize::try_from(took.as_millis() / WINDOW.as_millis()).unwrap() + 1;
    let mut counts = vec![0; windows];
    for at in &accepted {
        let window = (*at - start).as_millis() / WINDOW.as_millis();
        if let Some(count) = counts.get_mut(usize::try_from(window).unwrap()) {
            *count += 1;
        }
    }
    let mean = accepted.len() / windows;
    let peak = counts.iter().copied().max().unwrap();
    // How many connections came ahead of an even pace, window by window. A listener that did not get the
    // processor for a while finds many at once afterwards, which were behind before; those of a burst are ahead.
    let mut come = 0;
    let mut ahead: Vec<usize> = (1..)
        .zip(&counts)
        .map(|(window, count)| {
            come += count;
            (come + accepted.len()).saturating_sub(window * mean)
        })
        .collect();
    ahead.sort_unstable();
    let burst = ahead[ahead.len() - 1] - ahead[ahead.len() / 2];
    assert!(
        peak <= 4 * mean || burst <= 4 * mean,
        "{peak} in 100 ms, {burst} ahead, {mean} on average: {counts:?}"
    );
}
