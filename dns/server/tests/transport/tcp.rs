//! Streams.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use halfmoon::transport::{Listeners, Settings};

use crate::echo::{LOOPBACK, PATIENCE, settings, start, wait_for};

/// The shortest query is as long as a header.
const MIN: usize = 12;

struct Client(TcpStream);

impl Client {
    fn connect(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, query: &str) {
        self.0.write_all(&framed(query)).unwrap();
    }

    fn receive(&mut self) -> String {
        let mut prefix = [0; 2];
        self.0.read_exact(&mut prefix).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(prefix))];
        self.0.read_exact(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn ask(&mut self, query: &str) -> String {
        self.send(query);
        self.receive()
    }

    /// Waits until the server has closed the connection, by whatever means.
    #[track_caller]
    fn closed(&mut self) {
        match self.0.read(&mut [0; 1]) {
            Ok(0) => {}
            Ok(_) => panic!("an answer instead of the end"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

fn framed(query: &str) -> Vec<u8> {
    let query = format!("{query:<MIN$}");
    let mut message = (query.len() as u16).to_be_bytes().to_vec();
    message.extend(query.as_bytes());
    message
}

fn start_with(change: impl FnOnce(&mut Settings)) -> (Listeners, SocketAddr) {
    let mut settings = settings(&[LOOPBACK]);
    change(&mut settings);
    let listeners = start(&settings);
    let address = listeners.addresses()[0];
    (listeners, address)
}

#[test]
fn pipelined_queries_are_answered_in_order() {
    let (listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    let queries: Vec<String> = (0..1000).map(|number| format!("query number {number}")).collect();
    let stream: Vec<u8> = queries.iter().flat_map(|query| framed(query)).collect();
    client.0.write_all(&stream).unwrap();
    for query in &queries {
        assert_eq!(&client.receive(), query);
    }
    wait_for("the count", || listeners.tcp().answers == 1000);
}

#[test]
fn pieces_make_queries() {
    let (_listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    client.0.set_nodelay(true).unwrap();
    for octet in [framed("one of two queries"), framed("another of two")].concat() {
        client.0.write_all(&[octet]).unwrap();
    }
    assert_eq!(client.receive(), "one of two queries");
    assert_eq!(client.receive(), "another of two");
}

#[test]
fn the_service_sees_both_ends() {
    let (_listeners, server) =
        start_with(|settings| settings.listen = vec!["0.0.0.0:0".parse().unwrap()]);
    let server = SocketAddr::from(([127, 0, 0, 9], server.port()));
    let mut client = Client::connect(server);
    let local = client.0.local_addr().unwrap();
    assert_eq!(client.ask("who am I, server?"), format!("{local} {server}"));
}

#[test]
fn the_largest_messages_are_carried() {
    let (_listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    let largest = "z".repeat(65535);
    assert_eq!(client.ask(&largest), largest);
    assert_eq!(client.ask("large       ").len(), 65535);
}

#[test]
fn a_client_that_has_said_all_gets_its_answers() {
    let (_listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    for number in 0..100 {
        client.send(&format!("query number {number}"));
    }
    client.0.shutdown(Shutdown::Write).unwrap();
    for number in 0..100 {
        assert_eq!(client.receive(), format!("query number {number}"));
    }
    client.closed();
}

#[test]
fn a_client_that_takes_no_answers_is_asked_for_no_queries_and_cut() {
    let (listeners, server) =
        start_with(|settings| settings.tcp.write = Duration::from_millis(200));
    let mut client = Client::connect(server);
    // Each query of 14 octets is worth an answer of 64 KiB.
    let queries = framed("large").repeat(1000);
    let mut written = 0;
    while let Ok(octets @ 1..) = client.0.write(&queries) {
        written += octets;
        if written > 64 << 20 {
            panic!("the server reads on although nobody takes its answers");
        }
        if listeners.tcp().unsent > 0 {
            break;
        }
    }
    wait_for("the cut", || listeners.tcp().unsent > 0);
    assert_eq!(listeners.tcp().slow_readers, 1);
    // Far fewer queries were answered than were asked.
    assert!(listeners.tcp().queries < 2000, "{:?}", listeners.tcp());
    assert_eq!(Client::connect(server).ask("another client"), "another client");
}

#[test]
fn a_slow_client_gets_everything_if_it_keeps_taking() {
    let (_listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    let mut writer = Client(client.0.try_clone().unwrap());
    let sender = std::thread::spawn(move || (0..300).for_each(|_| writer.send("large")));
    for _ in 0..300 {
        assert_eq!(client.receive().len(), 65535);
    }
    sender.join().unwrap();
}

#[test]
fn an_idle_connection_is_closed() {
    // Long enough for a question on a busy machine.
    let idle = Duration::from_secs(2);
    let (listeners, server) = start_with(|settings| settings.tcp.idle = idle);
    let begun = Instant::now();
    let mut silent = Client::connect(server);
    silent.closed();
    assert!(begun.elapsed() >= idle);

    let mut asking = Client::connect(server);
    assert_eq!(asking.ask("one question"), "one question");
    asking.closed();
    assert_eq!((listeners.tcp().idle, listeners.tcp().slow_queries), (2, 0));
}

#[test]
fn a_message_has_its_time_however_it_trickles() {
    let (listeners, server) = start_with(|settings| {
        settings.tcp.message = Duration::from_millis(300);
    });
    let mut client = Client::connect(server);
    client.0.set_nodelay(true).unwrap();
    client.0.write_all(&[0xff]).unwrap();
    client.0.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let begun = Instant::now();
    // An octet every 50 ms: never idle, never done.
    loop {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        match client.0.read(&mut [0; 1]) {
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut) => {}
            _ => break,
        }
        assert!(begun.elapsed() < PATIENCE, "the connection is still open");
        if client.0.write_all(&[0xff]).is_err() {
            break;
        }
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!((listeners.tcp().slow_queries, listeners.tcp().idle), (1, 0));
}

#[test]
fn lengths_that_no_query_has_end_the_connection() {
    let (listeners, server) = start_with(|_| {});
    for garbage in [&[0, 0][..], &[0, 11], b"\0\x01GET / HTTP/1.0\r\n\r\n"] {
        let mut client = Client::connect(server);
        assert_eq!(client.ask("a good query"), "a good query");
        client.0.write_all(garbage).unwrap();
        client.closed();
    }
    wait_for("the count", || listeners.tcp().refused == 3);
    // "GE" announces 18245 octets that never come; the other clients do not mind.
    let mut browser = Client::connect(server);
    browser.0.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(Client::connect(server).ask("a good query"), "a good query");
}

#[test]
fn an_address_has_its_share_of_connections() {
    let (listeners, server) = start_with(|settings| {
        settings.listen = vec!["0.0.0.0:0".parse().unwrap()];
        settings.tcp.per_address = 2;
        settings.tcp.quiet = PATIENCE;
    });
    let server = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let mut first = Client::connect(server);
    let mut second = Client::connect(server);
    assert_eq!(first.ask("first client"), "first client");
    assert_eq!(second.ask("second client"), "second client");
    Client::connect(server).closed();
    let tcp = listeners.tcp();
    assert_eq!((tcp.full_for_address, tcp.full, tcp.gave_way), (1, 0, 0));
    assert_eq!(first.ask("still served"), "still served");
    drop(second);
    // Its place is free as soon as the server has seen the end.
    wait_for("a place", || {
        let mut next = Client::connect(server);
        next.0.write_all(&framed("a good query")).is_ok()
            && next.0.read(&mut [0; 1]).is_ok_and(|n| n > 0)
    });
}

#[test]
fn all_together_have_the_total() {
    let (listeners, server) = start_with(|settings| {
        settings.tcp.connections = 3;
        settings.tcp.quiet = PATIENCE;
    });
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server)).collect();
    for client in &mut clients {
        assert_eq!(client.ask("a good query"), "a good query");
    }
    Client::connect(server).closed();
    let tcp = listeners.tcp();
    assert_eq!((tcp.connections, tcp.full, tcp.full_for_address), (3, 1, 0));
}

#[test]
fn the_quietest_connection_gives_way() {
    let (listeners, server) = start_with(|settings| {
        settings.tcp.connections = 2;
        settings.tcp.quiet = Duration::ZERO;
    });
    let mut first = Client::connect(server);
    assert_eq!(first.ask("first client"), "first client");
    let mut second = Client::connect(server);
    assert_eq!(second.ask("second client"), "second client");
    assert_eq!(first.ask("once more..."), "once more...");
    // The answer is counted after it is out; ask once more so that it is.
    wait_for("the count", || listeners.tcp().answers == 3);
    let mut third = Client::connect(server);
    assert_eq!(third.ask("third client"), "third client");
    second.closed();
    assert_eq!(first.ask("still served"), "still served");
    assert_eq!((listeners.tcp().gave_way, listeners.tcp().full), (1, 0));
}

#[test]
fn a_panic_costs_one_answer() {
    let (listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    client.send("panic now please");
    client.send("drop this one");
    client.send("lie about that");
    assert_eq!(client.ask("a good query"), "a good query");
    assert_eq!(listeners.tcp().panics, 1);
}

#[test]
fn several_threads_serve_one_listener() {
    let (listeners, server) = start_with(|settings| settings.tcp_threads = 3);
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(server)).collect();
    for client in &mut clients {
        assert_eq!(client.ask("a good query"), "a good query");
    }
    assert_eq!(listeners.tcp().connections, 50);
}

#[test]
fn an_end_closes_idle_connections_and_frees_the_port() {
    let (listeners, server) = start_with(|_| {});
    let mut client = Client::connect(server);
    assert_eq!(client.ask("a good query"), "a good query");
    listeners.shutdown();
    client.closed();
    assert!(TcpStream::connect(server).is_err());
    let again = start(&settings(&[server]));
    assert_eq!(Client::connect(again.addresses()[0]).ask("back already"), "back already");
}
