//! IXFR: who has the version gets its SOA, who has not gets the zone.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::site::{ALLOWED, Asked, ZONE, serve};
use crate::support::{question, udp};

fn ixfr(serial: u32) -> Message {
    let mut message = question("example.org.", RecordType::IXFR);
    let name: Name = "example.org.".parse().unwrap();
    let soa = SOA::new(name.clone(), name.clone(), serial, 1, 1, 1, 1);
    message.add_authority(Record::from_rdata(name, 0, RData::SOA(soa)));
    message
}

#[test]
fn s2_the_serial_decides() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, server) = serve(folder.path(), ZONE, ALLOWED);
    for (serial, whole) in
        [(7, false), (8, false), (6, true), (7_u32.wrapping_sub(1 << 31) + 1, true)]
    {
        let mut asked = Asked::new(server, &ixfr(serial));
        let first = Message::from_vec(&asked.next().unwrap()).unwrap();
        assert_eq!(first.answers.len() > 1, whole, "{serial}");
        assert_eq!(first.answers[0].record_type(), RecordType::SOA);
        assert!(first.authorities.is_empty());
    }
    // RFC 1995 section 2: over UDP the SOA says whether to come again over TCP.
    let answer = udp(server, &ixfr(1)).unwrap();
    assert_eq!(answer.answers.len(), 1);
    assert_eq!(answer.answers[0].record_type(), RecordType::SOA);
}
