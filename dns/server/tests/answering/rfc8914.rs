//! Why an answer is as it is.

use super::support::Zones;

#[test]
fn s4_codes() {
    let mut zones = Zones::example("broken LUA A \";error('no')\"\n");
    for (question, code) in [
        ("elsewhere. A", Some(20)),
        ("example. AXFR", Some(18)),
        ("example. MAILB", Some(21)),
        ("example. OPT", Some(30)),
        ("broken.example. A", Some(0)),
        ("example. A", None),
        ("nothing.example. A", None),
    ] {
        let error = zones.ask(&format!("{question} +edns")).option(15);
        let found = error.map(|octets| u16::from_be_bytes([octets[0], octets[1]]));
        assert_eq!(found, code, "{question}");
        // Section 3: without OPT there is nowhere to put it.
        assert!(zones.ask(question).message.edns.is_none(), "{question}");
    }
}
