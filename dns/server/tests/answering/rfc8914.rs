//! Why an answer is as it is.

use super::support::Zones;

#[test]
fn s4_the_codes() {
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

#[test]
fn s2_a_code_and_text_without_an_end() {
    let mut zones = Zones::example("broken LUA A \";error('secret')\"\n");
    let error = zones.ask("broken.example. A +edns").option(15).unwrap();
    assert_eq!(error, b"\0\0record program failed", "nothing of the program is told");
}

#[test]
fn s3_a_reason_changes_nothing_else() {
    let mut zones = Zones::example("broken LUA A \";error('no')\"\n");
    for question in ["elsewhere. A", "example. AXFR", "example. MAILB", "broken.example. A"] {
        let (plain, edns) = (zones.ask(question), zones.ask(&format!("{question} +edns")));
        let code = |reply: &super::support::Reply| reply.message.metadata.response_code;
        assert_eq!(code(&plain), code(&edns), "{question}");
        assert_eq!(plain.message.authorities, edns.message.authorities, "{question}");
    }
}
