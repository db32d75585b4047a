//! The language itself: what programs of the field rely on.

use halfmoon_lua::Dialect;

use crate::world::{World, client, name};

fn check_all(rows: &[(&str, &str)]) {
    for (record, expected) in rows {
        let mut world = World::new(Dialect::Halfmoon);
        world.client = client("192.0.2.77 for 198.51.100.0/24");
        let shown = world.ask(record);
        assert_eq!(shown, *expected, "{record}\n{}", world.machine.detail());
    }
}

#[test]
fn lua_is_that_of_luajit() {
    check_all(&[
        ("TXT '192.0.2.' .. 10/2", "'192.0.2.5'"),
        ("TXT tostring(3.0)", "'3'"),
        ("TXT ;return 2^31", "'2147483648'"),
        ("TXT string.format('%d', 3.7)", "'3'"),
        ("TXT string.format('%s %s', true, nil)", "'true nil'"),
        ("TXT string.format('%s', {})", "'table'"),
        ("TXT string.rep('a', 3, '-')", "'a-a-a'"),
        ("TXT ('ab'):rep(2)", "'abab'"),
        (
            "TXT bit.band(0xff, 0x0f) .. ' ' .. bit.bnot(0) .. ' ' .. bit.lshift(1, 31)",
            "'15 -1 -2147483648'",
        ),
        ("TXT bit.tohex(bit.bor(0xdead0000, 0xbeef))", "'deadbeef'"),
        ("TXT bit.rshift(-1, 28) .. ' ' .. bit.arshift(-16, 2)", "'15 -4'"),
        ("TXT unpack({'a', 'b'})", "'a'"),
        ("TXT table.concat({'a', 'b'}, ',')", "'a,b'"),
        ("TXT ;local s = 0 for i = 1, 10 do s = s + i end return s", "'55'"),
        ("TXT ;x = 'global' return x", "'global'"),
        ("TXT ;return ({pcall(error, 'x')})[2]", "'x'"),
        ("TXT ;return 1.5", "'1.5'"),
        ("TXT ('%d'):format(pdns.AAAA)", "'28'"),
        (
            "TXT ;local n = math.random(3) return n >= 1 and n <= 3 and n == math.floor(n) and 'in' or 'out'",
            "'in'",
        ),
        ("TXT tostring(os.time() > 1700000000)", "'true'"),
    ]);
}

#[test]
fn objects_have_the_methods_of_the_peer() {
    check_all(&[
        ("TXT qname:toString()", "'www.example.com.'"),
        (
            "TXT qname:toStringNoDot() .. ' ' .. qname:countLabels() .. ' ' .. qname:wirelength()",
            "'www.example.com 3 17'",
        ),
        ("TXT qname:getRawLabels()", "'www' 'example' 'com'"),
        ("TXT tostring(qname:isPartOf(zone)) .. tostring(zone:isPartOf(qname))", "'truefalse'"),
        ("TXT qname:makeRelative(zone):toString()", "'www.'"),
        (
            "TXT tostring(qname == newDN('WWW.example.com')) .. tostring(qname:equal('a.'))",
            "'truefalse'",
        ),
        (
            "TXT ;local n = newDN('a.b.') n:chopOff() return n:toString() .. qname:toString()",
            "'b.www.example.com.'",
        ),
        ("TXT zone:toString()", "'example.com.'"),
        (
            "TXT who:toString() .. ' ' .. who:toStringWithPort() .. ' ' .. who:getPort()",
            "'192.0.2.77 192.0.2.77:5353 5353'",
        ),
        ("TXT bestwho:toString()", "'198.51.100.0'"),
        (
            "TXT ecswho:toString() .. ' ' .. ecswho:getNetwork():toString() .. ' ' .. ecswho:getBits()",
            "'198.51.100.0/24 198.51.100.0 24'",
        ),
        (
            "TXT tostring(ecswho:match('198.51.100.9')) .. tostring(ecswho:match(who))",
            "'truefalse'",
        ),
        ("TXT tostring(who:isIPv4()) .. tostring(who:isIPv6())", "'truefalse'"),
        ("TXT who:toStringReversed()", "'77.2.0.192'"),
        ("TXT newCA('[2001:db8::1]:53'):toStringWithPort()", "'[2001:db8::1]:53'"),
        ("TXT newCA('::ffff:192.0.2.1'):mapToIPv4():toString()", "'192.0.2.1'"),
        ("TXT ;local a = newCA('192.0.2.77') a:truncate(24) return a:toString()", "'192.0.2.0'"),
        ("TXT newNetmask('192.0.2.9/24'):getMaskedNetwork():toString()", "'192.0.2.0'"),
        ("TXT tostring(dnssecOK) .. tostring(tcp) .. ednsPKTSize", "'falsefalse-1'"),
        ("TXT tostring(localwho)", "'nil'"),
        ("TXT type(zoneid)", "'number'"),
        ("TXT geoiplookup(bestwho:toString(), 3)", "'us'"),
    ]);
}

#[test]
fn host_functions_work_inside_programs() {
    check_all(&[
        (
            "A ;local ips = {} for i = 1, 3 do ips[i] = '192.0.2.' .. i end return all(ips)",
            "192.0.2.1 192.0.2.2 192.0.2.3",
        ),
        ("TXT ;local x = pickrandom({'a'}) return 'picked ' .. x", "'picked a'"),
        ("TXT ;local t = all({'a', 'b'}) return #t", "'2'"),
        ("TXT ;local f = country return f('US') and 'us' or 'other'", "'us'"),
        (
            "TXT ;local country = function() return true end return country('XX') and 'shadowed' or 'not'",
            "'shadowed'",
        ),
        ("TXT ;pickrandom = function() return 'mine' end return pickrandom({'a'})", "'mine'"),
        ("TXT pickrandom({'a'}):upper()", "'A'"),
        ("TXT pickrandom{'a'}", "'a'"),
        ("TXT ;return country'US' and 'yes' or 'no'", "'yes'"),
        ("TXT ;return string.format(\n'%s', pickrandom({\n'a'\n}))", "'a'"),
        ("A ;return ifportup(80, {{'192.0.2.1'}, {}}, {selector='al' .. 'l'})", "192.0.2.1"),
        (
            "A ;return ifurlup('http://' .. qname:toStringNoDot() .. '/', {'192.0.2.1'})",
            "192.0.2.1",
        ),
        ("A ;return pickrandom({who})", "192.0.2.77"),
        ("TXT ;local t = {['2'] = 'b'} return pickrandom({'a'}, nil)", "'a'"),
        ("A ;return ifportup(80, {'x' .. 'y'})", "Script"),
    ]);
}

#[test]
fn globals_do_not_stay() {
    let mut world = World::new(Dialect::PowerDns);
    let count = world.program("TXT ;n = (n or 0) + 1 return n");
    let other = world.program("TXT ;return tostring(n)");
    for _ in 0..3 {
        assert_eq!(world.run(&count), "'1'");
        assert_eq!(world.run(&other), "'nil'");
    }
}

#[test]
fn errors_say_what_and_where() {
    for (record, expected) in [
        ("A ;local x\n\nreturn x.y", "program:3: attempt to index nil with 'y'"),
        ("A ;error('no luck')", "no luck"),
        ("A ;return ifportup(80, {'x' .. 'y'})", "ifportup: 'xy' is not an address"),
        ("A ;return 'x' .. 'y'", "'xy': not an address of the record's type"),
        ("A ;local t = true return t", "the result is boolean"),
        ("A ;local t = {a = 'x'} return t", "the table has names for keys"),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        world.ask(record);
        let detail = world.machine.detail();
        assert!(detail.contains(expected), "{record}: {detail}");
    }
}

#[test]
fn computed_checks_are_asked_for_and_then_known() {
    let mut world = World::new(Dialect::Halfmoon);
    world.qname = name("tenant.example.com.");
    let program = world.program(
        "A ;return ifurlup('http://' .. qname:toStringNoDot() .. '/', {'192.0.2.1', '192.0.2.2'}, \
         {selector='all', backupSelector='empty'})",
    );
    assert_eq!(world.run(&program), "");
    assert_eq!(world.health.checks().len(), 2);
    world.observe("+192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.2");
}

#[test]
fn checks_that_a_program_puts_together_start_at_load() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(
        "A ;local fra = {'192.0.2.1'} local lax = {'192.0.2.2', '192.0.2.3'}\n\
         local other = {'192.0.2.9'}\n\
         local ips if country('US') then ips = {lax, fra} else ips = {fra, lax} end\n\
         return ifurlup('http://www.example.com/', ips, {selector='all'})",
    );
    assert_eq!(world.health.checks().len(), 3, "all but 192.0.2.9");
    world.observe("+192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.2");
    // What the program found in its own text it did not ask for again.
    assert!(world.health.checks().iter().all(|report| !report.is_leased));
    drop(program);
    assert_eq!(world.health.checks().len(), 0);
}
