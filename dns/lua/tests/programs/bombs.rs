//! More hostile programs: what libraries do in one step, what compiling costs, and how late the worst is
//! stopped. The rest of the table is in `attacks`.

use std::time::{Duration, Instant};

use halfmoon_lua::{Dialect, Settings};

use crate::attacks::attack_all;
use crate::world::World;

/// Programs that do as much as they can in one step of a library.
const LIBRARY: &[(&str, &str)] = &[
    ("A ;return table.concat({}, 'x', 1, 1e9)", "Script|Memory|Fuel|Time"),
    (
        "A ;return table.concat(setmetatable({}, {__len = function() return 1e9 end}))",
        "BadResult|Script",
    ),
    (
        "A ;local t = {} for i = 1, 3000 do t[i] = i % 7 end table.sort(t) return 1",
        "BadResult|Memory|Fuel|Time",
    ),
    ("A ;return os.time({year = 1e18, month = 1e18, day = 1e18})", "Script|BadResult|NoResult"),
    ("A ;local s = ('A'):rep(30000) for i = 1, 1e9 do s:lower() end", "Memory|Fuel|Time"),
    (
        "A ;local a, b = ('a'):rep(20000) .. 'x', ('a'):rep(20000) .. 'y' while a < b do end",
        "Fuel|Time|Memory",
    ),
    ("A ;local s = ('a'):rep(20000) return s:find('(.-)(.-)(.-)b')", "Fuel|Time|NoResult"),
    ("A ;return (('a'):rep(50000)):find(('.-'):rep(5) .. 'b')", "Fuel|Time|Memory|NoResult"),
    (
        "A ;return (('ab'):rep(10000)):find(('ab'):rep(4000) .. 'c', 1, true)",
        "NoResult|Fuel|Time|Memory",
    ),
    ("A ;return ('x'):rep(1e8):gsub('x', 'yy')", "Memory|Script"),
    ("A ;for i = 1, 1e9 do ('x'):rep(100):gsub('x', '%0%0') end", "Memory|Fuel|Time"),
    ("A ;for i = 1, 1e9 do string.format('%099d', i) end", "Memory|Fuel|Time|Script"),
    ("A ;for i = 1, 1e9 do next({}) end", "Memory|Fuel|Time"),
    ("A ;local t = {} t[1] = t local function f(x) return f(x[1]) end f(t)", "Fuel|Time|Memory"),
];

#[test]
fn libraries_do_not_run_away() {
    attack_all(LIBRARY);
}

/// Programs that do for ever what the host does for them.
const HOST: &[(&str, &str)] = &[
    (
        "A ;local l = {} for i = 1, 60 do l[i] = '192.0.2.' .. i end while true do pickclosest(l) end",
        "Fuel|Time|Memory",
    ),
    ("A ;while true do pickchashed({{1024, '192.0.2.' .. 1}}) end", "Fuel|Time|Memory"),
    ("A ;return pickchashed({{1025, '192.0.2.' .. 1}})", "Script"),
    ("A ;return pickwrandom({{2^32, '192.0.2.' .. 1}})", "Script"),
    (
        "A ;return pickwhashed({{4294967295, '192.0.2.' .. 1}, {4294967295, '192.0.2.2'}})",
        "192.0.2.1|192.0.2.2",
    ),
    ("A ;return pickrandomsample(2^53, {'192.0.2.' .. 1})", "192.0.2.1"),
    ("A ;for i = 1, 1e9 do ifportup(80, {'192.0.2.' .. i % 250}) end", "Fuel|Time|Memory"),
    ("A ;for i = 1, 1e9 do newDN('a.b.c.') end", "Fuel|Time|Memory"),
    ("A ;for i = 1, 1e9 do newCA('192.0.2.1') end", "Fuel|Time|Memory"),
    ("A ;local t = {'192.0.2.1'} for i = 1, 20 do t = {t} end return t", "NoResult"),
    ("A ;local t = {} t[1] = t return t", "NoResult"),
    (
        "A ;return {[1e300] = '192.0.2.1', [-5] = '192.0.2.2'}",
        "192.0.2.1 192.0.2.2|192.0.2.2 192.0.2.1",
    ),
];

#[test]
fn the_host_does_not_run_away() {
    attack_all(HOST);
}

#[test]
fn a_record_is_as_long_as_records_may_be() {
    let mut world = World::with(Settings { memory: 4 << 20, ..Settings::of(Dialect::PowerDns) });
    assert_eq!(world.ask("TXT ;return ('x'):rep(70000)"), "BadResult");
    assert_ne!(world.ask("TXT ;return ('x'):rep(60000)"), "BadResult");
    assert_eq!(world.answers.len(), 1);
    assert!(world.answers.rdatas().all(|octets| octets.len() > 60_000 && octets.len() < 65_536));
}

#[test]
fn errors_are_caught_in_vain_everywhere() {
    attack_all(&[
        (
            "A ;local function f(n) pcall(f, n + 1) end f(1) return '192.0.2.1'",
            "Fuel|Time|Memory|Script|192.0.2.1",
        ),
        ("A ;pcall(pcall, pcall, pcall, error) while true do end", "Fuel|Time"),
        ("A ;while true do pcall(error, ('x'):rep(1000)) end", "Fuel|Time|Memory"),
        (
            "A ;local t = setmetatable({}, {__eq = function() while true do end end}) return t == setmetatable({}, getmetatable(t)) and '1' or '2'",
            "Fuel|Time",
        ),
        (
            "A ;local t = setmetatable({}, {__concat = function(a, b) return a .. b end}) return t .. 'x'",
            "Fuel|Time|Memory|Script",
        ),
        (
            "A ;local t = setmetatable({}, {__gc = function() while true do end end}) t = nil return '192.0.2.1'",
            "192.0.2.1",
        ),
        (
            "A ;local t = setmetatable({}, {__close = function() while true do end end}) return '192.0.2.1'",
            "192.0.2.1",
        ),
        (
            "A ;local t = setmetatable({}, {__call = function(self) return self() end}) return t()",
            "Fuel|Time|Memory|Script",
        ),
        (
            "A ;local t = setmetatable({}, {__newindex = function(t, k, v) t[k] = v end}) t.x = 1",
            "Fuel|Time|Memory|Script",
        ),
    ]);
}

#[test]
fn what_could_be_misused_is_not_there() {
    for gone in [
        "_G.x",
        "buffer.create(1)",
        "collectgarbage('stop')",
        "coroutine.create(print)",
        "debug.traceback()",
        "dofile('/etc/passwd')",
        "gcinfo()",
        "getfenv(0)",
        "io.open('/etc/passwd')",
        "load('return 1')()",
        "loadfile('/etc/passwd')",
        "loadstring('return 1')()",
        "math.randomseed(1)",
        "newproxy(true)",
        "os.clock()",
        "os.execute('true')",
        "os.getenv('HOME')",
        "os.exit()",
        "package.loaded",
        "print(1)",
        "rawequal(1, 1)",
        "rawset({}, 1, 1)",
        "require('x')",
        "setfenv(1, {})",
        "string.dump(error)",
        "string.split('a', 'b')",
        "table.clear({})",
        "table.clone({})",
        "table.create(1e9)",
        "table.freeze({})",
        "table.move({}, 1, 1e9, 2)",
        "utf8.char(1)",
        "vector.create(1, 2, 3)",
        "ffi.C",
        "jit.on()",
    ] {
        let mut world = World::with(Settings::of(Dialect::PowerDns));
        assert_eq!(world.ask(&format!("A ;return {gone}")), "Script", "{gone}");
        let (program, faults) = World::new(Dialect::Halfmoon).compile(&format!("A ;return {gone}"));
        assert!(program.is_none(), "{gone}: {faults:?}");
    }
}

#[test]
fn names_make_no_more_checks_than_a_zone_may_have() {
    let mut world = World::with(Settings::of(Dialect::Halfmoon));
    let program =
        world.program("A ;return ifurlup('http://' .. qname:toString() .. '/', {'192.0.2.1'})");
    for number in 0..1500 {
        world.qname = crate::world::name(&format!("n{number}.example.com."));
        assert_eq!(world.run(&program), "192.0.2.1");
    }
    assert_eq!(world.health.checks().len(), 1000);
}

#[test]
fn addresses_of_memory_are_not_shown() {
    let mut world = World::with(Settings::of(Dialect::PowerDns));
    let said = world.ask(
        "TXT ;return tostring({}) .. tostring(error) .. string.format('%s', {}) .. tostring(string)",
    );
    assert_eq!(said, "'tablefunctiontabletable'");
}

#[test]
fn the_worst_program_is_stopped_after_milliseconds() {
    let mut world = World::with(Settings::of(Dialect::PowerDns));
    for (record, _) in LIBRARY.iter().chain(HOST) {
        let program = world.program(record);
        // The quickest of a few runs: other programs of the machine take their time as well, and none
        // of them takes it from all.
        let quickest = (0..8)
            .map(|_| {
                let start = Instant::now();
                world.run(&program);
                start.elapsed()
            })
            .min();
        let limit = Duration::from_millis(50);
        assert!(quickest < Some(limit), "{record}: {quickest:?}");
    }
}

#[test]
fn compiling_is_bounded() {
    let world = World::with(Settings::of(Dialect::PowerDns));
    let long = 60_000;
    for (what, text) in [
        ("brackets", format!("A {}", "(".repeat(long))),
        ("blocks", format!("A ;{}", "do ".repeat(long / 3))),
        ("items", format!("A ;local t = {{{}}}", "1,".repeat(long / 2))),
        ("functions", format!("A ;{}", "local function f() end ".repeat(long / 24))),
        ("branches", format!("A ;{}", "if who then x = 1 end ".repeat(long / 24))),
        ("strings", format!("A '{}'", "x".repeat(long))),
        ("comments", format!("A --{}\n1", "x".repeat(long))),
        ("operators", format!("A 1{}", "+1".repeat(long / 2))),
        ("concatenations", format!("A 'a'{}", "..'a'".repeat(long / 5))),
        ("calls", format!("A ;{}", "pickrandom({'a'}) ".repeat(long / 20))),
        (
            "locals",
            format!("A ;{}", (0..5000).map(|n| format!("local a{n} = 1 ")).collect::<String>()),
        ),
        (
            "upvalues",
            format!("A ;local a = 1 {}", "local function f() return a end ".repeat(long / 40)),
        ),
        ("unary", format!("A {}1", "not ".repeat(long / 4))),
        ("indices", format!("A who{}", ".a".repeat(long / 2))),
        ("too long", format!("A '{}'", "x".repeat(70_000))),
        ("not text", "A \u{0}\u{1}\u{7f}\u{fffd}".to_owned()),
    ] {
        let start = Instant::now();
        let (program, _) = world.compile(&text);
        assert!(program.is_some(), "{what}: the peer's dialect loads everything");
        assert!(start.elapsed() < Duration::from_secs(10), "{what}: {:?}", start.elapsed());
    }
}
