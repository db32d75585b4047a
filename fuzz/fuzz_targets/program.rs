//! Any text as a record program, in both dialects and with budgets that do not reach far: it is refused,
//! or answers or fails, and a plan answers as the same program does in Lua.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Once};
use std::time::Duration;

use halfmoon_geo::Geo;
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::{
    Answers, Client, Compiler, Context, Data, Dialect, Failure, Machine, Program, Reads, Settings,
};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{FileId, Place, ProgramSource, Span};
use libfuzzer_sys::fuzz_target;

/// A server without zones.
#[derive(Debug)]
struct Nothing;

impl Data for Nothing {
    fn lookup(&self, _: Name<'_>, _: Type, _: &mut dyn FnMut(u32, &[u8]) -> bool) -> bool {
        false
    }
}

fn settings(dialect: Dialect, plans: bool) -> Settings {
    Settings {
        fuel: 2000,
        memory: 32 * 1024,
        time: Duration::from_millis(50),
        plans,
        ..Settings::of(dialect)
    }
}

fn run(
    settings: &Settings,
    program: &Arc<Program>,
    health: &Health,
) -> (Result<(), Failure>, Answers) {
    let client = Client::at(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 53));
    let [qname, zone] = ["www.example.com.", "example.com."].map(|name| name.parse::<NameBuf>());
    let (qname, zone) = (qname.expect("a name"), zone.expect("a name"));
    let mut reader = health.reader();
    let mut answers = Answers::default();
    let context = Context {
        qname: qname.as_name(),
        zone: zone.as_name(),
        owner: qname.as_name(),
        data: &Arc::new(Nothing),
        client: &client,
        geo: &Arc::new(Geo::empty()),
        health: reader.load(),
        requests: health,
        account: None,
    };
    let result = Machine::new(settings.clone()).run(program, &context, &mut answers);
    (result, answers)
}

/// The parser gives up on some texts by panicking, which the compiler catches and tells as a fault.
/// libFuzzer would not let it.
fn let_the_parser_give_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("full_moon")) {
                before(info);
            }
        }));
    });
}

fuzz_target!(|octets: &[u8]| {
    let_the_parser_give_up();
    let Some((inner, text)) = octets.split_first() else { return };
    let inner = [Type::A, Type::AAAA, Type::TXT, Type::CNAME, Type::MX][usize::from(*inner) % 5];
    let Ok(text) = std::str::from_utf8(text) else { return };
    let place = Place { file: FileId(0), line: 1, column: 1 };
    let source =
        ProgramSource { inner, text: text.to_owned(), ttl: 60, spans: vec![Span { at: 0, place }] };
    let zone: NameBuf = "example.com.".parse().expect("a name");
    for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
        let health = Health::unprobed(TargetPolicy::default());
        let [planned, compiled] = [true, false].map(|plans| {
            let settings = settings(dialect, plans);
            let mut compiler = Compiler::new(settings.clone(), health.clone());
            let program =
                compiler.compile(zone.as_name(), zone.as_name(), &source, &mut Vec::new())?;
            let (result, answers) = run(&settings, &program, &health);
            Some((program, result, answers))
        });
        let (Some((program, plan, planned)), Some((_, lua, compiled))) = (planned, compiled) else {
            continue;
        };
        // Two draws of chance differ, and a plan spends no budget.
        let is_spent = matches!(lua, Err(Failure::Fuel | Failure::Memory | Failure::Time));
        if !program.is_plan() || is_spent || planned.reads().contains(Reads::CHANCE) {
            continue;
        }
        assert_eq!(plan, lua, "{text}");
        assert!(planned.rdatas().eq(compiled.rdatas()), "{text}");
        assert_eq!(planned.ttl(), compiled.ttl(), "{text}");
        assert_eq!(planned.denies_name(), compiled.denies_name(), "{text}");
    }
});
