//! What operators say of addresses, in lists that programs compute and in choices without health.

use std::fmt;
use std::sync::Arc;

use halfmoon_healthcheck::{
    Account, AllDown, Force, Labels, Limits, Member, Orders, Policy, Whose,
};
use halfmoon_lua::{Defaults, Dialect, Machine, Settings};

use crate::world::{World, client, name};

/// Words of operators, as in `down 192.0.2.1, drain region:a in www.example.com.`; `*` is every member.
#[derive(Debug)]
struct Words(Vec<(Force, Arc<str>, Option<String>)>);

impl Words {
    fn parse(text: &str) -> Self {
        let word = |text: &str| {
            let (order, target) = text.split_once(' ').unwrap();
            let force = match order {
                "down" => Force::Down,
                "drain" => Force::Drain,
                "up" => Force::Up,
                _ => panic!("{text}"),
            };
            let (target, owner) =
                target.split_once(" in ").map_or((target, None), |(t, o)| (t, Some(o)));
            (force, target.into(), owner.map(str::to_owned))
        };
        Self(text.split(", ").map(word).collect())
    }

    fn is_meant(target: &str, member: &Member) -> bool {
        target == "*"
            || target.parse() == Ok(member.address)
            || member.labels.iter().any(|label| &*label.name == target)
            || member.named.as_deref() == Some(target)
    }
}

impl Orders for Words {
    fn judge(
        &self,
        whose: Whose<'_>,
        members: &[Member],
        tell: &mut dyn FnMut(usize, Force, &Arc<str>),
    ) {
        for (force, target, owner) in &self.0 {
            if owner.as_ref().is_some_and(|owner| owner != whose.owner) {
                continue;
            }
            assert_eq!(whose.zone, "example.com.");
            for (number, member) in members.iter().enumerate() {
                if Self::is_meant(target, member) {
                    tell(number, *force, target);
                }
            }
        }
    }

    fn may_concern(&self, account: Option<&Account>, members: &[Member]) -> bool {
        if account.is_some_and(|account| account.settings() == "tenants.quiet") {
            return false;
        }
        let mut targets = self.0.iter().map(|(_, target, _)| target);
        targets.any(|target| members.iter().any(|member| Self::is_meant(target, member)))
    }

    fn names(&self, check: &dyn fmt::Display) -> Option<Arc<str>> {
        let check = check.to_string();
        self.0.iter().map(|(_, target, _)| target).find(|target| ***target == *check).cloned()
    }
}

impl World {
    /// Has operators say this and nothing else; an empty text: nothing.
    pub(crate) fn order(&self, words: &str) {
        let orders = Words::parse;
        let orders = (!words.is_empty()).then(|| Arc::new(orders(words)) as Arc<dyn Orders>);
        self.health.set_orders(orders);
    }
}

fn labelled(all_down: AllDown) -> Settings {
    let settings = Settings::default();
    let region = |name: &str, network: &str| (name.to_owned(), vec![network.parse().unwrap()]);
    let labels =
        Labels::new([region("region:a", "192.0.2.1/32"), region("region:b", "192.0.2.2/31")]);
    let policy = Policy { all_down, ..Policy::default() };
    let defaults = Defaults { labels, policy, ..Defaults::clone(&settings.defaults) };
    Settings { defaults: Arc::new(defaults), time: std::time::Duration::from_secs(10), ..settings }
}

#[test]
fn lists_that_a_program_computes_obey() {
    let list = "A ;local ips = {} for n = 1, 3 do ips[n] = '192.0.2.' .. n end return";
    for (call, states, words, expected) in [
        (
            "ifportup(80, ips, {selector='all'})",
            "+1 +2 +3",
            "down 192.0.2.1",
            "192.0.2.2 192.0.2.3",
        ),
        ("ifportup(80, ips, {selector='all'})", "+1 +2 +3", "drain region:b", "192.0.2.1"),
        (
            "ifportup(80, ips, {selector='all'})",
            "+1 +2 +3",
            "down tcp 192.0.2.2:80",
            "192.0.2.1 192.0.2.3",
        ),
        (
            "ifportup(80, ips, {selector='all'})",
            "-1 +2 +3",
            "up region:a",
            "192.0.2.1 192.0.2.2 192.0.2.3",
        ),
        // Of several, the first holds.
        (
            "ifportup(80, ips, {selector='all'})",
            "-1 +2 +3",
            "down 192.0.2.1, up 192.0.2.1",
            "192.0.2.2 192.0.2.3",
        ),
        ("ifportup(80, ips, {selector='first'})", "+1 +2 +3", "down 192.0.2.1", "192.0.2.2"),
        ("ifportup(80, {{ips[1]}, {ips[2]}})", "+1 +2", "down 192.0.2.1", "192.0.2.2"),
        // What is drained is better than nothing, what is down is not.
        ("ifportup(80, ips, {selector='all'})", "+1 +2 -3", "drain *", "192.0.2.1 192.0.2.2"),
        (
            "ifportup(80, ips, {selector='all', all_down='all'})",
            "+1 -2 -3",
            "down 192.0.2.1",
            "192.0.2.2 192.0.2.3",
        ),
        ("ifportup(80, ips, {selector='all', all_down='all'})", "+1 +2 +3", "down *", ""),
        (
            "ifportup(80, ips, {selector='all', all_down='none'})",
            "-1 -2 -3",
            "up 192.0.2.3",
            "192.0.2.3",
        ),
        (
            "ifportup(80, ips, {selector='all', all_down='servfail'})",
            "+1 +2 +3",
            "down *",
            "Script",
        ),
        (
            "ifportup(80, ips, {selector='all', failOnIncompleteCheck='true'})",
            "",
            "up 192.0.2.2",
            "192.0.2.2",
        ),
        // Whose it is.
        (
            "ifportup(80, ips, {selector='all'})",
            "+1 +2 +3",
            "down * in ftp.example.com.",
            "192.0.2.1 192.0.2.2 192.0.2.3",
        ),
        (
            "ifportup(80, ips, {selector='all'})",
            "+1 +2 +3",
            "down region:a in www.example.com.",
            "192.0.2.2 192.0.2.3",
        ),
        (
            "ifurlup('http://a.example/', ips, {selector='all'})",
            "+1 +2 +3",
            "down region:b",
            "192.0.2.1",
        ),
        ("pickselfweighted('http://a.example/', ips)", "+1 +2 +3", "down region:b", "192.0.2.1"),
    ] {
        let mut world = World::with(labelled(AllDown::Backup));
        let program = world.program(&format!("{list} {call}"));
        world.run(&program);
        let states: Vec<String> =
            states.split_whitespace().map(|s| format!("{}192.0.2.{}", &s[..1], &s[1..])).collect();
        world.observe(&states.join(" "));
        let before = world.run(&program);
        world.order(words);
        assert_eq!(world.run(&program), expected, "{call}, {words}");
        world.order("");
        assert_eq!(world.run(&program), before, "{call}, {words}: ended");
    }
}

#[test]
fn a_check_that_nobody_has_asked_for_yet_obeys_by_its_name() {
    let mut world = World::new(Dialect::Halfmoon);
    world.order("up tcp 192.0.2.2:443");
    let record = "A ;local port = 400 + 43 \
                  return ifportup(port, {{'192.0.2.1'}, {'192.0.2.2'}}, {all_down='none'})";
    assert_eq!(world.ask(record), "192.0.2.2");
}

/// Each function without health, with what it answers of three addresses, as many as there are.
const CHOICES: [(&str, usize); 9] = [
    ("all(IPS)", 3),
    ("pickclosest(IPS)", 1),
    ("pickhashed(IPS)", 1),
    ("pickrandom(IPS)", 1),
    ("pickrandomsample(2, IPS)", 2),
    ("pickchashed(WEIGHTED)", 1),
    ("picknamehashed(WEIGHTED)", 1),
    ("pickwhashed(WEIGHTED)", 1),
    ("pickwrandom(WEIGHTED)", 1),
];

/// As a plan, as a call in Lua with literal arguments, and with computed ones.
fn ways(call: &str) -> [String; 3] {
    let (ips, weighted) = (
        "{'192.0.2.1', '192.0.2.2', '192.0.2.3'}",
        "{{10, '192.0.2.1'}, {20, '192.0.2.2'}, {30, '192.0.2.3'}}",
    );
    let literal = call.replace("IPS", ips).replace("WEIGHTED", weighted);
    let computed = call.replace("IPS", "list").replace("WEIGHTED", "list");
    let list = if call.contains("IPS") { ips } else { weighted };
    [
        format!("A {literal}"),
        format!("A ;local said = {literal} return said"),
        format!("A ;local list = {list} return {computed}"),
    ]
}

/// All that a program says to many clients by many names, sorted, and how many records at a time.
fn said(world: &mut World, program: &Arc<halfmoon_lua::Program>) -> (Vec<String>, usize) {
    let (mut all, mut most) = (Vec::new(), 0);
    for n in 0..200 {
        world.client = client(&format!("198.51.{n}.7"));
        world.qname = name(&format!("a{n}.example.com."));
        let answer = world.run(program);
        most = most.max(answer.split_whitespace().count());
        all.extend(answer.split_whitespace().map(str::to_owned));
    }
    all.sort();
    all.dedup();
    (all, most)
}

#[test]
fn choices_without_health_obey() {
    let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    for (call, many) in CHOICES {
        for record in ways(call) {
            let mut world = World::with(labelled(AllDown::Backup));
            let program = world.program(&record);
            for (words, expected) in [
                ("", &all[..]),
                ("down 192.0.2.2", &["192.0.2.1", "192.0.2.3"]),
                ("drain 192.0.2.3", &all[..2]),
                ("down region:b", &all[..1]),
                ("down region:b, drain 192.0.2.1", &all[..1]),
                ("drain *", &all[..]),
                ("down *", &[]),
                ("up 192.0.2.1", &all[..]),
                ("down 192.0.2.2 in ftp.example.com.", &all[..]),
                ("down region:b in www.example.com.", &all[..1]),
                ("down 203.0.113.1", &all[..]),
            ] {
                world.order(words);
                let (said, most) = said(&mut world, &program);
                assert_eq!(said, expected, "{record}, {words}");
                assert_eq!(most, many.min(expected.len()), "{record}, {words}");
            }
            // A program that comes later obeys as well.
            world.order("down region:b");
            let late = world.program(&record);
            assert_eq!(said(&mut world, &late).0, ["192.0.2.1"], "{record}");
        }
    }
}

#[test]
fn when_all_of_a_choice_are_put_out_the_defaults_say_what_is_answered() {
    for (all_down, expected) in [
        (AllDown::All, ""),
        (AllDown::Backup, ""),
        (AllDown::First, ""),
        (AllDown::Last, ""),
        (AllDown::None, ""),
        (AllDown::Servfail, "Script"),
    ] {
        for (call, _) in CHOICES {
            let mut world = World::with(labelled(all_down));
            let [plan, lua, _] = ways(call).map(|record| world.program(&record));
            for program in [plan, lua] {
                world.order("down *");
                assert_eq!(world.run(&program), expected, "{call}, {all_down:?}");
                world.order("drain *");
                assert_ne!(world.run(&program), expected, "{call}, {all_down:?}");
            }
        }
    }
}

#[test]
fn only_the_clients_of_what_is_put_out_of_a_consistent_hash_move() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(&ways("pickchashed(WEIGHTED)")[0]);
    let answers = |world: &mut World| -> Vec<String> {
        let ask = |n| {
            world.client = client(&format!("198.51.{n}.7"));
            world.run(&program)
        };
        (0..250).map(ask).collect()
    };
    let before = answers(&mut world);
    world.order("down 192.0.2.1");
    for (before, after) in before.iter().zip(answers(&mut world)) {
        assert!(*before == after || before == "192.0.2.1", "{before} {after}");
        assert_ne!(after, "192.0.2.1");
    }
}

#[test]
fn what_a_program_said_is_not_said_again_when_an_operator_has_spoken() {
    let mut world = World::new(Dialect::Halfmoon);
    world.machine = Machine::new(world.settings.clone()).remembering();
    for record in [
        "A ;local l = {'192.0.2.1', '192.0.2.2'} return all(l)",
        "A ;local l = all({'192.0.2.1', '192.0.2.2'}) return l",
        "A ;local l = {'192.0.2.1', '192.0.2.2'} return ifportup(80, l, {selector='all', unknown='up'})",
    ] {
        let program = world.program(record);
        assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2", "{record}");
        assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2", "{record}");
        world.order("down 192.0.2.1");
        assert_eq!(world.run(&program), "192.0.2.2", "{record}");
        world.order("");
        assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2", "{record}");
    }
}

#[test]
fn a_choice_is_as_wide_as_what_is_left_of_it() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program("A pickhashed({'192.0.2.1', '192.0.2.2'})");
    world.client = client("192.0.2.77 for 198.51.100.0/24");
    world.run(&program);
    assert_eq!(
        (world.answers.scope(), world.answers.reads().to_string()),
        (24, "client".to_owned())
    );
    world.order("down 192.0.2.1");
    world.run(&program);
    // Everybody gets the same.
    assert_eq!(
        (world.answers.scope(), world.answers.reads().to_string()),
        (0, "health".to_owned())
    );
    world.order("down 203.0.113.9");
    world.run(&program);
    assert_eq!(
        (world.answers.scope(), world.answers.reads().to_string()),
        (24, "client".to_owned())
    );
}

#[test]
fn what_is_left_is_told_ahead() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program("A all({'192.0.2.1', '192.0.2.2'})");
    assert_eq!(world.candidates(&program), "192.0.2.1+192.0.2.2");
    world.order("down 192.0.2.1");
    assert_eq!(world.candidates(&program), "192.0.2.2");
}

#[test]
fn values_that_are_no_addresses_stay() {
    let mut world = World::new(Dialect::Halfmoon);
    world.qname = name("www.example.com.");
    let record = "TXT pickrandom({'192.0.2.1', 'a text'})";
    let program = world.program(record);
    world.order("down *");
    for _ in 0..20 {
        assert_eq!(world.run(&program), "'a text'");
    }
}

#[test]
fn zones_that_call_addresses_differently_do_not_share_a_choice() {
    use halfmoon_lua::Compiler;

    use crate::world::source;

    let mut world = World::with(labelled(AllDown::Backup));
    let mut compiler = Compiler::new(world.settings.clone(), world.health.clone());
    let source = source("A all({'192.0.2.1', '192.0.2.2'})");
    let compile = |compiler: &mut Compiler, owner: &str| {
        let (zone, owner) = (name("example.com."), name(owner));
        compiler.compile(zone.as_name(), owner.as_name(), &source, &mut Vec::new()).unwrap()
    };
    let first = compile(&mut compiler, "www.example.com.");
    assert!(
        Arc::ptr_eq(&first, &compile(&mut compiler, "ftp.example.com.")),
        "one for both owners"
    );
    compiler.set_defaults(Arc::default());
    let other = compile(&mut compiler, "www.example.com.");
    world.order("down region:a");
    assert_eq!(world.run(&first), "192.0.2.2");
    assert_eq!(world.run(&other), "192.0.2.1 192.0.2.2");
}

#[test]
fn accounts_do_not_share_a_choice() {
    use halfmoon_lua::Compiler;

    use crate::world::source;

    let mut world = World::new(Dialect::Halfmoon);
    let mut compiler = Compiler::new(world.settings.clone(), world.health.clone());
    let source = source("A all({'192.0.2.1', '192.0.2.2'})");
    let mut programs = Vec::new();
    for account in ["tenants.loud", "tenants.quiet"] {
        compiler.set_account(Some(&Account::new(account, Limits::default())));
        let (zone, owner) = (name("example.com."), name("www.example.com."));
        programs.extend(compiler.compile(
            zone.as_name(),
            owner.as_name(),
            &source,
            &mut Vec::new(),
        ));
    }
    // As well what is said before a program comes as what is said later.
    world.order("down 192.0.2.1");
    assert_eq!(world.run(&programs[0]), "192.0.2.2");
    assert_eq!(world.run(&programs[1]), "192.0.2.1 192.0.2.2");
    compiler.set_account(Some(&Account::new("tenants.quiet", Limits::default())));
    let (zone, owner) = (name("example.com."), name("www.example.com."));
    let late = compiler.compile(zone.as_name(), owner.as_name(), &source, &mut Vec::new());
    assert_eq!(world.run(&late.unwrap()), "192.0.2.1 192.0.2.2");
}
