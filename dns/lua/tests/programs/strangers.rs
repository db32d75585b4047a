//! A second pair of eyes: hostile programs that use what we add to Lua, in every wrong way.

use halfmoon_lua::{Dialect, Settings};

use crate::attacks::attack_all;
use crate::world::{World, name};

/// What any program may come to that spends all it has, or fails on the way.
const SPENT_OR_ERROR: &str = "Fuel|Time|Memory|Script";

#[test]
fn objects_are_as_they_are() {
    attack_all(&[
        ("A ;setmetatable(qname, {})", "Script"),
        ("A ;setmetatable(bestwho, {__index = function() while true do end end})", "Script"),
        ("A ;setmetatable('', {__index = {}})", "Script"),
        ("A ;getmetatable('').__index = function() return 1 end", "Script"),
        ("A ;getmetatable(qname).__index = nil", "Script"),
        ("A ;getmetatable(qname).toString = nil", "Script"),
        ("A ;getmetatable(newNMG()).__gc = function() end", "Script"),
        ("A ;qname.toString = function() return '192.0.2.1' end", "Script"),
        ("A ;bestwho.x = 1", "Script"),
        ("A ;dh.getRD = nil", "Script"),
        ("A ;pdns.A = 28", "Script"),
        ("A ;pdns.place.ANSWER = 7", "Script"),
        ("A ;GeoIPQueryAttribute.Country = 0", "Script"),
        ("A ;pdns_features.x = 1", "Script"),
        ("A ;setmetatable(pdns, {})", "Script"),
        ("A ;table.insert(pdns, 1)", "Script"),
        ("A ;table.sort(string)", "Script|NoResult"),
        ("A ;for k in pairs(string) do string[k] = nil end", "Script"),
        ("A ;qname.toString(bestwho)", "Script"),
        ("A ;bestwho.toString({})", "Script"),
        ("A ;newDN('a').isPartOf(newDN('a'), 1)", "Script"),
        ("A ;local f = qname.toString return f()", "Script"),
        ("A ;return qname < bestwho", "Script"),
        ("A ;return tostring(qname == 1)", "BadResult"),
        ("A ;local t = {} t[qname] = 1 return t", "NoResult"),
        ("A ;return {[qname] = '192.0.2.1'}", "NoResult"),
        ("A ;return setmetatable({'192.0.2.1'}, {__len = function() return 1e9 end})", "192.0.2.1"),
    ]);
}

#[test]
fn numbers_out_of_range_are_errors() {
    attack_all(&[
        ("A ;local t = {} t[0/0] = 1", "Script"),
        ("A ;return {[1/0] = '192.0.2.1'}", "192.0.2.1"),
        ("A ;return pickrandom({[1/0] = '192.0.2.1', [-1/0] = '192.0.2.1'})", "192.0.2.1"),
        ("A ;local n = 2^63 return pickrandomsample(n, {'192.0.2.1'})", "Script"),
        ("A ;local n = -2^63 return pickrandomsample(n, {'192.0.2.1'})", "Script"),
        ("A ;local n = 0/0 return pickrandomsample(n, {'192.0.2.1'})", "Script"),
        ("A ;local n = 2^53 return pickrandomsample(n, {'192.0.2.1'})", "192.0.2.1"),
        ("A ;local n = 2^63 return ifportup(n, {'192.0.2.1'})", "Script"),
        ("A ;local n = 2^52 return ifportup(n, {'192.0.2.1'})", "192.0.2.1"),
        (
            "A ;local n = 1e308 return ifportup(80, {'192.0.2.1'}, {timeout=n, interval=n})",
            "192.0.2.1",
        ),
        (
            "A ;local n = 0/0 return ifportup(80, {'192.0.2.1'}, {timeout=n, interval=n})",
            "192.0.2.1",
        ),
        ("A ;local n = -1/0 return ifportup(80, {'192.0.2.1'}, {interval=n})", "192.0.2.1"),
        ("A ;local n = 2^52 return ifportup(80, {'192.0.2.1'}, {minimumFailures=n})", "192.0.2.1"),
        (
            "A ;local n = 2^52 return ifurlup('http://a.example/', {'192.0.2.1'}, {byteslimit=n})",
            "192.0.2.1",
        ),
        ("A ;return pdnsrandom(2^40)", "Script"),
        ("A ;return pdnsrandom(-1)", "Script"),
        ("A ;return pdnsrandom(0/0)", "Script|BadResult"),
        ("TXT ;return pdnsrandom(0)", "'0'"),
        ("A ;newCAFromRaw('abcd', 70000)", "Script"),
        ("A ;newCAFromRaw('abcd', -1)", "Script"),
        ("A ;newCAFromRaw(('x'):rep(60000))", "Script"),
        ("A ;bestwho:truncate(-1)", "Script"),
        ("A ;bestwho:truncate(2^40)", "Script"),
        (
            "TXT ;local a = newCA('192.0.2.1') a:truncate(4000000000) return a:toString()",
            "'192.0.2.1'",
        ),
        ("A ;newDR('a', 'A', -1, '192.0.2.1', 1)", "Script"),
        ("A ;newDR('a', 'A', 2^33, '192.0.2.1', 1)", "Script"),
        ("A ;newDR('a', 2^17, 1, '192.0.2.1', 1)", "Script"),
        ("A ;newDRR('a', 1, 1, '192.0.2.1', 2^70)", "Script"),
        ("A ;newQType('#70000')", "Script"),
        ("A ;newQType('#-1')", "Script"),
        ("A ;newNetmask('192.0.2.0/4294967296')", "Script"),
        ("A ;return dblookup('a', 2^16)", "Script"),
        ("A ;return dblookup('a', -1)", "Script"),
        ("A ;return resolve('a', 2^16)", "Script"),
        ("A ;return resolve('a', 0/0)", "Script|"),
        ("A ;local n = 2^53 return geoiplookup('192.0.2.1', n)", "Script"),
        ("A ;pdnslog('x', -1)", "Script"),
        ("A ;pdnslog('x', 2^40)", "Script"),
        ("A ;__site(0/0)", "Script"),
        ("A ;__site(-1)", "Script"),
        ("A ;return bit.lshift(1/0, 0/0)", "BadResult"),
        ("A ;return bit.tohex(1, -1e308)", "BadResult"),
        ("A ;return os.date('%Y', 1e308)", "Script|BadResult|NoResult"),
        ("A ;return os.time({year = 1e308, month = 0/0, day = -1e308})", "Script|BadResult"),
        ("A ;return string.rep('x', 0/0)", "BadResult"),
        ("A ;return string.char(-1)", "Script"),
        ("A ;return ('x'):byte(-1e308, 1e308)", "BadResult|Script|NoResult"),
        ("A ;return select(-1e9, 1)", "Script"),
        ("A ;return unpack({}, -1e308, 1e308)", "Script|NoResult"),
        ("A ;return unpack({}, 1, 0/0)", "Script|NoResult"),
        ("A ;return table.concat({}, '', -2^53, 2^53)", "Script"),
        ("A ;table.insert({}, 2^53, 1)", "Script|NoResult"),
        ("A ;return math.random(0)", "Script"),
        ("A ;return math.random(1, 0/0)", "Script|BadResult"),
        ("A ;return math.random(-2^53, 2^53)", "BadResult"),
    ]);
}

#[test]
fn weights_near_the_end_of_the_range_add_up() {
    let many: Vec<String> = (1..=60).map(|n| format!("{{4294967295, '192.0.2.{n}'}}")).collect();
    let many = many.join(", ");
    for call in ["pickwrandom", "pickwhashed", "picknamehashed"] {
        for record in
            [format!("A {call}({{{many}}})"), format!("A ;local t = {{{many}}} return {call}(t)")]
        {
            let mut world = World::new(Dialect::Halfmoon);
            let said = world.ask(&record);
            assert!(said.starts_with("192.0.2."), "{said}: {} {record}", world.machine.detail());
        }
    }
    for selector in ["weighted", "whashed", "chashed"] {
        let record = format!("A ifportup(80, {{{many}}}, {{selector='{selector}'}})");
        let said = World::new(Dialect::Halfmoon).ask(&record);
        assert!(said.starts_with("192.0.2."), "{record}: {said}");
    }
    attack_all(&[
        ("A ;local w = 2^32 return pickwhashed({{w, '192.0.2.1'}})", "Script"),
        (
            "A ;local w = 2^32 - 1 return pickwhashed({{w, '192.0.2.1'}, {w, '192.0.2.1'}})",
            "192.0.2.1",
        ),
        ("A ;local w = 2^32 - 1 return pickchashed({{w, '192.0.2.1'}})", "Script"),
        ("A ;local w = 1024 return pickchashed({{w, '192.0.2.1'}})", "192.0.2.1"),
        (
            "A ;local t = {} for i = 1, 1000 do t[i] = {1, '192.0.2.1'} end while true do pickchashed(t) end",
            SPENT_OR_ERROR,
        ),
    ]);
}

#[test]
fn the_longest_names_are_names() {
    let label = "a".repeat(63);
    // 255 octets: four lengths, 3 * 63 + 61 letters, and the end.
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    attack_all(&[
        (&format!("TXT ;return newDN('{longest}'):wirelength()"), "'255'"),
        (&format!("A ;return newDN('{longest}a')"), "Script"),
        (&format!("A ;newDN('{label}a')"), "Script"),
        (&format!("CNAME '{longest}a'"), "BadResult"),
        (&format!("A ;return #dblookup('{longest}', 1)"), "BadResult"),
        (
            &format!("A ;local n = newDN('{longest}') while true do n:toString() end"),
            SPENT_OR_ERROR,
        ),
        (
            &format!("A ;local n = newDN('{longest}') while true do n:getRawLabels() end"),
            SPENT_OR_ERROR,
        ),
        (
            &format!(
                "A ;local n = newDN('{longest}') local t = {{}} for i = 1, 1e9 do t[i] = newDN('{longest}') end"
            ),
            SPENT_OR_ERROR,
        ),
        (
            &format!("A ;local n = newDN('{longest}') while n:chopOff() do end return '192.0.2.1'"),
            "192.0.2.1",
        ),
        ("A ;newDN(('a.'):rep(127))", "NoResult"),
        ("A ;newDN(('a.'):rep(128))", "Script"),
        ("A ;newDN(('\\\\'):rep(60000))", "Script|Memory"),
        ("A ;newDN('\\\\256')", "Script"),
        ("A ;newDN(string.char(0, 255, 46, 0))", "NoResult|Script"),
    ]);
    let mut world = World::new(Dialect::PowerDns);
    world.qname = name(&longest);
    world.owner = name(&format!("*.{label}"));
    for (record, expected) in [
        ("A createForward()", "0.0.0.0"),
        ("AAAA createForward6()", "::"),
        ("TXT createReverse('%1%')", "'error'"),
        ("TXT createReverse6('%1%')", "'unknown'"),
        ("TXT latlonMagic()", "'0.000000 0.000000'"),
        ("A closestMagic()", "Script"),
        ("A picknamehashed({{1, '192.0.2.1'}, {1, '192.0.2.1'}})", "192.0.2.1"),
    ] {
        assert_eq!(world.ask(record), expected, "{record}");
    }
    // Longer than a name may be, whatever the width.
    world.qname = name("4.3.2.1.in-addr.arpa");
    assert_eq!(world.ask("PTR createReverse('%1$255s.%2$255s')"), "BadResult");
}

#[test]
fn literals_of_any_length_are_read() {
    let digits = "9".repeat(5000);
    attack_all(&[
        (&format!("TXT ;return tostring({digits} > 1)"), "'true'"),
        ("A ;return 1e400", "BadResult"),
        (&format!("A ;return 0x{}", "f".repeat(5000)), "BadResult|Faulty"),
        (&format!("A ;return 0.{digits}e-5000"), "BadResult"),
        (&format!("A ;return #'{}'", "x".repeat(60_000)), "BadResult|Memory"),
        (&format!("A ;return #[[{}]]", "\n".repeat(60_000)), "BadResult|Memory"),
        (&format!("A pickrandomsample({digits}, {{'192.0.2.1'}})"), "Script|192.0.2.1"),
        (&format!("A ifportup({digits}, {{'192.0.2.1'}})"), "Script|192.0.2.1"),
        (
            &format!("A ;local t = {{{}}} return '192.0.2.1'", "1,".repeat(20_000)),
            "Memory|192.0.2.1|Faulty",
        ),
        (&format!("A pickrandom({{{}}})", "'192.0.2.1',".repeat(5000)), "192.0.2.1"),
        (&format!("A ;local {} = 1", vec!["a"; 300].join(",")), "Faulty|NoResult"),
        (&format!("A ;return '192.0.2.1', {}", vec!["1"; 300].join(",")), "Faulty|192.0.2.1"),
        (&format!("A ;{} return '192.0.2.1'", "do local a = 1 end ".repeat(3000)), "192.0.2.1"),
        ("TXT '\\\\000\\\\255'", "'\u{0}\u{fffd}'"),
    ]);
}

#[test]
fn captures_and_patterns_of_any_number_end() {
    attack_all(&[
        (&format!("A ;return ('x'):find('{}')", "(x?)".repeat(33)), "Script"),
        (&format!("A ;return ('x'):rep(200):find('{}y')", "(x?)".repeat(32)), SPENT_OR_ERROR),
        (&format!("A ;return ('x'):match('{}')", "(".repeat(500)), "Script"),
        ("A ;return ('x'):rep(20000):match(('x?'):rep(5000) .. 'y')", SPENT_OR_ERROR),
        ("A ;return ('('):rep(20000):match('%b()')", "Script|NoResult|Fuel|Time|Memory"),
        ("A ;return ('x'):rep(20000):match('%f[y].-%f[x]')", "NoResult|Fuel|Time|Memory"),
        ("A ;return ('x'):match('%1')", "Script"),
        ("A ;return ('x'):match('(x)%2')", "Script"),
        ("A ;return ('x'):match('[')", "Script"),
        ("A ;return ('x'):match('[^]')", "Script"),
        ("A ;return ('x'):match('%')", "Script"),
        ("A ;return ('x'):match('[%')", "Script"),
        ("A ;return ('x'):gsub('x', '%9')", "Script"),
        ("A ;return ('x'):gsub('x', {x = {}})", "Script"),
        (
            "A ;return ('x'):rep(100):gsub('.', setmetatable({}, {__index = function() while true do end end}))",
            "Fuel|Time",
        ),
        ("A ;return ('x'):rep(1000):gsub('', ('y'):rep(1000))", SPENT_OR_ERROR),
        ("A ;for i = 1, 1e9 do ('x'):gmatch('()')() end", SPENT_OR_ERROR),
    ]);
}

#[test]
fn errors_of_any_kind_are_errors() {
    attack_all(&[
        ("A ;error()", "Script"),
        ("A ;error(nil)", "Script"),
        ("A ;error(qname)", "Script"),
        ("A ;error(error)", "Script"),
        ("A ;error({{{{}}}})", "Script"),
        ("A ;error('x', 1e9)", "Script"),
        ("A ;error('x', -1e9)", "Script"),
        ("A ;error(('x'):rep(60000))", "Script|Memory"),
        ("A ;error(string.char(255, 254, 0))", "Script"),
        ("A ;error(setmetatable({}, {__tostring = error}))", "Script"),
        ("A ;error(setmetatable({}, {__tostring = 7}))", "Script"),
        ("A ;local ok, e = pcall(error, qname) return e:toString()", "BadResult"),
        ("A ;return select(2, pcall(pickrandom, {}))", "BadResult|NoResult"),
        (
            "A ;local f = pcall for i = 1, 300 do local g = f f = function(...) return pcall(g, ...) end end return f(error)",
            "NoResult|Script|Memory",
        ),
        ("A ;return pcall(pcall, pcall, pcall, pcall, error)", "NoResult"),
        ("A ;return xpcall(error, error)", "NoResult|Script"),
        ("A ;return xpcall(error, function() error() end)", "NoResult|Script"),
        ("A ;return xpcall(error, xpcall)", "NoResult|Script"),
        (
            "A ;local function f() return xpcall(error, f) end return f()",
            "NoResult|Script|Fuel|Time|Memory",
        ),
        (
            "A ;return assert(false, setmetatable({}, {__tostring = function() while true do end end}))",
            SPENT_OR_ERROR,
        ),
        (
            "A ;while true do pcall(pickrandom) pcall(newDN, '') pcall(ifportup, 80, {}) end",
            "Fuel|Time",
        ),
    ]);
}

#[test]
fn generators_and_comparators_that_never_agree_end() {
    attack_all(&[
        ("A ;local function g() return g end for f in g do end", "Fuel|Time"),
        (
            "A ;local function g(s, i) return i + 1, g end for i, f in g, nil, 0 do for j in f, nil, i do end end",
            "Fuel|Time",
        ),
        (
            "A ;for i = 1, 10 do for k, v in next, {1} do i = 1 end end while true do end",
            "Fuel|Time",
        ),
        ("A ;for i = 0/0, 1 do end return '192.0.2.1'", "192.0.2.1"),
        ("A ;for i = 1, 2, 0 do end while true do end", "Fuel|Time|Script"),
        (
            "A ;local t = {} for i = 1, 300 do t[i] = i end table.sort(t, function() return true end) return '192.0.2.1'",
            "Script|Fuel|Time|192.0.2.1",
        ),
        (
            "A ;local t = {} for i = 1, 300 do t[i] = i end table.sort(t, function() error('no') end)",
            "Script",
        ),
        (
            "A ;local t = {} for i = 1, 300 do t[i] = 0/0 end table.sort(t) return '192.0.2.1'",
            "Script|Fuel|Time|192.0.2.1",
        ),
        ("A ;local t = {1, 'x', {}} table.sort(t)", "Script"),
        (
            "A ;local t = {} for i = 1, 100 do t[i] = newDN('a' .. i) end table.sort(t) return '192.0.2.1'",
            "Script|Fuel|Time|Memory|192.0.2.1",
        ),
        ("A ;table.foreach({1, 2, 3}, function() while true do end end)", "Fuel|Time|Script"),
        (
            "A ;return table.concat({setmetatable({}, {__tostring = function() return 'x' end})})",
            "Script",
        ),
        (
            "A ;return table.concat(setmetatable({}, {__index = function() return 'x' end, __len = function() return 1e9 end}))",
            "Script|BadResult|Fuel|Time|Memory",
        ),
    ]);
}

#[test]
fn nested_results_and_arguments_end() {
    attack_all(&[
        ("A ;local t = {} t[1] = t return t", "NoResult"),
        ("A ;local t = {'192.0.2.1'} for i = 1, 200 do t = {t} end return t", "NoResult"),
        (
            "A ;local t = {'192.0.2.1'} for i = 1, 200 do t = {t} end return ifportup(80, t)",
            "Script",
        ),
        ("A ;local t = {} t[1] = t return ifportup(80, t)", "Script"),
        ("A ;local t = {} t.selector = t return ifportup(80, {'192.0.2.1'}, t)", "Script"),
        ("A ;local t = {} t[t] = t return pickrandom(t)", "Script"),
        ("A ;local t = {} t[1] = t return view(t)", "Script"),
        ("A ;local t = {} t[1] = t return createReverse('%1%', t)", "Script"),
        ("A ;local t = {} t[1] = t newNMG(t)", "Script"),
        ("A ;local t = {} t[1] = t newCAS():add(t)", "Script"),
        ("A ;return newNMG({newNMG()})", "Script"),
        (
            "A ;local n = newNMG() for i = 1, 1e9 do n:addMask('10.0.' .. i % 256 .. '.0/24') end",
            SPENT_OR_ERROR,
        ),
        ("A ;local s = newCAS() for i = 1, 1e9 do s:add('10.0.0.' .. i % 256) end", SPENT_OR_ERROR),
        (
            "A ;while true do newNMG({'10.0.0.0/8', '!10.0.0.0/9'}):match(bestwho) end",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local l = {} for i = 1, 200 do l[i] = '192.0.2.1' end while true do ifurlup('http://a.example/', l) end",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local h = {} for i = 1, 500 do h['h' .. i] = 'v' end while true do ifurlup('http://a.example/', {'192.0.2.1'}, {headers=h}) end",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local u = 'http://a.example/' .. ('x'):rep(30000) while true do ifurlup(u, {'192.0.2.1'}) end",
            SPENT_OR_ERROR,
        ),
        ("A ;while true do createReverse(('%1$255s'):rep(100)) end", SPENT_OR_ERROR),
        ("A ;return createReverse(('%1$255s'):rep(1000))", "BadResult|Memory|Script"),
        (
            "A ;while true do dblookup('example.com', 1) resolve('example.com', 1) end",
            SPENT_OR_ERROR,
        ),
        ("A ;for i = 1, 1e9 do pdnslog(('x'):rep(1000)) end", SPENT_OR_ERROR),
        ("A ;while true do newDR('a', 'TXT', 1, ('x '):rep(1000), 1) end", SPENT_OR_ERROR),
        ("A ;while true do newDRR('a', 16, 1, ('x '):rep(1000)) end", SPENT_OR_ERROR),
    ]);
}

#[test]
fn includes_that_never_end_end() {
    let settings = || Settings::of(Dialect::PowerDns);
    for shared in [false, true] {
        for records in [
            &["a LUA include('a')", "www TXT ;include('a') return 'on'"][..],
            &["a LUA include('b')", "b LUA include('a')", "www TXT ;include('a') return 'on'"],
            &["a LUA while true do end", "www TXT ;include('a') return 'on'"],
            &["a LUA pcall(include, 'a') pcall(include, 'a')", "www TXT ;include('a') return 'on'"],
            &["a LUA x = 1", "www TXT ;while true do include('a') end"],
            &["a LUA x = ('x'):rep(1e9)", "www TXT ;include('a') return 'on'"],
            &["www LUA include('www')", "www TXT ;include('www') return 'on'"],
        ] {
            let mut world = World::with(Settings { shared, ..settings() });
            let said = world.ask_zone(records);
            let ends = ["'on'", "Fuel", "Time", "Memory", "Script", "Faulty"];
            assert!(ends.contains(&said.as_str()), "{records:?}: {said}");
            assert_eq!(world.ask("TXT ;local a = 'fine' return a"), "'fine'");
        }
    }
}
