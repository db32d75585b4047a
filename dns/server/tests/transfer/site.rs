//! A zone to transfer, and reading what comes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{Record, RecordType};

use crate::support::{Running, question};

/// A zone with something of each kind: names that are occluded, glue, programs, wildcards.
pub(crate) const ZONE: &str = "\
$ORIGIN example.org.
$TTL 60
@ SOA ns host 7 3600 600 604800 5
@ NS ns
@ MX 10 Mail
ns A 127.0.0.1
Mail A 192.0.2.1
mail AAAA 2001:db8::1
*.wild TXT \"one\" \"two\"
alias CNAME www
dn DNAME www
sub NS ns.sub
ns.sub A 192.0.2.2
a.b.empty TXT x
odd TYPE65280 \\# 3 010203
lua LUA A \";return '192.0.2.3'\"
lua LUA TXT \"'text'\"
";

/// Serves the zone; `transfer` is what the section says.
pub(crate) fn serve(folder: &Path, zone: &str, transfer: &str) -> (Running, SocketAddr) {
    fs::create_dir_all(folder.join("zones")).unwrap();
    fs::write(folder.join("zones/example.org.zone"), zone).unwrap();
    let config = folder.join("halfmoon.toml");
    let text = format!(
        "[zones]\npath = \"zones\"\n[health]\ntargets.allow = [\"127.0.0.0/8\"]\n[transfer]\n{transfer}\n"
    );
    fs::write(&config, text).unwrap();
    Running::serve(&[config.to_str().unwrap()])
}

/// Whoever asks from here may have it.
pub(crate) const ALLOWED: &str = "allow = [\"127.0.0.0/8\"]";

/// A connection on which a question was asked.
pub(crate) struct Asked(pub(crate) TcpStream);

impl Asked {
    pub(crate) fn new(server: SocketAddr, message: &Message) -> Self {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let octets = message.to_vec().unwrap();
        stream.write_all(&[&(octets.len() as u16).to_be_bytes()[..], &octets].concat()).unwrap();
        Self(stream)
    }

    /// The next message, if one comes before the end.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length).ok()?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut octets).unwrap();
        Some(octets)
    }

    /// All records up to the second SOA, and in how many messages they came.
    #[track_caller]
    pub(crate) fn records(&mut self) -> (Vec<Record>, usize) {
        let (mut records, mut messages) = (Vec::new(), 0);
        let is_soa = |record: &&Record| record.record_type() == RecordType::SOA;
        while records.iter().filter(is_soa).count() < 2 {
            let octets = self.next().expect("a message");
            let message = Message::from_vec(&octets).unwrap();
            assert!(message.authoritative && !message.truncation);
            assert!(message.authorities.is_empty() && !message.answers.is_empty());
            messages += 1;
            records.extend(message.answers);
        }
        (records, messages)
    }
}

/// The zone as it is transferred.
#[track_caller]
pub(crate) fn transfer(server: SocketAddr) -> (Vec<Record>, usize) {
    Asked::new(server, &question("example.org.", RecordType::AXFR)).records()
}
