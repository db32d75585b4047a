//! The one place where the tests touch the API.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use halfmoon_geo::Geo;
use halfmoon_geo::write::{Value, Writer};
use halfmoon_healthcheck::{Account, Health, Outcome, TargetPolicy};
use halfmoon_lua::{
    Answers, Client, Compiler, Context, Dialect, Failure, Machine, Network, Program, Settings,
    Story, Telling,
};
use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::{
    Builder, Catalog, FileId, Files, Hosted, Place, ProgramSource, ReadOptions, Span, read_text,
};

/// A server's worth of what programs can see.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) health: Health,
    /// On whose account checks are.
    pub(crate) account: Option<Account>,
    pub(crate) geo: Arc<Geo>,
    pub(crate) client: Client,
    pub(crate) qname: NameBuf,
    pub(crate) zone: NameBuf,
    pub(crate) owner: NameBuf,
    pub(crate) data: Arc<Catalog<()>>,
    pub(crate) machine: Machine,
    pub(crate) answers: Answers,
}

impl World {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(Settings { time: std::time::Duration::from_secs(10), ..Settings::of(dialect) })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self {
            machine: Machine::new(settings.clone()),
            settings,
            health: Health::unprobed(TargetPolicy::default()),
            account: None,
            geo: Arc::new(geo()),
            client: client("192.0.2.77"),
            qname: name("www.example.com."),
            zone: name("example.com."),
            owner: name("www.example.com."),
            data: Arc::default(),
            answers: Answers::default(),
        }
    }

    /// Compiles `A expression` or `TXT ;statements`; what is wrong comes as `column: message; help`.
    pub(crate) fn compile(&self, record: &str) -> (Option<Arc<Program>>, Vec<String>) {
        let source = source(record);
        let mut faults = Vec::new();
        let (zone, owner) = (name("example.com."), name("www.example.com."));
        let program = Compiler::new(self.settings.clone(), self.health.on(self.account.as_ref()))
            .compile(zone.as_name(), owner.as_name(), &source, &mut faults);
        let lines = faults.iter().map(|fault| {
            let help = fault.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
            let Place { line, column, .. } = fault.place;
            let place = if line == 1 { column.to_string() } else { format!("{line}:{column}") };
            format!("{place}: {}: {}{help}", fault.level, fault.message)
        });
        (program, lines.collect())
    }

    /// Compiles the programs of a zone, each as `owner TYPE program`, and gives the last; with all
    /// faults.
    pub(crate) fn compile_zone(&self, records: &[&str]) -> (Option<Arc<Program>>, Vec<String>) {
        let (mut compiled, faults) = self.compile_all(records);
        (compiled.pop().flatten(), faults)
    }

    /// The same, and gives all of them.
    pub(crate) fn compile_all(&self, records: &[&str]) -> (Vec<Option<Arc<Program>>>, Vec<String>) {
        let programs: Vec<_> = records
            .iter()
            .map(|record| {
                let (owner, record) = record.split_once(' ').unwrap();
                (name(&format!("{owner}.example.com.")), source(record))
            })
            .collect();
        let mut faults = Vec::new();
        let zone = name("example.com.");
        let mut compiler =
            Compiler::new(self.settings.clone(), self.health.on(self.account.as_ref()));
        let compiled = compiler.compile_zone(zone.as_name(), &programs, &mut faults);
        let faults = faults.iter().map(|fault| format!("{}: {}", fault.level, fault.message));
        (compiled, faults.collect())
    }

    /// Runs the last program of a zone.
    pub(crate) fn ask_zone(&mut self, records: &[&str]) -> String {
        let (program, faults) = self.compile_zone(records);
        let program = program.unwrap_or_else(|| panic!("{records:?}: {faults:#?}"));
        self.run(&program)
    }

    /// Compiles what has no error.
    pub(crate) fn program(&self, record: &str) -> Arc<Program> {
        let (program, faults) = self.compile(record);
        program.unwrap_or_else(|| panic!("{record}: {faults:#?}"))
    }

    /// Runs a program: its records in order of text, or why it fails.
    pub(crate) fn run(&mut self, program: &Arc<Program>) -> String {
        self.run_by(program, Machine::run)
    }

    /// The same, and what happened on the way.
    pub(crate) fn tell(&mut self, program: &Arc<Program>) -> (String, Story) {
        self.tell_of(program, Telling::All)
    }

    /// As much of that as is wanted.
    pub(crate) fn tell_of(&mut self, program: &Arc<Program>, telling: Telling) -> (String, Story) {
        let mut told = Story::default();
        let said = self.run_by(program, |machine, program, cx, answers| {
            let (result, story) = machine.tell(program, cx, answers, telling);
            told = story;
            result
        });
        (said, told)
    }

    fn run_by(
        &mut self,
        program: &Arc<Program>,
        run: impl FnOnce(&mut Machine, &Arc<Program>, &Context<'_>, &mut Answers) -> Result<(), Failure>,
    ) -> String {
        self.answers.clear();
        let mut reader = self.health.reader();
        let cx = Context {
            qname: self.qname.as_name(),
            zone: self.zone.as_name(),
            owner: self.owner.as_name(),
            data: &self.data,
            client: &self.client,
            geo: &self.geo,
            health: reader.load(),
            requests: &self.health,
            account: self.account.as_ref(),
        };
        match run(&mut self.machine, program, &cx, &mut self.answers) {
            Ok(()) => {
                let shown: Vec<String> =
                    self.answers.rdatas().map(|rdata| show(program.inner(), rdata)).collect();
                shown.join(" ")
            }
            Err(failure) => format!("{failure:?}"),
        }
    }

    /// The answers that a program could give, in order of text: addresses joined by `+`, then the TTL.
    pub(crate) fn candidates(&mut self, program: &Program) -> String {
        let mut reader = self.health.reader();
        let cx = Context {
            qname: self.qname.as_name(),
            zone: self.zone.as_name(),
            owner: self.owner.as_name(),
            data: &self.data,
            client: &self.client,
            geo: &self.geo,
            health: reader.load(),
            requests: &self.health,
            account: self.account.as_ref(),
        };
        let candidates = self.machine.candidates(program, &cx, 64);
        let show = |candidate: &halfmoon_lua::Candidate| {
            let rdatas = candidate.rdatas.iter();
            let mut shown: Vec<String> = rdatas.map(|rdata| show(program.inner(), rdata)).collect();
            shown.sort();
            let ttl = candidate.ttl.map_or_else(String::new, |ttl| format!("/{ttl}"));
            shown.join("+") + &ttl
        };
        let mut shown: Vec<String> = candidates.iter().map(show).collect();
        shown.sort();
        shown.join(" ")
    }

    pub(crate) fn ask(&mut self, record: &str) -> String {
        let program = self.program(record);
        self.run(&program)
    }

    /// Takes in what probes find: `+192.0.2.1` up, `-192.0.2.2` down, for every check of the address.
    pub(crate) fn observe(&self, states: &str) {
        for word in states.split_whitespace() {
            let (sign, address) = word.split_at(1);
            let address: IpAddr = address.parse().unwrap();
            let outcome = match sign {
                "+" => Outcome::success(0),
                "-" => Outcome::Failure("connection refused".into()),
                _ => panic!("{word}"),
            };
            let mut found = false;
            for report in self.health.checks() {
                if report.check.address() == Some(address) {
                    found = true;
                    for _ in 0..report.check.pace.fall.max(report.check.pace.rise) {
                        assert!(self.health.report(&report.check, outcome.clone()));
                    }
                }
            }
            assert!(found, "nobody checks {address}");
        }
    }
}

/// The record's program, on line 1 from column 1 on.
pub(crate) fn source(record: &str) -> ProgramSource {
    let (inner, text) = record.split_once(' ').unwrap();
    let place = Place { file: FileId(0), line: 1, column: 1 };
    ProgramSource {
        inner: inner.parse().unwrap(),
        text: text.to_owned(),
        ttl: 60,
        spans: vec![Span { at: 0, place }],
    }
}

pub(crate) fn name(text: &str) -> NameBuf {
    text.parse().unwrap()
}

/// `192.0.2.1`, or `192.0.2.1 for 198.51.100.0/24`.
pub(crate) fn client(text: &str) -> Client {
    let (peer, ecs) =
        text.split_once(" for ").map_or((text, None), |(peer, ecs)| (peer, Some(ecs)));
    let mut client = Client::at(SocketAddr::new(peer.parse().unwrap(), 5353));
    client.ecs = ecs.map(|ecs| {
        let (addr, prefix) = ecs.split_once('/').unwrap();
        Network { addr: addr.parse().unwrap(), prefix: prefix.parse().unwrap() }
    });
    client
}

fn show(inner: Type, rdata: &[u8]) -> String {
    match (inner, rdata) {
        (Type::A, &[a, b, c, d]) => IpAddr::from([a, b, c, d]).to_string(),
        (Type::AAAA, rdata) => IpAddr::from(<[u8; 16]>::try_from(rdata).unwrap()).to_string(),
        (Type::TXT, [_, text @ ..]) => format!("'{}'", String::from_utf8_lossy(text)),
        (_, rdata) => rdata.iter().map(|octet| format!("{octet:02x}")).collect(),
    }
}

/// Networks in places: two in Germany, one each in the United States, Japan and New Zealand.
fn geo() -> Geo {
    let place = |country, continent, region: &str, lat, lon| {
        let Value::Map(mut entries) = Value::place(country, continent, lat, lon) else {
            panic!("a place is a map");
        };
        let code = Value::map([("iso_code", region)]);
        entries.push(("subdivisions".to_owned(), Value::Array(vec![code])));
        entries.push(("autonomous_system_number".to_owned(), Value::U32(64500)));
        Value::Map(entries)
    };
    let octets = Writer::new("Test-City", 6)
        .insert("192.0.2.0/24", place("DE", "EU", "HE", 50.1, 8.7))
        .unwrap()
        .insert("2001:db8::/32", place("DE", "EU", "BE", 52.5, 13.4))
        .unwrap()
        .insert("198.51.100.0/24", place("US", "NA", "CA", 34.0, -118.2))
        .unwrap()
        .insert("203.0.113.0/25", place("JP", "AS", "13", 35.7, 139.7))
        .unwrap()
        .insert("203.0.113.128/25", place("NZ", "OC", "AUK", -36.8, 174.7))
        .unwrap()
        .to_bytes();
    Geo::from_octets(Path::new("test.mmdb"), octets).unwrap()
}

/// The zones of these texts, each an apex with its records, SOA and NS apart.
pub(crate) fn zones(texts: &[(&str, &str)]) -> Arc<Catalog<()>> {
    let hosted = texts.iter().map(|(apex, text)| {
        let text = format!("@ 300 SOA ns.a. host.a. 1 2 3 4 5\n@ 300 NS ns.a.\n{text}");
        let (options, path) = (ReadOptions::new(name(apex)), Path::new("test.zone"));
        let (mut files, mut builder) = (Files::default(), Builder::new());
        read_text(text.as_bytes(), path, &options, &mut files, &mut builder);
        let built = builder.build(name(apex).as_name(), path, files);
        assert!(!built.is_refused(), "{:?}", built.faults);
        Arc::new(Hosted { zone: built.zone.unwrap(), beside: () })
    });
    Arc::new(Catalog::new(hosted.collect()))
}
