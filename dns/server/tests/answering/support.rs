//! A server without sockets, and replies in one line.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use data_encoding::HEXLOWER;
use halfmoon::offline::Offline;
use halfmoon::shared::Shared;
use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon::worker::Worker;
use halfmoon_healthcheck::Health;
use halfmoon_lua::{Dialect, Settings};
use halfmoon_wire::{NameBuf, Type};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsCode;
use hickory_proto::rr::{RData, Record, RecordType};

/// Zones that answer questions.
pub(crate) struct Zones {
    worker: Worker,
    pub(crate) health: Health,
}

/// A reply, and what it was in octets.
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) octets: Vec<u8>,
}

impl Zones {
    /// Loads zone files given as name and text; all must be without error.
    #[track_caller]
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::with(files, Settings::of(Dialect::Halfmoon))
    }

    /// One zone `example.`, and a server that is configured in another way.
    #[track_caller]
    pub(crate) fn configured(text: &str, configure: impl FnOnce(&mut Shared)) -> Self {
        let lua = Settings::of(Dialect::Halfmoon);
        Self::made(&[("example", &example(text))], lua, configure)
    }

    /// The same with other settings of programs.
    #[track_caller]
    pub(crate) fn with(files: &[(&str, &str)], lua: Settings) -> Self {
        Self::made(files, lua, |_| {})
    }

    #[track_caller]
    fn made(files: &[(&str, &str)], lua: Settings, configure: impl FnOnce(&mut Shared)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(format!("{name}.zone")), text).unwrap();
        }
        let mut offline = Offline::load(folder.path().to_owned(), lua).unwrap();
        configure(&mut offline.shared);
        let zones = offline.shared.zones.load().zones().len();
        assert_eq!(zones, files.len(), "{:#?}", offline.reports);
        Self { worker: offline.worker(), health: offline.shared.health }
    }

    /// One zone `example.` with SOA and NS before `text`.
    #[track_caller]
    pub(crate) fn example(text: &str) -> Self {
        Self::new(&[("example", &example(text))])
    }

    /// The octets of the reply to these octets.
    pub(crate) fn raw(&mut self, query: &[u8], protocol: Protocol) -> Option<Vec<u8>> {
        let peer = Peer {
            remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 4711),
            local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53),
            protocol,
        };
        let mut out = vec![0xa5; 65_535];
        self.worker.refresh();
        match self.worker.answer(query, &peer, 65_535, &mut out) {
            Verdict::Reply(length) => {
                out.truncate(length);
                Some(out)
            }
            Verdict::Drop => None,
            // What is streamed has tests with sockets.
            Verdict::Stream => panic!("a transfer"),
        }
    }

    /// Asks `name type`, then words: `+tcp`, `+edns`, `+edns=SIZE`, `+do`, `+ch`,
    /// `+subnet=ADDRESS/PREFIX`, `+option=CODE:HEX`.
    #[track_caller]
    pub(crate) fn ask(&mut self, question: &str) -> Reply {
        let (query, protocol) = query(question);
        let octets = self.raw(&query, protocol).expect("a reply");
        Reply::of(octets)
    }

    /// Asks, and compares with `RCODE flags | answer | authority | additional`, records as
    /// `owner type data` (SOA without data), in any order, separated by commas.
    #[track_caller]
    pub(crate) fn check(&mut self, question: &str, expected: &str) {
        let reply = self.ask(question).line();
        assert_eq!(reply, normal(expected), "{question}");
    }
}

/// The text of a zone `example.` with SOA and NS before `text`.
pub(crate) fn example(text: &str) -> String {
    format!("$ORIGIN example.\n$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\n{text}")
}

impl Reply {
    #[track_caller]
    pub(crate) fn of(octets: Vec<u8>) -> Self {
        let message = Message::from_vec(&octets).expect("a well-formed reply");
        Self { message, octets }
    }

    /// The data of an EDNS option.
    pub(crate) fn option(&self, code: u16) -> Option<Vec<u8>> {
        let edns = self.message.edns.as_ref()?;
        let option = edns.option(EdnsCode::from(code))?;
        Some(Vec::try_from(option).unwrap())
    }

    fn line(&self) -> String {
        let meta = &self.message.metadata;
        let mut line = format!("{:?}", meta.response_code).to_uppercase();
        for (flag, name) in [(meta.authoritative, "aa"), (meta.truncation, "tc")] {
            if flag {
                write!(line, " {name}").unwrap();
            }
        }
        let message = &self.message;
        for section in [&message.answers, &message.authorities, &message.additionals] {
            let mut records: Vec<String> = section.iter().map(show).collect();
            records.sort();
            write!(line, " | {}", records.join(", ")).unwrap();
        }
        normal(&line)
    }
}

fn show(record: &Record) -> String {
    let (owner, rtype) = (&record.name, record.record_type());
    match rtype {
        RecordType::SOA => format!("{owner} {} SOA", record.ttl),
        // hickory-proto knows no DNAME data; it keeps the octets.
        _ if u16::from(rtype) == Type::DNAME.0 => match &record.data {
            RData::Unknown { rdata, .. } => {
                let target = halfmoon_wire::Name::from_wire(&rdata.anything).unwrap();
                format!("{owner} DNAME {target}")
            }
            other => format!("{owner} DNAME {other}"),
        },
        _ => format!("{owner} {rtype} {}", record.data),
    }
}

/// White space does not matter, nor the order of records.
fn normal(line: &str) -> String {
    let sections = line.split('|').map(|section| {
        let mut records: Vec<String> = section
            .split(',')
            .map(|record| record.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        records.sort();
        records.join(", ")
    });
    sections.collect::<Vec<_>>().join(" | ")
}

/// The octets of a query in words.
pub(crate) fn query(question: &str) -> (Vec<u8>, Protocol) {
    let mut words = question.split_whitespace();
    let name: NameBuf = words.next().unwrap().parse().unwrap();
    let rtype: Type = words.next().unwrap().parse().unwrap();
    let (mut protocol, mut size, mut dnssec_ok) = (Protocol::Udp, None, false);
    let mut class = 1;
    let mut options = Vec::new();
    for word in words {
        match word.split_once('=').unwrap_or((word, "")) {
            ("+tcp", _) => protocol = Protocol::Tcp,
            ("+edns", "") => size = Some(1232),
            ("+edns", text) => size = Some(text.parse().unwrap()),
            ("+do", _) => (size, dnssec_ok) = (size.or(Some(1232)), true),
            ("+ch", _) => class = 3,
            ("+subnet", text) => {
                size = size.or(Some(1232));
                options = subnet(text);
            }
            ("+option", text) => {
                size = size.or(Some(1232));
                let (code, data) = text.split_once(':').unwrap_or((text, ""));
                let data = HEXLOWER.decode(data.as_bytes()).unwrap();
                options.extend(code.parse::<u16>().unwrap().to_be_bytes());
                options.extend((data.len() as u16).to_be_bytes());
                options.extend(data);
            }
            _ => panic!("{word}?"),
        }
    }
    let mut octets = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())];
    octets.extend(name.as_name().as_wire());
    octets.extend(rtype.0.to_be_bytes());
    octets.extend([0, class]);
    if let Some(size) = size {
        octets.extend([0, 0, 41]);
        octets.extend(u16::to_be_bytes(size));
        octets.extend([0, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
        octets.extend((options.len() as u16).to_be_bytes());
        octets.extend(options);
    }
    (octets, protocol)
}

/// A Client Subnet option.
fn subnet(text: &str) -> Vec<u8> {
    let (address, prefix) = text.split_once('/').unwrap();
    let prefix: u8 = prefix.parse().unwrap();
    let (family, mut address) = match address.parse::<IpAddr>().unwrap() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    address.truncate(usize::from(prefix).div_ceil(8));
    let mut option = vec![0, 8, 0, 4 + address.len() as u8, 0, family, prefix, 0];
    option.extend(address);
    option
}
