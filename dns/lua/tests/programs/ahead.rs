//! What plans could answer, told before anybody asks.

use halfmoon_lua::Dialect;

use crate::world::World;

#[test]
fn what_follows_from_health_is_told_ahead() {
    let ips = "{'192.0.2.1', '192.0.2.2', '192.0.2.3'}";
    for (program, states, expected) in [
        ("A '192.0.2.9'", "", "192.0.2.9"),
        ("A ifportup(80, IPS, {selector='all'})", "+192.0.2.1 +192.0.2.3", "192.0.2.1+192.0.2.3"),
        ("A ifportup(80, IPS)", "+192.0.2.1 +192.0.2.3", "192.0.2.1 192.0.2.3"),
        ("A ifportup(80, IPS, {selector='first'})", "+192.0.2.2 +192.0.2.3", "192.0.2.2"),
        ("A ifportup(80, IPS, {selector='pickclosest', ttl=5})", "+192.0.2.2", "192.0.2.2/5"),
        (
            "A ifportup(80, IPS, {selector='sample:2'})",
            "+192.0.2.1 +192.0.2.2 +192.0.2.3",
            "192.0.2.1+192.0.2.2 192.0.2.1+192.0.2.3 192.0.2.2+192.0.2.3",
        ),
        (
            "A ifportup(80, IPS, {selector='sample:2'})",
            "+192.0.2.1 +192.0.2.2",
            "192.0.2.1+192.0.2.2",
        ),
        ("A ifportup(80, IPS, {selector='all', backupSelector='empty'})", "", ""),
        (
            "A ;if netmask({'10.0.0.0/8'}) then return ifportup(80, IPS, {selector='whashed'}) end return '192.0.2.9'",
            "+192.0.2.1",
            "192.0.2.1 192.0.2.9",
        ),
        // By chance alone, or in Lua: nothing that follows from health.
        ("A pickrandom(IPS)", "", ""),
        ("A ;local list = IPS return ifportup(80, list)", "+192.0.2.1", ""),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        let compiled = world.program(&program.replace("IPS", ips));
        world.observe(states);
        assert_eq!(world.candidates(&compiled), expected, "{program}, {states}");
    }
}

#[test]
fn telling_ahead_leaves_the_next_run_as_it_was() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program("A ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='hashed'})");
    world.observe("+192.0.2.1 +192.0.2.2");
    let before = world.run(&program);
    assert_eq!(world.candidates(&program), "192.0.2.1 192.0.2.2");
    assert_eq!(world.run(&program), before);
}
