//! Answers made comparable: no order, no case, no compression.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record, RecordType};

/// A reply, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rcode: u16,
    pub(crate) authoritative: bool,
    pub(crate) answer: BTreeSet<String>,
    pub(crate) authority: BTreeSet<String>,
    pub(crate) additional: BTreeSet<String>,
}

impl Answer {
    fn of(message: &Message) -> Self {
        let section = |records: &[Record]| -> BTreeSet<String> {
            let records = records.iter().filter(|record| record.record_type() != RecordType::OPT);
            records.map(text).collect()
        };
        Self {
            rcode: message.response_code.into(),
            authoritative: message.authoritative,
            answer: section(&message.answers),
            authority: section(&message.authorities),
            additional: section(&message.additionals),
        }
    }

    /// In which way this one differs from another: what has more, what has less.
    pub(crate) fn kind(&self, other: &Self) -> String {
        let mut kind = String::new();
        if self.rcode != other.rcode {
            kind += &format!("rcode {} not {} ", self.rcode, other.rcode);
        }
        if self.authoritative != other.authoritative {
            kind += "aa ";
        }
        let sections = [
            ("answer", &self.answer, &other.answer),
            ("authority", &self.authority, &other.authority),
            ("additional", &self.additional, &other.additional),
        ];
        for (name, here, there) in sections.into_iter().filter(|(_, here, there)| here != there) {
            let missing = if there.is_subset(here) { "" } else { "-" };
            let more = if here.is_subset(there) { "" } else { "+" };
            kind += &format!("{name}{missing}{more} ");
        }
        kind
    }

    /// What there would be of it in a zone without signatures.
    pub(crate) fn plain(&self) -> Self {
        let mut plain = self.clone();
        plain.answer.retain(|record| of_type(record) != "rrsig");
        for section in [&mut plain.authority, &mut plain.additional] {
            section.retain(|record| !matches!(of_type(record), "rrsig" | "nsec" | "nsec3"));
        }
        plain
    }

    /// Its signatures without what was calculated and when: whose they are and by which key.
    pub(crate) fn with_signatures_named(&self) -> Self {
        let mut named = self.clone();
        for section in [&mut named.answer, &mut named.authority, &mut named.additional] {
            *section = section.iter().map(|record| name_signature(record)).collect();
        }
        named
    }

    /// The records of a type, of all sections but the additional one.
    pub(crate) fn of_type<'a>(&'a self, rtype: &'a str) -> impl Iterator<Item = &'a str> {
        let records = self.answer.iter().chain(&self.authority).map(String::as_str);
        records.filter(move |record| record.split(' ').nth(3) == Some(rtype))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    rcode {} aa {}", self.rcode, self.authoritative)?;
        let sections = [("an", &self.answer), ("au", &self.authority), ("ad", &self.additional)];
        for (name, section) in sections {
            for record in section.iter().take(12) {
                writeln!(f, "    {name} {record:.150}")?;
            }
            if section.len() > 12 {
                writeln!(f, "    {name} and {} more", section.len() - 12)?;
            }
        }
        Ok(())
    }
}

/// The type of a record in text.
pub(crate) fn of_type(record: &str) -> &str {
    record.split(' ').nth(3).unwrap_or_default()
}

/// A signature without its times and octets: `OWNER TTL IN RRSIG TYPE ALGORITHM LABELS TTL END BEGINNING TAG
/// SIGNER OCTETS`. Another record as it is.
fn name_signature(record: &str) -> String {
    if of_type(record) != "rrsig" {
        return record.to_owned();
    }
    let words: Vec<&str> = record.split(' ').collect();
    let kept = [&words[..8], &words[10..12]].concat();
    kept.join(" ")
}

/// A record in lower case.
fn text(record: &Record) -> String {
    match &record.data {
        // The library has no DNAME; its name is a name all the same.
        RData::Unknown { rdata, .. } if u16::from(record.record_type()) == 39 => {
            let target = String::from_utf8_lossy(&rdata.anything).to_lowercase();
            format!("{} {} in dname {target:?}", record.name, record.ttl).to_lowercase()
        }
        _ => record.to_string().to_lowercase(),
    }
}

/// Asks one server.
pub(crate) struct Asker {
    server: SocketAddr,
    socket: UdpSocket,
    stream: Option<TcpStream>,
}

impl Asker {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { server, socket, stream: None }
    }

    /// Asks over UDP, and over TCP when the answer is truncated.
    pub(crate) fn ask(
        &mut self,
        question: &[u8],
        over_tcp: bool,
    ) -> Result<(Answer, bool), String> {
        if over_tcp {
            return Ok((self.ask_tcp(question)?, true));
        }
        let mut buffer = [0; 4096];
        self.socket.send(question).map_err(|error| error.to_string())?;
        let message = loop {
            let length = self.socket.recv(&mut buffer).map_err(|error| error.to_string())?;
            // An answer that came late belongs to another question.
            if buffer[..2] == question[..2] {
                let octets = &buffer[..length];
                break Message::from_vec(octets)
                    .map_err(|error| format!("{error}: {octets:x?}"))?;
            }
        };
        if message.truncation {
            return Ok((self.ask_tcp(question)?, true));
        }
        Ok((Answer::of(&message), false))
    }

    fn ask_tcp(&mut self, question: &[u8]) -> Result<Answer, String> {
        let octets = match self.exchange(question) {
            Ok(octets) => octets,
            // A connection that was idle too long is made anew.
            Err(_) => {
                self.stream = None;
                self.exchange(question).map_err(|error| error.to_string())?
            }
        };
        Message::from_vec(&octets).map(|message| Answer::of(&message)).map_err(|e| e.to_string())
    }

    fn exchange(&mut self, question: &[u8]) -> std::io::Result<Vec<u8>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.server)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                none.insert(stream)
            }
        };
        let length = u16::try_from(question.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length, question].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut octets)?;
        Ok(octets)
    }
}
