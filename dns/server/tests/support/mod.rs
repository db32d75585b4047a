//! What end-to-end tests stand on: the real binary, questions over both transports, endpoints
//! that can fail, and waiting for what has to happen.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of this")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, RData, RecordType};

pub mod endpoint;
pub mod http;
pub mod peer;
pub mod signers;
pub mod site;

/// How long anything may take that has to happen. Reached only when it does not.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that has to happen.
const LOOK: Duration = Duration::from_millis(10);

/// A free port on 127.0.0.1, for the server to choose.
pub const ANY: &str = "127.0.0.1:0";

/// Waits until `look` finds what has to be there, and returns it.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: has not happened in {PATIENCE:?}");
        thread::sleep(LOOK);
    }
}

/// A command line of the real binary, free of the environment's wishes.
pub fn halfmoon(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halfmoon"));
    command.args(args).env_remove("HALFMOON_LOG").env_remove("RUST_LOG");
    command
}

/// What a process that has ended printed, and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// Runs the binary to its end.
pub fn run(args: &[&str]) -> Ended {
    Running::spawn(halfmoon(args)).wait()
}

/// A running binary; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    out: Printed,
    err: Printed,
}

/// What a stream has carried so far, and whether it is at its end.
#[derive(Clone, Debug)]
struct Printed(Arc<Mutex<(String, bool)>>);

impl Printed {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let printed = Self(Arc::default());
        let sink = printed.clone();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|octets| octets > 0) {
                sink.0.lock().unwrap().0.push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
            sink.0.lock().unwrap().1 = true;
        });
        printed
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().0.clone()
    }

    fn is_over(&self) -> bool {
        self.0.lock().unwrap().1
    }
}

impl Running {
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = Printed::of(child.stdout.take().unwrap());
        let err = Printed::of(child.stderr.take().unwrap());
        let input = child.stdin.take();
        Self { child, input, out, err }
    }

    /// `halfmoon serve ARGS` on a free port, ready to be asked.
    #[track_caller]
    pub fn serve(args: &[&str]) -> (Self, SocketAddr) {
        Self::serve_at(ANY, args)
    }

    /// `halfmoon serve ARGS` at an address, ready to be asked.
    #[track_caller]
    pub fn serve_at(listen: &str, args: &[&str]) -> (Self, SocketAddr) {
        let running = Self::spawn(halfmoon(&[&["serve", "--listen", listen], args].concat()));
        let address = running.address();
        (running, address)
    }

    /// The first address that the process says it listens on.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        let line = self.line("listening on ", 0);
        line.trim().rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits for a line of standard output that contains `part`, after the first `skip` octets.
    #[track_caller]
    pub fn line(&self, part: &str, skip: usize) -> String {
        wait_for(part, || {
            let is_over = self.out.is_over();
            let text = self.out.text();
            let found = text[skip..].lines().find(|line| line.contains(part));
            assert!(
                found.is_some() || !is_over,
                "ended without {part:?}\nstdout: {text}\nstderr: {}",
                self.err.text()
            );
            found.map(str::to_owned)
        })
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that contains `part`, after the first `skip` octets.
    #[track_caller]
    pub fn logged(&self, part: &str, skip: usize) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.err.text();
            if let Some(line) = text[skip..].lines().find(|line| line.contains(part)) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "{part:?} is not logged:\n{}", &text[skip..]);
            thread::sleep(LOOK);
        }
    }

    /// What the process has printed on standard output so far.
    pub fn out(&self) -> String {
        self.out.text()
    }

    /// What the process has logged so far.
    pub fn err(&self) -> String {
        self.err.text()
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let input = self.input.as_mut().expect("standard input is closed");
        writeln!(input, "{line}").unwrap();
    }

    /// Closes standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends a signal: `TERM`, `INT`, `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Whether the process is still there.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status = wait_for("the end of the process", || self.child.try_wait().unwrap());
        wait_for("the end of the output", || {
            (self.out.is_over() && self.err.is_over()).then_some(())
        });
        Ended { status, out: self.out.text(), err: self.err.text() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A question as a resolver would put it: with EDNS, without recursion.
pub fn question(name: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), rtype));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    message.set_edns(edns);
    message
}

/// The same on behalf of a client network (RFC 7871), as `192.0.2.0/24`.
pub fn question_for(name: &str, rtype: RecordType, network: &str) -> Message {
    let (address, prefix) = network.split_once('/').unwrap();
    let subnet = ClientSubnet::new(address.parse().unwrap(), prefix.parse().unwrap(), 0);
    let mut message = question(name, rtype);
    let edns = message.edns.as_mut().unwrap();
    edns.options_mut().insert(EdnsOption::Subnet(subnet));
    message
}

/// Asks over UDP; a lost or missing answer is an error.
pub fn udp(server: SocketAddr, message: &Message) -> io::Result<Message> {
    let octets = udp_octets(server, &message.to_vec().unwrap())?;
    decode(&octets, message)
}

/// Sends any octets over UDP and returns those that come back.
pub fn udp_octets(server: SocketAddr, octets: &[u8]) -> io::Result<Vec<u8>> {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let mut socket = UdpSocket::bind((own, 0))?;
    // Of a server that is not there yet the system may give us the very port, and we would talk to
    // ourselves.
    while socket.local_addr()? == server {
        socket = UdpSocket::bind((own, 0))?;
    }
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.connect(server)?;
    socket.send(octets)?;
    let mut answer = vec![0; 65535];
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

/// Asks over TCP, on a connection of its own.
pub fn tcp(server: SocketAddr, message: &Message) -> io::Result<Message> {
    let octets = tcp_octets(server, &message.to_vec().unwrap())?;
    decode(&octets, message)
}

/// Sends any octets as a message over TCP and returns the message that comes back.
pub fn tcp_octets(server: SocketAddr, octets: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = u16::try_from(octets.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), octets].concat())?;
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn decode(octets: &[u8], asked: &Message) -> io::Result<Message> {
    let answer = Message::from_vec(octets).map_err(io::Error::other)?;
    assert_eq!(answer.metadata.id, asked.metadata.id);
    assert_eq!(answer.metadata.message_type, MessageType::Response);
    Ok(answer)
}

/// A connection for many questions.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    pub fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends questions in one go.
    pub fn send(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut octets = Vec::new();
        for message in messages {
            let message = message.to_vec().map_err(io::Error::other)?;
            octets.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
            octets.extend(message);
        }
        self.0.write_all(&octets)
    }

    /// The next answer.
    pub fn receive(&mut self) -> io::Result<Message> {
        let mut prefix = [0; 2];
        self.0.read_exact(&mut prefix)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(prefix))];
        self.0.read_exact(&mut answer)?;
        Message::from_vec(&answer).map_err(io::Error::other)
    }

    /// Asks one question.
    pub fn ask(&mut self, message: &Message) -> io::Result<Message> {
        self.send(std::slice::from_ref(message))?;
        self.receive()
    }
}

/// The addresses in an answer, sorted.
pub fn addresses(answer: &Message) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(a) => Some(a.0.into()),
            RData::AAAA(aaaa) => Some(aaaa.0.into()),
            _ => None,
        })
        .collect();
    addresses.sort();
    addresses
}

/// The A records of a name over UDP, as text.
pub fn ask(server: SocketAddr, name: &str) -> Vec<String> {
    let answer = udp(server, &question(name, RecordType::A)).unwrap();
    addresses(&answer).iter().map(IpAddr::to_string).collect()
}

/// Asks for A records until they are these.
#[track_caller]
pub fn wait_for_answer(server: SocketAddr, name: &str, expected: &[&str]) {
    let end = Instant::now() + PATIENCE;
    loop {
        let last = ask(server, name);
        if last == expected {
            return;
        }
        assert!(Instant::now() < end, "{name}: {last:?}, not {expected:?}");
        thread::sleep(LOOK);
    }
}
