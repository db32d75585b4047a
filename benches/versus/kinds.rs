//! The kinds of questions, and the zones that answer them: the same data for every server, with
//! names, addresses and shapes chosen at random from a seed.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;

use fastrand::Rng;
use halfmoon_geo::write::{Value, Writer};
use halfmoon_wire::{NameBuf, Type};

use crate::servers::Server::{self, Bare, Gdnsd, Halfmoon, Knot, Nsd, PowerDns};
use crate::{Args, Result};

/// The zone that is the same on all servers.
pub(crate) const FIXED: &str = "fixed.test";
/// The zone with what is computed.
pub(crate) const MADE: &str = "made.test";
/// A copy of the first that is signed.
pub(crate) const SIGNED: &str = "signed.test";

/// Names with records, in the zone that is the same everywhere.
const NAMES: usize = 10_000;
/// Names of each kind of computed record.
const COMPUTED: usize = 100;
/// Questions of one kind, after which they start over.
const QUERIES: usize = 100_000;
/// Client networks; the databases know this many.
const NETWORKS: u32 = 1 << 20;
/// The first of them, all of length 24.
const FIRST_NETWORK: u32 = 0x4000_0000;

/// What an answer has to be.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// These addresses and no other.
    All(Vec<Ipv4Addr>),
    /// One of these addresses.
    One(Vec<Ipv4Addr>),
    /// Any number of addresses, at least one.
    Some,
    /// A text.
    Text,
    /// No such name.
    NoName,
}

/// A question in octets, and what its answer has to be.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) octets: Vec<u8>,
    pub(crate) want: Want,
    /// Whether signatures have to come along.
    pub(crate) signed: bool,
}

/// Questions that cost alike.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) servers: &'static [Server],
    pub(crate) queries: Vec<Query>,
    pub(crate) tcp: bool,
    /// Whether each round asks for other names, as if nobody had asked before.
    pub(crate) fresh: bool,
}

impl Kind {
    /// Chooses other names, where the kind wants that for each round.
    pub(crate) fn renew(&mut self, rng: &mut Rng) {
        let signed = self.name == COLD;
        self.queries = (0..5 * QUERIES)
            .map(|_| {
                let name = format!("{}{}.any.{SIGNED}.", label(rng, false), label(rng, false));
                let octets = question(&name, Type::TXT, signed, None);
                Query { octets, want: Want::Text, signed }
            })
            .collect();
    }
}

/// The kind whose every answer needs a signature of its own, and the same without.
pub(crate) const COLD: &str = "Lua of a signed zone, signed anew";
pub(crate) const COLD_PLAIN: &str = "Lua of a signed zone, plain";

/// The names of one kind of computed record: what the kind is called, whose they are, and what is
/// wanted of each.
type Names = (&'static str, &'static [Server], Vec<(String, Want)>);

/// All data of a run.
pub(crate) struct World {
    pub(crate) fixed: String,
    /// The computed zone as this server and PowerDNS read it.
    pub(crate) lua: String,
    /// The same for gdnsd, and what its plugins are told.
    pub(crate) dyna: String,
    pub(crate) plugins: String,
    pub(crate) places: Vec<u8>,
    pub(crate) kinds: Vec<Kind>,
}

/// What begins each zone.
pub(crate) fn apex() -> String {
    "$TTL 60\n@ SOA ns hostmaster 1 3600 600 604800 60\n@ NS ns\nns A 127.0.0.1\n".to_owned()
}

/// A label of random letters and digits.
pub(crate) fn label(rng: &mut Rng, shapes: bool) -> String {
    let length = if shapes { rng.usize(3..40) } else { rng.usize(6..14) };
    (0..length).map(|_| rng.char('a'..='z')).collect()
}

fn address(rng: &mut Rng) -> Ipv4Addr {
    Ipv4Addr::from(rng.u32(0x0b00_0000..0xdf00_0000))
}

impl World {
    /// Chooses everything. `port` is where health checks of endpoints at 127.0.0.0/8 succeed.
    pub(crate) fn new(args: &Args, port: u16) -> Result<Self> {
        let mut rng = Rng::with_seed(args.seed);
        let mut fixed = apex();
        let mut names = Vec::new();
        for at in 0..NAMES {
            let mut name = format!("{}{at}", label(&mut rng, args.shapes));
            if args.shapes && rng.u8(..3) == 0 {
                name = format!("{name}.{}", label(&mut rng, true));
            }
            let count = if args.shapes { rng.usize(1..=4) } else { 1 };
            let addresses: Vec<_> = (0..count).map(|_| address(&mut rng)).collect();
            for address in &addresses {
                writeln!(fixed, "{name} A {address}")?;
            }
            names.push((name, addresses));
        }
        let mut world = Self {
            fixed,
            lua: apex(),
            dyna: apex(),
            plugins: String::new(),
            places: places(),
            kinds: Vec::new(),
        };
        world.fixed_kinds(&names, &mut rng, args);
        world.computed_kinds(&mut rng, args, port)?;
        world.kinds.retain(|kind| {
            args.only.is_empty() || args.only.iter().any(|part| kind.name.contains(part.as_str()))
        });
        Ok(world)
    }

    fn fixed_kinds(&mut self, names: &[(String, Vec<Ipv4Addr>)], rng: &mut Rng, args: &Args) {
        let ask = |rng: &mut Rng, zone: &str, dnssec_ok: bool| -> Vec<Query> {
            (0..QUERIES)
                .map(|_| {
                    let (name, addresses) = &names[rng.usize(..names.len())];
                    let octets = question(&format!("{name}.{zone}."), Type::A, dnssec_ok, None);
                    Query { octets, want: Want::All(addresses.clone()), signed: dnssec_ok }
                })
                .collect()
        };
        let all = &[Halfmoon, Gdnsd, Knot, Nsd, PowerDns];
        let plain = ask(rng, FIXED, false);
        let absent = (0..QUERIES)
            .map(|_| {
                let name = format!("{}-.{FIXED}.", label(rng, args.shapes));
                Query {
                    octets: question(&name, Type::A, false, None),
                    want: Want::NoName,
                    signed: false,
                }
            })
            .collect();
        let mut add = |name, servers, queries, tcp| {
            self.kinds.push(Kind { name, servers, queries, tcp, fresh: false });
        };
        add("fixed", &[Halfmoon, Gdnsd, Knot, Nsd, PowerDns, Bare], plain.clone(), false);
        add("no such name", all, absent, false);
        add("fixed over TCP", &[Halfmoon, Knot, Nsd, Gdnsd], plain, true);
        add("of a signed zone, plain", &[Halfmoon], ask(rng, SIGNED, false), false);
        add("of a signed zone, signed", &[Halfmoon], ask(rng, SIGNED, true), false);
    }

    fn computed_kinds(&mut self, rng: &mut Rng, args: &Args, port: u16) -> Result<()> {
        let both = &[Halfmoon, PowerDns];
        let three = &[Halfmoon, Gdnsd, PowerDns];
        let mut resources = [String::new(), String::new()];
        let mut kinds: Vec<Names> = [
            ("checked, all that are up", &three[..]),
            ("weighted by client", &three[..]),
            ("if netmask", &both[..]),
            ("Lua, strings in a loop", &both[..]),
            ("Lua, 90 lines", &both[..]),
            ("Lua, the question's name", &both[..]),
        ]
        .map(|(name, servers)| (name, servers, Vec::new()))
        .into();
        for at in 0..COMPUTED {
            let mut put = |kind: usize, program: &str, want: Want| {
                let name = format!("{}{at}", label(rng, args.shapes));
                let text = matches!(want, Want::Text);
                let _ = writeln!(
                    self.lua,
                    "{name} LUA {} ( {program} )",
                    if text { "TXT" } else { "A" }
                );
                kinds[kind].2.push((name.clone(), want));
                name
            };
            let endpoints: Vec<_> =
                (0..2).map(|i| Ipv4Addr::new(127, 1, at as u8, i + 1)).collect();
            let [a, b] = [endpoints[0], endpoints[1]];
            let program = format!("\"ifportup({port}, {{'{a}','{b}'}}, {{selector='all'}})\"");
            let name = put(0, &program, Want::All(endpoints.clone()));
            writeln!(self.dyna, "{name} DYNA multifo!m{at}")?;
            writeln!(resources[0], "m{at} => {{ a => {a}, b => {b} }}")?;
            let program = format!("\"pickwhashed({{{{80,'{a}'}},{{20,'{b}'}}}})\"");
            let name = put(1, &program, Want::One(endpoints.clone()));
            writeln!(self.dyna, "{name} DYNA weighted!w{at}")?;
            writeln!(resources[1], "w{at} => {{ a => [ {a}, 80 ], b => [ {b}, 20 ] }}")?;
            let program = format!(
                "\";if(netmask({{'10.0.0.0/8','192.168.0.0/16'}})) then return '{a}' else return '{b}' end\""
            );
            put(2, &program, Want::All(vec![b]));
            let program = format!(
                "\";local t = {{}} for i = 1, 4 do t[i] = '192.0.2.' .. (i * 3 + {at} % 100) end return t\""
            );
            let made = (1..=4).map(|i| Ipv4Addr::new(192, 0, 2, i * 3 + at as u8 % 100)).collect();
            put(3, &program, Want::All(made));
            if let Some(program) = long_program() {
                put(4, &program, Want::Some);
            }
            put(5, "\"qname:toString()\"", Want::Text);
        }
        write!(
            self.plugins,
            "service_types => {{ port => {{ plugin => tcp_connect, port => {port}, interval => 5, timeout => 2 }} }}\n\
             plugins => {{\n multifo => {{ service_types => port\n{} }}\n\
             weighted => {{ service_types => up\n{} }}\n}}\n",
            resources[0], resources[1]
        )?;
        for (name, servers, names) in kinds {
            if names.is_empty() {
                continue;
            }
            let queries = (0..QUERIES / 10)
                .map(|_| {
                    let (name, want) = &names[rng.usize(..names.len())];
                    let rtype = if matches!(want, Want::Text) { Type::TXT } else { Type::A };
                    let octets = question(&format!("{name}.{MADE}."), rtype, false, None);
                    Query { octets, want: want.clone(), signed: false }
                })
                .collect();
            self.kinds.push(Kind { name, servers, queries, tcp: false, fresh: false });
        }
        self.near(rng)?;
        self.cold(rng);
        Ok(())
    }

    /// Clients of a million networks, each sent to what is closest.
    fn near(&mut self, rng: &mut Rng) -> Result<()> {
        let sites: Vec<_> = (0..8u32)
            .map(|i| Ipv4Addr::from(FIRST_NETWORK + (i * NETWORKS / 8 + 77) * 256 + 1))
            .collect();
        let list = sites.iter().map(|ip| format!("'{ip}'")).collect::<Vec<_>>().join(",");
        writeln!(self.lua, "near LUA A \"pickclosest({{{list}}})\"")?;
        let queries = (0..5 * QUERIES)
            .map(|_| {
                let network = FIRST_NETWORK + rng.u32(..NETWORKS) * 256;
                let octets = question(&format!("near.{MADE}."), Type::A, false, Some(network));
                Query { octets, want: Want::One(sites.clone()), signed: false }
            })
            .collect();
        let servers = &[Halfmoon, PowerDns];
        let name = "closest, by client subnet";
        self.kinds.push(Kind { name, servers, queries, tcp: false, fresh: false });
        Ok(())
    }

    /// Names that a program makes of the question, each with a signature of its own.
    fn cold(&mut self, rng: &mut Rng) {
        for name in [COLD_PLAIN, COLD] {
            let (servers, queries) = (&[Halfmoon][..], Vec::new());
            let mut kind = Kind { name, servers, queries, tcp: false, fresh: true };
            kind.renew(rng);
            self.kinds.push(kind);
        }
    }
}

/// A question with an OPT record, if it needs one.
pub(crate) fn question(name: &str, rtype: Type, dnssec_ok: bool, network: Option<u32>) -> Vec<u8> {
    let name: NameBuf = name.parse().unwrap_or_else(|_| NameBuf::root());
    let with_opt = u8::from(dnssec_ok || network.is_some());
    let mut octets = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, with_opt];
    octets.extend(name.as_name().as_wire());
    octets.extend(rtype.0.to_be_bytes());
    octets.extend([0, 1]);
    if with_opt == 1 {
        let length: u8 = if network.is_some() { 11 } else { 0 };
        octets.extend([0, 0, 41, 4, 0xd0, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0, 0, length]);
    }
    if let Some(network) = network {
        let [a, b, c, _] = network.to_be_bytes();
        octets.extend([0, 8, 0, 7, 0, 1, 24, 0, a, b, c]);
    }
    octets
}

/// A database of cities in which the networks lie, some thousand places in all.
fn places() -> Vec<u8> {
    let mut writer = Writer::new("Test-City", 4);
    for number in 0..NETWORKS {
        let at = number / 256;
        let (lat, lon) = (f64::from(at % 64) * 2.0 - 60.0, f64::from(at / 64) * 5.0 - 160.0);
        let place = Value::place(["DE", "US", "JP", "NL"][at as usize % 4], "EU", lat, lon);
        let network = format!("{}/24", Ipv4Addr::from(FIRST_NETWORK + number * 256));
        writer = match writer.insert(&network, place) {
            Ok(writer) => writer,
            Err(error) => unreachable!("{network} is a network: {error}"),
        };
    }
    writer.to_bytes()
}

/// The longest program of the production zones beside the repository, if they are there, without
/// its health checks, whose targets are not ours to probe.
fn long_program() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let near = [root.join("shared"), root.parent()?.join("shared")];
    let file = near.iter().map(|near| near.join("data/zones/grapheneos/lua-grapheneos.zone"));
    let text = file.into_iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    let (_, behind) = text.split_once("IN LUA A (")?;
    let (program, _) = behind.split_once("return ifurlup(")?;
    Some(format!("{program} return ips[1]\""))
}
