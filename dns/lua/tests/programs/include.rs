//! Programs that include others of their zone.

use halfmoon_lua::{Dialect, Settings};

use crate::world::World;

const BOTH: [Dialect; 2] = [Dialect::Halfmoon, Dialect::PowerDns];

#[test]
fn what_is_included_runs_first_and_its_globals_stay() {
    for (records, expected) in [
        (
            &["config LUA ips = {'192.0.2.1', '192.0.2.2'}", "www A ;include('config') return ips"]
                [..],
            "192.0.2.1 192.0.2.2",
        ),
        (&["config LUA ;ip = '192.0.2.1'", "www A ;include('config') return ip"], "192.0.2.1"),
        (
            &[
                "config LUA function pick(a) return a[1] end",
                "www A ;include('config') return pick({'192.0.2.7'})",
            ],
            "192.0.2.7",
        ),
        (&["CONFIG LUA ip = '192.0.2.1'", "www A ;include('config') return ip"], "192.0.2.1"),
        (&["config LUA ip = '192.0.2.1'", "www A ;include('config.') return ip"], "192.0.2.1"),
        (&["a.b LUA ip = '192.0.2.1'", "www A ;include('a.b') return ip"], "192.0.2.1"),
        // Whatever the type of the records is.
        (&["config A ip = '192.0.2.1'", "www A ;include('config') return ip"], "192.0.2.1"),
        (
            &[
                "config LUA x = '192.0.2.1'",
                "config LUA y = '192.0.2.2'",
                "www A ;include('config') return {x, y}",
            ],
            "192.0.2.1 192.0.2.2",
        ),
        (
            &[
                "base LUA ip = '192.0.2.1'",
                "config LUA include('base') list = {ip}",
                "www A ;include('config') return list",
            ],
            "192.0.2.1",
        ),
        (
            &["base LUA ip = '192.0.2.1'", "www A ;include('base') include('base') return ip"],
            "192.0.2.1",
        ),
        (
            &["config LUA who2 = qname:toString()", "www TXT ;include('config') return who2"],
            "'www.example.com.'",
        ),
        // Nothing of it is there in the program after.
        (
            &[
                "config LUA ip = '192.0.2.1'",
                "x A ;include('config') return ip",
                "www TXT ;return type(ip)",
            ],
            "'nil'",
        ),
        // What is local stays where it is.
        (
            &[
                "config LUA local ip = '192.0.2.1'; other = 1",
                "www TXT ;include('config') return type(ip)",
            ],
            "'nil'",
        ),
    ] {
        for dialect in BOTH {
            let mut world = World::new(dialect);
            if expected == "'nil'" && dialect == Dialect::Halfmoon {
                let (program, faults) = world.compile_zone(records);
                assert!(program.is_none() && faults.len() == 1, "{faults:?}");
                continue;
            }
            assert_eq!(world.ask_zone(records), expected, "{records:?} {dialect:?}");
        }
    }
}

#[test]
fn checks_of_what_is_included_begin_at_load() {
    for dialect in BOTH {
        let mut world = World::new(dialect);
        let records = [
            "config LUA function up() return ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='all'}) end",
            "www A ;include('config') return up()",
        ];
        let (program, faults) = world.compile_zone(&records);
        let program = program.unwrap_or_else(|| panic!("{faults:?}"));
        assert_eq!(world.health.checks().len(), 2);
        world.observe("+192.0.2.1 -192.0.2.2");
        assert_eq!(world.run(&program), "192.0.2.1");
    }
}

#[test]
fn what_cannot_be_included_is_a_fault_here_and_missing_there() {
    for (records, fault) in [
        (
            &["www TXT ;include('config') return 'there'"][..],
            "there is no program at config.example.com. to include",
        ),
        (
            &["www TXT ;include('config.example.org') return 'there'"],
            "there is no program at config.example.org.example.com. to include",
        ),
        (
            &["www TXT ;local n = 'config' include(n) return 'there'"],
            "what is included has to be named here, in the text",
        ),
        (
            &["config LUA x = 1", "www TXT ;local n = 'config' include(n) return 'there'"],
            "what is included has to be named here, in the text",
        ),
        (
            &["config LUA x = = 1", "www TXT ;include('config') return 'there'"],
            "the program at config.example.com. has faults",
        ),
        (
            &["config LUA include('config')", "www TXT ;include('config') return 'there'"],
            "is included by what it includes",
        ),
        (
            &["a LUA include('b')", "b LUA include('a')", "www TXT ;include('a') return 'there'"],
            "is included by what it includes",
        ),
    ] {
        let (program, faults) = World::new(Dialect::Halfmoon).compile_zone(records);
        assert!(program.is_none(), "{records:?}");
        assert!(faults.iter().any(|found| found.contains(fault)), "{records:?}: {faults:?}");
        let mut world = World::new(Dialect::PowerDns);
        assert_eq!(world.ask_zone(records), "'there'", "{records:?}");
        let (_, faults) = world.compile_zone(records);
        assert!(faults.iter().all(|fault| fault.starts_with("warning: ")), "{faults:?}");
    }
}

#[test]
fn what_fails_while_it_is_included_fails_here_and_is_logged_there() {
    let records = ["config LUA error('no')", "www TXT ;include('config') return 'there'"];
    assert_eq!(World::new(Dialect::Halfmoon).ask_zone(&records), "Script");
    let mut world = World::new(Dialect::PowerDns);
    assert_eq!(world.ask_zone(&records), "'there'");
    let [note] = world.machine.notes() else { panic!("{:?}", world.machine.notes()) };
    assert!(note.level == 3 && note.text.starts_with("include('config') failed"), "{note:?}");
}

#[test]
fn budgets_hold_for_what_is_included() {
    for dialect in BOTH {
        for (body, expected) in [
            ("while true do end", "Fuel"),
            ("t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "Memory"),
        ] {
            let mut world = World::new(dialect);
            let config = format!("config LUA {body}");
            let said =
                world.ask_zone(&[&config, "www TXT ;pcall(include, 'config') return 'there'"]);
            assert_eq!(said, "'there'", "it was not named in a call: {body}");
            let said = world.ask_zone(&[&config, "www TXT ;include('config') return 'there'"]);
            assert!(said == expected || said == "Fuel", "{body}: {said}");
        }
    }
}

#[test]
fn deep_text_is_no_danger_where_it_is_included() {
    let deep = format!("config LUA x = {}1{}", "(".repeat(190), ")".repeat(190));
    for dialect in BOTH {
        let mut world = World::new(dialect);
        let said = world.ask_zone(&[&deep, "www TXT ;include('config') return tostring(x)"]);
        assert_eq!(said, "'1'");
        let deeper = format!("config LUA x = {}1{}", "(".repeat(300), ")".repeat(300));
        let (_, faults) = world.compile_zone(&[&deeper, "www TXT ;include('config') return 'x'"]);
        assert!(faults.iter().any(|fault| fault.contains("nests too deep")), "{faults:?}");
    }
}

#[test]
fn many_programs_share_what_they_include() {
    let mut settings = Settings::of(Dialect::Halfmoon);
    settings.loaded = 4;
    let mut world = World::with(settings);
    let configs: Vec<String> = (0..20).map(|i| format!("c{i} LUA ip = '192.0.2.{i}'")).collect();
    for round in 0..2 {
        for i in 0..20 {
            let main = format!("www A ;include('c{i}') return ip");
            let mut records: Vec<&str> = configs.iter().map(String::as_str).collect();
            records.push(&main);
            assert_eq!(world.ask_zone(&records), format!("192.0.2.{i}"), "{round}");
        }
    }
}
