//! Kinds of checks besides ports and URLs, from the zone file to the answer.

use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::support::endpoint::Endpoint;
use crate::support::site::{Folder, QUICK};
use crate::support::wait_for_answer;

#[test]
fn a_name_server_is_up_while_it_answers() {
    // The server that is asked for health is one of ours, with a zone of its own.
    let other = Folder::new(QUICK, "health TXT \"well\"\n");
    let (running, address) = other.serve();
    let check = |name: &str, rtype: &str, answer: &str| {
        format!(
            "ifdnsup({}, {{'127.0.0.1'}}, {{name='{name}', type='{rtype}'{answer}, backupSelector='empty'}})",
            address.port()
        )
    };
    let zone = format!(
        "good  LUA A \"{}\"\nwrong LUA A \"{}\"\nother LUA A \"{}\"\n",
        check("health.example.test", "TXT", ", answer='well'"),
        check("health.example.test", "TXT", ", answer='ill'"),
        check("www.example.org", "A", ", rcode='REFUSED'"),
    );
    let folder = Folder::new(QUICK, &zone);
    let (watching, server) = folder.serve();
    wait_for_answer(server, "good.example.test.", &["127.0.0.1"]);
    wait_for_answer(server, "other.example.test.", &["127.0.0.1"]);
    watching.logged("no TXT of the answer is what is expected", 0);
    wait_for_answer(server, "wrong.example.test.", &[]);
    drop(running);
    wait_for_answer(server, "good.example.test.", &[]);
}

#[test]
fn a_handshake_is_made_or_not() {
    // Nobody speaks TLS at either.
    let plain = Endpoint::open("127.0.0.1");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let zone = format!(
        "www LUA A \"ifup({{{{'127.0.0.1', check={{'any', {{'tls', {}, tls='insecure'}}, {{'tls', {}, \
         tls='insecure'}}}}}}}}, {{backupSelector='empty', timeout=0.3}})\"\n\
         port LUA A \"ifup({{{{'127.0.0.1', check={{'port', {}}}}}}}, {{backupSelector='empty'}})\"\n",
        plain.address.port(),
        silent.local_addr().unwrap().port(),
        plain.address.port(),
    );
    let folder = Folder::new(QUICK, &zone);
    let (running, server) = folder.serve();
    wait_for_answer(server, "port.example.test.", &["127.0.0.1"]);
    running.logged("0 of 2 up, 1 needed", 0);
    wait_for_answer(server, "www.example.test.", &[]);
}

#[test]
fn a_calculated_check_follows_its_parts() {
    let [one, two, three] = [(); 3].map(|()| Endpoint::open("127.0.0.1"));
    let part = |endpoint: &Endpoint| {
        format!("{{'url', 'http://www.example.test:{}/'}}", endpoint.address.port())
    };
    let zone = format!(
        "www LUA A ( \"ifup({{{{'127.0.0.1', check={{2, {}, \" \"{}, {}}}}}}}, {{backupSelector='empty'}})\" )\n",
        part(&one),
        part(&two),
        part(&three),
    );
    let folder = Folder::new(QUICK, &zone);
    let (_running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    one.answer(503);
    two.answer(503);
    wait_for_answer(server, "www.example.test.", &[]);
    one.answer(200);
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
}

#[test]
fn a_file_says_what_is_up() {
    let zone = "www LUA A \"ifbeat({{'127.0.0.1', file='fra'}}, {backupSelector='empty'})\"\n";
    let config = format!("{QUICK}files = \"state\"\n");
    let folder = Folder::new(&config, zone);
    std::fs::create_dir(folder.path("state")).unwrap();
    folder.write("state/fra", "up");
    let (running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    folder.write("state/fra", "down");
    wait_for_answer(server, "www.example.test.", &[]);
    running.logged("it says that it is down", 0);
    folder.write("state/fra", "{\"state\": \"up\", \"ttl\": 3600}");
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
}

#[test]
fn a_default_of_the_operator_counts_and_the_records_word_wins() {
    let endpoint = Endpoint::open("127.0.0.1");
    endpoint.answer(204);
    let record = |name: &str, options: &str| {
        format!(
            "{name} LUA A \"ifurlup('http://www.example.test:{}/', {{'127.0.0.1'}}, \
             {{backupSelector='empty'{options}}})\"\n",
            endpoint.address.port()
        )
    };
    let zone = record("default", "") + &record("own", ", httpcode=200");
    let config = format!("{QUICK}[health.http]\nhttpcode = \"200-299\"\n");
    let folder = Folder::new(&config, &zone);
    let (running, server) = folder.serve();
    wait_for_answer(server, "default.example.test.", &["127.0.0.1"]);
    running.logged("status 204, expected 200", 0);
    wait_for_answer(server, "own.example.test.", &[]);
}

#[test]
fn grpc_wants_more_than_an_open_port() {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = open.local_addr().unwrap();
    let zone = format!(
        "www LUA A \"ifgrpcup({}, {{'127.0.0.1'}}, {{backupSelector='empty', timeout=0.3}})\"\n\
         port LUA A \"ifportup({}, {{'127.0.0.1'}}, {{backupSelector='empty'}})\"\n",
        address.port(),
        address.port()
    );
    let folder = Folder::new(QUICK, &zone);
    let (running, server) = folder.serve();
    wait_for_answer(server, "port.example.test.", &["127.0.0.1"]);
    running.logged("no answer within 300 ms", 0);
    wait_for_answer(server, "www.example.test.", &[]);
}
