//! Addresses that cannot be had.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use halfmoon::transport::{BindError, Bound, Steering};

use crate::echo::{LOOPBACK, settings, start};

/// An address that no connection of another test takes a port of.
const ALONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)), 0);

#[track_caller]
fn refused(listen: &[SocketAddr]) -> String {
    Bound::bind(&settings(listen)).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_port_in_use_is_one_line() {
    let held = TcpListener::bind(ALONE).unwrap();
    let tcp = held.local_addr().unwrap();
    assert_eq!(
        refused(&[tcp]),
        format!("{tcp} is in use by another process (TCP); stop that one or listen elsewhere")
    );

    let held = UdpSocket::bind(ALONE).unwrap();
    let udp = held.local_addr().unwrap();
    assert_eq!(
        refused(&[udp]),
        format!("{udp} is in use by another process (UDP); stop that one or listen elsewhere")
    );
}

#[test]
fn a_port_is_not_shared_with_another_server() {
    let first = start(&settings(&[ALONE]));
    let error = Bound::bind(&settings(first.addresses())).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
}

#[test]
fn a_udp_port_that_would_be_shared_is_in_use() {
    let held = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    held.set_reuse_port(true).unwrap();
    held.bind(&ALONE.into()).unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap();
    assert!(refused(&[address]).starts_with(&format!("{address} is in use by another process")));
}

#[test]
fn an_address_listed_twice_is_told() {
    let free = start(&settings(&[LOOPBACK])).addresses()[0];
    assert_eq!(refused(&[free, free]), format!("{free} is listed twice"));
}

#[test]
fn more_threads_than_processors_cannot_be_steered() {
    // Those that may be used, whatever part of their time.
    let processors = rustix::thread::sched_getaffinity(None).unwrap().count() as usize;
    let mut settings = settings(&[LOOPBACK]);
    (settings.udp_threads, settings.steering) = (processors + 1, Steering::Processor);
    let line = Bound::bind(&settings).map(|_| ()).unwrap_err().to_string();
    let cause = format!(
        "steering by processor takes at most one UDP thread for each processor, and {} are to share {processors}; ",
        processors + 1
    );
    assert!(line.starts_with(&cause), "{line}");
    assert!(line.ends_with("or server.steering to \"hash\""), "{line}");
}

#[test]
fn an_address_that_is_not_ours_is_told() {
    let line = refused(&["192.0.2.1:5300".parse().unwrap()]);
    assert!(line.ends_with("; no interface has this address"), "{line}");
    assert!(line.starts_with("cannot listen on 192.0.2.1:5300 (TCP): "), "{line}");
}

#[test]
fn any_port_is_one_for_both_protocols() {
    let listeners = start(&settings(&[LOOPBACK, LOOPBACK, "127.0.0.2:0".parse().unwrap()]));
    assert_eq!(listeners.addresses().len(), 3);
    for &address in listeners.addresses() {
        assert_ne!(address.port(), 0);
        assert!(UdpSocket::bind(address).is_err());
        assert!(TcpListener::bind(address).is_err());
    }
}

#[test]
fn dropping_what_was_bound_frees_it() {
    let bound = Bound::bind(&settings(&[LOOPBACK])).unwrap();
    let address = bound.addresses().next().unwrap();
    drop(bound);
    assert!(UdpSocket::bind(address).is_ok());
}
