//! A region: a process in a network namespace of its own, with web servers at a few addresses, that can
//! be cut off, closed, and made to lose requests or to flap.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Addresses of a region.
pub(crate) const SIZE: u8 = 4;
/// Set for the process.
const ROLE: &str = "HALFMOON_REGION";
/// Its network, as `10.3.1`; the server's end of the cable is the 254th address in it.
const PREFIX: &str = "HALFMOON_REGION_PREFIX";

/// A region, as the test sees it. It ends when this is dropped.
pub(crate) struct Region {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    prefix: String,
}

impl Region {
    /// Starts one, with a cable to this namespace.
    pub(crate) fn start(case: u8, number: u8) -> Self {
        let prefix = format!("10.{case}.{number}");
        let mut child = Command::new("unshare")
            .arg("--net")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "region::process", "--ignored", "--nocapture"])
            .env(ROLE, "yes")
            .env(PREFIX, &prefix)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut region = Self { child, input, output, prefix };
        region.expect("there");
        let (cable, pid) = (format!("r{case}x{number}"), region.child.id().to_string());
        ip(&["link", "add", &cable, "type", "veth", "peer", "name", "e0", "netns", &pid]);
        ip(&["address", "add", &format!("{}.254/24", region.prefix), "dev", &cable]);
        ip(&["link", "set", &cable, "up"]);
        region.tell("connect");
        region
    }

    /// Does one of these: `dark`, `light`: no packet leaves, or all do; `close`, `open`: refuses
    /// connections, or not; `lose PERCENT` of all requests get no answer; `flap MILLISECONDS`: none gets
    /// one for so long, then all do for as long.
    pub(crate) fn tell(&mut self, order: &str) {
        writeln!(self.input, "{order}").unwrap();
        self.expect("done");
    }

    /// Its addresses.
    pub(crate) fn addresses(&self) -> Vec<String> {
        (1..=SIZE).map(|host| format!("{}.{host}", self.prefix)).collect()
    }

    fn expect(&mut self, word: &str) {
        let mut line = String::new();
        // What the harness says of tests comes before it.
        while line.trim() != word {
            line.clear();
            let octets = self.output.read_line(&mut line).unwrap();
            assert!(octets > 0, "the region {} ended before it was {word}", self.prefix);
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ip(args: &[&str]) {
    let ended = Command::new("ip").args(args).output().unwrap();
    assert!(ended.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// How the web servers behave.
#[derive(Default)]
struct Mood {
    is_closed: AtomicBool,
    /// In percent.
    lost: AtomicU64,
    flap: Mutex<Option<(Instant, Duration)>>,
}

impl Mood {
    fn is_silent(&self) -> bool {
        let flap = *self.flap.lock().unwrap();
        let is_out = flap
            .is_some_and(|(since, time)| since.elapsed().as_millis() / time.as_millis() % 2 == 0);
        is_out || fastrand::u64(..100) < self.lost.load(Ordering::SeqCst)
    }
}

/// The process of a region; nothing when somebody runs all ignored tests.
#[test]
#[ignore = "a process that the five cases start"]
fn process() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let prefix = std::env::var(PREFIX).unwrap();
    let mood = Arc::new(Mood::default());
    let mut servers = None;
    // Under the harness' name of the test, which has no end of line yet.
    say("\nthere");
    for order in io::stdin().lines().map_while(Result::ok) {
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("connect", _) => {
                for host in 1..=SIZE {
                    ip(&["address", "add", &format!("{prefix}.{host}/24"), "dev", "e0"]);
                }
                ip(&["link", "set", "e0", "up"]);
                servers = Some(open(&mood));
            }
            // Packets come in, and what would answer them goes nowhere.
            ("dark", _) => ip(&["route", "add", "blackhole", &format!("{prefix}.254/32")]),
            ("light", _) => ip(&["route", "del", "blackhole", &format!("{prefix}.254/32")]),
            ("close", _) => {
                mood.is_closed.store(true, Ordering::SeqCst);
                // Wakes the server from its accept, whose socket goes with it.
                let _ = TcpStream::connect((Ipv4Addr::new(127, 0, 0, 1), 80));
                if let Some(server) = servers.take() {
                    thread::JoinHandle::join(server).unwrap();
                }
            }
            ("open", _) => {
                mood.is_closed.store(false, Ordering::SeqCst);
                servers = Some(open(&mood));
            }
            ("lose", percent) => mood.lost.store(percent.parse().unwrap(), Ordering::SeqCst),
            ("flap", time) => {
                let time = Duration::from_millis(time.parse().unwrap());
                *mood.flap.lock().unwrap() = Some((Instant::now(), time));
            }
            _ => panic!("{order:?} is no order"),
        }
        say("done");
    }
}

fn say(word: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{word}").unwrap();
    out.flush().unwrap();
}

fn open(mood: &Arc<Mood>) -> thread::JoinHandle<()> {
    ip(&["link", "set", "lo", "up"]);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).unwrap();
    let mood = Arc::clone(mood);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if mood.is_closed.load(Ordering::SeqCst) {
                return;
            }
            let is_silent = mood.is_silent();
            // Ends when the probe does.
            thread::spawn(move || serve(stream, is_silent));
        }
    })
}

fn serve(mut stream: TcpStream, is_silent: bool) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    if is_silent {
        io::copy(&mut stream, &mut io::sink())?;
        return Ok(());
    }
    let mut head = BufReader::new(stream.try_clone()?.take(8192)).lines();
    while head.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}
