//! Where the table of `docs/lua-records.md` lists no difference, there is none.

use halfmoon_lua::Dialect;

use crate::plans::Draw;
use crate::world::{World, client};

const CLIENTS: [&str; 5] =
    ["192.0.2.77", "198.51.100.3", "10.0.0.1", "2001:db8::7", "10.0.0.1 for 203.0.113.128/25"];

const STATES: [&str; 4] = ["", "+192.0.2.2", "-192.0.2.1 -192.0.2.2", "+192.0.2.1 -192.0.2.2"];

#[test]
fn both_dialects_agree() {
    let mut draw = Draw(7);
    let mut agreed = 0;
    for _ in 0..1500 {
        let record = match draw.below(3) {
            0 => format!("A {}", draw.value()),
            1 => format!("A {} and {} or {}", draw.test(1), draw.value(), draw.value()),
            _ => format!("A ;{}", draw.block(3)),
        };
        // Distance is measured differently, and `selector='first'` is not the peer's.
        if record.contains("pickclosest") || record.contains("'first'") {
            continue;
        }
        let mut ours = World::new(Dialect::Halfmoon);
        let (Some(program), _) = ours.compile(&record) else {
            // What is refused at load is the first row of the table.
            continue;
        };
        let mut theirs = World::new(Dialect::PowerDns);
        let same = theirs.program(&record);
        let checked = |world: &World, address: &str| {
            let address = Some(address.parse().unwrap());
            world.health.checks().iter().any(|report| report.check.address() == address)
        };
        if checked(&ours, "192.0.2.1") && checked(&ours, "192.0.2.2") {
            let states = draw.one(&STATES);
            ours.observe(states);
            theirs.observe(states);
        }
        for who in CLIENTS {
            (ours.client, theirs.client) = (client(who), client(who));
            let (mine, peer) = (ours.run(&program), theirs.run(&same));
            assert_eq!(mine, peer, "{record} for {who}");
            assert_eq!(ours.answers.scope(), theirs.answers.scope(), "{record} for {who}");
            agreed += 1;
        }
    }
    assert!(agreed > 2000, "only {agreed} answers were compared");
}
