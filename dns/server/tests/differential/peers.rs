//! NSD and Knot, with the same zone files.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::support::peer::{Peer, free_port};
use super::zones::Made;

/// Writes NSD's configuration and starts it.
pub(crate) fn nsd(zones: &[Made], folder: &Path) -> (Peer, SocketAddr) {
    let port = free_port();
    let at = folder.display();
    let mut text = format!(
        "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n zonesdir: \"{at}/zones\"\n \
         username: \"\"\n chroot: \"\"\n database: \"\"\n pidfile: \"{at}/nsd.pid\"\n \
         xfrdir: \"{at}\"\n xfrdfile: \"{at}/xfrd.state\"\n zonelistfile: \"{at}/nsd.list\"\n \
         rrl-ratelimit: 0\n minimal-responses: no\n ipv4-edns-size: 1232\n verbosity: 1\n\
         remote-control:\n control-enable: no\n"
    );
    for (number, zone) in zones.iter().enumerate() {
        let _ = write!(text, "zone:\n name: \"{}\"\n zonefile: \"{number}.zone\"\n", zone.apex);
    }
    let path = folder.join("nsd.conf");
    fs::write(&path, text).unwrap();
    let peer = Peer::start("nsd", &["-d", "-c", path.to_str().unwrap()], folder);
    (peer, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Writes Knot's configuration and starts it.
pub(crate) fn knot(zones: &[Made], folder: &Path) -> (Peer, SocketAddr) {
    let port = free_port();
    let at = folder.display();
    let mut text = format!(
        "server:\n  rundir: {at}/knot\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n\
         database:\n  storage: {at}/knot\n\
         log:\n  - target: stderr\n    any: warning\n\
         template:\n  - id: default\n    storage: {at}/zones\n    zonefile-load: whole\n    \
         journal-content: none\n    semantic-checks: soft\nzone:\n"
    );
    for (number, zone) in zones.iter().enumerate() {
        let _ = writeln!(text, "  - domain: {}\n    file: {number}.zone", zone.apex);
    }
    let path = folder.join("knot.conf");
    fs::create_dir(folder.join("knot")).unwrap();
    fs::write(&path, text).unwrap();
    let peer = Peer::start("knotd", &["-c", path.to_str().unwrap()], folder);
    (peer, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}
