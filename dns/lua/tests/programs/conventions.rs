//! How arguments are taken, as the peer takes them (2.3 in the peer's specification), for every
//! function: it decides what fails.

use halfmoon_healthcheck::Outcome;
use halfmoon_lua::Dialect;

use crate::world::World;

/// Each function with arguments as it wants them, and the fewest and the most it takes.
const CALLS: [(&str, &str, usize, usize); 38] = [
    ("ifportup", "80|{'192.0.2.1'}|{}", 2, 3),
    ("ifurlup", "'http://a.example/'|{'192.0.2.1'}|{}", 2, 3),
    ("ifurlextup", "{{['192.0.2.1']='http://a.example/'}}|{}", 1, 2),
    ("pickselfweighted", "'http://a.example/'|{'192.0.2.1'}|{}", 2, 3),
    ("pickrandom", "{'192.0.2.1'}", 1, 1),
    ("pickrandomsample", "1|{'192.0.2.1'}", 2, 2),
    ("pickhashed", "{'192.0.2.1'}", 1, 1),
    ("pickwrandom", "{{1, '192.0.2.1'}}", 1, 1),
    ("pickwhashed", "{{1, '192.0.2.1'}}", 1, 1),
    ("picknamehashed", "{{1, '192.0.2.1'}}", 1, 1),
    ("pickchashed", "{{1, '192.0.2.1'}}", 1, 1),
    ("pickclosest", "{'192.0.2.1'}", 1, 1),
    ("all", "{'192.0.2.1'}", 1, 1),
    ("view", "{{{'0.0.0.0/0'}, {'192.0.2.1'}}}", 1, 1),
    ("netmask", "{'192.0.2.0/24'}", 1, 1),
    ("country", "'DE'", 1, 1),
    ("continent", "'EU'", 1, 1),
    ("region", "'HE'", 1, 1),
    ("asnum", "64500", 1, 1),
    ("countryCode", "", 0, 0),
    ("continentCode", "", 0, 0),
    ("regionCode", "", 0, 0),
    ("geoiplookup", "'192.0.2.1'|GeoIPQueryAttribute.Country", 2, 2),
    ("latlon", "", 0, 0),
    ("latlonloc", "", 0, 0),
    ("latlonMagic", "", 0, 0),
    ("createReverse", "'%1%'|{}", 1, 2),
    ("createReverse6", "'%1%'|{}", 1, 2),
    ("createForward", "", 0, 0),
    ("createForward6", "", 0, 0),
    ("filterForward", "'192.0.2.1'|newNMG()|'192.0.2.2'", 2, 3),
    ("include", "'config'", 1, 1),
    ("dblookup", "'www.example.com'|pdns.A", 2, 2),
    ("resolve", "'www.example.com'|pdns.A", 2, 2),
    ("newDN", "'a.example'", 1, 1),
    ("newNetmask", "'192.0.2.0/24'", 1, 1),
    ("pdnslog", "'text'|pdns.loglevels.Info", 1, 2),
    ("pdnsrandom", "5", 0, 1),
];

/// Runs a call for what it does, when all that it checks is up, and answers `ran` after it.
fn ran(call: &str) -> String {
    let mut world = World::new(Dialect::PowerDns);
    let program = world.program(&format!("TXT ;local x = {call} return 'ran'"));
    for report in world.health.checks() {
        assert!(world.health.report(&report.check, Outcome::success(1)));
    }
    world.run(&program)
}

#[test]
fn too_few_or_too_many_arguments_are_an_error() {
    for (function, arguments, fewest, most) in CALLS {
        let arguments: Vec<&str> = arguments.split('|').filter(|text| !text.is_empty()).collect();
        assert_eq!(arguments.len(), most, "{function}");
        for count in 0..=most + 1 {
            let given: Vec<&str> = arguments.iter().copied().chain(["1"]).take(count).collect();
            let call = format!("{function}({})", given.join(", "));
            let expected = if (fewest..=most).contains(&count) { "'ran'" } else { "Script" };
            assert_eq!(ran(&call), expected, "{call}");
        }
    }
}

#[test]
fn optional_arguments_may_be_nil() {
    for (function, arguments, fewest, most) in CALLS.into_iter().filter(|call| call.2 < call.3) {
        let mut given: Vec<&str> = arguments.split('|').take(fewest).collect();
        given.resize(most, "nil");
        let call = format!("{function}({})", given.join(", "));
        assert_eq!(ran(&call), "'ran'", "{call}");
    }
}

#[test]
fn numbers_are_strings_and_strings_are_numbers_where_those_are_wanted() {
    for (record, expected) in [
        ("A ifportup('80', {'192.0.2.1'})", "192.0.2.1"),
        ("A pickrandomsample('1', {'192.0.2.1'})", "192.0.2.1"),
        ("A pickwhashed({{'1', '192.0.2.1'}})", "192.0.2.1"),
        ("TXT pickrandom({7})", "'7'"),
        ("TXT all({7, 'x'})", "'7' 'x'"),
        ("TXT asnum('64500') and 'yes' or 'no'", "'yes'"),
        ("TXT geoiplookup('192.0.2.1', '3')", "'de'"),
        ("TXT 7", "'7'"),
        ("TXT ;return #resolve('www.example.com', '1')", "'0'"),
        ("TXT ;return #dblookup('www.example.com', '1')", "'0'"),
        ("TXT ;return createReverse(7)", "'unknown'"),
        ("A ;return ifportup(80, {'192.0.2.1'}, {timeout='1', interval='2'})", "192.0.2.1"),
        ("A pickchashed({{'1', '192.0.2.1'}})", "192.0.2.1"),
        // What stands behind weight and value is not looked at.
        ("A pickwhashed({{15, '192.0.2.1', 'more'}})", "192.0.2.1"),
    ] {
        assert_eq!(World::new(Dialect::PowerDns).ask(record), expected, "{record}");
    }
}

#[test]
fn a_closest_name_and_a_weight_that_checks_find_are_strings() {
    let mut world = World::new(Dialect::PowerDns);
    world.qname = crate::world::name("192-0-2-1.example.com.");
    assert_eq!(world.ask("TXT type(closestMagic())"), "'string'");
    let program = world
        .program("TXT type(pickselfweighted('http://a.example/', {'192.0.2.1', '192.0.2.2'}))");
    world.observe("+192.0.2.1");
    assert_eq!(world.run(&program), "'string'");
}

#[test]
fn booleans_are_never_anything_else() {
    for call in [
        "ifportup(80, {'192.0.2.1'}, {failOnIncompleteCheck=true})",
        "ifportup(80, {'192.0.2.1'}, {selector=true})",
        "ifportup(true, {'192.0.2.1'})",
        "pickrandom({true})",
        "pickrandomsample(true, {'192.0.2.1'})",
        "pickwhashed({{true, '192.0.2.1'}})",
        "country(true)",
        "netmask({true})",
        "newDN(true)",
        "ifportup(80, {'192.0.2.1'}, {colour=true})",
        "resolve('www.example.com', 'A')",
        "dblookup('www.example.com', 'A')",
        "createReverse(true)",
        "geoiplookup(true, 3)",
        "all({true})",
        "pickclosest({true})",
        "view({{{'0.0.0.0/0'}, {true}}})",
        "dblookup(true, 1)",
        "ifurlextup({{['192.0.2.1']=true}})",
        "filterForward('192.0.2.1', newNMG(), true)",
    ] {
        assert_eq!(ran(call), "Script", "{call}");
    }
}

#[test]
fn a_list_is_flat_or_of_groups() {
    for (call, expected) in [
        ("ifportup(80, {'192.0.2.1', '192.0.2.2'})", "'ran'"),
        ("ifportup(80, {{'192.0.2.1'}, {'192.0.2.2'}})", "'ran'"),
        ("ifportup(80, {'192.0.2.1', {'192.0.2.2'}})", "Script"),
        ("ifportup(80, '192.0.2.1')", "Script"),
        ("ifurlextup({['192.0.2.1']='http://a.example/'})", "Script"),
        ("pickrandom('192.0.2.1')", "Script"),
        ("netmask('192.0.2.0/24')", "Script"),
    ] {
        assert_eq!(ran(call), expected, "{call}");
    }
}

#[test]
fn what_functions_return_is_a_table_or_a_string() {
    for (calls, expected) in [
        (
            "ifportup(80, {'192.0.2.1'})|ifurlup('http://a.example/', {'192.0.2.1'})|\
             ifurlextup({{['192.0.2.1']='http://a.example/'}})|all({'192.0.2.1'})|\
             filterForward('192.0.2.1', newNMG({'192.0.2.0/24'}))|pickrandomsample(1, {'192.0.2.1'})|\
             dblookup('www.example.com', pdns.A)|resolve('www.example.com', pdns.A)",
            "'table'",
        ),
        (
            "pickrandom({'a'})|pickhashed({'a'})|pickwrandom({{1, 'a'}})|pickwhashed({{1, 'a'}})|\
             picknamehashed({{1, 'a'}})|pickchashed({{1, 'a'}})|pickclosest({'192.0.2.1'})|\
             view({{{'0.0.0.0/0'}, {'a'}}})|countryCode()|continentCode()|regionCode()|latlon()|\
             latlonloc()|latlonMagic()|geoiplookup('192.0.2.1', 3)|createForward()|createForward6()|\
             createReverse('%1%')|createReverse6('%1%')",
            "'string'",
        ),
        ("netmask({'192.0.2.0/24'})|country('DE')|asnum(1)", "'boolean'"),
    ] {
        for call in calls.split('|') {
            let record = format!("TXT type({call})");
            assert_eq!(World::new(Dialect::PowerDns).ask(&record), expected, "{record}");
        }
    }
}
