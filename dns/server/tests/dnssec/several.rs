//! Several servers with the same zones and one folder of keys: whichever of them a validator asks,
//! the answer is secure.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::hierarchy::{SECURE, anchors, serve};
use crate::support::peer::{Peer, alone, free_port, is_alone};
use crate::support::{Running, question, tcp, udp};

#[test]
fn unbound_takes_the_answers_of_three_servers_for_secure() {
    alone("several::inside_with_three_servers", &["unbound"]);
}

/// How many servers there are.
const SERVERS: usize = 3;

#[test]
#[ignore = "a test above runs it, in a network namespace"]
fn inside_with_three_servers() {
    if !is_alone() {
        return;
    }
    for settings in ["", "split = true"] {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        fs::create_dir(&keys).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
        // All start at once, with no key there yet: one of them makes each, and all use it.
        let start = |number: usize| {
            let own = folder.path().join(format!("server-{number}"));
            fs::create_dir(&own).unwrap();
            symlink(&keys, own.join("keys")).unwrap();
            serve(&own, free_port(), free_port(), settings)
        };
        let servers: Vec<(Running, SocketAddr)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..SERVERS).map(|n| scope.spawn(move || start(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let keys_of = |server: SocketAddr, zone: &str| {
            let answer = tcp(server, &question(zone, RecordType::DNSKEY)).unwrap();
            let mut keys: Vec<String> =
                answer.answers.iter().map(|record| record.data.to_string()).collect();
            keys.sort();
            keys
        };
        for zone in [".", "test.", "child.test."] {
            let first = keys_of(servers[0].1, zone);
            assert!(!first.is_empty());
            for (_, server) in &servers {
                assert_eq!(keys_of(*server, zone), first, "{zone}");
                // And the parents know of the same.
                let ds = |at| tcp(at, &question(zone, RecordType::DS)).unwrap().answers;
                assert_eq!(ds(*server), ds(servers[0].1), "{zone}");
            }
        }
        let addresses: Vec<SocketAddr> = servers.iter().map(|(_, address)| *address).collect();
        let (mut peer, there) = unbound(folder.path(), &addresses, &anchors(addresses[0]));
        let ask = |name: &str, rtype| {
            let mut message = question(name, rtype);
            message.metadata.recursion_desired = true;
            message.edns.as_mut().unwrap().set_dnssec_ok(true);
            message
        };
        peer.wait_for_answer(there, &ask("www.test.", RecordType::A), |answer| {
            answer.metadata.response_code == ResponseCode::NoError
        });
        let secure = |name: &str, rtype| {
            let mut answer = udp(there, &ask(name, rtype)).unwrap();
            if answer.metadata.truncation {
                answer = tcp(there, &ask(name, rtype)).unwrap();
            }
            let is_secure = answer.metadata.authentic_data
                && answer.metadata.response_code != ResponseCode::ServFail;
            assert!(is_secure, "{settings} {name} {rtype}: {answer}\n{}", peer.said());
        };
        for (name, rtype, _) in SECURE {
            secure(name, rtype);
        }
        // Names that it has not heard before, until each server was asked for some.
        for number in 0..200 {
            secure(&format!("n{number}.spell.test."), RecordType::TXT);
            secure(&format!("n{number}.test."), RecordType::A);
        }
        for (server, _) in &servers {
            let asked = queries(server);
            assert!(asked > 20, "one of them was asked {asked} times");
        }
    }
}

/// How many queries a server has had over UDP.
fn queries(server: &Running) -> u64 {
    let skip = server.err().len();
    server.signal("USR1");
    let line = server.logged("counted since the start", skip);
    let count = line.split_whitespace().find_map(|word| word.strip_prefix("udp.queries="));
    count.unwrap().parse().unwrap()
}

fn unbound(folder: &Path, servers: &[SocketAddr], anchors: &[String]) -> (Peer, SocketAddr) {
    let port = free_port();
    let anchors: String =
        anchors.iter().map(|key| format!(" trust-anchor: \". 3600 IN DNSKEY {key}\"\n")).collect();
    let addresses: String =
        servers.iter().map(|at| format!(" stub-addr: {}@{}\n", at.ip(), at.port())).collect();
    let stubs: String = [".", "test.", "child.test.", "insecure.test."]
        .map(|zone| format!("stub-zone:\n name: \"{zone}\"\n{addresses} stub-prime: no\n"))
        .concat();
    let at = folder.display();
    let text = format!(
        "server:\n interface: 127.0.0.1\n port: {port}\n do-not-query-localhost: no\n do-ip6: no\n \
         username: \"\"\n chroot: \"\"\n directory: \"{at}\"\n pidfile: \"\"\n use-syslog: no\n \
         verbosity: 1\n val-log-level: 2\n local-zone: test. nodefault\n \
         module-config: \"validator iterator\"\n aggressive-nsec: no\n{anchors}\
         remote-control:\n control-enable: no\n{stubs}"
    );
    let path = folder.join("unbound.conf");
    fs::write(&path, text).unwrap();
    let peer = Peer::start("unbound", &["-d", "-c", path.to_str().unwrap()], folder);
    (peer, SocketAddr::from(([127, 0, 0, 1], port)))
}
