//! What a server says of itself in class CHAOS, if it is told to.

use halfmoon::shared::Presentation;

use super::support::Zones;

fn telling() -> Zones {
    Zones::configured("", |shared| {
        let text = |text: &str| Some(text.to_owned());
        shared.policy.presentation =
            Presentation { version: text("moon 1"), identity: text("ns1"), nsid: None };
    })
}

#[test]
fn s1_version_and_identity_are_told_where_set() {
    let mut zones = telling();
    for (name, text) in [
        ("version.bind.", "moon 1"),
        ("VERSION.SERVER.", "moon 1"),
        ("hostname.bind.", "ns1"),
        ("id.server.", "ns1"),
    ] {
        for rtype in ["TXT", "ANY"] {
            let reply = zones.ask(&format!("{name} {rtype} +ch")).message;
            assert_eq!(u16::from(reply.metadata.response_code), 0, "{name}");
            let record = &reply.answers[0];
            assert_eq!((reply.answers.len(), record.ttl), (1, 0), "{name}");
            assert_eq!(u16::from(record.dns_class), 3, "{name}");
            assert_eq!(record.data.to_string(), text, "{name}");
        }
    }
}

#[test]
fn s1_what_is_not_set_is_refused() {
    let nothing = Zones::example("");
    for (mut zones, asked) in [
        (nothing, ["version.bind. TXT +ch", "id.server. TXT +ch", "example. SOA +ch"]),
        (telling(), ["authors.bind. TXT +ch", "version.bind. A +ch", "version.bind. TXT"]),
    ] {
        for question in asked {
            let reply = zones.ask(question).message;
            assert_eq!(u16::from(reply.metadata.response_code), 5, "{question}");
            assert!(reply.answers.is_empty(), "{question}");
        }
    }
}
