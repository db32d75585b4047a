//! 50,000 checks every 10 seconds: what they cost, how evenly they start, and how late.
//!
//! The endpoints are in a process of their own, so that what is measured is the prober. They are one
//! listener for all of 127.0.0.0/8, and write down when each check arrived: a probe is late by what
//! lies between two of its arrivals beyond the interval. The run ends by itself.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use halfmoon_healthcheck::{Check, Health, HttpProbe, Pace, Probe, Settings, TargetPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const INTERVAL: Duration = Duration::from_secs(10);
const WARM: Duration = Duration::from_secs(13);
/// Long enough for each check to be probed twice or three times.
const MEASURED: Duration = Duration::from_secs(25);
const WINDOW_MICROS: u64 = 100_000;
/// Endpoints that connections are kept to: one file descriptor each, of 20,000 that many machines
/// allow. The checks of one share it.
const PLACES: u32 = 10_000;
const ENDPOINTS: &str = "HALFMOON_BENCH_ENDPOINTS";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    Http,
    Reused,
}

fn main() {
    if std::env::var_os(ENDPOINTS).is_some() {
        endpoints();
        return;
    }
    // `cargo test --benches` only wants to know whether it runs.
    let is_test = std::env::args().any(|arg| arg == "--test");
    let checks = if is_test { 500 } else { 50_000 };
    let mut out = String::new();
    let head = "| check | checks/s | CPU of a check | core | most in 100 ms, of the mean | late p50 | \
                p99 | max | resident for a check |\n|---|---|---|---|---|---|---|---|---|\n";
    out.push_str(head);
    for kind in [Kind::Tcp, Kind::Http, Kind::Reused] {
        out.push_str(&measure(kind, checks, is_test));
    }
    let _ = std::io::stdout().write_all(out.as_bytes());
}

/// Carries the checks out and says what came of it, as a row.
fn measure(kind: Kind, checks: u32, is_test: bool) -> String {
    let mut helper = Command::new(std::env::current_exe().expect("ourselves"))
        .env(ENDPOINTS, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut said = BufReader::new(helper.stdout.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a port");
    let port: u16 = line.trim().parse().expect("a port");

    let resident = resident();
    let loopback = "127.0.0.0/8".parse().expect("a network");
    let settings =
        Settings { targets: TargetPolicy::new(vec![loopback], Vec::new()), ..Settings::default() };
    let health = Health::start(settings).expect("threads");
    let handles: Vec<_> = (0..checks)
        .map(|number| health.acquire(check(kind, number, port)).expect("allowed"))
        .collect();
    let (warm, measured) = if is_test {
        (Duration::from_millis(500), Duration::from_secs(1))
    } else {
        (WARM, MEASURED)
    };
    pause(warm);
    let (before, cpu, begin) = (health.counts(), cpu(), Instant::now());
    pause(measured);
    let (after, cpu, elapsed) = (health.counts(), self::cpu() - cpu, begin.elapsed());
    let resident = self::resident().saturating_sub(resident);
    let probes = after.probes - before.probes;
    let bad = (after.failures + after.inconclusive + after.skipped)
        - (before.failures + before.inconclusive + before.skipped);
    assert!(bad * 1000 <= probes, "{bad} of {probes} came to nothing");
    drop(handles);
    drop(health);
    // The helper tells all it saw when its input ends.
    drop(helper.stdin.take());
    let mut arrivals = Vec::new();
    said.read_to_end(&mut arrivals).expect("arrivals");
    let _ = helper.wait();
    let arrivals = Arrivals::read(&arrivals, elapsed);
    let (burst, late) = (arrivals.burst(), arrivals.late());
    let at = |part: f64| {
        let place = ((late.len() as f64 * part) as usize).min(late.len().saturating_sub(1));
        late.get(place).map_or(0.0, |micros| *micros as f64 / 1000.0)
    };
    format!(
        "| {kind:?} | {:.0} | {:.1} µs | {:.0} % | {burst:.2} | {:.1} ms | {:.1} ms | {:.1} ms | {} B |\n",
        probes as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / probes.max(1) as f64,
        100.0 * cpu.as_secs_f64() / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        resident / u64::from(checks),
    )
}

fn check(kind: Kind, number: u32, port: u16) -> Check {
    let place = if kind == Kind::Reused { number % PLACES } else { number };
    let address = Ipv4Addr::from_bits(0x7F10_0000 + place);
    let probe = match kind {
        Kind::Tcp => Probe::Tcp((address, port).into()),
        Kind::Http | Kind::Reused => {
            let url = format!("http://www.example:{port}/{number}").parse().expect("a URL");
            let mut probe = HttpProbe::new(url, Some(address.into()));
            if kind == Kind::Reused {
                probe.http.reuse = Duration::from_secs(3600);
            }
            Probe::Http(Box::new(probe))
        }
    };
    let pace = Pace { interval: INTERVAL, ..Pace::default() };
    Check { probe, pace, source: None }
}

/// When each check arrived: its number, and microseconds since the first arrival of any.
struct Arrivals {
    all: Vec<(u32, u64)>,
}

impl Arrivals {
    /// Those of the last while.
    fn read(octets: &[u8], last: Duration) -> Self {
        let (chunks, _) = octets.as_chunks::<12>();
        let mut all: Vec<(u32, u64)> = chunks
            .iter()
            .map(|chunk| {
                let (number, micros) = chunk.split_at(4);
                (
                    u32::from_le_bytes(number.try_into().expect("four octets")),
                    u64::from_le_bytes(micros.try_into().expect("eight octets")),
                )
            })
            .collect();
        all.sort_by_key(|arrival| arrival.1);
        let end = all.last().map_or(0, |arrival| arrival.1);
        let begin = end.saturating_sub(last.as_micros() as u64);
        all.retain(|arrival| arrival.1 >= begin);
        Self { all }
    }

    /// The most in any 100 ms, in parts of the mean.
    fn burst(&self) -> f64 {
        let times: Vec<u64> = self.all.iter().map(|arrival| arrival.1).collect();
        let (mut first, mut most) = (0, 0);
        for (place, time) in times.iter().enumerate() {
            while time - times[first] >= WINDOW_MICROS {
                first += 1;
            }
            most = most.max(place - first + 1);
        }
        let length = times.last().zip(times.first()).map_or(1, |(last, first)| last - first);
        most as f64 / (times.len() as f64 * WINDOW_MICROS as f64 / length.max(1) as f64)
    }

    /// How much later than an interval after the one before, in microseconds, in order.
    fn late(&self) -> Vec<u64> {
        let mut last: HashMap<u32, u64> = HashMap::new();
        let mut late = Vec::new();
        for (number, time) in &self.all {
            if let Some(before) = last.insert(*number, *time) {
                late.push((time - before).saturating_sub(INTERVAL.as_micros() as u64));
            }
        }
        late.sort_unstable();
        late
    }
}

/// Octets of memory that this process has.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// The time that the threads have taken that probe.
fn cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let ticks: u64 = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("stat")).ok())
        .filter(|stat| stat.contains("(health)"))
        .filter_map(|stat| {
            // Behind the name: state is field 3, user and system time are 14 and 15.
            let rest = stat.rsplit_once(')')?.1;
            let mut fields = rest.split_whitespace().skip(11);
            let user: u64 = fields.next()?.parse().ok()?;
            let system: u64 = fields.next()?.parse().ok()?;
            Some(user + system)
        })
        .sum();
    // USER_HZ is 100 on all that this runs on.
    Duration::from_millis(ticks * 10)
}

fn pause(time: Duration) {
    thread::park_timeout(time);
}

/// The endpoints: answer everything, and tell at the end of the input what arrived when.
fn endpoints() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut seen = runtime.block_on(async {
        let listener = listener().await;
        let port = listener.local_addr().expect("bound").port();
        let mut out = std::io::stdout();
        let _ = out.write_all(format!("{port}\n").as_bytes());
        let _ = out.flush();
        let (told, mut arrivals) = mpsc::unbounded_channel();
        let (ended, mut end) = mpsc::channel::<()>(1);
        thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            drop(ended);
        });
        let begin = Instant::now();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        tokio::spawn(answer(stream, begin, told.clone()));
                    }
                }
                _ = end.recv() => break,
            }
        }
        let mut seen = Vec::new();
        while let Ok(arrival) = arrivals.try_recv() {
            seen.push(arrival);
        }
        seen
    });
    seen.sort_by_key(|arrival: &(u32, u64)| arrival.1);
    let mut octets = Vec::with_capacity(seen.len() * 12);
    for (number, micros) in seen {
        octets.extend(number.to_le_bytes());
        octets.extend(micros.to_le_bytes());
    }
    let _ = std::io::stdout().write_all(&octets);
}

async fn listener() -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::UNSPECIFIED, 0).into()).expect("a port");
    socket.listen(4096).expect("a bound socket")
}

async fn answer(mut stream: TcpStream, begin: Instant, told: mpsc::UnboundedSender<(u32, u64)>) {
    let arrived = begin.elapsed().as_micros() as u64;
    let place = match stream.local_addr() {
        Ok(SocketAddr::V4(address)) => address.ip().to_bits() - 0x7F10_0000,
        _ => return,
    };
    let mut buffer = [0; 1024];
    let mut length = 0;
    let mut is_first = true;
    loop {
        match stream.read(&mut buffer[length..]).await {
            Ok(0) | Err(_) => break,
            Ok(more) => length += more,
        }
        if !buffer[..length].ends_with(b"\r\n\r\n") {
            continue;
        }
        let path = buffer.get(5..length).unwrap_or_default();
        let digits = path.iter().take_while(|octet| octet.is_ascii_digit());
        let number = digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        let _ = told.send((number, begin.elapsed().as_micros() as u64));
        (length, is_first) = (0, false);
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            break;
        }
    }
    // Whoever asked nothing came to see whether the port is open.
    if is_first {
        let _ = told.send((place, arrived));
    }
}
