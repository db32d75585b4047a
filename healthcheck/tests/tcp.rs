//! TCP checks against real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use halfmoon_healthcheck::{Check, State};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

mod common;
use common::{Endpoint, start, tcp, until, verdict};

#[tokio::test]
async fn an_open_port_is_up() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 1, 1), "").await;
    assert_eq!(verdict(&start(), tcp(endpoint.address)).await.0, State::Up);
    let mapped = SocketAddr::new(
        Ipv4Addr::new(127, 0, 1, 1).to_ipv6_mapped().into(),
        endpoint.address.port(),
    );
    assert_eq!(verdict(&start(), tcp(mapped)).await.0, State::Up);
    assert!(endpoint.seen().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn a_closed_port_is_down() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 1, 2), "").await;
    let address = endpoint.address;
    endpoint.close().await;
    let (state, _, reason) = verdict(&start(), tcp(address)).await;
    assert_eq!((state, reason.as_str()), (State::Down, "connection refused"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_down_after_the_timeout() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::new(127, 0, 1, 3), 0).into()).expect("a loopback address");
    let listener = socket.listen(1).expect("a bound socket");
    let address = listener.local_addr().expect("a bound socket");
    // Nobody accepts: once the queue is full, no connection is made any more.
    let mut queue = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        queue.push(stream.expect("a listener"));
    }
    let mut check = tcp(address);
    check.pace.timeout = Duration::from_millis(250);
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), (State::Down, "no answer within 250 ms"));
}

#[tokio::test]
async fn the_source_is_where_the_probe_comes_from() {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 1, 4), 0)).await.expect("an address");
    let address = listener.local_addr().expect("a bound socket");
    let source = Some(Ipv4Addr::new(127, 0, 9, 9).into());
    let health = start();
    let _handle = health.acquire(Check { source, ..tcp(address) }).expect("an allowed target");
    let (_, from) = listener.accept().await.expect("a probe");
    assert_eq!(Some(from.ip()), source);
}

#[tokio::test]
async fn a_source_that_is_not_ours_says_nothing_of_the_target() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 1, 5), "").await;
    let source = Some(Ipv4Addr::new(192, 0, 2, 1).into());
    let health = start();
    let (state, _, reason) = verdict(&health, Check { source, ..tcp(endpoint.address) }).await;
    assert_eq!(state, State::Unknown);
    assert_eq!(
        reason,
        "inconclusive: 192.0.2.1 is not an address of this machine, or no port of it is free"
    );
    assert!(health.counts().inconclusive >= 1);
}

#[tokio::test]
async fn an_endpoint_that_comes_back_is_up_again() {
    let health = start();
    let mut changes = health.subscribe();
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 1, 6), "").await;
    let address = endpoint.address;
    let handle = health.acquire(tcp(address)).expect("an allowed target");
    let mut next = async || changes.next().await.map(|change| (change.from, change.to));
    assert_eq!(next().await, Some((State::Unknown, State::Up)));
    endpoint.close().await;
    assert_eq!(next().await, Some((State::Up, State::Down)));
    let listener = TcpListener::bind(address).await.expect("the port is free again");
    assert_eq!(next().await, Some((State::Down, State::Up)));
    let mut reader = health.reader();
    until("the readers see it", || {
        (reader.load().verdict(handle.id()).state == State::Up).then_some(())
    })
    .await;
    drop(listener);
}
