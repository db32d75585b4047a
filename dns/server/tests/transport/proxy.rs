//! What proxies say of their clients.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use halfmoon::transport::{Listeners, Settings};

use crate::echo::{LOOPBACK, PATIENCE, settings, start, wait_for};

/// 192.0.2.1:4660 asked the proxy at 198.51.100.2:53.
const HEADER: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x34\0\x35";
const CLIENT: &str = "192.0.2.1:4660 198.51.100.2:53";
const QUERY: &[u8] = b"who am I, then?";

fn believing(network: &str) -> Listeners {
    start(&Settings { proxies: vec![network.parse().unwrap()], ..settings(&[LOOPBACK]) })
}

fn framed(query: &[u8]) -> Vec<u8> {
    [&(query.len() as u16).to_be_bytes()[..], query].concat()
}

#[test]
fn a_datagram_is_the_clients() {
    let listeners = believing("127.0.0.0/8");
    let proxy = UdpSocket::bind(LOOPBACK).unwrap();
    proxy.set_read_timeout(Some(PATIENCE)).unwrap();
    proxy.connect(listeners.addresses()[0]).unwrap();
    // Without its header, or with half of it, a proxy is not answered.
    proxy.send(QUERY).unwrap();
    proxy.send(&HEADER[..20]).unwrap();
    proxy.send(&[HEADER, QUERY].concat()).unwrap();
    let mut answer = [0; 512];
    let octets = proxy.recv(&mut answer).unwrap();
    assert_eq!(str::from_utf8(&answer[..octets]), Ok(CLIENT));
    wait_for("the count", || listeners.udp().answers == 1);
    assert_eq!(listeners.udp().refused, 2);
}

#[test]
fn a_stream_is_the_clients() {
    let listeners = believing("127.0.0.1/32");
    // In one piece, and octet by octet.
    let stream = [HEADER, &framed(QUERY), &framed(QUERY)].concat();
    for piece in [stream.len(), 1] {
        let mut proxy = TcpStream::connect(listeners.addresses()[0]).unwrap();
        proxy.set_read_timeout(Some(PATIENCE)).unwrap();
        proxy.set_nodelay(true).unwrap();
        stream.chunks(piece).for_each(|piece| proxy.write_all(piece).unwrap());
        let mut answers = vec![0; 2 * (2 + CLIENT.len())];
        proxy.read_exact(&mut answers).unwrap();
        assert_eq!(answers, framed(CLIENT.as_bytes()).repeat(2));
    }
}

#[test]
fn a_stream_without_header_ends() {
    let listeners = believing("127.0.0.1/32");
    let mut proxy = TcpStream::connect(listeners.addresses()[0]).unwrap();
    proxy.set_read_timeout(Some(PATIENCE)).unwrap();
    proxy.write_all(&framed(QUERY)).unwrap();
    assert!(matches!(proxy.read(&mut [0; 1]), Ok(0) | Err(_)));
    wait_for("the count", || listeners.tcp().refused == 1);
    assert_eq!(listeners.tcp().queries, 0);
}

#[test]
fn others_are_not_believed() {
    let listeners = believing("127.0.0.2/32");
    let client = UdpSocket::bind(LOOPBACK).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(listeners.addresses()[0]).unwrap();
    client.send(QUERY).unwrap();
    let mut answer = [0; 512];
    let octets = client.recv(&mut answer).unwrap();
    let text = str::from_utf8(&answer[..octets]).unwrap();
    assert!(text.starts_with(&client.local_addr().unwrap().to_string()), "{text}");
    // The header is then a query like any other.
    client.send(&[HEADER, QUERY].concat()).unwrap();
    let octets = client.recv(&mut answer).unwrap();
    assert!(answer[..octets].starts_with(b"\r\n\r\n\0\r\nQUIT"));
}
