//! Any octets as a query: dropped or answered soundly, over both transports, by a signed zone, one
//! that is not signed and the root, with programs, aliases, wildcards and cuts about.
//!
//! The first octet says how to read the rest: if it is even, as the message itself; if it is odd, as
//! the parts of one whose form is right (a name that may be there, a type, flags, options), so that
//! what comes after the form is reached soon.
#![no_main]

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use halfmoon::config::Config;
use halfmoon::offline::Offline;
use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon::worker::Worker;
use libfuzzer_sys::fuzz_target;

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\n@ MX 10 ns\nns A 192.0.2.53\n\
    a CNAME b\nb CNAME a\nd DNAME e.f\n*.w TXT text\n*.w LUA A \"'192.0.2.1'\"\nsub NS ns.sub\n\
    ns.sub AAAA 2001:db8::1\nx.y.z A 192.0.2.2\nds NS ns.sub\nds DS 1 13 2 aa\n\
    up LUA A \"ifportup(80, {'127.0.0.1', '127.0.0.2'}, {selector='all'})\"\n\
    l LUA TXT \";return qname:toString() .. bestwho:toString()\"\n\
    c LUA CNAME \"'x.y.z.e'\"\nv LUA A \"view({{{'10.0.0.0/8'}, {'192.0.2.1'}}})\"\n\
    no LUA A \"nxdomain()\"\nbad LUA A \";error('no')\"\nr CNAME x.d.f\ns DNAME d.f\n\
    many TXT ( MMMM )\n*.n NS ns.f.\n*.al CNAME w.f.\nsrv SRV 1 2 3 ns\n";

/// Names to ask for, below one of the zones.
const NAMES: [&[u8]; 24] = [
    b"",
    b"\x02ns",
    b"\x01a",
    b"\x01b",
    b"\x01d",
    b"\x01q\x01d",
    b"\x01q\x01w",
    b"\x03sub",
    b"\x02ns\x03sub",
    b"\x01z",
    b"\x01y\x01z",
    b"\x02ds",
    b"\x02up",
    b"\x01l",
    b"\x01c",
    b"\x01v",
    b"\x02no",
    b"\x03bad",
    b"\x01r",
    b"\x01q\x01s",
    b"\x04many",
    b"\x01q\x01n",
    b"\x01q\x02al",
    b"\x03srv",
];
/// The apexes: signed, not signed, the root (signed), and none.
const APEXES: [&[u8]; 4] = [b"\x01e\0", b"\x01f\0", b"\0", b"\x01e\x01f\0"];
const TYPES: [u16; 20] =
    [1, 2, 5, 6, 15, 16, 28, 33, 39, 43, 46, 47, 48, 50, 59, 60, 252, 251, 255, 65402];

const CONFIG: &str = "[server]\nversion = \"1\"\nidentity = \"me\"\nnsid = \"me\"\n[zones]\npath = \"zones\"\n\
    [health]\ntargets.allow = [\"127.0.0.0/8\"]\n[cookies]\nsecrets = [\"cookie\"]\n\
    [limits]\nresponses_per_second = 0\nprogram_time = \"0s\"\n\
    [dnssec]\nzones = [\"e\", \".\"]\nkeys = \"keys\"\nsignatures_per_source = 4000000000\n[transfer]\nallow = [\"127.0.0.0/9\"]\n\
    [[transfer.keys]]\nname = \"k\"\nalgorithm = \"hmac-sha256\"\nsecret_file = \"secret\"\n";

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(worker());
}

fn worker() -> Worker {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::create_dir(at.join("zones")).expect("a folder");
    let zone = ZONE.replace("MMMM", &"\"0123456789012345678901234567890123456789\" ".repeat(60));
    for name in ["e", "f"] {
        std::fs::write(at.join(format!("zones/{name}.zone")), &zone).expect("a file");
    }
    let root = ". 60 SOA a. b. 1 2 3 4 5\n. 60 NS a.\na. 60 A 192.0.2.9\ne. 60 NS ns.e.\nf. 60 NS ns.f.\n\
                *.star. 60 TXT x\n";
    std::fs::write(at.join("zones/root.zone"), root).expect("a file");
    secret(&at.join("cookie"), "00112233445566778899aabbccddeeff");
    secret(&at.join("secret"), "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let config = Config::parse(CONFIG, &at.join("halfmoon.toml")).expect("a configuration");
    let offline = Offline::configured(&config).expect("a server");
    assert_eq!(offline.shared.zones.load().zones().len(), 3, "{:#?}", offline.reports);
    offline.worker()
}

fn secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

fuzz_target!(|octets: &[u8]| {
    let Some((how, rest)) = octets.split_first() else { return };
    let message = if how % 2 == 0 { rest.to_vec() } else { made(*how, rest) };
    for (protocol, most) in [(Protocol::Udp, 1232), (Protocol::Tcp, 65_535)] {
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
        // Who may have zones and who may not.
        let remote = SocketAddr::new(IpAddr::from([127, *how, 0, 2]), 4711);
        let peer = Peer { remote, local, protocol };
        let mut out = vec![0; 65_535];
        WORKER.with_borrow_mut(|worker| match worker.answer(&message, &peer, 65_535, &mut out) {
            Verdict::Drop => {}
            Verdict::Reply(length) => {
                assert!((12..=most).contains(&length));
                assert_eq!(out[..2], message[..2], "the identifier is repeated");
                assert!(out[2] & 0x80 != 0, "it is a reply");
                walk(&out[..length]);
            }
            Verdict::Stream => {
                assert!(protocol == Protocol::Tcp);
                let mut stream = worker.stream(&message, &peer).expect("a transfer");
                while let Some(length) = stream.next(&mut out) {
                    walk(&out[..length]);
                }
            }
        });
    }
});

/// A query whose form is right, but for what its options say.
fn made(how: u8, rest: &[u8]) -> Vec<u8> {
    let mut rest = rest.iter().copied();
    let mut next = || rest.next().unwrap_or(0);
    let flags = next();
    let mut message = vec![0x12, 0x34, flags & 1, flags & 0x10, 0, 1, 0, 0, 0, 0, 0, 1];
    let (name, apex, rtype) = (next(), next(), next());
    if name & 0x80 != 0 {
        let length = next() & 0x3f;
        if length > 0 {
            message.push(length);
            message.extend((0..length).map(|_| next()));
        }
    }
    message.extend(NAMES[usize::from(name & 0x7f) % NAMES.len()]);
    message.extend(APEXES[usize::from(apex) % APEXES.len()]);
    message.extend(TYPES[usize::from(rtype) % TYPES.len()].to_be_bytes());
    message.extend([0, 1]);
    let (high, low) = (next() & 0x0f, next());
    let (dnssec_ok, more) = (if flags & 2 == 0 { 0x80 } else { 0 }, next());
    let options: Vec<u8> = rest.collect();
    message.extend([0, 0, 41, high, low, 0, 0, dnssec_ok | more & 0x40, 0]);
    if how & 2 == 0 {
        message.extend((options.len() as u16).to_be_bytes());
        message.extend(options);
        return message;
    }
    // One option that is whole, of the codes that mean something.
    let code = [3, 8, 10, 11, 12, 15][usize::from(more) % 6];
    message.extend((options.len() as u16 + 4).to_be_bytes());
    message.extend([0, code]);
    message.extend((options.len() as u16).to_be_bytes());
    message.extend(options);
    message
}

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
