//! The objects of PowerDNS, method by method.

use halfmoon_lua::Dialect;

use crate::world::{World, client, name};

/// Each row: an expression, and what `tostring` says of it; `Script` where it is an error.
fn check_all(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
            let mut world = World::new(dialect);
            world.client = client("192.0.2.77");
            world.qname = name("A.b.Example.com.");
            let said = world.ask(&format!("TXT ;return tostring({expression})"));
            let expected = match *expected {
                "Script" => "Script".to_owned(),
                text => format!("'{text}'"),
            };
            assert_eq!(said, expected, "{expression}");
        }
    }
}

#[test]
fn names() {
    check_all(&[
        ("qname", "A.b.Example.com."),
        ("qname:toString()", "A.b.Example.com."),
        ("qname:toStringNoDot()", "A.b.Example.com"),
        ("newDN('.'):toStringNoDot()", ""),
        ("newDN('www')", "www."),
        ("table.concat(newDN('a\\\\.b.c'):getRawLabels(), '|')", "a.b|c"),
        ("#newDN('.'):getRawLabels()", "0"),
        ("qname:countLabels()", "4"),
        ("qname:wireLength()", "17"),
        ("qname:wirelength()", "17"),
        ("qname:isPartOf(zone)", "true"),
        ("qname:isPartOf(newDN('example.org'))", "false"),
        ("qname:makeRelative(zone)", "A.b."),
        ("qname:makeRelative(newDN('example.org'))", "nil"),
        ("qname:equal('a.B.example.COM')", "true"),
        ("qname:equal('a.B.example.net')", "false"),
        ("qname:equal(newDN('a.b.example.com'))", "true"),
        ("newDN('a.example') == newDN('A.EXAMPLE.')", "true"),
        ("newDN('a.example') == newDN('b.example')", "false"),
        ("newDN('a.example') < newDN('b.example')", "true"),
        ("newDN('z.example'):canonCompare(newDN('a.z.example'))", "true"),
        ("newDN('b.example'):canonCompare(newDN('a.example'))", "false"),
        ("(function() local n = newDN('a.b') return n:chopOff() and n:toString() end)()", "b."),
        ("newDN('.'):chopOff()", "false"),
        ("newDN('a..b')", "Script"),
        ("newDN()", "Script"),
        ("newDN('a', 'b')", "Script"),
        ("newDN(true)", "Script"),
        ("newDN(5)", "5."),
        ("qname:toString(1)", "Script"),
        ("qname:isPartOf('example.com')", "Script"),
        ("qname:isPartOf(zone, zone)", "Script"),
    ]);
}

#[test]
fn addresses() {
    check_all(&[
        ("bestwho", "192.0.2.77"),
        ("who:getPort()", "5353"),
        ("who:toStringWithPort()", "192.0.2.77:5353"),
        ("newCA('192.0.2.1:53'):toString()", "192.0.2.1"),
        ("newCA('192.0.2.1:53'):getPort()", "53"),
        ("newCA('192.0.2.1'):getPort()", "0"),
        ("newCA('[2001:db8::1]:53'):toStringWithPort()", "[2001:db8::1]:53"),
        ("newCA('2001:db8::1'):toStringNoInterface()", "2001:db8::1"),
        ("newCA('192.0.2.1'):toStringReversed()", "1.2.0.192"),
        ("#newCA('2001:db8::1'):toStringReversed()", "63"),
        ("newCA('65.66.67.68'):getRaw()", "ABCD"),
        ("#newCA('::1'):getRaw()", "16"),
        ("newCA('192.0.2.1'):isIPv4()", "true"),
        ("newCA('192.0.2.1'):isIPv6()", "false"),
        ("newCA('::ffff:192.0.2.1'):isMappedIPv4()", "true"),
        ("newCA('::1'):isMappedIPv4()", "false"),
        ("newCA('::ffff:192.0.2.1'):mapToIPv4()", "192.0.2.1"),
        ("newCA('::1'):mapToIPv4()", "Script"),
        ("(function() local a = newCA('192.0.2.77') a:truncate(24) return a end)()", "192.0.2.0"),
        ("(function() local a = newCA('::ffff') a:truncate('120') return a end)()", "::ff00"),
        ("newCA('192.0.2.1:53'):equal(newCA('192.0.2.1:54'))", "true"),
        ("newCA('192.0.2.1'):equal(newCA('192.0.2.2'))", "false"),
        ("newCA('192.0.2.1') == newCA('192.0.2.1')", "true"),
        ("newCA('10.1')", "10.0.0.1"),
        ("newCA('x')", "Script"),
        ("newCA('192.0.2.1', 53)", "Script"),
        ("newCAFromRaw('ABCD')", "65.66.67.68"),
        ("newCAFromRaw('ABCD', 53):getPort()", "53"),
        ("newCAFromRaw('ABCD', nil):getPort()", "0"),
        ("newCAFromRaw('ABCDEFGHIJKLMNOP')", "4142:4344:4546:4748:494a:4b4c:4d4e:4f50"),
        ("newCAFromRaw('ABC')", "Script"),
        ("newCAFromRaw('ABCD', 65536)", "Script"),
        ("newCAFromRaw('ABCD', 53, 1)", "Script"),
    ]);
}

#[test]
fn networks() {
    check_all(&[
        ("newNetmask('192.0.2.77/24')", "192.0.2.0/24"),
        ("newNetmask('192.0.2.77/24'):toString()", "192.0.2.0/24"),
        ("newNetmask('192.0.2.77/24'):getNetwork()", "192.0.2.0"),
        ("newNetmask('192.0.2.77/24'):getMaskedNetwork()", "192.0.2.0"),
        ("newNetmask('192.0.2.77/24'):getBits()", "24"),
        ("newNetmask('192.0.2.77'):getBits()", "32"),
        ("newNetmask('::/0'):isIPv6()", "true"),
        ("newNetmask('::/0'):isIPv4()", "false"),
        ("newNetmask('::/0'):isIpv6()", "true"),
        ("newNetmask('0.0.0.0/0'):isIpv4()", "true"),
        ("newNetmask('192.0.2.0/24'):match('192.0.2.1')", "true"),
        ("newNetmask('192.0.2.0/24'):match('192.0.3.1')", "false"),
        ("newNetmask('192.0.2.0/24'):match(bestwho)", "true"),
        ("newNetmask('192.0.2.0/24'):empty()", "false"),
        ("newNetmask('192.0.2.0/24') == newNetmask('192.0.2.0/24')", "true"),
        ("newNetmask('192.0.2.0/33')", "Script"),
        ("newNetmask('192.0.2.0/24', 1)", "Script"),
    ]);
}

#[test]
fn groups_of_networks() {
    let group = "newNMG({'10.0.0.0/8', '!10.1.0.0/16', '10.1.2.0/24', '2001:db8::/32'})";
    for (address, expected) in [
        ("10.9.9.9", "true"),
        ("10.1.9.9", "false"),
        ("10.1.2.9", "true"),
        ("11.0.0.1", "false"),
        ("2001:db8::1", "true"),
        ("2001:db9::1", "false"),
    ] {
        check_all(&[(&format!("{group}:match(newCA('{address}'))"), expected)]);
    }
    check_all(&[
        ("newNMG():match(bestwho)", "false"),
        ("newNMG(nil):match(bestwho)", "false"),
        ("newNMG{'192.0.2.0/24'}:match(bestwho)", "true"),
        (
            "(function() local g = newNMG() g:addMask('192.0.2.0/24') return g:match(bestwho) end)()",
            "true",
        ),
        (
            "(function() local g = newNMG{'0.0.0.0/0'} g:addMasks({'!192.0.2.0/24'}) return g:match(bestwho) end)()",
            "false",
        ),
        // What was said last of a network counts.
        ("newNMG{'192.0.2.0/24', '!192.0.2.0/24'}:match(bestwho)", "false"),
        ("netmask(newNMG{'192.0.2.0/24'})", "true"),
        ("netmask(newNMG{'0.0.0.0/0', '!192.0.2.0/24'})", "false"),
        ("view({{newNMG{'192.0.2.0/24'}, {'in'}}, {{'0.0.0.0/0'}, {'out'}}})", "in"),
        ("newNMG({'x'})", "Script"),
        ("newNMG('192.0.2.0/24')", "Script"),
        ("newNMG({true})", "Script"),
        ("newNMG({}, {})", "Script"),
        ("newNMG():addMask('!')", "Script"),
    ]);
}

#[test]
fn a_group_decides_as_far_as_it_tells_clients_apart() {
    let mut world = World::new(Dialect::Halfmoon);
    for (group, scope) in [
        ("{'192.0.2.0/24'}", 24),
        ("{'192.0.0.0/16', '!192.0.2.128/25'}", 25),
        ("{'10.0.0.0/8'}", 1),
    ] {
        world.ask(&format!("TXT netmask(newNMG({group})) and 'a' or 'b'"));
        assert_eq!(world.answers.scope(), scope, "{group}");
    }
}

#[test]
fn sets_of_addresses() {
    for (add, check, expected) in [
        ("'192.0.2.1'", "newCA('192.0.2.1')", "true"),
        ("newCA('192.0.2.1:53')", "newCA('192.0.2.1')", "true"),
        ("{'192.0.2.1', '2001:db8::1'}", "newCA('2001:db8::1')", "true"),
        ("'192.0.2.1'", "newCA('192.0.2.2')", "false"),
        ("'x'", "bestwho", "Script"),
        ("{true}", "bestwho", "Script"),
        ("true", "bestwho", "Script"),
    ] {
        let body = format!("local s = newCAS() s:add({add}) return s:check({check})");
        check_all(&[(&format!("(function() {body} end)()"), expected)]);
    }
}

#[test]
fn random_numbers_stay_below_their_bound() {
    check_all(&[
        ("pdnsrandom(1)", "0"),
        ("pdnsrandom(10) < 10", "true"),
        ("pdnsrandom() >= 0 and pdnsrandom() < 4294967296", "true"),
        ("pdnsrandom('10') < 10", "true"),
        ("pdnsrandom(-1)", "Script"),
        ("pdnsrandom(1, 2)", "Script"),
    ]);
    let mut world = World::new(Dialect::Halfmoon);
    world.ask("TXT ;return pdnsrandom()");
    assert_eq!(world.answers.reads().to_string(), "chance");
}

#[test]
fn what_sets_take_is_paid_for() {
    for body in [
        "while true do newNMG({'10.0.0.0/8', '11.0.0.0/8', '12.0.0.0/8'}) end",
        "local g = newNMG() for i = 0, 1e9 do g:addMask('10.' .. i % 256 .. '.0.0/16') end",
        "local s = newCAS() for i = 0, 1e9 do s:add('10.0.0.' .. i % 256) end",
    ] {
        assert_eq!(World::new(Dialect::PowerDns).ask(&format!("A ;{body}")), "Fuel", "{body}");
    }
}

#[test]
fn record_types() {
    check_all(&[
        ("newQType('AAAA'):getCode()", "28"),
        ("newQType('aaaa'):getName()", "AAAA"),
        ("newQType('#5'):getName()", "CNAME"),
        ("newQType('TYPE65280'):getCode()", "65280"),
        ("newQType('A')", "A"),
        ("newQType('A') == newQType('#1')", "true"),
        ("newQType('NOPE')", "Script"),
        ("newQType('A', 1)", "Script"),
        ("pdns.LUA", "65402"),
        ("pdns.NXDOMAIN", "3"),
        ("pdns.DROP", "-2"),
        ("pdns.place.ANSWER", "1"),
        ("pdns.loglevels.Warning", "4"),
        ("next(pdns_features)", "nil"),
    ]);
}

#[test]
fn records() {
    let make =
        "(function() local r = newDR(newDN('a.example'), 'A', 60, '192.0.2.1', 1) BODY end)()";
    for (body, expected) in [
        ("return r.name", "a.example."),
        ("return r.type", "1"),
        ("return r.ttl", "60"),
        ("return r.place", "1"),
        ("return r:getContent()", "192.0.2.1"),
        ("return r:getCA()", "192.0.2.1"),
        ("r:changeContent('192.0.2.9') return r:getContent()", "192.0.2.9"),
        ("r:changeContent('x')", "Script"),
        ("r.ttl = 5 return r.ttl", "5"),
        ("r.name = newDN('b.example') return r.name", "b.example."),
        ("r.type = 28 return r.type", "28"),
        ("r.place = 2 return r.place", "2"),
        ("r.nothing = 1", "Script"),
    ] {
        check_all(&[(&make.replace("BODY", body), expected)]);
    }
    check_all(&[
        ("newDR('a', 'MX', 60, '10 mail', 1):getContent()", "10 mail."),
        ("newDR('a', 'MX', 60, '10 mail', 1):getCA()", "nil"),
        ("newDR('a', 'A', 60, 'x', 1)", "Script"),
        ("newDR('a', 'A', 60, '192.0.2.1')", "Script"),
        ("newDR('a', 'A', -1, '192.0.2.1', 1)", "Script"),
        ("newDR('a', 'A', 60, '192.0.2.1', 1, 2)", "Script"),
        ("newDRR('a', 'A', 60, '192.0.2.1')", "192.0.2.1"),
        ("newDRR('a', 'A', 60, '192.0.2.1', 7):zoneId()", "7"),
        ("newDRR('a', 'A', 60, '192.0.2.1', 7, false):auth()", "false"),
        ("newDRR('a', 'A', 60, '192.0.2.1', 7, false, 1)", "Script"),
    ]);
}

#[test]
fn the_header_of_the_query() {
    for (octets, getter, expected) in [
        ([0x12, 0x34, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4], "getID", "4660"),
        ([0x12, 0x34, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4], "getQDCOUNT", "1"),
        ([0x12, 0x34, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4], "getANCOUNT", "2"),
        ([0x12, 0x34, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4], "getNSCOUNT", "3"),
        ([0x12, 0x34, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4], "getARCOUNT", "4"),
        ([0, 0, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0], "getRD", "true"),
        ([0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0], "getTC", "true"),
        ([0, 0, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0], "getAA", "true"),
        ([0, 0, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0], "getOPCODE", "5"),
        ([0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0], "getRA", "true"),
        ([0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0], "getAD", "true"),
        ([0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0], "getCD", "true"),
        ([0, 0, 0, 0x05, 0, 0, 0, 0, 0, 0, 0, 0], "getRCODE", "5"),
        ([0, 0, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0], "getRD", "false"),
    ] {
        let mut world = World::new(Dialect::PowerDns);
        world.client.header = octets;
        let said = world.ask(&format!("TXT ;return tostring(dh:{getter}())"));
        assert_eq!(said, format!("'{expected}'"), "{getter}");
        assert_eq!(world.answers.reads().to_string(), "transport");
    }
}

#[test]
fn what_differs_is_not_equal_and_what_is_not_there_is_an_error() {
    check_all(&[
        ("newDN('b.example') < newDN('a.example')", "false"),
        ("newDN('a.example') < newDN('A.example')", "false"),
        ("newCA('192.0.2.1') == newCA('192.0.2.2')", "false"),
        ("newCA('::1'):isIPv6()", "true"),
        ("newCA('::1'):isIPv4()", "false"),
        ("newNetmask('::/0'):getBits()", "0"),
        ("newNetmask('192.0.2.0/24') == newNetmask('192.0.2.0/25')", "false"),
        ("newNetmask('2001:db8::1/32'):getMaskedNetwork()", "2001:db8::"),
        ("newQType('A') == newQType('AAAA')", "false"),
        ("qname:nothing()", "Script"),
        ("who:nothing()", "Script"),
        ("dh:nothing()", "Script"),
        ("newNetmask('::/0'):nothing()", "Script"),
        ("newNMG():nothing()", "Script"),
        ("newCAS():nothing()", "Script"),
        ("newQType('A'):nothing()", "Script"),
        ("who:toString(1)", "Script"),
        ("newNetmask('::/0'):getBits(1)", "Script"),
        ("dh:getID(1)", "Script"),
        ("newCAS(1)", "Script"),
        ("newCA(nil)", "Script"),
        ("newNetmask(nil)", "Script"),
        ("newCAFromRaw('')", "Script"),
    ]);
}
