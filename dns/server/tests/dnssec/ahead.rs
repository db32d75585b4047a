//! Answers that are signed before anybody asks: here nobody may cause a signature.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::support::{Running, question, tcp, wait_for};

const ZONE: &str = "$ORIGIN example.\n$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 127.0.0.1\n\
     one LUA A \"ifportup(PORT, {'127.0.0.1', '127.0.0.2'}, {selector='hashed', interval=0.1})\"\n\
     all LUA A \"ifportup(PORT, {'127.0.0.1', '127.0.0.2'}, {selector='all', interval=0.1, ttl=7})\"\n\
     both LUA A \"ifportup(PORT, {{'127.0.0.2'}, {'127.0.0.1'}}, {interval=0.1})\"\n\
     both A 192.0.2.9\n\
     elsewhere LUA A \"pickrandom({'127.0.0.1', '127.0.0.2'})\"\n";

fn asking(name: &str) -> Message {
    let mut message = question(&format!("{name}.example."), RecordType::A);
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    message.set_edns(edns);
    message
}

/// The addresses and how many signatures there are, `None` if the answer needs a signature that nobody
/// made.
fn answer(server: SocketAddr, name: &str) -> Option<(Vec<String>, usize)> {
    let answer = tcp(server, &asking(name)).unwrap();
    if answer.metadata.response_code == ResponseCode::ServFail {
        return None;
    }
    let of = |rtype| answer.answers.iter().filter(move |record| record.record_type() == rtype);
    let mut addresses: Vec<String> =
        of(RecordType::A).map(|record| record.data.to_string()).collect();
    addresses.sort();
    Some((addresses, of(RecordType::RRSIG).count()))
}

#[test]
fn a_failover_costs_no_query_a_signature() {
    let folder = tempfile::tempdir().unwrap();
    let stays = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stays.local_addr().unwrap().port();
    let Ok(goes) = TcpListener::bind(("127.0.0.2", port)) else {
        // Somebody else has the port there: another one.
        return a_failover_costs_no_query_a_signature();
    };
    thread::spawn(move || stays.incoming().for_each(drop));
    fs::create_dir(folder.path().join("zones")).unwrap();
    let zone = ZONE.replace("PORT", &port.to_string());
    fs::write(folder.path().join("zones/example.zone"), zone).unwrap();
    let config = folder.path().join("halfmoon.toml");
    let text = "[zones]\npath = \"zones\"\n[health]\nfall = 1\nrise = 1\ntargets.allow = [\"127.0.0.0/8\"]\n\
         [dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\nsignatures_per_source = 0\n";
    fs::write(&config, text).unwrap();
    let (_running, server) = Running::serve(&[config.to_str().unwrap()]);

    // What does not depend on health is signed as it leaves, which nobody may cause here.
    assert_eq!(answer(server, "elsewhere"), None);
    let is = |name: &str, expected: &[&str]| {
        wait_for(&format!("{name} to be {expected:?}"), || {
            let (addresses, signatures) = answer(server, name)?;
            (addresses == expected && signatures == 1).then_some(())
        });
    };
    is("all", &["127.0.0.1", "127.0.0.2"]);
    is("both", &["127.0.0.2", "192.0.2.9"]);
    drop(goes);
    is("all", &["127.0.0.1"]);
    is("both", &["127.0.0.1", "192.0.2.9"]);
    is("one", &["127.0.0.1"]);
    let answered = tcp(server, &asking("all")).unwrap();
    assert!(answered.answers.iter().all(|record| record.ttl == 7), "{answered}");
}
