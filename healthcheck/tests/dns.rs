//! DNS checks against real name servers, good and bad ones.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use halfmoon_healthcheck::{DnsOptions, DnsProbe, Health, Probe, State};
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

mod common;
use common::{quick, start, verdict};

/// What a server makes of a query, over UDP and over TCP.
type Behaviour = fn(&Message, bool) -> Vec<u8>;

struct Server {
    address: SocketAddr,
    asked_by_tcp: Arc<AtomicUsize>,
}

async fn serve(address: Ipv4Addr, behave: Behaviour) -> Server {
    // A port that is free for both.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind((address, 0)).await.expect("a loopback address");
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("bound")).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().expect("bound");
    let asked_by_tcp = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked_by_tcp);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..length]).expect("a query");
            let answer = behave(&query, false);
            if !answer.is_empty() {
                let _ = udp.send_to(&answer, from).await;
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let length = stream.read_u16().await.expect("a length");
            let mut query = vec![0; length.into()];
            stream.read_exact(&mut query).await.expect("a query");
            let answer = behave(&Message::from_vec(&query).expect("a query"), true);
            let length = u16::try_from(answer.len()).expect("short").to_be_bytes();
            let _ = stream.write_all(&[&length[..], &answer].concat()).await;
        }
    });
    Server { address, asked_by_tcp }
}

fn reply(query: &Message) -> Message {
    let mut answer = query.clone();
    answer.metadata.message_type = MessageType::Response;
    answer
}

fn octets(answer: &Message) -> Vec<u8> {
    answer.to_vec().expect("a message")
}

/// An address for A, text for TXT, a refusal for all else.
fn good(query: &Message, _: bool) -> Vec<u8> {
    let mut answer = reply(query);
    let question = &query.queries[0];
    let data = match question.query_type {
        RecordType::A => RData::A(A(Ipv4Addr::new(192, 0, 2, 80))),
        RecordType::TXT => RData::TXT(TXT::new(vec!["all is well".to_owned()])),
        _ => {
            answer.metadata.response_code = ResponseCode::Refused;
            return octets(&answer);
        }
    };
    answer.add_answer(Record::from_rdata(question.name.clone(), 60, data));
    octets(&answer)
}

async fn check(behave: Behaviour, change: impl FnOnce(&mut DnsOptions), expected: (State, &str)) {
    let server = serve(Ipv4Addr::new(127, 0, 7, 1), behave).await;
    check_at(server.address, change, expected).await;
}

async fn check_at(
    address: SocketAddr,
    change: impl FnOnce(&mut DnsOptions),
    expected: (State, &str),
) {
    let mut dns =
        DnsOptions { name: Some("health.example.org".to_owned()), ..DnsOptions::default() };
    change(&mut dns);
    let mut check = quick(Probe::Dns(Box::new(DnsProbe { address, dns })));
    check.pace.timeout = Duration::from_millis(if expected.1.ends_with("ms") { 300 } else { 5000 });
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), expected);
}

fn of_type(rtype: &str, answer: &str) -> impl FnOnce(&mut DnsOptions) {
    move |dns| {
        dns.rtype = rtype.parse().expect("a type");
        dns.answer = Some(answer.to_owned()).filter(|answer| !answer.is_empty());
    }
}

#[tokio::test]
async fn the_answer_has_to_be_the_one_expected() {
    check(good, |_| (), (State::Up, "")).await;
    check(good, of_type("A", "192.0.2.80"), (State::Up, "")).await;
    check(good, of_type("A", "192.0.2.81"), {
        (State::Down, "no A of the answer is what is expected")
    })
    .await;
    check(good, of_type("TXT", "all is well"), (State::Up, "")).await;
    check(good, of_type("TXT", "\"All is well\""), (State::Up, "")).await;
    check(good, of_type("SOA", ""), (State::Down, "REFUSED, expected NOERROR")).await;
    check(
        good,
        |dns| {
            dns.rtype = "SOA".parse().expect("a type");
            dns.rcode = "REFUSED".parse().expect("a code");
        },
        (State::Up, ""),
    )
    .await;
    let empty: Behaviour = |query, _| octets(&reply(query));
    check(empty, |_| (), (State::Up, "")).await;
    check(empty, of_type("A", "192.0.2.80"), (State::Down, "no A in the answer")).await;
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let truncating: Behaviour = |query, is_tcp| {
        if is_tcp {
            return good(query, true);
        }
        let mut answer = reply(query);
        answer.metadata.truncation = true;
        octets(&answer)
    };
    let server = serve(Ipv4Addr::new(127, 0, 7, 2), truncating).await;
    check_at(server.address, of_type("A", "192.0.2.80"), (State::Up, "")).await;
    assert!(server.asked_by_tcp.load(Ordering::Relaxed) >= 1);
    let server = serve(Ipv4Addr::new(127, 0, 7, 3), good).await;
    check_at(server.address, |_| (), (State::Up, "")).await;
    assert_eq!(server.asked_by_tcp.load(Ordering::Relaxed), 0);
    // Over TCP somebody else's answer cannot come in between.
    let wrong: Behaviour = |query, is_tcp| {
        let mut answer = reply(query);
        answer.metadata.truncation = !is_tcp;
        answer.metadata.id ^= u16::from(is_tcp);
        octets(&answer)
    };
    check(wrong, |_| (), (State::Down, "the answer over TCP is to another question")).await;
}

#[tokio::test]
async fn what_does_not_answer_the_question_is_waited_past() {
    let silent: Behaviour = |_, _| Vec::new();
    let other_id: Behaviour = |query, _| {
        let mut answer = reply(query);
        answer.metadata.id ^= 1;
        octets(&answer)
    };
    let echo: Behaviour = |query, _| octets(query);
    let other_name: Behaviour = |query, _| {
        let mut answer = reply(query);
        answer.queries[0].name = "other.example.".parse().expect("a name");
        octets(&answer)
    };
    let short: Behaviour = |_, _| vec![0];
    for behave in [silent, other_id, echo, other_name, short] {
        check(behave, |_| (), (State::Down, "no answer within 300 ms")).await;
    }
    let garbage: Behaviour = |query, _| {
        let mut answer = octets(query);
        answer.truncate(13);
        answer
    };
    check(garbage, |_| (), (State::Down, "the answer is no DNS message")).await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_down_at_once() {
    let server = UdpSocket::bind((Ipv4Addr::new(127, 0, 7, 4), 0)).await.expect("a port");
    let address = server.local_addr().expect("bound");
    drop(server);
    check_at(address, |_| (), (State::Down, "connection refused")).await;
}

#[test]
fn a_question_that_cannot_be_asked_is_refused() {
    let health = Health::unprobed(Default::default());
    let address = SocketAddr::from(([192, 0, 2, 1], 53));
    for (name, said) in [
        (None, "a DNS check has to ask for something"),
        (Some("a..b"), "\"a..b\" is no domain name"),
    ] {
        let dns = DnsOptions { name: name.map(str::to_owned), ..DnsOptions::default() };
        let check = quick(Probe::Dns(Box::new(DnsProbe { address, dns })));
        let refused = health.acquire(check).map(|_| ()).expect_err(said).to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
}
