//! What pools make of the verdicts on their members.

use std::collections::BTreeSet;

use halfmoon_healthcheck::{Outcome, PoolReport};
use halfmoon_lua::Dialect;

use crate::world::{World, client};

fn options(options: &str) -> String {
    format!("A ifportup(80, {{{{'192.0.2.1', '192.0.2.2'}}, {{'192.0.2.3'}}}}, {{{options}}})")
}

/// The same list, computed: the addresses stand in the text and the list does not.
fn computed(options: &str) -> String {
    format!(
        "A ;local l = {{{{'192.0.2.1', '192.0.2.2'}}, {{'192.0.2.3'}}}} return ifportup(80, l, {{{options}}})"
    )
}

#[test]
fn the_policy_says_what_is_answered_when_nothing_or_little_is_up() {
    let all_down = "-192.0.2.1 -192.0.2.2 -192.0.2.3";
    for (given, states, expected) in [
        ("selector='all'", all_down, "192.0.2.1 | 192.0.2.2"),
        (
            "selector='all', all_down='backup', backupSelector='all'",
            all_down,
            "192.0.2.1 192.0.2.2",
        ),
        ("selector='first', all_down='all'", all_down, "192.0.2.1 192.0.2.2 192.0.2.3"),
        ("selector='all', all_down='first'", all_down, "192.0.2.1"),
        ("selector='all', all_down='none'", all_down, ""),
        ("selector='all', all_down='servfail'", all_down, "Script"),
        ("selector='all', unknown='up'", "-192.0.2.1", "192.0.2.2"),
        ("selector='all', unknown='down', all_down='none'", "-192.0.2.1", ""),
        ("selector='all', panic=0.6", "+192.0.2.1 -192.0.2.2 -192.0.2.3", "192.0.2.1 192.0.2.2"),
        ("selector='all', panic=0.6", "+192.0.2.1 -192.0.2.2 +192.0.2.3", "192.0.2.3"),
        (
            "selector='all', min_answers=2",
            "+192.0.2.1 -192.0.2.2 +192.0.2.3",
            "192.0.2.1 192.0.2.3",
        ),
    ] {
        for record in [options(given), computed(given)] {
            let mut world = World::new(Dialect::Halfmoon);
            let program = world.program(&record);
            world.observe(states);
            let seen = world.run(&program);
            assert!(expected.split(" | ").any(|one| one == seen), "{record}, {states}: {seen}");
        }
    }
}

#[test]
fn each_program_of_an_owner_has_pools_of_its_own() {
    let world = World::new(Dialect::Halfmoon);
    let list = |last: u8| format!("ifportup(80, {{'192.0.2.{last}'}}, {{selector='first'}})");
    let records = [
        format!("www A {}", list(1)),
        // Two equal programs are two.
        format!("www A {}", list(1)),
        "www AAAA ifportup(80, {'2001:db8::1'})".to_owned(),
        format!("www A ;if country('DE') then return {} end return {}", list(2), list(3)),
        format!("mail A {}", list(1)),
    ];
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let (compiled, faults) = world.compile_all(&records);
    assert!(compiled.iter().all(Option::is_some), "{faults:?}");
    let name = |report: PoolReport| report.pool.name.to_string().replace(".example.com.", "");
    let names: BTreeSet<String> = world.health.pools().into_iter().map(name).collect();
    let expected = ["mail A", "www A", "www A/2", "www A/3", "www A/3/2", "www AAAA"];
    assert_eq!(names, expected.map(str::to_owned).into());
}

#[test]
fn a_program_tells_which_of_its_pools_it_chose_from() {
    let (one, two) = ("ifportup(80, {'192.0.2.1'})", "ifportup(80, {'192.0.2.2'})");
    let german = |yes: &str, no: &str| {
        format!("A ;if netmask({{'192.0.2.0/24'}}) then return {yes} end return {no}")
    };
    for (record, expected) in [
        (format!("A {one}"), &[0][..]),
        (german(one, two), &[0]),
        (german("{'192.0.2.9'}", two), &[]),
        (format!("A ;if not netmask({{'192.0.2.0/24'}}) then return {one} end return {two}"), &[1]),
        (format!("A ;local a, b = {one}, {two} return {{a, b}}"), &[0, 1]),
        // Lists that are computed are no pools.
        ("A ;local l = {'192.0.2.1'} return ifportup(80, l)".to_owned(), &[]),
        (format!("A ;for i = 1, 3 do local x = {two} end return {one}"), &[0, 1]),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        world.client = client("192.0.2.77");
        let program = world.program(&record);
        for round in ["first", "remembered"] {
            let seen = world.run(&program);
            let chose: Vec<u32> = world.answers.chose().collect();
            assert_eq!(chose, expected, "{record}, {round}: {seen}");
        }
    }
}

#[test]
fn what_was_up_last_is_answered_when_the_policy_says_so() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(&options("selector='all', all_down='last'"));
    world.observe("-192.0.2.1 +192.0.2.2 -192.0.2.3");
    assert_eq!(world.run(&program), "192.0.2.2");
    world.observe("-192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.2");
    world.observe("+192.0.2.3");
    assert_eq!(world.run(&program), "192.0.2.3");
}

#[test]
fn other_options_in_a_new_version_begin_where_the_old_one_was() {
    let mut world = World::new(Dialect::Halfmoon);
    let before = world.program(&options("selector='all'"));
    world.observe("-192.0.2.1 +192.0.2.2");
    let after = world.program(&options("selector='all', interval=7"));
    drop(before);
    assert_eq!(world.run(&after), "192.0.2.2");
    let strict =
        world.program(&options("selector='all', interval=8, unknown='down', all_down='none'"));
    assert_eq!(world.run(&strict), "");
}

#[test]
fn no_more_leave_at_a_time_than_the_velocity_allows_until_an_operator_lets_them() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(&options("selector='all', velocity={part=0.4, window=3600}"));
    world.observe("+192.0.2.1 +192.0.2.2 +192.0.2.3");
    world.observe("-192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.1");
    world.observe("-192.0.2.1");
    assert_eq!(world.run(&program), "192.0.2.1", "one of three is enough");
    let pool = world.health.pools()[0].id;
    assert!(world.health.let_go(pool, std::time::Duration::from_secs(60)));
    assert_eq!(world.run(&program), "192.0.2.3");
}

#[test]
fn an_operator_has_the_last_word_on_each_member_of_pools_now_and_later() {
    let mut world = World::new(Dialect::Halfmoon);
    let early = world.program(&options("selector='all', all_down='all'"));
    world.observe("+192.0.2.1 +192.0.2.2 -192.0.2.3");
    world.order("down 192.0.2.1 in www.example.com., up 192.0.2.3");
    let late = world.program(&options("selector='all', all_down='all', ttl=5"));
    for program in [&early, &late] {
        assert_eq!(world.run(program), "192.0.2.2");
    }
    world.observe("-192.0.2.2");
    assert_eq!(world.ask(&options("selector='all', all_down='all', ttl=6")), "192.0.2.3");
    world.order("");
    let program = world.program(&options("selector='all', all_down='all', ttl=7"));
    assert_eq!(world.run(&program), "192.0.2.1");
}

/// Whoever counts on there being somebody to choose from would panic, and a query with it.
#[test]
fn no_selector_minds_that_an_operator_has_put_all_out() {
    let selectors = [
        "all",
        "chashed",
        "empty",
        "first",
        "hashed",
        "pickclosest",
        "random",
        "sample:2",
        "weighted",
        "whashed",
    ];
    let all_down = ["all", "backup", "first", "last", "none"];
    for selector in selectors {
        for policy in all_down {
            let given =
                format!("selector='{selector}', backupSelector='{selector}', all_down='{policy}'");
            let mut world = World::new(Dialect::Halfmoon);
            let program = world.program(&options(&given));
            world.order("down *");
            assert_eq!(world.run(&program), "", "{given}");
            world.observe("+192.0.2.1 +192.0.2.2 +192.0.2.3");
            assert_eq!(world.run(&program), "", "{given}, all up");
        }
    }
}

#[test]
fn what_is_drained_answers_when_nothing_else_is_up() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(&options("selector='all', all_down='all', panic=0.6"));
    world.observe("+192.0.2.1 +192.0.2.2 +192.0.2.3");
    world.order("drain 192.0.2.1, drain 192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.3", "a group that is drained is not one that panics");
    world.observe("-192.0.2.3");
    assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2");
    world.observe("-192.0.2.1");
    world.observe("-192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2 192.0.2.3", "as without the override");
    world.observe("+192.0.2.3");
    assert_eq!(world.run(&program), "192.0.2.3");
}

#[test]
fn what_waits_for_an_operator_comes_back_at_his_word() {
    let mut world = World::new(Dialect::Halfmoon);
    let program =
        world.program("A ifportup(80, {{'192.0.2.1'}, {'192.0.2.2'}}, {resume='manual'})");
    world.observe("+192.0.2.1 +192.0.2.2");
    world.observe("-192.0.2.1");
    world.observe("+192.0.2.1");
    assert_eq!(world.run(&program), "192.0.2.2");
    let held =
        world.health.checks().into_iter().find(|check| check.verdict.hold.is_some()).unwrap();
    assert!(world.health.resume(held.id));
    assert!(!world.health.resume(held.id));
    assert_eq!(world.run(&program), "192.0.2.1");
}

/// Who of 1000 clients gets the endpoint that has just come back.
fn back(world: &mut World, program: &std::sync::Arc<halfmoon_lua::Program>) -> BTreeSet<u32> {
    let of = |number: &u32| format!("198.{}.{}.7", number / 250, number % 250);
    let mut seen = BTreeSet::new();
    for number in 0..1000 {
        world.client = client(&of(&number));
        if world.run(program) == "192.0.2.1" {
            seen.insert(number);
        }
    }
    seen
}

#[test]
fn clients_come_back_one_after_the_other_and_stay() {
    for selector in ["hashed", "whashed", "chashed", "first", "all"] {
        let mut world = World::new(Dialect::Halfmoon);
        // A group of its own, so that every client comes back in the end.
        let record = format!(
            "A ifportup(80, {{{{'192.0.2.1'}}, {{{{1, '192.0.2.2'}}, {{1, '192.0.2.3'}}}}}}, {{selector='{selector}', ramp=2}})"
        );
        let program = world.program(&record);
        world.observe("+192.0.2.1 +192.0.2.2 +192.0.2.3");
        world.observe("-192.0.2.1");
        assert!(back(&mut world, &program).is_empty());
        world.observe("+192.0.2.1");
        let mut before = BTreeSet::new();
        let mut sizes = Vec::new();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while before.len() < 1000 && std::time::Instant::now() < end {
            // Nothing probes here: a result lets the time pass.
            let other = world
                .health
                .checks()
                .into_iter()
                .find(|check| check.check.address() == Some("192.0.2.2".parse().unwrap()));
            world.health.report(&other.unwrap().check, Outcome::success(0));
            let now = back(&mut world, &program);
            assert!(before.is_subset(&now), "{selector}: {:?} bounced", before.difference(&now));
            sizes.push(now.len());
            before = now;
        }
        assert_eq!(before.len(), 1000, "{selector}: {sizes:?}");
        assert!(sizes[0] < 500, "{selector}: {sizes:?}");
    }
}

#[test]
fn the_ttl_follows_the_state() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(&options("selector='all', ttl={min=5, max=300}, fresh=0"));
    world.observe("+192.0.2.1 +192.0.2.2 +192.0.2.3");
    world.run(&program);
    assert_eq!(world.answers.ttl(), Some(300));
    let check = world.health.checks().remove(0).check;
    world.health.report(&check, Outcome::Failure("refused".into()));
    world.run(&program);
    assert_eq!(world.answers.ttl(), Some(5), "one more and it is down");
    world.health.report(&check, Outcome::success(0));
    world.run(&program);
    assert_eq!(world.answers.ttl(), Some(300));
    let program = world.program(&options("selector='all', ttl={min=5, max=300}"));
    world.observe("-192.0.2.1");
    world.run(&program);
    assert_eq!(world.answers.ttl(), Some(5), "it has just changed");
}

#[test]
fn what_the_options_cannot_be_is_said() {
    for (given, said) in [
        (
            "all_down='some'",
            "'some' is none of them; write 'all', 'backup', 'first', 'last', 'none', 'servfail'",
        ),
        ("unknown='maybe'", "'maybe' is none of them; write 'down', 'last', 'up'"),
        ("resume='soon'", "'soon' is none of them; write 'auto', 'manual', or a number of seconds"),
        ("panic=30", "30 is no part from 0 to 1; write 0.3 for 30 %"),
        ("ramp='1m'", "'1m' is no number of seconds from 0 to a week"),
        (
            "velocity={part=0.5}",
            "a velocity has a part and a window; write {part=0.34, window=300}, or false for no limit",
        ),
        (
            "flap={halflife=1}",
            "there is no 'halflife' in here; write {half_life=300, suppress=3000, reuse=1000}, or false for none",
        ),
        (
            "ttl={min=300, max=5}",
            "a TTL that follows the state has a min and a max that is not less; write {min=10, max=300}",
        ),
        ("flap={suppress=10, reuse=20}", "reuse has to be above 0 and below suppress"),
    ] {
        let (program, faults) = World::new(Dialect::Halfmoon).compile(&options(given));
        assert!(
            program.is_none() && faults.iter().any(|fault| fault.contains(said)),
            "{given}: {faults:?}"
        );
    }
}
