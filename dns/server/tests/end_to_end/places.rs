//! Answers by where the client is: databases, and EDNS Client Subnet (RFC 7871).

use std::net::SocketAddr;

use halfmoon_geo::write::{Value, Writer};
use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};

use crate::support::site::Folder;
use crate::support::{addresses, question, question_for, tcp, udp, wait_for};

const CONFIG: &str = "[geo]\ndatabases = [\"places.mmdb\"]\n";

const ZONE: &str = "\
country   LUA A \"country('DE') and '127.0.0.49' or '127.0.0.1'\"
continent LUA A ( \";if continent({'EU', 'AF'}) then return '127.0.0.2' end \"
                  \"if continent('NA') then return '127.0.0.3' end return '127.0.0.1'\" )
closest   LUA A \"pickclosest({'203.0.113.1', '203.0.113.17', '203.0.113.33'})\"
fixed     LUA A \"'127.0.0.4'\"
static    A     127.0.0.5
who       LUA TXT \"bestwho:toString()\"
";

/// Berlin, New York, Tokyo; networks for clients and one address for a server in each.
fn world() -> Writer {
    let berlin = || Value::place("DE", "EU", 52.5, 13.4);
    let new_york = || Value::place("US", "NA", 40.7, -74.0);
    let tokyo = || Value::place("JP", "AS", 35.7, 139.7);
    [
        ("192.0.2.0/25", berlin()),
        ("198.51.100.0/24", new_york()),
        ("2001:db8:1::/48", tokyo()),
        ("203.0.113.0/28", berlin()),
        ("203.0.113.16/28", new_york()),
        ("203.0.113.32/28", tokyo()),
    ]
    .into_iter()
    .fold(Writer::new("Test-City", 6), |writer, (network, place)| {
        writer.insert(network, place).unwrap()
    })
}

fn subnet(answer: &Message) -> Option<ClientSubnet> {
    match answer.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(*subnet),
        _ => None,
    }
}

/// The address in the answer to a client network, and the scope prefix: over UDP, then over TCP.
#[track_caller]
fn ask_both(server: SocketAddr, name: &str, network: &str) -> [(String, u8); 2] {
    let message = question_for(&format!("{name}.example.test."), RecordType::A, network);
    [udp(server, &message).unwrap(), tcp(server, &message).unwrap()].map(|answer| {
        let subnet = subnet(&answer).expect("a client subnet in the answer");
        let prefix: u8 = network.rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(subnet.source_prefix(), prefix, "{name} {network}: the source is repeated");
        (addresses(&answer)[0].to_string(), subnet.scope_prefix())
    })
}

/// The same, where nothing changes between the two.
#[track_caller]
fn ask(server: SocketAddr, name: &str, network: &str) -> (String, u8) {
    let [udp, tcp] = ask_both(server, name, network);
    assert_eq!(udp, tcp, "{name} {network}: UDP and TCP");
    udp
}

#[test]
fn answers_follow_the_place_of_the_client_and_say_for_which_network() {
    let folder = Folder::new(CONFIG, ZONE);
    folder.write("places.mmdb", world().to_bytes());
    let (_running, server) = folder.serve();
    for (name, network, address, scope) in [
        ("country", "192.0.2.0/24", "127.0.0.49", 25),
        ("country", "192.0.2.77/32", "127.0.0.49", 25),
        ("country", "198.51.100.0/24", "127.0.0.1", 24),
        ("country", "2001:db8:1:2::/56", "127.0.0.1", 48),
        ("continent", "192.0.2.0/25", "127.0.0.2", 25),
        ("continent", "198.51.100.128/25", "127.0.0.3", 24),
        ("continent", "2001:db8:1::/48", "127.0.0.1", 48),
        ("closest", "192.0.2.0/24", "203.0.113.1", 25),
        ("closest", "198.51.100.0/24", "203.0.113.17", 24),
        ("closest", "2001:db8:1:2::/64", "203.0.113.33", 48),
        // Who is not asked where he is gets the answer of all.
        ("fixed", "192.0.2.0/24", "127.0.0.4", 0),
        ("static", "2001:db8:1:2::/56", "127.0.0.5", 0),
    ] {
        let found = ask(server, name, network);
        assert_eq!(found, (address.to_owned(), scope), "{name} {network}");
    }
    // Without the option, it is the resolver that is looked up, and there is none in the answer.
    let plain = udp(server, &question("country.example.test.", RecordType::A)).unwrap();
    assert_eq!(addresses(&plain)[0].to_string(), "127.0.0.1");
    assert_eq!(subnet(&plain), None);
}

#[test]
fn a_client_subnet_that_is_not_wanted_is_not_looked_at() {
    let folder = Folder::new(&format!("{CONFIG}[edns]\nclient_subnet = false\n"), ZONE);
    folder.write("places.mmdb", world().to_bytes());
    let (_running, server) = folder.serve();
    let message = question_for("country.example.test.", RecordType::A, "192.0.2.0/24");
    let answer = udp(server, &message).unwrap();
    assert_eq!(addresses(&answer)[0].to_string(), "127.0.0.1");
    assert!(answer.edns.is_some() && subnet(&answer).is_none(), "{answer}");
    let message = question_for("who.example.test.", RecordType::TXT, "192.0.2.0/24");
    let answer = udp(server, &message).unwrap();
    assert!(answer.answers[0].data.to_string().contains("127.0.0.1"), "{answer}");
}

#[test]
fn a_database_that_is_replaced_is_asked_at_once() {
    let folder = Folder::new(CONFIG, ZONE);
    folder.write("places.mmdb", world().to_bytes());
    let (running, server) = folder.serve();
    assert_eq!(ask(server, "country", "198.51.100.0/24"), ("127.0.0.1".into(), 24));

    // Whoever had the network moves it to Germany, half of it.
    let moved =
        world().insert("198.51.100.0/25", Value::place("DE", "EU", 52.5, 13.4)).unwrap().to_bytes();
    folder.write("places.mmdb", &moved);
    // The change may come between the two questions.
    wait_for("the new place", || {
        let both = ask_both(server, "country", "198.51.100.0/24");
        both.iter().all(|(address, _)| address == "127.0.0.49").then_some(())
    });
    assert_eq!(ask(server, "country", "198.51.100.0/24").1, 25);
    assert_eq!(ask(server, "closest", "198.51.100.0/24"), ("203.0.113.1".into(), 25));

    // One that is broken changes nothing, and is told.
    folder.write("places.mmdb", &moved[..moved.len() / 2]);
    running.logged("geo databases not reloaded", 0);
    assert_eq!(ask(server, "country", "198.51.100.0/24").0, "127.0.0.49");
}
