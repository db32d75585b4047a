//! What a program that runs in Lua tells of how it went on.

use halfmoon_lua::{Dialect, Settings, Step, Telling};

use crate::world::World;

fn lua() -> Settings {
    Settings { plans: false, ..Settings::of(Dialect::Halfmoon) }
}

/// The conditions that were looked at, in order, each with what it came to.
fn conditions(world: &mut World, record: &str) -> String {
    let program = world.program(record);
    let (_, story) = world.tell(&program);
    let branch = |step: &Step| match step {
        Step::Branch { test, holds } => Some(format!("{test} = {holds}")),
        _ => None,
    };
    let told: Vec<String> = story.steps.iter().filter_map(branch).collect();
    told.join("; ")
}

/// Programs, what they answer, and the conditions on the way.
const TOLD: [(&str, &str, &str); 14] = [
    ("A ;if true then return '192.0.2.1' end return '192.0.2.2'", "192.0.2.1", "true = true"),
    (
        "A ;local n = 3 if n > 5 then return '192.0.2.1' elseif n > 2 and n < 9 then return '192.0.2.2' else return '192.0.2.3' end",
        "192.0.2.2",
        "n > 5 = false; n > 2 and n < 9 = true",
    ),
    ("A nil and '192.0.2.1' or '192.0.2.2'", "192.0.2.2", "nil = false"),
    (
        "A (netmask({'192.0.2.0/24'}) and '192.0.2.1' or '192.0.2.2')",
        "192.0.2.1",
        "netmask({'192.0.2.0/24'}) = true",
    ),
    (
        "A ;local n = 0 while n < 2 do n = n + 1 end return '192.0.2.' .. n",
        "192.0.2.2",
        "n < 2 = true; n < 2 = true; n < 2 = false",
    ),
    (
        "A ;local n = 0 repeat local m = n n = n + 1 until m == 1 return '192.0.2.' .. n",
        "192.0.2.2",
        "m == 1 = false; m == 1 = true",
    ),
    (
        "A ;local f = function(x) if x then return x and '192.0.2.1' end end if f(true) == '192.0.2.1' then return f(1) end",
        "192.0.2.1",
        "x = true; x = true; f(true) == '192.0.2.1' = true; x = true; x = true",
    ),
    // Calls that were bound at load stand in conditions, begin them, end them, or are all of them.
    (
        "A ;if not netmask({'10.0.0.0/8'}) then return '192.0.2.1' end",
        "192.0.2.1",
        "not netmask({'10.0.0.0/8'}) = true",
    ),
    (
        "A ;if netmask({'10.0.0.0/8'}) or netmask({'192.0.2.0/24'}) then return '192.0.2.1' end",
        "192.0.2.1",
        "netmask({'10.0.0.0/8'}) or netmask({'192.0.2.0/24'}) = true",
    ),
    // Outside of conditions each `and` tells what stands before it.
    (
        "A (1 and netmask({'192.0.2.0/24'}) and '192.0.2.1')",
        "192.0.2.1",
        "1 = true; 1 and netmask({'192.0.2.0/24'}) = true",
    ),
    (
        "A ;if (qname:countLabels() == 3) then return '192.0.2.1' end",
        "192.0.2.1",
        "(qname:countLabels() == 3) = true",
    ),
    // White space is told as one blank.
    ("A ;if 1   <\n 2 then return '192.0.2.1' end", "192.0.2.1", "1 < 2 = true"),
    ("A ;return ({'192.0.2.1'})[1]", "192.0.2.1", ""),
    // Of several values the first counts, as it does without anybody listening.
    (
        "A ;local f = function() return false, true end if f() then return '192.0.2.1' end return '192.0.2.2'",
        "192.0.2.2",
        "f() = false",
    ),
];

#[test]
fn conditions_are_told_and_change_nothing() {
    let mut world = World::with(lua());
    for (record, answer, told) in TOLD {
        assert_eq!(world.ask(record), answer, "{record}");
        assert_eq!(conditions(&mut world, record), told, "{record}");
        // The code that tells is not kept for those who do not ask.
        assert_eq!(world.ask(record), answer, "{record}, asked again");
    }
}

#[test]
fn being_told_of_costs_no_fuel() {
    let record = "A ;local n = 0 while n < 50 do if n % 2 == 0 then n = n + 1 else n = n + 1 end end return '192.0.2.1'";
    let outcome = |fuel: u64, is_told: bool| {
        let mut world = World::with(Settings { fuel, ..lua() });
        let program = world.program(record);
        if is_told { world.tell(&program).0 } else { world.run(&program) }
    };
    let enough = (1..1000).find(|fuel| outcome(*fuel, false) == "192.0.2.1").unwrap();
    assert!(enough > 50, "{enough}");
    // One unit is lent to the call that tells.
    assert_eq!(outcome(enough + 1, true), "192.0.2.1");
    assert_eq!(outcome(enough - 1, true), outcome(enough - 1, false));
}

#[test]
fn a_loop_without_end_is_told_of_in_bounds() {
    let mut world = World::with(lua());
    let program = world.program("A ;while true do end");
    let (failure, story) = world.tell(&program);
    assert!(failure == "Fuel", "{failure}");
    assert!(story.steps.len() <= 256 && story.more > 1000, "{} {}", story.steps.len(), story.more);
}

#[test]
fn nesting_as_deep_as_there_may_be_is_told() {
    let mut world = World::with(lua());
    let depth = 60;
    let text =
        format!("A ;{}return '192.0.2.1' {}", "if true then ".repeat(depth), "end ".repeat(depth));
    let told = conditions(&mut world, &text);
    assert_eq!(told.matches("true = true").count(), depth);
}

#[test]
fn no_program_reaches_what_tells() {
    // On the peer an unknown name is a mistake of the program's own, so it can be tried there. `test0` is what it is
    // called where no program has that name.
    for name in ["__test", "test", "test0", "test1"] {
        for text in [
            "string.gsub('11', '.', NAME)",
            "NAME(0, 1)",
            "local t = setmetatable({}, {__add = NAME}) local n = 1 + t",
        ] {
            let text = text.replace("NAME", name);
            let text = format!(
                "A ;while true do if os.time() > 0 then local f = pcall(function() {text} end) end end"
            );
            let settings = Settings { plans: false, fuel: 2000, ..Settings::of(Dialect::PowerDns) };
            let mut world = World::with(settings);
            let program = world.program(&text);
            let plain = world.run(&program);
            assert!(plain == "Fuel" || plain == "Time", "{text}: {plain}");
            let told = world.tell(&program).0;
            assert!(told == "Fuel" || told == "Time", "{text}: {told}");
        }
    }
}

#[test]
fn a_thread_that_answers_tells_calls_and_no_conditions() {
    let mut world = World::with(lua());
    let program = world.program("A ;if netmask({'192.0.2.0/24'}) then return '192.0.2.1' end");
    let (said, story) = world.tell_of(&program, Telling::Brief);
    assert_eq!(said, "192.0.2.1");
    assert!(matches!(story.steps.as_slice(), [Step::Call(_)]), "{:?}", story.steps);
}
