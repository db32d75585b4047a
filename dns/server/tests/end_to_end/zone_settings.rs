//! The settings beside a zone file: they are read with it, and again when they change.

use std::fs;
use std::net::SocketAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::endpoint::Endpoint;
use crate::support::site::{Folder, QUICK};
use crate::support::{question, udp, wait_for};

/// Waits until the record has this TTL.
#[track_caller]
fn wait_for_ttl(server: SocketAddr, name: &str, ttl: u32) {
    let look = || {
        let answer = udp(server, &question(name, RecordType::A)).ok()?;
        let ttls: Vec<u32> = answer.answers.iter().map(|record| record.ttl).collect();
        (ttls == [ttl]).then_some(())
    };
    wait_for(&format!("a TTL of {ttl} at {name}"), look);
}

#[test]
fn settings_count_for_their_zone_from_the_moment_they_change_and_broken_ones_do_not() {
    let endpoint = Endpoint::open("127.0.0.1");
    let port = endpoint.address.port();
    let record = format!("www LUA A \"ifportup({port}, {{'127.0.0.1'}}, {{selector='all'}})\"\n");
    let health = format!("{QUICK}ttl = {{ min = 20, max = 20 }}\n");
    let folder = Folder::new(&health, &record);
    folder.zone("example.net", &record);
    folder.write("zones/example.net.health.toml", "ttl = { min = 9, max = 9 }\n");
    let (running, server) = folder.serve();
    wait_for_ttl(server, "www.example.test.", 20);
    wait_for_ttl(server, "www.example.net.", 9);

    folder.write("zones/example.test.health.toml", "ttl = { min = 7, max = 7 }\n");
    wait_for_ttl(server, "www.example.test.", 7);
    // That zone was read, and no other.
    let line = running.logged("zones loaded", running.err().rfind("zones loaded").unwrap_or(0));
    assert!(line.contains("read=1") && line.contains("serving=2"), "{line}");

    let before = running.err().len();
    folder.write("zones/example.test.health.toml", "ttl = { min = 5, max = 5 }\nfal = 1\n");
    let line = running.logged("example.test.health.toml:2:1: ", before);
    assert!(line.contains("ERROR") && line.contains("did you mean `fall`?"), "{line}");
    running.logged("the old one is still served", before);
    wait_for_ttl(server, "www.example.test.", 7);

    // Mended, and back to what holds for all when it is gone.
    folder.write("zones/example.test.health.toml", "ttl = false\n");
    wait_for_ttl(server, "www.example.test.", 30);
    fs::remove_file(folder.path("zones/example.test.health.toml")).unwrap();
    wait_for_ttl(server, "www.example.test.", 20);
    wait_for_ttl(server, "www.example.net.", 9);

    let before = running.err().len();
    folder.write("zones/example.ogr.health.toml", "");
    let line = running.logged("example.ogr.health.toml:1:1: ", before);
    assert!(line.contains("WARN") && line.contains("no zone file example.ogr.zone"), "{line}");
}

#[test]
fn what_a_zone_says_of_its_checks_is_how_they_are_probed() {
    let endpoint = Endpoint::open("127.0.0.1");
    endpoint.answer(204);
    let port = endpoint.address.port();
    let record = format!(
        "www LUA A \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1'}}, \
         {{selector='all', all_down='servfail'}})\"\n"
    );
    let folder = Folder::new(QUICK, &record);
    let (_running, server) = folder.serve();
    let rcode = || udp(server, &question("www.example.test.", RecordType::A)).ok();
    let wait = |expected: ResponseCode| {
        let look = || (rcode()?.metadata.response_code == expected).then_some(());
        wait_for(&format!("{expected:?}"), look);
    };
    wait(ResponseCode::ServFail);
    folder
        .write("zones/example.test.health.toml", "[http]\nhttpcode = '204'\nuseragent = 'zone'\n");
    wait(ResponseCode::NoError);
}

#[test]
fn a_listed_zone_has_settings_beside_its_file() {
    let endpoint = Endpoint::open("127.0.0.1");
    let port = endpoint.address.port();
    let listed = "[[zones.zone]]\nname = 'example.net'\nfile = 'elsewhere/db.example.net'\n";
    let folder = Folder::new(listed, "");
    fs::create_dir(folder.path("elsewhere")).unwrap();
    let record = format!("www LUA A \"ifportup({port}, {{'127.0.0.1'}}, {{selector='all'}})\"\n");
    folder.zone("example.net", &record);
    fs::rename(folder.path("zones/example.net.zone"), folder.path("elsewhere/db.example.net"))
        .unwrap();
    let settings = "elsewhere/db.example.net.health.toml";
    folder.write(settings, "ttl = { min = 7, max = 7 }\n");
    let (_running, server) = folder.serve();
    wait_for_ttl(server, "www.example.net.", 7);
    folder.write(settings, "ttl = { min = 8, max = 8 }\n");
    wait_for_ttl(server, "www.example.net.", 8);
    fs::remove_file(folder.path(settings)).unwrap();
    wait_for_ttl(server, "www.example.net.", 30);
}
