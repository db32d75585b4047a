//! What changes in the zone folder.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};

use crate::support::endpoint::Endpoint;
use crate::support::site::{Folder, HEAD, QUICK};
use crate::support::{
    Connection, addresses, ask, question, udp, udp_octets, wait_for, wait_for_answer,
};

fn rcode(server: SocketAddr, name: &str) -> ResponseCode {
    udp(server, &question(name, RecordType::A)).unwrap().metadata.response_code
}

#[test]
fn a_zone_file_that_changes_is_served_and_a_broken_one_is_told_and_not() {
    let folder = Folder::new("", "www A 127.0.0.20\n");
    let (running, server) = folder.serve();
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
    folder.zone("example.test", "www A 127.0.0.21\n");
    wait_for_answer(server, "www.example.test.", &["127.0.0.21"]);

    for (broken, column, what) in [
        ("www A 127.0.0.300\n", 7, "127.0.0.300"),
        ("www LUA A \"pickrandom({'127.0.0.22'}, {})\"\n", 12, "too many arguments"),
        ("www LUA A \"ifportup(80, {'127.0.0.22'}\"\n", 20, "expected `)`"),
    ] {
        let before = running.err().len();
        folder.zone("example.test", &format!("new A 127.0.0.23\n{broken}"));
        let place = format!("example.test.zone:{}:{column}: ", Folder::line(2));
        let line = running.logged(&place, before);
        assert!(line.contains("ERROR") && line.contains(what), "{line}");
        running.logged("the old one is still served", before);
        assert_eq!(ask(server, "www.example.test."), ["127.0.0.21"], "{broken}");
        assert_eq!(rcode(server, "new.example.test."), ResponseCode::NXDomain);
    }

    // Written where it stands, in pieces, as editors and shells do.
    let path = folder.path("zones/example.test.zone");
    fs::write(&path, &HEAD[..HEAD.len() / 2]).unwrap();
    fs::write(&path, format!("{HEAD}www A 127.0.0.24\n")).unwrap();
    wait_for_answer(server, "www.example.test.", &["127.0.0.24"]);
}

#[test]
fn zones_come_and_go_with_their_files() {
    let folder = Folder::new("", "www A 127.0.0.20\n");
    let (running, server) = folder.serve();
    assert_eq!(rcode(server, "www.example.net."), ResponseCode::Refused);
    folder.zone("example.net", "www A 127.0.0.30\n");
    wait_for_answer(server, "www.example.net.", &["127.0.0.30"]);
    // A child beside its parent takes over what is below its name.
    folder.zone("sub.example.test", "www A 127.0.0.31\n");
    wait_for_answer(server, "www.sub.example.test.", &["127.0.0.31"]);

    folder.remove_zone("example.net");
    let refused = || (rcode(server, "www.example.net.") == ResponseCode::Refused).then_some(());
    wait_for("REFUSED", refused);
    folder.remove_zone("sub.example.test");
    let gone = || (rcode(server, "www.sub.example.test.") == ResponseCode::NXDomain).then_some(());
    wait_for("NXDOMAIN from the parent", gone);
    running.logged("zone removed", 0);
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
}

#[test]
fn a_fault_in_one_zone_does_not_hold_up_another() {
    let folder = Folder::new("", "www A 127.0.0.20\n");
    folder.zone("example.net", "www A 127.0.0.30\n");
    let (_running, server) = folder.serve();
    folder.zone("example.test", "www A nonsense\n");
    folder.zone("example.net", "www A 127.0.0.31\n");
    wait_for_answer(server, "www.example.net.", &["127.0.0.31"]);
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
}

#[test]
fn a_file_that_is_included_is_watched_too() {
    let folder = Folder::new("", "$INCLUDE part.inc\n");
    folder.write("zones/part.inc", "www A 127.0.0.20\n");
    let (_running, server) = folder.serve();
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
    folder.write("zones/part.inc", "www A 127.0.0.21\n");
    wait_for_answer(server, "www.example.test.", &["127.0.0.21"]);
}

#[test]
fn a_hangup_reads_what_no_notification_told_of() {
    // A second name of the file, elsewhere: what is written there is not seen in the folder.
    let folder = Folder::new("", "www A 127.0.0.20\n");
    folder.write("elsewhere", format!("{HEAD}www A 127.0.0.40\n"));
    fs::hard_link(folder.path("elsewhere"), folder.path("zones/example.net.zone")).unwrap();
    let (running, server) = folder.serve();
    assert_eq!(ask(server, "www.example.net."), ["127.0.0.40"]);
    fs::write(folder.path("elsewhere"), format!("{HEAD}www A 127.0.0.41\n")).unwrap();
    running.signal("HUP");
    wait_for_answer(server, "www.example.net.", &["127.0.0.41"]);
}

#[test]
fn a_folder_of_links_that_are_switched_is_served_as_a_whole() {
    // As Kubernetes mounts a ConfigMap: `..data` is moved from one folder to the next.
    let folder = Folder::new("", "www A 127.0.0.20\n");
    let version = |n: u8| {
        let data = format!("zones/..v{n}");
        fs::create_dir(folder.path(&data)).unwrap();
        for name in ["example.net", "example.org"] {
            let text = format!("{HEAD}www A 127.0.0.{n}\n");
            folder.write(&format!("{data}/{name}.zone"), text);
        }
        symlink(format!("..v{n}"), folder.path("zones/..new")).unwrap();
        fs::rename(folder.path("zones/..new"), folder.path("zones/..data")).unwrap();
    };
    version(1);
    for name in ["example.net.zone", "example.org.zone"] {
        let link = folder.path(&format!("zones/{name}"));
        symlink(format!("..data/{name}"), link).unwrap();
    }
    let (_running, server) = folder.serve();
    assert_eq!(ask(server, "www.example.net."), ["127.0.0.1"]);
    version(2);
    wait_for_answer(server, "www.example.net.", &["127.0.0.2"]);
    assert_eq!(ask(server, "www.example.org."), ["127.0.0.2"], "both at once");
}

/// A folder with one zone file in it.
fn make_folder(folder: &Folder, name: &str, address: &str) {
    fs::create_dir(folder.path(name)).unwrap();
    folder.write(&format!("{name}/example.test.zone"), format!("{HEAD}www A {address}\n"));
}

#[test]
fn a_zone_folder_that_is_exchanged_is_watched_on() {
    let folder = Folder::new("", "www A 127.0.0.20\n");
    let (_running, server) = folder.serve();
    make_folder(&folder, "new", "127.0.0.21");
    fs::rename(folder.path("zones"), folder.path("old")).unwrap();
    fs::rename(folder.path("new"), folder.path("zones")).unwrap();
    wait_for_answer(server, "www.example.test.", &["127.0.0.21"]);
    folder.zone("example.test", "www A 127.0.0.22\n");
    wait_for_answer(server, "www.example.test.", &["127.0.0.22"]);
}

#[test]
fn a_link_to_a_zone_folder_that_is_switched_is_followed() {
    // As releases are switched: `zones` is a link, moved from one folder to the next.
    let folder = Folder::new("", "www A 127.0.0.20\n");
    fs::rename(folder.path("zones"), folder.path("release1")).unwrap();
    symlink("release1", folder.path("zones")).unwrap();
    let (_running, server) = folder.serve();
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
    make_folder(&folder, "release2", "127.0.0.21");
    symlink("release2", folder.path("next")).unwrap();
    fs::rename(folder.path("next"), folder.path("zones")).unwrap();
    wait_for_answer(server, "www.example.test.", &["127.0.0.21"]);
    folder.zone("example.test", "www A 127.0.0.22\n");
    wait_for_answer(server, "www.example.test.", &["127.0.0.22"]);
}

#[test]
fn a_zone_folder_that_is_gone_leaves_the_answers_until_it_is_back() {
    let folder = Folder::new("", "www A 127.0.0.20\n");
    let (running, server) = folder.serve();
    fs::rename(folder.path("zones"), folder.path("old")).unwrap();
    running.logged("cannot read the zones; what was loaded last is still served", 0);
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
    make_folder(&folder, "zones", "127.0.0.21");
    wait_for_answer(server, "www.example.test.", &["127.0.0.21"]);
    folder.zone("example.test", "www A 127.0.0.22\n");
    wait_for_answer(server, "www.example.test.", &["127.0.0.22"]);
}

#[test]
fn what_no_record_asks_for_any_more_is_no_longer_probed() {
    let (kept, dropped) = (Endpoint::open("127.0.0.1"), Endpoint::open("127.0.0.1"));
    let record = |name: &str, endpoint: &Endpoint| {
        let port = endpoint.address.port();
        format!("{name} LUA A \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1'}})\"\n")
    };
    let both = record("kept", &kept) + &record("gone", &dropped);
    let folder = Folder::new(QUICK, &both);
    let (_running, server) = folder.serve();
    wait_for("both are probed", || (kept.requests() > 0 && dropped.requests() > 0).then_some(()));
    folder.zone("example.test", &record("kept", &kept));
    let gone = || (rcode(server, "gone.example.test.") == ResponseCode::NXDomain).then_some(());
    wait_for("the new zone", gone);
    // The old zone is let go a while after the new one is served. Then, while the one is probed
    // 20 times, the other is not.
    let mut since = (kept.requests(), dropped.requests());
    wait_for("no probe of the one during 20 of the other", || {
        if dropped.requests() != since.1 {
            since = (kept.requests(), dropped.requests());
        }
        (kept.requests() >= since.0 + 20).then_some(())
    });

    folder.zone("example.test", &both);
    let before = dropped.requests();
    wait_for("probed again", || (dropped.requests() > before).then_some(()));
}

#[test]
fn a_reload_keeps_what_is_known() {
    let endpoint = Endpoint::open("127.0.0.1");
    let port = endpoint.address.port();
    let record = |n: u8| {
        format!(
            "n A 127.0.0.{n}\n\
             www LUA A \"ifurlup('http://www.example.test:{port}/', {{{{'127.0.0.1'}}, {{'127.0.0.2'}}}}, {{backupSelector='empty'}})\"\n"
        )
    };
    let folder = Folder::new(QUICK, &record(0));
    let (_running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    for n in 1..=5 {
        folder.zone("example.test", &record(n));
        let new = format!("127.0.0.{n}");
        wait_for("the new zone", || {
            // At no time is the endpoint unknown, which would make an empty answer.
            assert_eq!(ask(server, "www.example.test."), ["127.0.0.1"]);
            (ask(server, "n.example.test.") == [new.as_str()]).then_some(())
        });
    }
}

/// A zone all of whose answers bear one number.
fn numbered(n: u8) -> String {
    format!(
        "pair  A 127.0.{n}.1\n\
         pair  A 127.0.{n}.2\n\
         prog  LUA A \"{{'127.0.{n}.1', '127.0.{n}.2'}}\"\n\
         lua   LUA A \";local n = {n} return {{'127.0.' .. n .. '.1', '127.0.' .. n .. '.2'}}\"\n\
         alias CNAME v{n}\n\
         v{n}  A 127.0.{n}.1\n\
         v{n}  A 127.0.{n}.2\n"
    )
}

/// The number that an answer bears. It has to be one, and the answer whole.
fn number(answer: &hickory_proto::op::Message) -> u8 {
    let found = addresses(answer);
    let third = |address: &std::net::IpAddr| match address {
        std::net::IpAddr::V4(four) => four.octets()[2],
        std::net::IpAddr::V6(_) => panic!("{answer}"),
    };
    assert_eq!(found.len(), 2, "lost or mixed: {answer}");
    let n = third(&found[0]);
    assert_eq!(third(&found[1]), n, "mixed: {answer}");
    for record in &answer.answers {
        if let RData::CNAME(target) = &record.data {
            assert_eq!(target.to_string(), format!("v{n}.example.test."), "mixed: {answer}");
        }
    }
    n
}

#[test]
fn every_answer_during_fifty_reloads_is_the_old_or_the_new_and_none_is_lost() {
    const RELOADS: u8 = 50;
    const NAMES: [&str; 4] = ["pair", "prog", "lua", "alias"];
    let folder = Folder::new("", &numbered(0));
    let (_running, server) = folder.serve();
    // The last number that is known to be served, and the last that may be.
    let (served, written) = (AtomicU8::new(0), AtomicU8::new(0));
    let is_over = AtomicBool::new(false);
    let questions: Vec<_> = NAMES
        .iter()
        .map(|name| question(&format!("{name}.example.test."), RecordType::A))
        .collect();
    let asked = thread::scope(|scope| {
        let over_tcp = scope.spawn(|| {
            let mut connection = Connection::open(server).unwrap();
            let mut last = 0;
            let mut asked = 0_u32;
            while !is_over.load(Ordering::SeqCst) {
                connection.send(&questions).unwrap();
                for _ in &questions {
                    let n = number(&connection.receive().unwrap());
                    assert!(n >= last, "{n} after {last}");
                    assert!(n <= written.load(Ordering::SeqCst));
                    last = n;
                    asked += 1;
                }
            }
            asked
        });
        let over_udp = scope.spawn(|| {
            let octets: Vec<_> = questions.iter().map(|one| one.to_vec().unwrap()).collect();
            let mut asked = 0_u32;
            while !is_over.load(Ordering::SeqCst) {
                for one in &octets {
                    let answer = udp_octets(server, one).unwrap();
                    let n = number(&hickory_proto::op::Message::from_vec(&answer).unwrap());
                    assert!(n <= written.load(Ordering::SeqCst));
                    asked += 1;
                }
            }
            asked
        });
        for n in 1..=RELOADS {
            // Before it is written: nobody may see a number that is not announced.
            written.store(n, Ordering::SeqCst);
            folder.zone("example.test", &numbered(n));
            let new = [format!("127.0.{n}.1"), format!("127.0.{n}.2")];
            wait_for("the new zone", || {
                let failed = over_tcp.is_finished() || over_udp.is_finished();
                (failed || ask(server, "pair.example.test.") == new).then_some(())
            });
            served.store(n, Ordering::SeqCst);
        }
        is_over.store(true, Ordering::SeqCst);
        [over_tcp.join().unwrap(), over_udp.join().unwrap()]
    });
    assert_eq!(served.load(Ordering::SeqCst), RELOADS);
    assert!(asked.iter().all(|asked| *asked > u32::from(RELOADS)), "{asked:?}");
}
