//! Sizes, truncation, and many questions on one connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::support::site::Folder;
use crate::support::{Connection, addresses, question, tcp, udp, udp_octets};

/// `many` has 40 addresses (more than 512 octets, less than 1232), `very` 200, `prog` 60.
fn zone() -> String {
    let list = |count: u8| (1..=count).map(|n| format!("'127.0.0.{n}'")).collect::<Vec<_>>();
    let records = |name: &str, count: u8| -> String {
        (1..=count).map(|n| format!("{name} A 127.0.0.{n}\n")).collect()
    };
    let program: String = list(60).iter().map(|item| format!("\"{item},\"\n")).collect();
    let names: String = (1..=100).map(|n| format!("n{n} A 127.0.1.{n}\n")).collect();
    format!(
        "{}{}{names}prog LUA A (\"{{\"\n{program}\"}}\")\none LUA A \"'127.0.0.1'\"\n",
        records("many", 40),
        records("very", 200)
    )
}

fn serve() -> (Folder, crate::support::Running, SocketAddr) {
    let folder = Folder::new("", &zone());
    let (running, server) = folder.serve();
    (folder, running, server)
}

fn with_size(name: &str, size: Option<u16>) -> Message {
    let mut message = question(&format!("{name}.example.test."), RecordType::A);
    match size {
        Some(size) => {
            message.edns.as_mut().unwrap().set_max_payload(size);
        }
        None => message.edns = None,
    }
    message
}

#[test]
fn what_does_not_fit_is_truncated_over_udp_and_whole_over_tcp() {
    let (_folder, _running, server) = serve();
    for (name, size, count) in [
        ("many", None, None),
        // Less than 512 means 512 (RFC 6891 section 6.2.3).
        ("many", Some(100), None),
        ("many", Some(512), None),
        ("many", Some(1232), Some(40)),
        ("many", Some(4096), Some(40)),
        ("very", None, None),
        ("very", Some(1232), None),
        // Whatever the client can take: no more than 1232 octets, which fit any path.
        ("very", Some(4096), None),
        ("very", Some(65_535), None),
        ("prog", Some(512), None),
        ("prog", Some(1232), Some(60)),
        ("one", None, Some(1)),
    ] {
        let message = with_size(name, size);
        let limit = usize::from(size.unwrap_or(512).clamp(512, 1232));
        let octets = udp_octets(server, &message.to_vec().unwrap()).unwrap();
        assert!(octets.len() <= limit, "{name} {size:?}: {} octets", octets.len());
        let answer = Message::from_vec(&octets).unwrap();
        assert_eq!(answer.metadata.truncation, count.is_none(), "{name} {size:?}");
        // All of an RRset or nothing of it.
        assert_eq!(addresses(&answer).len(), count.unwrap_or(0), "{name} {size:?}");
        let edns = answer.edns.as_ref().map(|edns| edns.max_payload());
        assert_eq!(edns, size.map(|_| 1232), "{name} {size:?}: our own size");

        let whole = tcp(server, &message).unwrap();
        let wanted = match name {
            "many" => 40,
            "prog" => 60,
            "one" => 1,
            _ => 200,
        };
        assert!(!whole.metadata.truncation);
        assert_eq!(addresses(&whole).len(), wanted, "{name} over TCP");
    }
}

#[test]
fn many_questions_on_one_connection_are_all_answered() {
    let (_folder, _running, server) = serve();
    let mut connection = Connection::open(server).unwrap();
    // Two rounds: the connection stays open.
    for round in 0..2_u16 {
        let mut questions = Vec::new();
        let mut wanted = BTreeMap::new();
        for n in 1..=100_u16 {
            let mut message = question(&format!("n{n}.example.test."), RecordType::A);
            message.metadata.id = round * 1000 + n;
            wanted.insert(message.metadata.id, format!("127.0.1.{n}"));
            questions.push(message);
        }
        let mut long = question("prog.example.test.", RecordType::A);
        long.metadata.id = round * 1000 + 101;
        questions.insert(50, long);
        connection.send(&questions).unwrap();
        for _ in &questions {
            let answer = connection.receive().unwrap();
            let found = addresses(&answer);
            match wanted.remove(&answer.metadata.id) {
                Some(address) => assert_eq!(found[0].to_string(), address),
                None => assert_eq!((answer.metadata.id % 1000, found.len()), (101, 60)),
            }
        }
        assert!(wanted.is_empty(), "{wanted:?}");
    }
}

#[test]
fn names_outside_the_zones_are_refused_over_both() {
    let (_folder, _running, server) = serve();
    for name in [".", "test.", "example.net.", "www.example.net.", "notexample.test."] {
        let message = question(name, RecordType::A);
        for answer in [udp(server, &message).unwrap(), tcp(server, &message).unwrap()] {
            assert_eq!(answer.metadata.response_code, ResponseCode::Refused, "{name}");
            assert!(!answer.metadata.authoritative && answer.answers.is_empty(), "{answer}");
        }
    }
    let inside = udp(server, &question("nosuch.example.test.", RecordType::A)).unwrap();
    assert_eq!(inside.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn names_are_found_in_any_case_and_the_question_is_given_back_as_asked() {
    let (_folder, _running, server) = serve();
    let message = question("N7.eXaMpLe.TeSt.", RecordType::A);
    let octets = message.to_vec().unwrap();
    const LENGTH: usize = "\x02N7\x07eXaMpLe\x04TeSt\0".len();
    let question = &octets[12..12 + LENGTH];
    let answer = udp_octets(server, &octets).unwrap();
    assert!(question.ends_with(b"\x04TeSt\0"), "{question:?}");
    assert_eq!(&answer[12..12 + LENGTH], question);
    assert_eq!(addresses(&Message::from_vec(&answer).unwrap())[0].to_string(), "127.0.1.7");
}
