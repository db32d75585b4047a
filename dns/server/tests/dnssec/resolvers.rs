//! Validating resolvers that ask the server under test, and trust the root's keys.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::support::peer::{Peer, free_port};

/// Starts unbound, which asks `here` for the zones.
pub(crate) fn unbound(
    folder: &Path,
    here: SocketAddr,
    anchors: &[String],
    zones: &[&str],
) -> (Peer, SocketAddr) {
    unbound_on(free_port(), folder, here, anchors, zones)
}

/// Starts unbound on a port of its own.
pub(crate) fn unbound_on(
    port: u16,
    folder: &Path,
    here: SocketAddr,
    anchors: &[String],
    zones: &[&str],
) -> (Peer, SocketAddr) {
    let anchors: String =
        anchors.iter().map(|key| format!(" trust-anchor: \". 3600 IN DNSKEY {key}\"\n")).collect();
    let (here, at) = (format!("{}@{}", here.ip(), here.port()), folder.display());
    let stub = |zone: &&str| {
        let prime = if *zone == "." { " stub-prime: no\n" } else { "" };
        format!("stub-zone:\n name: \"{zone}\"\n stub-addr: {here}\n{prime}")
    };
    let stubs: String = zones.iter().map(stub).collect();
    let text = format!(
        "server:\n interface: 127.0.0.1\n port: {port}\n do-not-query-localhost: no\n do-ip6: no\n \
         username: \"\"\n chroot: \"\"\n directory: \"{at}\"\n pidfile: \"\"\n use-syslog: no\n \
         verbosity: 1\n val-log-level: 2\n qname-minimisation: yes\n local-zone: test. nodefault\n \
         module-config: \"validator iterator\"\n{anchors}\
         remote-control:\n control-enable: no\n\
         {stubs}"
    );
    let path = folder.join("unbound.conf");
    fs::write(&path, text).unwrap();
    let peer = Peer::start("unbound", &["-d", "-c", path.to_str().unwrap()], folder);
    (peer, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Starts BIND, which asks port 53 of 127.0.0.1 for the zones: it knows no other port.
pub(crate) fn bind(
    folder: &Path,
    _: SocketAddr,
    anchors: &[String],
    zones: &[&str],
) -> (Peer, SocketAddr) {
    let port = free_port();
    let anchors: String = anchors
        .iter()
        .map(|key| {
            let mut words = key.splitn(4, ' ');
            let numbers: Vec<&str> = words.by_ref().take(3).collect();
            format!(" . static-key {} \"{}\";\n", numbers.join(" "), words.next().unwrap())
        })
        .collect();
    let at = folder.display();
    let zone = |name: &str| {
        format!("zone \"{name}\" {{ type static-stub; server-addresses {{ 127.0.0.1; }}; }};\n")
    };
    let zones: String = zones.iter().copied().map(zone).collect();
    let text = format!(
        "options {{ directory \"{at}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile \"{at}/session.key\"; recursion yes; dnssec-validation yes;\n\
         empty-zones-enable no; }};\n\
         controls {{ }};\ntrust-anchors {{\n{anchors}}};\n{zones}"
    );
    let path = folder.join("named.conf");
    fs::write(&path, text).unwrap();
    let peer = Peer::start("named", &["-g", "-c", path.to_str().unwrap()], folder);
    (peer, SocketAddr::from(([127, 0, 0, 1], port)))
}
