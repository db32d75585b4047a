//! What an answer is said to depend on.

use halfmoon_lua::Dialect;

use crate::world::{World, client};

#[test]
fn answers_say_what_they_read_and_for_whom_they_hold() {
    let whole = "A ;return who:toString()";
    for (who, record, reads, scope) in [
        ("192.0.2.77", "A '192.0.2.1'", "", 0),
        ("192.0.2.77", "A ifportup(80, {'192.0.2.1'})", "health", 0),
        ("192.0.2.77", "A ifportup(80, {'192.0.2.1'}, {selector='hashed'})", "health", 0),
        ("192.0.2.77", "A pickrandom({'192.0.2.1', '192.0.2.2'})", "chance", 0),
        ("192.0.2.77", "A pickrandom({'192.0.2.1'})", "", 0),
        ("192.0.2.77", "A pickhashed({'192.0.2.1', '192.0.2.2'})", "client", 32),
        (
            "192.0.2.77 for 198.51.100.0/20",
            "A pickhashed({'192.0.2.1', '192.0.2.2'})",
            "client",
            20,
        ),
        ("10.0.0.1 for 2001:db8::/48", "A pickhashed({'192.0.2.1', '192.0.2.2'})", "client", 48),
        ("192.0.2.77", "A country('DE') and '192.0.2.1' or '192.0.2.2'", "place client", 24),
        ("203.0.113.9", "A country('DE') and '192.0.2.1' or '192.0.2.2'", "place client", 25),
        ("2001:db8::1", "A country('DE') and '192.0.2.1' or '192.0.2.2'", "place client", 32),
        ("192.0.2.77", "A pickclosest({'192.0.2.1', '198.51.100.1'})", "place client", 24),
        ("192.0.2.77", "A netmask({'192.0.2.0/24'}) and '192.0.2.1' or '192.0.2.2'", "client", 24),
        (
            "192.0.2.77",
            "A netmask({'192.0.0.0/16', '192.0.2.0/24'}) and '192.0.2.1' or '192.0.2.2'",
            "client",
            16,
        ),
        // 10… and 192… differ in their first bit.
        ("192.0.2.77", "A netmask({'10.0.0.0/8'}) and '192.0.2.1' or '192.0.2.2'", "client", 1),
        ("192.0.2.77", "A netmask({'192.0.3.0/24'}) and '192.0.2.1' or '192.0.2.2'", "client", 24),
        ("192.0.2.77", "A netmask({'2001:db8::/32'}) and '192.0.2.1' or '192.0.2.2'", "client", 0),
        (
            "192.0.2.77",
            "A view({{{'10.0.0.0/8'}, {'192.0.2.1'}}, {{'192.0.0.0/12'}, {'192.0.2.2'}}})",
            "client",
            12,
        ),
        ("192.0.2.77", "A picknamehashed({{1, '192.0.2.1'}, {1, '192.0.2.2'}})", "name", 0),
        ("192.0.2.77", whole, "client", 32),
        ("192.0.2.77 for 198.51.100.0/24", whole, "transport", 0),
        ("192.0.2.77 for 198.51.100.0/24", "A ;return bestwho:toString()", "client", 24),
        (
            "192.0.2.77 for 198.51.100.0/24",
            "A ;return ecswho:getNetwork():toString()",
            "client",
            24,
        ),
        ("192.0.2.77", "TXT ;return tostring(tcp)", "transport", 0),
        ("192.0.2.77", "TXT ;return qname:toString()", "name", 0),
        ("192.0.2.77", "TXT ;return os.time()", "time", 0),
        ("192.0.2.77", "TXT ;return math.random()", "chance", 0),
        ("192.0.2.77", "TXT ;return zone:toString()", "", 0),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        world.client = client(who);
        let said = world.ask(record);
        let (found, bits) = (world.answers.reads().to_string(), world.answers.scope());
        assert_eq!((found.as_str(), bits), (reads, scope), "{record} for {who}: {said}");
    }
}
