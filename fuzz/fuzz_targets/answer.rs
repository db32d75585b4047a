//! Any octets as a query: dropped or answered soundly, with programs, aliases and wildcards about.
#![no_main]

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use halfmoon::offline::Offline;
use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon::worker::Worker;
use halfmoon_lua::Settings;
use libfuzzer_sys::fuzz_target;

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n@ MX 10 ns\nns A 192.0.2.53\n\
    a CNAME b\nb CNAME a\nd DNAME e.f\n*.w TXT text\n*.w LUA A \"'192.0.2.1'\"\nsub NS ns.sub\n\
    ns.sub AAAA 2001:db8::1\nx.y.z A 192.0.2.2\n\
    up LUA A \"ifportup(80, {'127.0.0.1', '127.0.0.2'}, {selector='all'})\"\n\
    l LUA TXT \";return qname:toString() .. bestwho:toString()\"\n\
    c LUA CNAME \"'x.y.z.e'\"\nv LUA A \"view({{{'10.0.0.0/8'}, {'192.0.2.1'}}})\"\n";

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(worker());
}

fn worker() -> Worker {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("e.zone"), ZONE).expect("a file");
    let offline = Offline::load(folder.path().to_owned(), Settings::default());
    let offline = offline.expect("a readable folder");
    let zones = offline.shared.zones.load().zones().len();
    assert_eq!(zones, 1, "{:#?}", offline.reports);
    offline.worker()
}

fuzz_target!(|octets: &[u8]| {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
    for (protocol, most) in [(Protocol::Udp, 1232), (Protocol::Tcp, 65_535)] {
        let peer = Peer { remote: address, local: address, protocol };
        let mut out = vec![0; 65_535];
        let verdict =
            WORKER.with_borrow_mut(|worker| worker.answer(octets, &peer, 65_535, &mut out));
        let Verdict::Reply(length) = verdict else { continue };
        assert!((12..=most).contains(&length));
        assert_eq!(out[..2], octets[..2], "the identifier is repeated");
        assert!(out[2] & 0x80 != 0, "it is a reply");
        walk(&out[..length]);
    }
});

/// Every record that the header counts is there, and nothing else.
fn walk(reply: &[u8]) {
    let word = |at: usize| usize::from(u16::from_be_bytes([reply[at], reply[at + 1]]));
    let mut at = 12;
    for _ in 0..word(4) {
        at = behind_name(reply, at) + 4;
    }
    for _ in 0..word(6) + word(8) + word(10) {
        at = behind_name(reply, at);
        at += 10 + word(at + 8);
    }
    assert_eq!(at, reply.len());
}

fn behind_name(reply: &[u8], mut at: usize) -> usize {
    loop {
        match reply[at] {
            0 => return at + 1,
            0xc0.. => {
                assert!(usize::from(reply[at] & 0x3f) << 8 | usize::from(reply[at + 1]) < at);
                return at + 2;
            }
            length => at += 1 + usize::from(length),
        }
    }
}
