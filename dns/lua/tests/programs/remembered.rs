//! A machine that remembers says what one says that runs every program.

use halfmoon_lua::{Dialect, Machine};

use crate::world::{World, client, name, zones};

/// Programs that enter Lua, by what they read.
const PROGRAMS: [&str; 19] = [
    "A ;local t = {} for i = 1, 4 do t[i] = '192.0.2.' .. i end return t",
    "A ;local up = ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='all'}) return up",
    "A ;local port = 400 + 43 return ifportup(port, {'192.0.2.1', '192.0.2.2'}, {selector='all'})",
    "TXT ;local c = countryCode() return c .. '!'",
    "TXT ;local c = continentCode() if c == 'eu' then return regionCode() .. '!' end return c",
    "A ;local n = '192.0.2.0/' .. (20 + 4) if netmask({n}) then return '192.0.2.1' end return '192.0.2.2'",
    "A ;local n = 2 return pickhashed({'192.0.2.1', '192.0.2.' .. n, '192.0.2.3'})",
    "TXT ;local n = 'x' return bestwho:toString() .. n",
    "TXT ;local n = 'x' return who:toString() .. n",
    "TXT ;local n = 'x' return bestwho:toStringWithPort() .. n",
    "TXT ;local n = 'x' return who:getPort() .. n",
    "TXT ;local n = 'x' return (ecswho and ecswho:toString() or 'none') .. n",
    "TXT ;local n = 'x' return qname:toString() .. n",
    "TXT ;local n = 'x' return zone:toString() .. n",
    "TXT ;local n = 'x' return tostring(tcp) .. n",
    "A ;local n = '192.0.2.77' return pickclosest({'198.51.100.1', n, '203.0.113.1', '203.0.113.129'})",
    "A ;return {}",
    "TXT ;local t = 'a' if netmask({'198.51.100.0/24'}) then return error('no') end return t",
    "A ;local a = '192.0.2.1' return {a, a, '192.0.2.2'}",
];

/// Who asks, more than once and with what differs in one thing only.
const CLIENTS: [&str; 12] = [
    "192.0.2.77",
    "192.0.2.78",
    "198.51.100.1",
    "203.0.113.1",
    "203.0.113.200",
    "192.0.2.0",
    "192.0.2.77 for 198.51.100.0/24",
    "192.0.2.77 for 198.51.100.0/25",
    "192.0.2.77 for 203.0.113.0/24",
    "192.0.2.77 for 192.0.2.77/32",
    "2001:db8::1",
    "192.0.2.77 for 2001:db8::/32",
];

#[test]
fn what_is_remembered_is_what_a_run_would_say() {
    for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
        let mut world = World::new(dialect);
        let programs = PROGRAMS.map(|text| world.program(text));
        let mut remembering = Machine::new(world.settings.clone()).remembering();
        let names = ["www.example.com.", "ftp.example.com."].map(name);
        let mut port = 1024;
        // Checks that are computed are there from the first question on.
        for program in &programs {
            world.run(program);
        }
        for states in ["-192.0.2.1 +192.0.2.2", "+192.0.2.1", "", "-192.0.2.2"] {
            world.observe(states);
            // The second time around nothing is new.
            for _ in 0..2 {
                for (who, qname) in CLIENTS.iter().flat_map(|who| names.map(|name| (who, name))) {
                    world.client = client(who);
                    world.qname = qname;
                    port += 1;
                    world.client.peer.set_port(port);
                    world.client.tcp = port % 3 == 0;
                    for (program, text) in programs.iter().zip(PROGRAMS) {
                        let run =
                            (world.run(program), world.answers.scope(), world.answers.reads());
                        std::mem::swap(&mut world.machine, &mut remembering);
                        let said =
                            (world.run(program), world.answers.scope(), world.answers.reads());
                        std::mem::swap(&mut world.machine, &mut remembering);
                        assert_eq!(said, run, "{text} for {who}");
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_is_run_again_until_zones_change() {
    let mut world = World::new(Dialect::PowerDns);
    world.machine = Machine::new(world.settings.clone()).remembering();
    let program = world.program("A ;local n = 'b.a.' return dblookup(n, pdns.A)");
    world.data = zones(&[("a.", "b 60 A 192.0.2.1\n")]);
    assert_eq!(world.run(&program), "192.0.2.1");
    world.data = zones(&[("a.", "b 60 A 192.0.2.2\n")]);
    assert_eq!(world.run(&program), "192.0.2.1", "it was run again");
    world.machine.forget();
    assert_eq!(world.run(&program), "192.0.2.2");
}

#[test]
fn programs_of_one_text_are_told_apart_by_where_they_stand() {
    let mut world = World::new(Dialect::PowerDns);
    world.machine = Machine::new(world.settings.clone()).remembering();
    let program = world.program("TXT ;local n = '!' return zone:toString() .. n");
    assert_eq!(world.run(&program), "'example.com.!'");
    let other = World { zone: name("example.net."), ..World::new(Dialect::PowerDns) };
    let first = std::mem::replace(&mut world, other);
    world.machine = first.machine;
    assert_eq!(world.run(&program), "'example.net.!'");
}
