//! Datagrams.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use halfmoon::transport::{Bound, Steering};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use socket2::{Domain, Protocol, Socket, Type};

use crate::echo::{Echo, LOOPBACK, PATIENCE, settings, start, wait_for};

fn client(server: SocketAddr) -> UdpSocket {
    let unspecified = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(unspecified).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server).unwrap();
    socket
}

fn ask(socket: &UdpSocket, query: &[u8]) -> String {
    socket.send(query).unwrap();
    let mut answer = [0; 8192];
    let octets = socket.recv(&mut answer).unwrap();
    String::from_utf8(answer[..octets].to_vec()).unwrap()
}

#[test]
fn every_query_of_many_is_answered_once() {
    let listeners = start(&settings(&[LOOPBACK]));
    let client = client(listeners.addresses()[0]);
    let mut awaited = HashSet::new();
    let mut answer = [0; 512];
    let mut take = |awaited: &mut HashSet<String>| {
        let octets = client.recv(&mut answer).unwrap();
        let text = str::from_utf8(&answer[..octets]).unwrap();
        assert!(awaited.remove(text), "{text} came twice");
    };
    for number in 0..1000 {
        let query = format!("query {number}");
        client.send(query.as_bytes()).unwrap();
        awaited.insert(query);
        // Fewer on the way than any socket buffer holds.
        if awaited.len() == 100 {
            take(&mut awaited);
        }
    }
    while !awaited.is_empty() {
        take(&mut awaited);
    }
    // The count is added once the batch is out.
    wait_for("the count", || listeners.udp().answers == 1000);
    assert_eq!((listeners.udp().queries, listeners.udp().unsent), (1000, 0));
}

/// What waits when a thread begins is taken in batches of any size, of which each answer is made of its
/// own query and goes back to its own client, from the address that was asked.
#[test]
fn answers_are_right_whatever_number_of_queries_waits() {
    const CLIENTS: usize = 7;
    for count in [1, 2, 3, 31, 32, 33, 63, 64, 65, 150] {
        let bound =
            Bound::bind(&settings(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))])).unwrap();
        let port = bound.addresses().next().unwrap().port();
        let server = |at: usize| SocketAddr::from(([127, 0, 0, 1 + at as u8], port));
        let clients: Vec<_> = (0..CLIENTS).map(|at| client(server(at))).collect();
        let mut awaited = vec![VecDeque::new(); CLIENTS];
        for number in 0..count {
            let (client, awaited) = (&clients[number % CLIENTS], &mut awaited[number % CLIENTS]);
            let query = match number % 5 {
                0 => "who asks".to_owned(),
                1 => format!("drop {number}"),
                2 => format!("{number} {}", "long ".repeat(number)),
                _ => format!("query {number}"),
            };
            client.send(query.as_bytes()).unwrap();
            match number % 5 {
                0 => {
                    let local = client.local_addr().unwrap();
                    awaited.push_back(format!("{local} {}", server(number % CLIENTS)));
                }
                1 => {}
                _ => awaited.push_back(query),
            }
        }
        let answers: usize = awaited.iter().map(VecDeque::len).sum();
        let listeners = bound.start(Echo::default).unwrap();
        for (client, awaited) in clients.iter().zip(awaited) {
            for expected in awaited {
                let mut answer = [0; 2048];
                let octets = client.recv(&mut answer).unwrap();
                assert_eq!(str::from_utf8(&answer[..octets]).unwrap(), expected, "of {count}");
            }
        }
        wait_for("the counts", || listeners.udp().answers == answers as u64);
        assert_eq!((listeners.udp().queries, listeners.udp().unsent), (count as u64, 0));
    }
}

#[test]
fn several_threads_share_an_address() {
    let mut settings = settings(&[LOOPBACK]);
    settings.udp_threads = 4;
    let listeners = start(&settings);
    let mut threads_seen = 0;
    // Each thread counts for itself; the kernel chooses by the client's port.
    for _ in 0..200 {
        let client = client(listeners.addresses()[0]);
        threads_seen += usize::from(ask(&client, b"answered") == "0");
    }
    assert_eq!(threads_seen, 4);
}

/// The processors this process may use; `None` if that is but one.
fn several_processors() -> Option<Vec<usize>> {
    let allowed = sched_getaffinity(None).unwrap();
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|at| allowed.is_set(*at)).collect();
    if processors.len() < 2 {
        let _ = writeln!(io::stderr(), "SKIPPED: there is but one processor");
        return None;
    }
    Some(processors)
}

/// Has the calling thread run on one processor. What it sends over the loopback comes in there.
fn stay_on(processor: usize) {
    let mut here = CpuSet::new();
    here.set(processor);
    sched_setaffinity(None, &here).unwrap();
}

#[test]
fn each_thread_takes_what_comes_in_on_its_processor() {
    let Some(processors) = several_processors() else {
        return;
    };
    let mut settings = settings(&[LOOPBACK]);
    (settings.udp_threads, settings.steering) = (processors.len(), Steering::Processor);
    let listeners = start(&settings);
    let address = listeners.addresses()[0];
    for processor in processors {
        let ask_all = move || {
            stay_on(processor);
            // Each thread counts for itself.
            (0..16).map(|_| ask(&client(address), b"where")).collect::<Vec<_>>()
        };
        let answered = std::thread::spawn(ask_all).join().unwrap();
        let expected: Vec<_> = (0..16).map(|count| format!("{count} on {processor}")).collect();
        assert_eq!(answered, expected);
    }
}

/// Asks from some processors at a time, without pause, each query from another port, until of all answers that
/// came one after the other as many as are looked at were given as told: on the processor of who asked, or not.
fn ask_until_answered(address: SocketAddr, processors: &[usize], on_their_own: bool) {
    /// More than by chance, where each of two threads gets half.
    const LOOKED_AT: usize = 64;
    let agree = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for &processor in processors {
            let agree = &agree;
            scope.spawn(move || {
                stay_on(processor);
                let end = Instant::now() + PATIENCE;
                let clients: Vec<_> = (0..32).map(|_| client(address)).collect();
                let expected = format!("on {processor}");
                for client in clients.iter().cycle() {
                    let is_own = ask(client, b"where").ends_with(&expected);
                    match (is_own, on_their_own) {
                        (true, true) => agree.fetch_add(1, Ordering::Relaxed),
                        (false, true) => agree.swap(0, Ordering::Relaxed),
                        // Once is proof.
                        (false, false) => agree.swap(LOOKED_AT, Ordering::Relaxed),
                        (true, false) => 0,
                    };
                    if agree.load(Ordering::Relaxed) >= LOOKED_AT {
                        break;
                    }
                    assert!(
                        Instant::now() < end,
                        "answered as before, on their own: {}",
                        !on_their_own
                    );
                }
            });
        }
    });
}

#[test]
fn queries_are_steered_while_all_processors_take_some_in() {
    let Some(processors) = several_processors() else {
        return;
    };
    let mut settings = settings(&[LOOPBACK]);
    (settings.udp_threads, settings.steering) = (processors.len(), Steering::Auto);
    let listeners = start(&settings);
    let address = listeners.addresses()[0];
    ask_until_answered(address, &processors[..1], false);
    ask_until_answered(address, &processors, true);
    ask_until_answered(address, &processors[..1], false);
}

#[test]
fn answers_leave_from_the_address_asked() {
    let listeners = start(&settings(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))]));
    let port = listeners.addresses()[0].port();
    for last in [1, 2, 77] {
        let server = SocketAddr::from(([127, 0, 0, last], port));
        // A connected socket takes answers from that address only.
        let client = client(server);
        let local = client.local_addr().unwrap();
        assert_eq!(ask(&client, b"who am I"), format!("{local} {server}"));
    }
}

#[test]
fn answers_leave_from_the_address_asked_over_ipv6() {
    let Ok(_) = UdpSocket::bind("[::1]:0") else {
        return;
    };
    let listeners = start(&settings(&["[::]:0".parse().unwrap(), "[::1]:0".parse().unwrap()]));
    for address in listeners.addresses() {
        let server: SocketAddr = format!("[::1]:{}", address.port()).parse().unwrap();
        let client = client(server);
        let local = client.local_addr().unwrap();
        assert_eq!(ask(&client, b"who am I"), format!("{local} {server}"));
    }
}

#[test]
fn answers_over_ipv4_say_that_they_are_not_to_be_fragmented() {
    // Who has this address gets all datagrams to it a second time, with their headers.
    let here = SocketAddr::from(([127, 0, 0, 88], 0));
    let mut wire = match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let _ = writeln!(io::stderr(), "SKIPPED: raw sockets are not allowed here");
            return;
        }
        wire => wire.unwrap(),
    };
    wire.bind(&here.into()).unwrap();
    wire.set_read_timeout(Some(PATIENCE)).unwrap();
    for address in [LOOPBACK, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))] {
        let listeners = start(&settings(&[address]));
        let port = listeners.addresses()[0].port();
        let client = UdpSocket::bind(here).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        for query in [&b"short"[..], &[b'y'; 1232]] {
            ask(&client, query);
            let mut datagram = [0; 2048];
            let octets = wire.read(&mut datagram).unwrap();
            let (head, udp) = datagram[..octets].split_first_chunk::<20>().unwrap();
            assert_eq!((head[0], head[9]), (0x45, 17), "IPv4 without options, UDP");
            assert_eq!(udp[..2], port.to_be_bytes(), "from the server");
            assert_eq!(udp.len(), 8 + query.len());
            // RFC 791 section 3.1: of three flags the second is DF; the rest says where a fragment belongs.
            assert_eq!(head[6..8], [0x40, 0], "{address}");
        }
    }
}

#[test]
fn a_panic_costs_one_query_and_the_state() {
    let listeners = start(&settings(&[LOOPBACK]));
    let client = client(listeners.addresses()[0]);
    assert_eq!(ask(&client, b"answered"), "0");
    assert_eq!(ask(&client, b"answered"), "1");
    client.send(b"panic now").unwrap();
    assert_eq!(ask(&client, b"answered"), "0");
    assert_eq!(listeners.udp().panics, 1);
}

#[test]
fn what_shall_not_be_answered_is_not() {
    let listeners = start(&settings(&[LOOPBACK]));
    let server = listeners.addresses()[0];
    let client = client(server);
    for unanswered in [&b"drop"[..], b"lie", b"nothing", &[b'x'; 4097], &[b'x'; 60_000]] {
        client.send(unanswered).unwrap();
    }
    assert_eq!(ask(&client, b"after all that"), "after all that");
    wait_for("the count", || listeners.udp().queries == 4);
    assert_eq!(listeners.udp().refused, 2);
}

#[test]
fn what_fits_is_carried_whole() {
    let listeners = start(&settings(&[LOOPBACK]));
    let client = client(listeners.addresses()[0]);
    let full = "y".repeat(4096);
    assert_eq!(ask(&client, full.as_bytes()), full);
    assert_eq!(ask(&client, b"large").len(), 4096);
    // Nothing is a query, too; the service sees it.
    client.send(b"").unwrap();
    assert_eq!(ask(&client, b"after nothing"), "after nothing");
    wait_for("the count", || listeners.udp().queries == 4);
}

#[test]
fn an_end_is_an_end() {
    let listeners = start(&settings(&[LOOPBACK]));
    let server = listeners.addresses()[0];
    let client = client(server);
    assert_eq!(ask(&client, b"here"), "here");
    listeners.shutdown();
    // The port is free again at once.
    let again = UdpSocket::bind(server).unwrap();
    again.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(again.recv(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
