//! Any arguments for each function that a program can call, written as literals and computed by
//! Lua: refused or answered, and answered alike.
#![no_main]

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use halfmoon_geo::Geo;
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::{Answers, Client, Compiler, Context, Data, Dialect, Machine, Reads, Settings};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{FileId, Place, ProgramSource, Span};
use libfuzzer_sys::fuzz_target;

const FUNCTIONS: [&str; 38] = [
    "ifportup",
    "ifurlup",
    "ifurlextup",
    "pickselfweighted",
    "all",
    "pickrandom",
    "pickrandomsample",
    "pickhashed",
    "pickwrandom",
    "pickwhashed",
    "picknamehashed",
    "pickchashed",
    "pickclosest",
    "country",
    "continent",
    "region",
    "asnum",
    "countryCode",
    "continentCode",
    "regionCode",
    "latlon",
    "latlonloc",
    "latlonMagic",
    "geoiplookup",
    "netmask",
    "view",
    "answer",
    "nxdomain",
    "createReverse",
    "createReverse6",
    "createForward",
    "createForward6",
    "filterForward",
    "closestMagic",
    "dblookup",
    "resolve",
    "newNMG",
    "newCA",
];

/// Words that mean something to some function.
const WORDS: [&str; 24] = [
    "192.0.2.1",
    "2001:db8::1",
    "192.0.2.1:8080",
    "192.0.2.0/24",
    "!10.0.0.0/8",
    "::/0",
    "",
    "1",
    "http://www.example.com/",
    "https://192.0.2.1:8443/x",
    "all",
    "first",
    "sample:2",
    "hashed",
    "weighted",
    "selector",
    "backupSelector",
    "ttl",
    "timeout",
    "DE",
    "%1%.%5%.",
    "www.example.com",
    "A",
    "\\0\\255",
];

/// Turns octets into the text of values.
struct Draw<'a>(&'a [u8]);

impl Draw<'_> {
    fn below(&mut self, end: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first) % end
    }

    fn value(&mut self, deeper: usize, out: &mut String) {
        match self.below(if deeper > 0 { 9 } else { 6 }) {
            0 => out.push_str("nil"),
            1 => out.push_str(["true", "false"][self.below(2)]),
            2 => write!(out, "{}", self.below(256)).expect("a string takes all"),
            3 => {
                out.push_str(["-1", "0.5", "1e9", "4294967296", "65536", "1e308"][self.below(6)]);
            }
            4 | 5 => write!(out, "'{}'", WORDS[self.below(WORDS.len())]).expect("it does"),
            _ => self.table(deeper - 1, out),
        }
    }

    fn table(&mut self, deeper: usize, out: &mut String) {
        out.push('{');
        for _ in 0..self.below(5) {
            if self.below(4) == 0 {
                write!(out, "['{}']=", WORDS[self.below(WORDS.len())]).expect("it does");
            }
            self.value(deeper, out);
            out.push(',');
        }
        out.push('}');
    }
}

/// A server without zones.
#[derive(Debug)]
struct Nothing;

impl Data for Nothing {
    fn lookup(&self, _: Name<'_>, _: Type, _: &mut dyn FnMut(u32, &[u8]) -> bool) -> bool {
        false
    }
}

/// The answers of a program, if it has any.
fn answers(text: String, inner: Type, dialect: Dialect, health: &Health) -> Option<Answers> {
    let settings = Settings { time: Duration::from_millis(50), ..Settings::of(dialect) };
    let place = Place { file: FileId(0), line: 1, column: 1 };
    let source = ProgramSource { inner, text, ttl: 60, spans: vec![Span { at: 0, place }] };
    let name: NameBuf = "4.3.2.1.example.com.".parse().expect("a name");
    let owner: NameBuf = "*.example.com.".parse().expect("a name");
    let zone = name.as_name().suffix(2);
    let mut compiler = Compiler::new(settings.clone(), health.clone());
    let program = compiler.compile(zone, owner.as_name(), &source, &mut Vec::new())?;
    let client = Client::at(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 53));
    let mut reader = health.reader();
    let context = Context {
        qname: name.as_name(),
        zone,
        owner: owner.as_name(),
        data: &Arc::new(Nothing),
        client: &client,
        geo: &Arc::new(Geo::empty()),
        health: reader.load(),
        requests: health,
        account: None,
    };
    let mut answers = Answers::default();
    Machine::new(settings).run(&program, &context, &mut answers).ok()?;
    Some(answers)
}

fuzz_target!(|octets: &[u8]| {
    let mut draw = Draw(octets);
    let inner = [Type::A, Type::AAAA, Type::TXT, Type::PTR][draw.below(4)];
    let function = FUNCTIONS[draw.below(FUNCTIONS.len())];
    let values: Vec<String> = (0..draw.below(4))
        .map(|_| {
            let mut value = String::new();
            draw.value(3, &mut value);
            value
        })
        .collect();
    let names: Vec<String> = (0..values.len()).map(|at| format!("v{at}")).collect();
    let literal = format!("{function}({})", values.join(", "));
    let mut computed = String::from(";");
    for (name, value) in names.iter().zip(&values) {
        // Lua has to look at the value, or it would be a literal to us.
        write!(computed, "local {name} = {value} if {name} == {name} then ").expect("it does");
    }
    write!(computed, "return {function}({})", names.join(", ")).expect("it does");
    computed.push_str(&" end".repeat(values.len()));
    for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
        let health = Health::unprobed(TargetPolicy::default());
        let first = answers(literal.clone(), inner, dialect, &health);
        let second = answers(computed.clone(), inner, dialect, &health);
        if let (Some(first), Some(second)) = (first, second)
            && !first.reads().and(second.reads()).contains(Reads::CHANCE)
        {
            assert!(first.rdatas().eq(second.rdatas()), "{literal}");
            assert_eq!(first.ttl(), second.ttl(), "{literal}");
        }
    }
});
