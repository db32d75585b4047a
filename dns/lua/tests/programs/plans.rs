//! A plan answers as Lua would.

use halfmoon_lua::{Dialect, Settings};

use crate::world::{World, client};

/// What a generator of programs draws from.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // SplitMix64: the same programs on every run.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub(crate) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Something that returns without chance.
    pub(crate) fn value(&mut self) -> &'static str {
        self.one(&[
            "'192.0.2.1'",
            "{'192.0.2.1', '192.0.2.2'}",
            "{}",
            "pickhashed({'192.0.2.1', '192.0.2.2', '192.0.2.3'})",
            "pickwhashed({{1, '192.0.2.1'}, {2, '192.0.2.2'}})",
            "pickchashed({{10, '192.0.2.1'}, {20, '192.0.2.2'}})",
            "picknamehashed({{1, '192.0.2.1'}, {2, '192.0.2.2'}})",
            "all({'192.0.2.3', '192.0.2.4'})",
            "ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='all', backupSelector='all'})",
            "ifportup(80, {{'192.0.2.1'}, {'192.0.2.2'}}, {selector='first', backupSelector='empty'})",
            "ifurlup('http://www.example.com/', {'192.0.2.1', '192.0.2.2'}, {selector='hashed', backupSelector='hashed'})",
            "pickclosest({'198.51.100.1', '203.0.113.1', '192.0.2.1'})",
            "view({{{'192.0.2.0/24'}, {'192.0.2.5'}}, {{'198.51.100.0/24'}, {'192.0.2.6'}}})",
            "countryCode()",
        ])
    }

    pub(crate) fn test(&mut self, deeper: usize) -> String {
        if deeper > 0 {
            match self.below(5) {
                0 => return format!("not {}", self.test(deeper - 1)),
                1 => return format!("({} and {})", self.test(deeper - 1), self.test(deeper - 1)),
                2 => return format!("({} or {})", self.test(deeper - 1), self.test(deeper - 1)),
                _ => {}
            }
        }
        self.one(&[
            "country('DE')",
            "country({'US', 'JP'})",
            "continent('EU')",
            "region('CA')",
            "asnum(64500)",
            "netmask({'192.0.2.0/24'})",
            "countryCode() == 'us'",
            "'de' ~= countryCode()",
            "(continentCode() == 'as')",
            "true",
            "nil",
            "pickhashed({'a', 'b'}) == 'a'",
        ])
        .to_owned()
    }

    pub(crate) fn block(&mut self, deeper: usize) -> String {
        match self.below(if deeper > 0 { 5 } else { 2 }) {
            0 | 1 => format!("return {}", self.value()),
            2 => format!(
                "if {} then {} else {} end",
                self.test(2),
                self.block(deeper - 1),
                self.block(deeper - 1)
            ),
            3 => format!(
                "if {} then {} elseif {} then {} end {}",
                self.test(2),
                self.block(deeper - 1),
                self.test(1),
                self.block(deeper - 1),
                self.block(deeper - 1)
            ),
            _ => format!("if {} then {} end", self.test(2), self.block(deeper - 1)),
        }
    }
}

#[test]
fn plans_answer_as_lua_does() {
    let mut draw = Draw(2);
    let mut plans = 0;
    for _ in 0..1500 {
        let record = if draw.below(3) == 0 {
            format!("A {} and {} or {}", draw.test(1), draw.value(), draw.value())
        } else {
            format!("A ;{}", draw.block(3))
        };
        let mut world = World::new(Dialect::PowerDns);
        let planned = world.program(&record);
        if !planned.is_plan() {
            continue;
        }
        plans += 1;
        world.settings.plans = false;
        let compiled = world.program(&record);
        assert!(!compiled.is_plan());
        if world
            .health
            .checks()
            .iter()
            .any(|r| r.check.address() == Some("192.0.2.2".parse().unwrap()))
        {
            world.observe(draw.one(&[
                "",
                "+192.0.2.2",
                "-192.0.2.1 -192.0.2.2",
                "+192.0.2.1 -192.0.2.2",
            ]));
        }
        for who in [
            "192.0.2.77",
            "198.51.100.3",
            "203.0.113.9",
            "10.0.0.1",
            "2001:db8::7",
            "10.0.0.1 for 203.0.113.128/25",
        ] {
            world.client = client(who);
            let plan = world.run(&planned);
            let seen = (world.answers.reads(), world.answers.scope());
            let lua = world.run(&compiled);
            assert_eq!(plan, lua, "{record} for {who}: {}", world.machine.detail());
            assert_eq!(seen, (world.answers.reads(), world.answers.scope()), "{record} for {who}");
        }
    }
    assert!(plans > 1000, "only {plans} programs became plans");
}

#[test]
fn lines_end_alike_for_both_parsers() {
    // Found by fuzzing: one took `\r` for a blank in a comment, the other for its end.
    for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
        for (record, expected) in [
            ("A '192.0.2.1' --\r", "192.0.2.1"),
            ("A '192.0.2.1' -- a\r-- b\r\n-- c\n", "192.0.2.1"),
            ("A ;-- a\rreturn '192.0.2.1'", "192.0.2.1"),
            ("A ;--\r\nreturn '192.0.2.1'", "192.0.2.1"),
            ("TXT ;return [[a\rb]]", "'a\nb'"),
        ] {
            for plans in [true, false] {
                let mut world = World::new(dialect);
                world.settings.plans = plans;
                assert_eq!(world.ask(record), expected, "{record:?}, plans {plans}");
            }
        }
        for record in ["A '192.0.2.1' --\0", "A ;return '192.0.2.1'\0)", "TXT 'a\0b'"] {
            let (program, faults) = World::new(dialect).compile(record);
            assert!(program.is_none_or(|program| program.is_faulty()), "{record:?}");
            assert!(faults[0].contains("no octet of zero"), "{faults:?}");
        }
    }
}

#[test]
fn what_needs_lua_does_not_become_a_plan() {
    let world = World::new(Dialect::PowerDns);
    for (record, is_plan) in [
        ("A ifportup(80, {'192.0.2.1'})", true),
        ("A return ifportup(80, {'192.0.2.1'})", false),
        ("A ;return ifportup(80, {'192.0.2.1'})", true),
        ("A (ifportup(80, {'192.0.2.1'}))", true),
        ("A --[[ comment ]] '192.0.2.1' -- more", true),
        ("A ;if country('DE') then return '192.0.2.1' end return '192.0.2.2'", true),
        ("A ;if country('DE') then return '192.0.2.1' end", true),
        (
            "A ;if country('DE') then if asnum(1) then return '192.0.2.1' end end return '192.0.2.2'",
            false,
        ),
        ("A ;local x = pickrandom({'192.0.2.1'}) return x", false),
        // The trap of recording: the result is compared, not only returned.
        (
            "A ;local x = ifurlup('http://a.example/', {'192.0.2.1'}) if x == '192.0.2.1' then return 'y' end return x",
            false,
        ),
        (
            "A ;local country = function() return true end if country('DE') then return '192.0.2.1' end return '192.0.2.2'",
            false,
        ),
        (
            "A ;function country() return true end return country('DE') and '192.0.2.1' or '192.0.2.2'",
            false,
        ),
        ("A country('DE') and nil or '192.0.2.2'", false),
        ("A country('DE')", false),
        ("A pickrandom({'192.0.2.' .. 1})", false),
        ("A '192.0.2.' .. 1", false),
        ("TXT 0.5", false),
        ("TXT '\\065\\n'", true),
        ("TXT '\\x41'", false),
        ("A {['a'] = '192.0.2.1'}", false),
        ("A {[1] = '192.0.2.1', [2] = '192.0.2.2'}", true),
        ("A {'192.0.2.1', [1] = '192.0.2.2'}", false),
    ] {
        let program = world.program(record);
        assert_eq!(program.is_plan(), is_plan, "{record}");
    }
}

#[test]
fn equal_programs_are_one_as_long_as_one_is_kept() {
    use crate::world::{name, source};
    let world = World::with(Settings::default());
    let mut compiler = halfmoon_lua::Compiler::new(world.settings.clone(), world.health.clone());
    let zone = name("example.com.");
    let mut compile = |record: &str| {
        let mut faults = Vec::new();
        let program =
            compiler.compile(zone.as_name(), zone.as_name(), &source(record), &mut faults);
        (program.unwrap(), faults.len())
    };
    let record = "A ifportup(80, {'192.0.2.1', '192.0.2.2'})";
    let (first, faults) = compile(record);
    let (again, faults_again) = compile(record);
    assert!(std::sync::Arc::ptr_eq(&first, &again));
    assert_eq!((faults, faults_again), (1, 1), "each record has its own warning");
    let (other, _) = compile("AAAA ifportup(80, {'2001:db8::1'})");
    assert_eq!(first.describe().to_string(), "plan, 1 call site, 2 checks");
    assert_eq!(world.health.checks().len(), 3);
    drop((first, again, other));
    assert_eq!(world.health.checks().len(), 0);
}
