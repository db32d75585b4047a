//! Which server has answered.

use super::support::Zones;

#[test]
fn s2_2_the_identifier_is_told_to_who_asks_for_it() {
    let mut zones = Zones::configured("", |shared| {
        shared.policy.presentation.nsid = Some("ns1.fsn".to_owned());
    });
    assert_eq!(zones.ask("example. SOA +option=3").option(3).unwrap(), b"ns1.fsn");
    assert_eq!(zones.ask("elsewhere. SOA +option=3").option(3).unwrap(), b"ns1.fsn");
    assert_eq!(zones.ask("example. SOA +edns").option(3), None);
    assert_eq!(Zones::example("").ask("example. SOA +option=3").option(3), None);
}

#[test]
fn s2_2_it_is_told_with_errors_too_and_over_tcp() {
    let mut zones = Zones::configured("broken LUA A \";error('no')\"\n", |shared| {
        shared.policy.presentation.nsid = Some("ns1.fsn".to_owned());
    });
    for question in ["broken.example. A", "x.example. A", "example. SOA +tcp", "example. OPT"] {
        let told = zones.ask(&format!("{question} +option=3")).option(3);
        assert_eq!(told.as_deref(), Some(&b"ns1.fsn"[..]), "{question}");
    }
}

#[test]
fn s2_3_what_a_query_says_in_the_option_is_not_looked_at() {
    let mut zones = Zones::configured("", |shared| {
        shared.policy.presentation.nsid = Some("ns1.fsn".to_owned());
    });
    assert_eq!(zones.ask("example. SOA +option=3:0102").option(3).unwrap(), b"ns1.fsn");
}
