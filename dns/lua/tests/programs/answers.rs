//! What the functions answer.

use halfmoon_lua::Dialect;

use crate::world::{World, client};

/// Each row: who asks, what is up, the record, the answer.
fn check_all(dialect: Dialect, rows: &[(&str, &str, &str, &str)]) {
    for (who, states, record, expected) in rows {
        let mut world = World::new(dialect);
        world.client = client(who);
        let program = world.program(record);
        world.observe(states);
        assert_eq!(world.run(&program), *expected, "{record}\n  asked by {who}, {states}");
    }
}

#[test]
fn constants_are_answers() {
    check_all(
        Dialect::Halfmoon,
        &[
            ("192.0.2.1", "", "A '192.0.2.9'", "192.0.2.9"),
            ("192.0.2.1", "", "A ;return '192.0.2.9'", "192.0.2.9"),
            ("192.0.2.1", "", "A {'192.0.2.9', '192.0.2.8', '192.0.2.9'}", "192.0.2.9 192.0.2.8"),
            ("192.0.2.1", "", "A {}", ""),
            ("192.0.2.1", "", "AAAA '2001:db8::9'", "2001:db8::9"),
            ("192.0.2.1", "", "TXT 'hello world'", "'hello world'"),
            ("192.0.2.1", "", "TXT ''", "''"),
            ("192.0.2.1", "", "TXT 42", "'42'"),
            ("192.0.2.1", "", "TXT {1, 'two'}", "'1' 'two'"),
            ("192.0.2.1", "", "CNAME 'a.b'", "01610162 00".replace(' ', "").as_str()),
            ("192.0.2.1", "", "MX '10 a.b.'", "000a0161016200"),
        ],
    );
}

#[test]
fn selectors_choose_among_what_is_up() {
    let all = "A ifportup(443, {'192.0.2.1', '192.0.2.2', '192.0.2.3'}, {selector='all'})";
    let first = "A ifportup(443, {'192.0.2.1', '192.0.2.2', '192.0.2.3'}, {selector='first'})";
    let alias =
        "A ifurlup('https://www.example.com/', {'192.0.2.1', '192.0.2.2'}, {selector='pickfirst'})";
    let hashed = "A ifportup(443, {'192.0.2.1', '192.0.2.2', '192.0.2.3'}, {selector='hashed'})";
    let closest = "A ifportup(443, {'198.51.100.1', '203.0.113.1', '203.0.113.200'}, {selector='pickclosest'})";
    let empty = "A ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='empty'})";
    check_all(
        Dialect::Halfmoon,
        &[
            ("192.0.2.77", "+192.0.2.1 +192.0.2.2 -192.0.2.3", all, "192.0.2.1 192.0.2.2"),
            ("192.0.2.77", "-192.0.2.1 +192.0.2.2 +192.0.2.3", all, "192.0.2.2 192.0.2.3"),
            ("192.0.2.77", "+192.0.2.1 +192.0.2.2 +192.0.2.3", first, "192.0.2.1"),
            ("192.0.2.77", "-192.0.2.1 +192.0.2.2 +192.0.2.3", first, "192.0.2.2"),
            ("192.0.2.77", "-192.0.2.1 +192.0.2.2", alias, "192.0.2.2"),
            // 4196678856 mod 3 = 0, and mod 2 = 0 among those that are left
            ("127.0.0.1", "+192.0.2.1 +192.0.2.2 +192.0.2.3", hashed, "192.0.2.1"),
            ("127.0.0.1", "-192.0.2.1 +192.0.2.2 +192.0.2.3", hashed, "192.0.2.2"),
            ("198.51.100.7", "+198.51.100.1 +203.0.113.1 +203.0.113.200", closest, "198.51.100.1"),
            ("203.0.113.9", "+198.51.100.1 +203.0.113.1 +203.0.113.200", closest, "203.0.113.1"),
            (
                "203.0.113.250",
                "+198.51.100.1 -203.0.113.1 +203.0.113.200",
                closest,
                "203.0.113.200",
            ),
            ("192.0.2.77", "+192.0.2.1 +192.0.2.2", empty, ""),
        ],
    );
}

#[test]
fn groups_are_tried_in_order_and_the_first_stands_in_when_nothing_is_up() {
    let groups = "A ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'198.51.100.1'}}, \
                  {selector='all', backupSelector='all'})";
    let empty = "A ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'198.51.100.1'}}, \
                 {selector='all', backupSelector='empty'})";
    let hollow = "A ifportup(443, {{}, {'192.0.2.1'}}, {selector='all', backupSelector='all'})";
    check_all(
        Dialect::Halfmoon,
        &[
            ("192.0.2.77", "+192.0.2.2 +198.51.100.1", groups, "192.0.2.2"),
            ("192.0.2.77", "-192.0.2.1 -192.0.2.2 +198.51.100.1", groups, "198.51.100.1"),
            // Unknown is not up, and a group with a member up wins at once.
            ("192.0.2.77", "+198.51.100.1", groups, "198.51.100.1"),
            ("192.0.2.77", "", groups, "192.0.2.1 192.0.2.2"),
            ("192.0.2.77", "-192.0.2.1 -192.0.2.2 -198.51.100.1", groups, "192.0.2.1 192.0.2.2"),
            ("192.0.2.77", "-192.0.2.1 -192.0.2.2 -198.51.100.1", empty, ""),
            ("192.0.2.77", "", empty, ""),
            ("192.0.2.77", "-192.0.2.1", hollow, "192.0.2.1"),
        ],
    );
}

#[test]
fn an_ordered_list_stays_in_order_when_nothing_is_up() {
    let list = "ifportup(443, {'192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'}";
    let first = format!("A {list}, {{selector='first'}})");
    let alias = format!("A {list}, {{selector='pickfirst'}})");
    let told = format!("A {list}, {{selector='first', backupSelector='all'}})");
    let all = "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4";
    let down = "-192.0.2.1 -192.0.2.2 -192.0.2.3 -192.0.2.4";
    for _ in 0..20 {
        check_all(
            Dialect::Halfmoon,
            &[
                ("192.0.2.77", "", &first, "192.0.2.1"),
                ("192.0.2.77", down, &first, "192.0.2.1"),
                ("192.0.2.77", down, &alias, "192.0.2.1"),
                ("192.0.2.77", down, &told, all),
            ],
        );
    }
    let mut world = World::new(Dialect::PowerDns);
    let program = world.program(&first);
    let mut seen: Vec<String> = (0..200).map(|_| world.run(&program)).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.join(" "), all, "the peer knows no order, and picks at random");
}

#[test]
fn fail_on_incomplete_check_wants_a_verdict() {
    let strict = "A ifportup(443, {'192.0.2.1', '192.0.2.2'}, \
                  {selector='all', backupSelector='all', failOnIncompleteCheck='true'})";
    check_all(
        Dialect::Halfmoon,
        &[
            ("192.0.2.77", "", strict, "Script"),
            ("192.0.2.77", "-192.0.2.1", strict, "192.0.2.1 192.0.2.2"),
            ("192.0.2.77", "+192.0.2.1", strict, "192.0.2.1"),
            ("192.0.2.77", "", &strict.replace("'true'", "true"), "Script"),
            ("192.0.2.77", "", &strict.replace("'true'", "'false'"), "192.0.2.1 192.0.2.2"),
        ],
    );
}

#[test]
fn addresses_may_have_ports_of_their_own() {
    let record = "A ifportup(443, {'192.0.2.1:8443', '192.0.2.2'}, {selector='all'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    let mut checks: Vec<String> =
        world.health.checks().iter().map(|report| format!("{:?}", report.check.probe)).collect();
    checks.sort();
    assert_eq!(checks, ["Tcp(192.0.2.1:8443)", "Tcp(192.0.2.2:443)"]);
    world.observe("+192.0.2.1");
    assert_eq!(world.run(&program), "192.0.2.1");
}

#[test]
fn one_list_serves_both_families() {
    let list = "ifportup(443, {'192.0.2.1', '2001:db8::1', '192.0.2.2'}, {selector='all'})";
    check_all(
        Dialect::Halfmoon,
        &[
            ("192.0.2.77", "+192.0.2.1 +192.0.2.2", &format!("A {list}"), "192.0.2.1 192.0.2.2"),
            ("192.0.2.77", "+2001:db8::1", &format!("AAAA {list}"), "2001:db8::1"),
            ("192.0.2.77", "", "AAAA all({'192.0.2.1', '2001:db8::1'})", "2001:db8::1"),
        ],
    );
}

#[test]
fn external_urls_say_what_is_up() {
    let record = "A ifurlextup({{['192.0.2.2']='http://b.example/', ['192.0.2.1']='http://a.example/'}, \
                  {['198.51.100.1']='http://c.example/'}}, {selector='all', backupSelector='all'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    // In the order of their text, not of the table.
    assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2");
    for report in world.health.checks() {
        let shown = format!("{:?}", report.check.probe);
        if shown.contains("c.example") {
            for _ in 0..3 {
                let success = halfmoon_healthcheck::Outcome::success(0);
                world.health.report(&report.check, success);
            }
        }
    }
    assert_eq!(world.run(&program), "198.51.100.1");
}

#[test]
fn a_weight_in_the_answer_of_a_check_counts() {
    let record = "A pickselfweighted('http://www.example.com/weight', {'192.0.2.1', '192.0.2.2'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    for report in world.health.checks() {
        let is_second = report.check.address() == Some("192.0.2.2".parse().unwrap());
        let weight = if is_second { 1000 } else { 1 };
        for _ in 0..3 {
            let success = halfmoon_healthcheck::Outcome::success(weight);
            world.health.report(&report.check, success);
        }
    }
    let mut second = 0;
    for last in 0..=255 {
        world.client = client(&format!("10.0.0.{last}"));
        second += usize::from(world.run(&program) == "192.0.2.2");
    }
    assert!(second > 240, "{second}");
}

#[test]
fn places_decide() {
    let country = "A country('DE') and '192.0.2.1' or '192.0.2.2'";
    check_all(
        Dialect::Halfmoon,
        &[
            ("192.0.2.77", "", country, "192.0.2.1"),
            ("198.51.100.7", "", country, "192.0.2.2"),
            ("10.0.0.1", "", country, "192.0.2.2"),
            ("10.0.0.1 for 192.0.2.0/24", "", country, "192.0.2.1"),
            ("2001:db8::1", "", country, "192.0.2.1"),
            ("192.0.2.77", "", "TXT country({'us', 'de'}) and 'yes' or 'no'", "'yes'"),
            ("10.0.0.1", "", "TXT country('unknown') and 'yes' or 'no'", "'yes'"),
            ("192.0.2.77", "", "TXT country('unknown') and 'yes' or 'no'", "'no'"),
            ("192.0.2.77", "", "TXT continent('EU') and 'yes' or 'no'", "'yes'"),
            ("192.0.2.77", "", "TXT continent({'AS', 'NA'}) and 'yes' or 'no'", "'no'"),
            ("192.0.2.77", "", "TXT region('he') and 'yes' or 'no'", "'yes'"),
            ("192.0.2.77", "", "TXT asnum(64500) and 'yes' or 'no'", "'yes'"),
            ("192.0.2.77", "", "TXT asnum({'1', 2}) and 'yes' or 'no'", "'no'"),
            ("10.0.0.1", "", "TXT asnum('unknown') and 'yes' or 'no'", "'yes'"),
            ("192.0.2.77", "", "TXT countryCode()", "'de'"),
            ("10.0.0.1", "", "TXT countryCode()", "'--'"),
            ("203.0.113.9", "", "TXT continentCode()", "'as'"),
            ("198.51.100.7", "", "TXT regionCode()", "'ca'"),
            ("192.0.2.77", "", "TXT latlon()", "'50.100000 8.700000'"),
            ("10.0.0.1", "", "TXT latlon()", "'0.000000 0.000000'"),
            ("10.0.0.1", "", "TXT geoiplookup('192.0.2.1', 3)", "'de'"),
            ("10.0.0.1", "", "TXT geoiplookup('192.0.2.1', GeoIPQueryAttribute.Continent)", "'eu'"),
            ("10.0.0.1", "", "TXT geoiplookup('10.0.0.1', 3)", "'unknown'"),
            ("10.0.0.1", "", "TXT geoiplookup('192.0.2.1', 7)", "'50.100000 8.700000'"),
            ("10.0.0.1", "", "TXT geoiplookup('192.0.2.1', 0)", "'64500'"),
            ("10.0.0.1", "", "TXT geoiplookup('x' .. 'y', 3)", "''"),
        ],
    );
}

#[test]
fn the_closest_address_is_picked() {
    let record = "A pickclosest({'198.51.100.1', '203.0.113.1', '203.0.113.200'})";
    check_all(
        Dialect::Halfmoon,
        &[
            ("198.51.100.7", "", record, "198.51.100.1"),
            ("203.0.113.9", "", record, "203.0.113.1"),
            ("203.0.113.250", "", record, "203.0.113.200"),
            ("10.0.0.1 for 203.0.113.128/25", "", record, "203.0.113.200"),
            // Nowhere is at 0, 0: as far from 10.0.0.9 as from itself.
            ("10.0.0.1", "", "A pickclosest({'192.0.2.1', '10.0.0.9'})", "10.0.0.9"),
        ],
    );
}

#[test]
fn ties_of_distance_are_left_to_chance_on_the_peer() {
    let mut world = World::new(Dialect::PowerDns);
    let program = world.program("A pickclosest({'192.0.2.1', '192.0.2.2', '198.51.100.1'})");
    let mut seen: Vec<String> = (0..200).map(|_| world.run(&program)).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn networks_decide() {
    let view = "A view({ {{'192.0.2.0/25'}, {'192.0.2.1'}}, {{'192.0.0.0/16', '2001:db8::/32'}, {'192.0.2.2'}}, \
                {{'198.51.100.7'}, {'192.0.2.3'}} })";
    check_all(
        Dialect::Halfmoon,
        &[
            (
                "192.0.2.77",
                "",
                "TXT netmask({'10.0.0.0/8', '192.0.2.0/24'}) and 'yes' or 'no'",
                "'yes'",
            ),
            (
                "192.0.3.77",
                "",
                "TXT netmask({'10.0.0.0/8', '192.0.2.0/24'}) and 'yes' or 'no'",
                "'no'",
            ),
            ("192.0.2.77", "", "TXT netmask({'192.0.2.77'}) and 'yes' or 'no'", "'yes'"),
            ("192.0.2.77", "", view, "192.0.2.1"),
            ("192.0.2.200", "", view, "192.0.2.2"),
            ("2001:db8::1", "", view, "192.0.2.2"),
            ("198.51.100.7", "", view, "192.0.2.3"),
            ("198.51.100.8", "", view, "BadResult"),
            ("198.51.100.8", "", "TXT view({{{'10.0.0.0/8'}, {'a'}}})", "''"),
        ],
    );
}

#[test]
fn chance_is_even() {
    for (record, expected) in [
        ("TXT pickrandom({'a', 'b', 'c', 'd'})", [250, 250, 250, 250]),
        ("TXT pickwrandom({{1, 'a'}, {2, 'b'}, {3, 'c'}, {4, 'd'}})", [100, 200, 300, 400]),
        ("TXT pickrandomsample(1, {'a', 'b', 'c', 'd'})", [250, 250, 250, 250]),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        let program = world.program(record);
        let mut counts = [0usize; 4];
        for _ in 0..20_000 {
            let said = world.run(&program);
            let place = ["'a'", "'b'", "'c'", "'d'"].iter().position(|value| *value == said);
            counts[place.unwrap()] += 1;
        }
        for (count, per_mille) in counts.iter().zip(expected) {
            // Five standard deviations are below 2 percent of all draws.
            let off = count.abs_diff(per_mille * 20);
            assert!(off < 400, "{record}: {counts:?}");
        }
    }
}

#[test]
fn samples_do_not_repeat() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program("TXT pickrandomsample(3, {'a', 'b', 'c', 'd'})");
    for _ in 0..100 {
        let mut values: Vec<String> = world.run(&program).split(' ').map(str::to_owned).collect();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), 3);
    }
    assert_eq!(world.ask("TXT pickrandomsample(0, {'a'})"), "");
    assert_eq!(world.ask("TXT pickrandomsample(9, {'a'})"), "'a'");
}
