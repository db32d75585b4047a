//! What is refused at load, where, and what the message says.

use halfmoon_geo::{Attribute, Attributes};
use halfmoon_lua::{Dialect, Settings};

use crate::world::World;

/// Each row: the record, and the fault it starts with; nothing for none.
fn check_all(rows: &[(&str, &str)]) {
    let mut surprises = Vec::new();
    for (record, expected) in rows {
        let (program, faults) = World::new(Dialect::Halfmoon).compile(record);
        let first = faults.first().map_or("", String::as_str);
        let is_expected = match *expected {
            "" => faults.is_empty(),
            expected => first.starts_with(expected),
        };
        if !is_expected {
            surprises.push(format!("{record} -> {faults:#?} not {expected}"));
        }
        let is_refused = faults.iter().any(|fault| fault.contains(": error: "));
        assert_eq!(program.is_none(), is_refused, "{record}");
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn what_the_platform_writes_does_what_it_should() {
    check_all(&[
        (
            "A ifurlup('https://primary.example.com/healthz', {'5.161.42.18', '95.217.189.42'}, {selector='all'})",
            "",
        ),
        ("A pickclosest({'5.161.42.18', '95.217.189.42'})", ""),
        (
            "A \n  ifurlup('https://primary.example.com/healthz', {\n    {'5.161.42.18', '95.217.189.42'}\n  }, {selector='pickclosest'})\n",
            "",
        ),
        (
            "A ifurlup('https://primary.example.com/healthz', {'5.161.42.18', '95.217.189.42'}, {selector='pickfirst'})",
            "",
        ),
        (
            "A ifportup(587, {'5.161.42.18', '95.217.189.42'})",
            "15: warning: a flat list without a selector",
        ),
        ("A pickwhashed({{80, '5.161.42.18'}, {20, '95.217.189.42'}})", ""),
        (
            "A \n  ifurlup('https://www-fra.example.com/healthz', {\n    'A 1.2.3.4',\n    'A 5.6.7.8'\n  })\n",
            "2:50: warning: a flat list",
        ),
        (
            "A ifurlup('http://x.example/', {'192.0.2.1', '192.0.2.2'}, {timeout=2, interval=10})",
            "30: warning: a flat list",
        ),
        (
            "A ifurlup(\"https://probe-hel.example.com/healthz\", {{\"5.5.6.7\"}, {\"5.1.2.3\", \"5.1.2.4\"}}, \
             {selector=\"pickfirst\", interval=5, timeout=2})",
            "",
        ),
        (
            "A pickclosest(\"https://x.example/\", {{\"5.5.6.7\"}}, {selector='pickfirst'})",
            "13: error: pickclosest does not take a string here; \
             write ifurlup('https://x.example/', addresses, {selector='pickclosest'})",
        ),
    ]);
    let (_, faults) = World::new(Dialect::Halfmoon).compile(
        "A \n  ifurlup('https://www.example.com/', {\n    'A 1.2.3.4',\n    'A 5.6.7.8'\n  })\n",
    );
    assert_eq!(
        faults[1..],
        [
            "3:5: error: 'A 1.2.3.4' is not an address; write '1.2.3.4': the record says that it is A",
            "4:5: error: 'A 5.6.7.8' is not an address; write '5.6.7.8': the record says that it is A",
        ]
    );
}

#[test]
fn names_are_known_or_refused() {
    check_all(&[
        (
            "A pickclosets({'192.0.2.1'})",
            "1: error: nothing is called pickclosets; write pickclosest",
        ),
        (
            "A ifurlUp('http://a.example/', {'192.0.2.1'})",
            "1: error: nothing is called ifurlUp; write ifurlup",
        ),
        ("A pickfirst({'192.0.2.1'})", "1: error: pickfirst is a selector, not a function"),
        ("A ;report()", "2: error: there is no report in record programs"),
        ("A ;return io.open('/etc/passwd')", "9: error: there is no io in record programs"),
        ("A ;return require('x')", "9: error: there is no require in record programs"),
        (
            "TXT string.fromat('%s', 'x')",
            "8: error: there is no string.fromat; write string.format",
        ),
        (
            "A ;local ips_fra = {'192.0.2.1'} return {ips_fra, ips_far}",
            "49: error: nothing is called ips_far; write ips_fra",
        ),
        ("A ;do local x = '192.0.2.1' end return x", "38: error: no x is in scope here"),
        ("A ;x = '192.0.2.1' return x", ""),
        ("TXT ;return qname:toString() .. who:toString()", ""),
        ("TXT ;local function f(a) return a end return f('x')", ""),
        ("TXT ;for i, v in ipairs({'a'}) do return v end", ""),
    ]);
}

#[test]
fn arguments_are_what_is_wanted_or_refused() {
    check_all(&[
        ("A pickrandom()", "1: error: too few arguments for pickrandom: 0; write pickrandom("),
        ("A pickrandom({'192.0.2.1'}, 2)", "1: error: too many arguments for pickrandom: 2"),
        ("A pickrandom('192.0.2.1')", "12: error: pickrandom does not take a string here"),
        ("A pickrandom({})", "12: error: the list is empty"),
        ("A pickrandom({'192.0.2.1', nil})", "26: error: the list has a nil in it"),
        (
            "A pickrandom({a='192.0.2.1'})",
            "13: error: the list has to be a list; it has the key 'a'",
        ),
        ("A pickrandom({'x'})", "13: error: 'x' is no data of a record of type A"),
        (
            "A pickrandom({'A 192.0.2.1'})",
            "13: error: 'A 192.0.2.1' is no data of a record of type A",
        ),
        ("A all({'2001:db8::1'})", "5: error: no address here fits a record of type A"),
        (
            "AAAA pickclosest({'192.0.2.1'})",
            "13: error: no address here fits a record of type AAAA",
        ),
        ("A ifportup(0, {'192.0.2.1'})", "10: error: a port is from 1 to 65535, not 0"),
        (
            "A ifportup('https', {'192.0.2.1'})",
            "10: error: a port has to be an integer, not 'https'",
        ),
        ("A ifportup(80, '192.0.2.1')", "14: error: ifportup does not take a string here"),
        (
            "A ifportup(80, {'192.0.2.1', {'192.0.2.2'}})",
            "15: error: addresses and groups of addresses are mixed",
        ),
        ("A ifportup(80, {'192.0.2'})", "15: error: '192.0.2' is not an address"),
        (
            "A ifportup(80, {'192.0.2.1'}, {selector='best'})",
            "39: error: there is no selector 'best'; selectors are",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {selector='hashd'})",
            "39: error: there is no selector 'hashd'; write 'hashed'",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {selektor='all'})",
            "30: error: there is no option selektor; write selector",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {stringmatch='x'})",
            "30: error: stringmatch is an option of checks by URL",
        ),
        ("A ifportup(80, {'192.0.2.1'}, {'all'})", "30: error: 'all' is no option: it has no name"),
        (
            "A ifportup(80, {'192.0.2.1'}, {fall=0})",
            "35: error: 0 results in a row; write 1 or more",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {timeout='soon'})",
            "38: error: 'soon' is no number of seconds",
        ),
        ("A ifportup(80, {'192.0.2.1'}, {timeout=0})", "15: error: a timeout of zero"),
        (
            "A ifportup(80, {'192.0.2.1'}, {source='::1'})",
            "15: error: source ::1 and target 192.0.2.1",
        ),
        (
            "A ifurlup('www.example.com', {'192.0.2.1'})",
            "9: error: 'www.example.com' is not a URL that can be probed",
        ),
        (
            "A ifurlup('ftp://www.example.com/', {'192.0.2.1'})",
            "9: error: 'ftp://www.example.com/' is not a URL",
        ),
        (
            "A ifurlup('http://a.example/', {'192.0.2.1:80'})",
            "31: error: the URL says which port is probed",
        ),
        (
            "A ifurlup('http://a.example/', {'192.0.2.1'}, {httpcode=99})",
            "55: error: 99 is no HTTP status",
        ),
        (
            "A pickwhashed({{'192.0.2.1', 80}})",
            "15: error: a weight has to be an integer, not '192.0.2.1'",
        ),
        ("A pickwhashed({{0, '192.0.2.1'}})", "15: error: a weight has to be from 1"),
        ("A pickwhashed({{1}})", "14: error: a weight and its value are two items"),
        (
            "A pickchashed({{70000, '192.0.2.1'}})",
            "13: error: the weights add up to more than 65536",
        ),
        ("A country('USA') and '192.0.2.1' or '192.0.2.2'", "9: error: 'usa' is no country"),
        (
            "A country('uk') and '192.0.2.1' or '192.0.2.2'",
            "9: error: 'uk' is no country; write 'GB' for the United Kingdom",
        ),
        (
            "A country({'DE', 'EU'}) and '192.0.2.1' or '192.0.2.2'",
            "16: error: 'eu' is no country; write continent('EU')",
        ),
        (
            "A ;if countryCode() == 'uk' then return '192.0.2.1' end return '192.0.2.2'",
            "22: warning: countryCode() is never 'uk': there is no such country; write 'gb'",
        ),
        (
            "A ;local cc if who then cc = countryCode() else cc = 'de' end if cc == 'DE' then return '192.0.2.1' end return '192.0.2.2'",
            "70: warning: countryCode() is never 'DE': codes are in lower case; write 'de'",
        ),
        (
            "A ;local cc = countryCode() cc = cc:upper() if cc == 'DE' then return '192.0.2.1' end return '192.0.2.2'",
            "",
        ),
        (
            "A ;local cc, x = countryCode() if cc == 'de' then return '192.0.2.1' end return '192.0.2.2'",
            "",
        ),
        (
            "A ;local f = function(cc) return cc == 'DE' end local cc = countryCode() return f('DE') and '192.0.2.1' or '192.0.2.2'",
            "",
        ),
        ("A ;local t = {'192.0.2.1', nil, '192.0.2.2'} return t", "26: warning: a nil in a list"),
        ("A ;local t = {'192.0.2.1', nil} return t", ""),
        ("A country('GB') and '192.0.2.1' or '192.0.2.2'", ""),
        (
            "A ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.1'}})",
            "45: warning: 192.0.2.1 is in the list already",
        ),
        ("A ifportup(443, {{'192.0.2.1'}, {}})", "31: warning: a group without addresses"),
        (
            "A continent('Europe') and '192.0.2.1' or '192.0.2.2'",
            "11: error: 'europe' is no continent",
        ),
        (
            "A netmask({'192.0.2.0/33'}) and '192.0.2.1' or '192.0.2.2'",
            "10: error: '192.0.2.0/33' is not a network",
        ),
        (
            "A netmask('192.0.2.0/24') and '192.0.2.1' or '192.0.2.2'",
            "9: error: netmask does not take a string",
        ),
        ("A view({{{'192.0.2.0/24'}}})", "7: error: a rule is two lists"),
        ("TXT geoiplookup('x', 3)", "13: error: 'x' is not an address"),
        (
            "A country('DE')",
            "1: error: a boolean is no answer; return a string or a list of strings",
        ),
        ("A nil", "1: error: nil is no answer"),
        (
            "A ;if country('DE') then return true end return '192.0.2.1'",
            "31: error: a boolean is no answer",
        ),
        ("A {a='192.0.2.1'}", "2: error: a table with names for keys is no answer"),
        ("A ;return countryCode() == 'de'", "9: error: a boolean is no answer"),
        ("A 'x'", "1: error: 'x' is no data of a record of type A"),
        (
            "A {'192.0.2.1', '2001:db8::1'}",
            "15: error: '2001:db8::1' is no data of a record of type A",
        ),
        // Of a call that is computed, what is literal is looked at.
        (
            "A ;local i = {'192.0.2.1'} return ifportup(80, i, {selector='alll'})",
            "59: error: there is no selector 'alll'",
        ),
        (
            "A ;local i = {'192.0.2.1'} return ifportup({}, i)",
            "42: error: ifportup does not take a table here",
        ),
        ("A ;local i = {'192.0.2.1'} return pickrandom(i, 1)", "33: error: too many arguments"),
    ]);
}

#[test]
fn syntax_is_refused_where_it_is_wrong() {
    check_all(&[
        ("A ifportup(80, {'192.0.2.1'}", "9: error: expected `)` to close function call"),
        ("A ;if country('DE') then return '192.0.2.1'", "42: error: unexpected"),
        ("A ;return '192.0.2.1", "9: error: "),
        ("A ;goto done", "7: error: there is no goto in record programs"),
        (
            "A  ;return '192.0.2.1'",
            "2: error: Expected <eof>, got 'return'; the `;` of a program with statements has to come first",
        ),
    ]);
}

#[test]
fn size_and_depth_are_bounded() {
    let settings = Settings { source: 200_000, ..Settings::default() };
    let world = World::with(settings);
    for (text, expected) in [
        (format!("A {}{}", "(".repeat(150_000), ")".repeat(10)), "nest too deep"),
        (format!("A ;{}", "do ".repeat(50_000)), "nest too deep"),
        (format!("A ;return {}1", "- ".repeat(60_000)), "nest too deep"),
        (format!("A ;return 'a'{}", "..'a'".repeat(30_000)), "nest too deep"),
        (format!("A ;return {}1", "{".repeat(60_000)), "nest too deep"),
        (format!("A ;x = function() {}", "return function() ".repeat(10_000)), "nest too deep"),
        (format!("A '{}'", "1".repeat(200_000)), "more than 200000"),
    ] {
        let (program, faults) = world.compile(&text);
        assert!(program.is_none());
        assert!(faults[0].contains(expected), "{faults:?}");
    }
    // As deep as may be, which no stack of a thread minds.
    let deep = format!("TXT {}'x'{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(World::new(Dialect::Halfmoon).ask(&deep), "'x'");
    let calls =
        format!("TXT ;local function f() return f end return type(f{})", "()".repeat(15_000));
    assert!(world.compile(&calls).1.len() <= 1);
    let fields = format!("TXT ;local t = {{}} return type(t{})", ".a".repeat(30_000));
    assert!(world.compile(&fields).1.len() <= 1);
    let branches = format!("TXT ;{} return 'x'", "if asnum(1) then return 'y' end ".repeat(1900));
    assert_eq!(World::new(Dialect::Halfmoon).ask(&branches), "'x'");
    let long = format!("TXT ;local t = {{{}}} return t[2]", "'x',".repeat(15_000));
    assert_eq!(world.compile(&long).1, [""; 0]);
}

#[test]
fn a_target_that_may_not_be_probed_is_refused() {
    check_all(&[
        (
            "A ifportup(80, {'192.0.2.1', '169.254.169.254'}, {selector='all'})",
            "28: error: target 169.254.169.254 is in 169.254.0.0/16, which `targets.deny` names; \
             the operator decides under `health.targets` what is probed",
        ),
        (
            "A ifurlup('http://a.example/', {'169.254.169.254'})",
            "31: error: target 169.254.169.254 is in 169.254.0.0/16",
        ),
        (
            "A ifurlextup({{['192.0.2.1']='http://169.254.169.254/'}})",
            "15: error: target 169.254.169.254 is in 169.254.0.0/16",
        ),
        (
            "A pickselfweighted('http://a.example/', {'169.254.169.254', '192.0.2.1'})",
            "40: error: target 169.254.169.254 is in 169.254.0.0/16",
        ),
    ]);
}

#[test]
fn a_computed_target_that_may_not_be_probed_is_never_up() {
    let mut world = World::new(Dialect::Halfmoon);
    let record = "A ;local a = '169.254.169.' .. 254 \
                  return ifportup(80, {a, '192.0.2.' .. 1}, {selector='all', backupSelector='all'})";
    let program = world.program(record);
    for _ in 0..3 {
        assert_eq!(world.run(&program), "169.254.169.254 192.0.2.1");
    }
    let probed: Vec<_> =
        world.health.checks().iter().filter_map(|report| report.check.address()).collect();
    assert_eq!(probed, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
    world.observe("+192.0.2.1");
    assert_eq!(world.run(&program), "192.0.2.1");
}

#[test]
fn on_the_peer_a_target_that_may_not_be_probed_is_a_warning() {
    let mut world = World::new(Dialect::PowerDns);
    let record =
        "A ifportup(80, {'169.254.169.254', '192.0.2.1'}, {selector='all', backupSelector='all'})";
    let (program, faults) = world.compile(record);
    assert_eq!(
        faults,
        ["15: warning: target 169.254.169.254 is in 169.254.0.0/16, which `targets.deny` names; \
          it is never probed and counts as not up"]
    );
    assert_eq!(world.run(&program.unwrap()), "169.254.169.254 192.0.2.1");
}

#[test]
fn distance_without_a_database_is_a_warning() {
    let world = World::with(Settings { places: Attributes::NONE, ..Settings::default() });
    let (program, faults) = world.compile("A pickclosest({'192.0.2.1', '192.0.2.2'})");
    assert!(program.is_some());
    assert!(faults[0].contains("warning: no database with coordinates is loaded"), "{faults:?}");
}

#[test]
fn places_that_no_database_knows_are_a_warning() {
    for (attribute, program, expected) in [
        (
            Attribute::Country2,
            "A country('DE') and '192.0.2.1' or '192.0.2.2'",
            "1: warning: no database with countries",
        ),
        (
            Attribute::Country2,
            "A ;if countryCode() == 'de' then return '192.0.2.1' end return '192.0.2.2'",
            "5: warning: no database with countries",
        ),
        (
            Attribute::Continent,
            "A continent('EU') and '192.0.2.1' or '192.0.2.2'",
            "1: warning: no database with continents",
        ),
        (
            Attribute::Region,
            "A region('HE') and '192.0.2.1' or '192.0.2.2'",
            "1: warning: no database with regions",
        ),
        (
            Attribute::Asn,
            "A asnum(64496) and '192.0.2.1' or '192.0.2.2'",
            "1: warning: no database with autonomous systems",
        ),
        (Attribute::Location, "TXT latlon()", "1: warning: no database with coordinates"),
        (
            Attribute::City,
            "TXT geoiplookup('192.0.2.1', GeoIPQueryAttribute.City)",
            "46: warning: no database with cities",
        ),
    ] {
        let places = Attributes::ALL.without(attribute);
        let world = World::with(Settings { places, ..Settings::default() });
        let (compiled, faults) = world.compile(program);
        assert!(compiled.is_some(), "{program}");
        assert!(matches!(&*faults, [one] if one.contains(expected)), "{program}: {faults:?}");
        // One that knows that and nothing else.
        let places = [attribute].into_iter().collect();
        let (_, faults) = World::with(Settings { places, ..Settings::default() }).compile(program);
        assert!(faults.is_empty(), "{program}: {faults:?}");
    }
}

#[test]
fn variables_that_stand_for_a_literal_are_looked_at_as_it_is() {
    for (program, expected) in [
        (
            "A ;local ips = {'192.0.2.1', '192.0.2.2'} return ifportup(443, ips)",
            &["14: warning: a flat list without a selector"][..],
        ),
        (
            "A ;local ips = {'192.0.2.1', '192.0.2.1'} return ifportup(443, ips, {selector='all'})",
            &["warning: 192.0.2.1 is in the list already"],
        ),
        ("A ;local p = 70000 return ifportup(p, {'192.0.2.1'})", &["error: a port is from 1"]),
        (
            "A ;local a = '192.0.2.1' local ips = {{a}, {'192.0.2.300'}} return ifportup(80, ips)",
            &["error: '192.0.2.300' is not an address"],
        ),
        (
            "A ;local o = {selektor='all'} return ifportup(443, {'192.0.2.1'}, o)",
            &["error: there is no option selektor"],
        ),
        (
            "A ;local u = 'www.example.test/' return ifurlup(u, {'192.0.2.1'})",
            &["error: 'www.example.test/' is not a URL"],
        ),
        ("A ;local a return pickrandom({a, '192.0.2.1'})", &["warning: a is nil in a list"]),
        (
            "A ;local a = nil return pickrandom({'192.0.2.2', a, '192.0.2.1'})",
            &["warning: a is nil in a list"],
        ),
        // What is changed, or set twice, is not known.
        ("A ;local ips = {} table.insert(ips, '192.0.2.1') return ifportup(443, ips)", &[]),
        ("A ;local ips = {} ips[1] = '192.0.2.1' return ifportup(443, ips)", &[]),
        (
            "A ;local ips = {} for _, ip in ipairs({'192.0.2.1'}) do ips[#ips + 1] = ip end return ifportup(443, ips)",
            &[],
        ),
        (
            "A ;local ips = {'192.0.2.1'} local g = {ips} table.insert(g[1], '192.0.2.2') return ifportup(443, ips)",
            &[],
        ),
        (
            "A ;local ips = {} local other = ips other[1] = '192.0.2.1' return ifportup(443, ips)",
            &[],
        ),
        (
            "A ;local p = 443 if country('DE') then p = 70000 end return ifportup(p, {'192.0.2.1'})",
            &[],
        ),
        (
            "A ;local a if country('DE') then a = '192.0.2.2' end return pickrandom({a, '192.0.2.1'})",
            &[],
        ),
        (
            "A ;local function f(ips) return ifportup(443, ips) end local ips = {'192.0.2.1'} return f(ips)",
            &[],
        ),
        // Once, however often it is called with.
        (
            "A ;local ips = {'192.0.2.1', '192.0.2.2'} if country('DE') then return ifportup(443, ips) end return ifportup(80, ips)",
            &["warning: a flat list without a selector"],
        ),
    ] {
        let (_, faults) = World::new(Dialect::Halfmoon).compile(program);
        let as_expected = faults.len() == expected.len()
            && faults.iter().zip(expected).all(|(found, expected)| found.contains(expected));
        assert!(as_expected, "{program}: {faults:?}");
    }
}

#[test]
fn a_url_of_an_address_is_one_of_that_address() {
    for (program, expected) in [
        ("A ifurlup('http://192.0.2.1/', {'192.0.2.1'})", None),
        (
            "A ifurlup('http://192.0.2.1/', {{'192.0.2.1'}, {'192.0.2.2'}})",
            Some("9: warning: 192.0.2.2 is asked for a URL of 192.0.2.1"),
        ),
        (
            "A ifurlup('http://192.0.2.1/', {{'192.0.2.1'}, {{'192.0.2.2', probe='192.0.2.1'}}})",
            None,
        ),
        (
            "A ifurlup('http://192.0.2.1/', {{'192.0.2.1'}, {{'192.0.2.2', url='http://192.0.2.2/'}}})",
            None,
        ),
    ] {
        let (_, faults) = World::new(Dialect::Halfmoon).compile(program);
        match expected {
            None => assert!(faults.is_empty(), "{program}: {faults:?}"),
            Some(expected) => assert!(faults[0].contains(expected), "{program}: {faults:?}"),
        }
    }
}
